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
