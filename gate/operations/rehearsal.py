"""What an operation that cannot be undone would do: the question, the answer, and the answer in lines.

``gate.operations.shadow`` finds it: the operation's own handler runs there, and all of it is rolled back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from gate.converting import convert, json_fields
from gate.core.days import LONDON, short_day
from gate.errors import NOT_PERMITTED, RefusedError, UsageError
from gate.operations.operation import KEEPERS, Caller, Line, Masked, Request, Response, about, operation
from gate.showing import clean, many

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

TOO_LARGE: Final = "too_large_to_rehearse"
GONE: Final = "gone"
_DAY: Final = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b")

# --- what is shown ----------------------------------------------------------------------------------------------------


class LeavesAhead(Response, frozen=True):
    """The leaves of one kind that would be written."""

    kind: str
    count: int
    said: list[str]
    """What they would say, in sentences: the first of them."""


class ChangeAhead(Response, frozen=True):
    """A value that would be another one."""

    what: str
    """``hold``."""
    id: str
    """A request by its reference."""
    name: str
    """Name of the value: ``released_at``."""
    now: str | None
    then: str | None


class GoneAhead(Response, frozen=True):
    """Things that would vanish."""

    what: str
    count: int
    of: list[str]
    """The first of them: a recording with its day and its size."""
    bytes: int = 0


class Rehearsed(Response, frozen=True, kw_only=True):
    """What an operation would do now."""

    operation: str
    leaves: list[LeavesAhead]
    """In the order of the first of each kind."""
    changes: list[ChangeAhead]
    more: int
    """Rows that would change beside those of ``changes``."""
    gone: list[GoneAhead]
    stays: list[str]
    """What stays, and why, a sentence each."""
    letter: str
    """The text of the letter that it would make; empty where it makes none."""
    to: str
    """Whom it would be sent to by mail; empty where it is not."""
    answer: dict[str, object]
    """What the operation would answer."""


class Rehearse(Request[Rehearsed], frozen=True, kw_only=True):
    """What one of the operations that cannot be undone would do now."""

    operation: Annotated[Line, about("Name of the operation.", eg=("hold_release",))]
    request: Annotated[dict[str, object], about("The fields of its request.")]
    masked: Masked = False


def rehearsal_of(request: Request[Any], name: str, *, masked: bool = False) -> Rehearse:
    """The question what this request, of the operation of that name, would do."""
    return Rehearse(operation=name, request=json_fields(request), masked=masked)


@operation(Rehearse, "rehearse", roles=KEEPERS)
def rehearse(folder: DataFolder, asked: Rehearse, caller: Caller) -> Rehearsed:
    """Show what an operation that cannot be undone would do now, and do nothing.

    For whoever may ask for that operation. Raises what it would raise; ``RefusedError`` (``too_large_to_rehearse``)
    where calls would wait for it too long.
    """
    found = folder.operations().get(asked.operation)
    if found is None or not found.final:
        names = sorted(each.name for each in folder.operations().values() if each.final)
        raise UsageError(f"{asked.operation} is not rehearsed", hint=f"one of: {', '.join(names)}")
    if caller.roles and not found.permits(caller.roles):
        raise RefusedError(
            f"{caller.actor} may not ask for {found.name}", reason=NOT_PERMITTED, hint="nor what it would do"
        )
    try:
        request = convert(asked.request, found.request)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{found.name}: {error}", hint=f"fields: {', '.join(found.request.__struct_fields__)}"
        ) from None
    shadow = import_module("gate.operations.shadow")  # for the gate alone, which has all of it
    shown: Rehearsed = shadow.run(folder, found, request, caller)
    return shown


# --- in lines ---------------------------------------------------------------------------------------------------------


def side_by_side(shown: Rehearsed) -> Iterator[tuple[str, str, str]]:
    """(what, what it is, what it will be) of every value that would be another one, and of what would vanish."""
    for each in shown.changes:
        ident = each.id[:8] if len(each.id) == 32 else each.id
        name = f"{each.what} {ident}: {each.name.replace('_', ' ')}"
        yield clean(name), _value(each.now), _value(each.then)
    for gone in shown.gone:
        size = f", {many(gone.bytes, 'byte')}" if gone.bytes else ""
        yield gone.what, many(gone.count, gone.what) + size, GONE


def in_lines(shown: Rehearsed) -> Iterator[str]:
    """All of it as text."""
    yield "Nothing is done. This is what would be done now:"
    for what, now, then in side_by_side(shown):
        yield f"  {what}: {now} -> {then}"
    if shown.more:
        yield f"  and {many(shown.more, 'row')} more would change"
    for gone in shown.gone:
        yield from (f"    {clean(each)}" for each in gone.of)
    yield "The log would say:" if shown.leaves else "The log would say nothing new."
    for leaf in shown.leaves:
        yield from (f"  {clean(each)}" for each in leaf.said)
        if leaf.count > len(leaf.said):
            yield f"  and {many(leaf.count - len(leaf.said), 'leaf')} more ({leaf.kind})"
    if shown.stays:
        yield "What stays:"
        yield from (f"  {each}" for each in shown.stays)
    if shown.to:
        yield f"The letter would be sent to {clean(shown.to)}:"
    elif shown.letter:
        yield "The letter would be:"
    yield from (f"  {clean(line)}" for line in shown.letter.splitlines())


def _value(text: str | None) -> str:
    if text is None:
        return "-"
    with suppress(ValueError):
        if text[10:11] == "T":
            at = datetime.fromisoformat(text).astimezone(LONDON)
            return f"{short_day(at)} {at:%H:%M:%S %Z}"
        return clean(_DAY.sub(lambda found: short_day(date.fromisoformat(found[0])), text))
    return clean(text)
