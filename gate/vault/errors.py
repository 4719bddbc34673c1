"""What can be wrong with a key, a recording or a signature; each has a class of its own, so that nobody guesses."""

from __future__ import annotations

from gate.errors import VaultError


class DiskFull(VaultError):
    """There is no room to write (disk, quota or file limit); what was written before stays valid."""


# --- keys ---------------------------------------------------------------------------------------------------------


class WrongPassphrase(VaultError):
    """The key file is whole, and this passphrase does not open it."""


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
