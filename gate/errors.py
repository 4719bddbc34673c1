"""What can go wrong, for the person who can fix it.

Every error that may reach a user carries what happened (``message``), what to do (``hint``) and the exit code of the
command line: 1 failed, 2 wrong usage, 3 refused by a rule. Only ``gate.cli`` prints them.
"""

from __future__ import annotations


class GateError(Exception):
    """Something failed. ``str(error)`` is the message; ``hint`` says what to do about it (may be empty)."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(GateError):
    """A value given on the command line, in the configuration or in a request is wrong (exit code 2)."""

    exit_code = 2


class ConfigError(UsageError):
    """The configuration is wrong; the message names file, key and value."""


NOT_PERMITTED = "not_permitted"
"""Reason of a refusal: the account has no role that may ask for this."""


class RefusedError(GateError):
    """A rule says no (exit code 3). ``reason`` is the reason code, e.g. ``listed_tps``."""

    exit_code = 3

    def __init__(self, message: str, *, reason: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


class StoppedError(GateError):
    """Cancelled by the caller."""


class RegisterError(GateError):
    """A register file or snapshot is not usable; the snapshot in force stays as it is."""


class RegisterFailed(RegisterError):
    """A register file could not be imported now, for a reason that is not the file's (disk full, a process killed, an
    upload that is not complete): the same file may be taken when it is tried again."""


class StoreError(GateError):
    """Evidence could not be made durable (disk full, database damaged or locked)."""


class LogTaken(StoreError):
    """Another gate has written to this gate's log. Started again it would take the log back from that one, so systemd
    does not (exit code 3)."""

    exit_code = 3


class MemoryOwed(StoreError):
    """An act holds in the store and is not in the second place yet (``storage.memory``)."""


class VaultError(GateError):
    """Base of everything that can be wrong with a key or a sealed recording."""


class AuditError(GateError):
    """The evidence log does not hold: a leaf, a row, a root or a signature is not what it must be."""


class MediaError(GateError):
    """RTP could not be relayed, copied or played."""


class RecorderError(GateError):
    """The recorder is away or cannot record."""


class ExportError(GateError):
    """A recording could not be written out; no file is left."""


class ControlError(GateError):
    """The gate could not be reached over its control interface, or answered something else than expected."""


class UnansweredError(ControlError):
    """The gate was asked, and no answer came: nobody knows whether it has done what was asked."""


# --- the vault --------------------------------------------------------------------------------------------------------


class DiskFull(VaultError):
    """There is no room to write (disk, quota or file limit); what was written before stays valid."""


# --- keys ---------------------------------------------------------------------------------------------------------


class WrongPassphrase(VaultError):
    """The key file is whole, and this passphrase does not open it."""


class OtherRecipient(UsageError):
    """The key opens, and what it was given for is for somebody else."""


class KeyFileDamaged(VaultError):
    """The file of a private or signing key is not what was written."""


class RecipientInvalid(VaultError):
    """The text is not a recipient: the one error of the recipient parser."""


class NoSuchRecipient(VaultError):
    """No recipient has this id: a wrong value, as any other that names nothing (exit code 2)."""

    exit_code = 2


class NoRecipients(VaultError):
    """There is nobody to seal to: a recording that nobody could open is not started."""


class WrapDamaged(VaultError):
    """The wrapped key does not open with this private key for this recording: changed, or of another recording."""


class NoWrapForKey(VaultError):
    """The recording can be opened, but not with this private key."""


class HalfMissing(NoWrapForKey):
    """The recording takes two people, and keys of one half only were given."""


class OtherHalf(VaultError):
    """This recipient may not have this share: they are of the other half, or of none."""


class KeyShredded(VaultError):
    """No wrap is left: the recording was erased (or its key never reached the key store)."""


class KeyStoreError(VaultError):
    """The key store could not do what was asked; nothing of it was kept."""


# --- sealed recordings --------------------------------------------------------------------------------------------


class SealedFault(VaultError):
    """Base of everything that a sealed file can show to be wrong."""


class HeaderDamaged(SealedFault):
    """Not a sealed recording, of an unknown version, or its header was changed."""


class WrongKey(SealedFault):
    """The header is whole, and this is not the key it was sealed with."""


class WrongRecording(SealedFault):
    """A sealed file of another recording than the one asked for."""


class Truncated(SealedFault):
    """The file ends before the chunk that is marked last."""


class ChunkDamaged(SealedFault):
    """A chunk was changed."""


class ChunkOutOfOrder(SealedFault):
    """A chunk of this file stands in a wrong place: moved, repeated, or one before it is missing."""


class ChunkSpliced(SealedFault):
    """A chunk comes from another sealed file."""


class TrailingData(SealedFault):
    """The file goes on after the chunk that is marked last."""


# --- signatures ---------------------------------------------------------------------------------------------------


class NoteInvalid(VaultError):
    """A signed note that is malformed, or not signed by the key that was asked for."""
