"""The log of a running gate signed, and compared with every place where its checkpoints lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from gate.errors import GateError

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

log = structlog.get_logger()


class Signer:
    """Tells the folder's ``trust`` what came of it. Neither from the line nor from the store thread."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder

    def compare(self) -> None:
        """Compare the store with what was signed last. Where that fails, it is tried again each day."""
        try:
            self._folder.trust.look()
        except (GateError, OSError) as error:
            log.error("checkpoints_not_compared", error=str(error))

    def sign(self) -> bool:
        """Whether the log is signed as it stands. Where it could not be, whether it still is the log that was signed
        is looked at again: that is what a signature is refused for."""
        try:
            missed = self._folder.log.checkpoint().missed
        except GateError as error:
            log.error("not_signed", error=str(error), hint=error.hint)
            return self._not_signed(str(error))
        except Exception as error:  # a guarded boundary: whatever it was, the next minute's checkpoint is tried again
            log.exception("not_signed")
            return self._not_signed(repr(error))
        for each in missed:
            log.warning("checkpoint_copy_missed", why=each)
        self._folder.trust.signed(missed)
        return True

    def _not_signed(self, why: str) -> bool:
        try:
            self._folder.trust.not_signed(why)
        except GateError as error:
            log.error("not_signed", error=str(error))
        self.compare()
        return False
