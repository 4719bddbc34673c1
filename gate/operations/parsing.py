"""What people type, read for what it means."""

from __future__ import annotations

from gate.core import numbers
from gate.core.numbers import NumberRefused
from gate.errors import UsageError


def number_of(raw: str) -> str:
    """The E.164 value of a number in any spelling; raises ``UsageError``."""
    try:
        return numbers.parse(raw).e164
    except NumberRefused as refused:
        raise UsageError(
            f"{raw!r} is not a number the gate can keep: {refused.explanation}", hint="Example: 020 7946 0000"
        ) from refused


def number_or_id(target: str, entry: str) -> str:
    """The E.164 value of what is no id of an ``entry`` (``objection``, ``consent``).

    Raises ``UsageError`` where it is no number either.
    """
    try:
        return number_of(target)
    except UsageError as error:
        raise UsageError(
            f"{target!r} is neither the id of {'an' if entry == 'objection' else 'a'} {entry} in force nor a number",
            hint=f"See the ids: dialgate {entry} list",
        ) from error


def said(what: str, **given: str) -> None:
    """Raise ``UsageError`` where one of these texts is empty; ``what`` needs them."""
    missing = [name for name, value in given.items() if not value.strip()]
    if missing:
        raise UsageError(f"{what} needs {' and '.join(missing)}", hint="Say why, and where the matter is kept.")
