"""A register file as it is handed to an import: open already, or named by a path."""

from __future__ import annotations

from pathlib import Path

from gate.errors import RegisterError, UsageError
from gate.handed_over_file import HandedOverFile, open_file


def opened(source: HandedOverFile | Path) -> HandedOverFile:
    """The file, opened here where it was not handed over. Raises ``RegisterError``."""
    try:
        return source if isinstance(source, HandedOverFile) else open_file(source)
    except UsageError as error:
        raise RegisterError(error.message, hint=error.hint) from None
