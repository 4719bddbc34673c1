"""Commands made from requests: an option for each field, with its words, its type and its bounds.

The types: times, dates and coverage as they are typed, and ids: whole, or their beginning.

``reach`` is the way from a command to the gate: through the one that runs, else the data folder itself, under its lock.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from gate.cli.command import FILE, Body, Completed, make
from gate.cli.output import Column, View, narrate
from gate.client.files import read_file
from gate.client.gate import FolderHere, Gate
from gate.clock import SystemClock, today
from gate.config import Config
from gate.control.client import ControlClient
from gate.core.days import HOW, HOW_WITH_TIME, LONDON, day_of, moment_of, once
from gate.core.finding import sought
from gate.errors import ControlError, GateError, RegisterError, UsageError
from gate.handed_over_file import HandedOverFile
from gate.operations.audit.leaves import MomentShow, moment_in_words
from gate.operations.fields import Kind, RequestField, fields_of
from gate.operations.lists.entries import time_of
from gate.operations.operation import Request, knows_past, operation_of
from gate.operations.parsing import Findable, FindMeant, Identified, IdFind, day_before, day_from
from gate.operations.rehearsal import Rehearsed, in_lines, rehearsal_of
from gate.registers.coverage import parse_coverage
from gate.types import Progress

R = TypeVar("R")


@contextmanager
def reach(config: Config) -> Iterator[Gate]:
    """The running gate where one answers on its control socket; else the data folder, locked for as long.

    Raises ``ControlError`` where the socket may not be asked, or no gate answers and this account may not open the
    folder; and what opening the folder raises.
    """
    client = ControlClient(config.control_socket)
    if client.answers():
        yield client
        return
    if config.data.exists() and not os.access(config.data, os.R_OK | os.W_OK | os.X_OK):
        raise ControlError(
            f"the gate is not running: nothing answers at {config.control_socket}",
            hint=f"start it, or ask as its own account: {config.data} is open to that alone",
        )
    from gate.daemon.opening import open_data_folder

    with open_data_folder(config) as folder:
        yield FolderHere(folder)


def ask(view: View, request: Request[R], *, progress: Progress | None = None, given: HandedOverFile | None = None) -> R:
    """The gate's response to the one request of a command; raises ``GateError``. Of one that is asked as of a moment,
    what proves that moment is narrated before."""
    with reach(view.config) as gate:
        if (moment := getattr(request, "as_of", None)) and knows_past(type(request)):
            for line in moment_in_words(gate.ask(MomentShow(moment))):
                narrate(line)
        return gate.ask(request, progress=progress, given=given)


class Moment(click.ParamType[datetime]):
    """A time: ``2026-03-02 10:00`` or ``02/03/2026 10:00`` (in London), or ISO 8601 with an offset."""

    name = "time"

    def __init__(self, *, ahead: bool = False) -> None:
        """``ahead``: a day without a year is the next such day, and not the last."""
        self._ahead = ahead

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, aware; raises ``click.BadParameter``."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            with suppress(ValueError):
                return moment_of(value, today(), ahead=self._ahead)
            self.fail(f'"{value}" is not a time (London): {HOW_WITH_TIME}', param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=LONDON)


class PastMoment(Moment):
    """A moment as of which the gate is shown: as ``Moment``, but never a time that the clocks make twice."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, aware; raises ``click.BadParameter``."""
        moment = super().convert(value, param, ctx)
        try:
            return once(moment)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class ObjectionTime(Moment):
    """A time at which somebody said no: as ``Moment``, but a bare day is its end (today: now). Of what is said on one
    day, the one that forbids the call stands."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, aware; raises ``click.BadParameter``."""
        now = SystemClock().now()
        with suppress(TypeError, ValueError):
            return time_of(value, now, end=True)
        try:
            return time_of(day_of(value, now.astimezone(LONDON).date()).isoformat(), now, end=True)
        except (AttributeError, TypeError, ValueError):
            return super().convert(value, param, ctx)


class Since(Moment):
    """A time in the past: as ``Moment``, or ``today`` and ``yesterday`` (from 00:00 in London)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The time, aware; raises ``click.BadParameter``."""
        if value in ("today", "yesterday"):
            day = today() - timedelta(days=value == "yesterday")
            return datetime.combine(day, time(), LONDON)
        return super().convert(value, param, ctx)


class Day(click.ParamType[date]):
    """A date: ``2026-03-02``, ``02/03/2026``, ``2 Mar``."""

    name = "date"

    def __init__(self, *, ahead: bool = False) -> None:
        """``ahead``: a day without a year is the next such day, and not the last."""
        self._ahead = ahead

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The date; raises ``click.BadParameter``."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            with suppress(ValueError):
                return day_of(value, today(), ahead=self._ahead)
            self.fail(f'"{value}" is not a date: {HOW}', param, ctx)


class Coverage(click.ParamType[str]):
    """``full``, or dialling codes with commas: ``0161,020``."""

    name = "coverage"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The codes without spaces; raises ``click.BadParameter``."""
        try:
            return ",".join(parse_coverage(str(value)))
        except RegisterError as error:
            self.fail(f"{error.message}; {error.hint}", param, ctx)


def delimiter_of(text: str) -> str:
    """The delimiter that was typed: one character, ``tab``, or empty; raises ``UsageError``."""
    if text in ("tab", "\\t"):
        return "\t"
    if len(text) > 1 or text in ('"', "\n", "\r"):
        raise UsageError(f'"{text}" is not a delimiter', hint="give one character, or tab")
    return text


_BEGINNING: Final = re.compile(r"[0-9a-f]{4,31}")


class Id(Completed):
    """An id, or the beginning of one, from four signs on."""

    name = "id"

    def __init__(self, *kinds: str, or_number: bool = False) -> None:
        """``kinds``: of what it may be the id (``Identified``). ``or_number``: it may be a telephone number, too, and
        is one where it has no letter."""
        self._kinds = kinds
        self._or_number = or_number

    def whole(self, view: View, typed: str) -> str:
        """The whole id; what is typed where none begins so. Raises ``UsageError`` where several do."""
        beginning = typed.strip().rstrip("….").lower()
        if not _BEGINNING.fullmatch(beginning) or (self._or_number and beginning.isdigit()):
            return typed
        found: list[str] = []
        for kind in self._kinds:
            found += ask(view, IdFind(kind=Identified(kind), beginning=beginning)).ids
        if len(found) > 1:
            raise UsageError(f"more than one id begins with {beginning}: {', '.join(found)}", hint="Give more of it.")
        return found[0] if found else typed


def rows_found(
    view: View, where: Findable, words: Sequence[str], asked: Request[Any], shown: Sequence[Column], none: str
) -> None:
    """The rows of a list that fit ``words`` as well; where none does, how they were understood. ``none``: what is said
    where nothing was looked for."""
    line = sought(" ".join(words), today())
    given: dict[str, Any] = {"text": " ".join(filter(None, (line.text, getattr(asked, "text", None)))) or None}
    days = (day_from(line.since), day_before(line.until)) if where is Findable.REQUESTS else (line.since, line.until)
    given |= {name: value for name, value in zip(("since", "until"), days, strict=True) if value is not None}
    answer = ask(view, msgspec.structs.replace(asked, **given))
    if words and not answer.items:
        with reach(view.config) as gate:
            as_of = getattr(asked, "as_of", None)
            meant = gate.ask(FindMeant(where=where, text=line.text, since=line.since, until=line.until, as_of=as_of))
        read = [word.means or f"“{word.typed}” is not known, and finds nothing" for word in meant.words]
        none = f"Nothing fits: {'; '.join(filter(None, (line.period, *read)))}."
    view.rows(answer, "items", shown, none=none)


DRY_RUN: Final = "Do nothing; show the leaves, the changes and the letter, what would vanish, and what stays."


def rehearsed(view: View, request: Request[Any]) -> Rehearsed:
    """What a request that cannot be undone would do now. Raises ``GateError``, as it would."""
    return ask(view, rehearsal_of(request, operation_of(request).name, masked=not view.show_numbers))


def narrate_rehearsal(view: View, request: Request[Any]) -> None:
    """Say what it would do, or why it would be refused, beside the plan that a command shows."""
    try:
        lines = list(in_lines(rehearsed(view, request)))
    except GateError as error:
        lines = [f"It would be refused now: {error.message}. {error.hint}"]
    for line in lines:
        narrate(line)


OF_A_FIELD = "of_a_field"
"""Attribute of a parameter that is made from a field: (request, name of the field)."""
_NOT_TYPED = frozenset({"masked", "file"})
"""Fields that the command line fills in by itself: whether numbers are hidden, the ticket of a file."""


def asks(
    request: type[Request[Any]],
    *arguments: str,
    optional: Collection[str] = (),
    names: Mapping[str, str] | None = None,
    types: Mapping[str, click.ParamType[Any]] | None = None,
    defaults: Mapping[str, str] | None = None,
    without: Collection[str] = (),
    dry_run: bool = True,
) -> Callable[[Body], Body]:
    """The body of a command that gets a request made of its options, second after the ``View``.

    ``arguments``: fields that have no option, but a place; ``optional``: those of them that may be left out. ``names``:
    field -> its options, where they are not ``--name-of-the-field``: ``-k/--key`` is one with two names, ``--on|--off``
    a flag that goes two ways. ``types``: field -> how its value is typed, where the kind of the field does not say
    that; ``defaults``: what is typed where nothing is. ``without``: fields that the command fills in by itself, empty
    until then. ``dry_run``: where the operation cannot be undone, its option ``--dry-run`` is added here.
    """
    fields = fields_of(request)
    typed = [field for field in fields.values() if field.name not in {*_NOT_TYPED, *without}]
    blank: dict[str, Any] = {name: "" for name in without if fields[name].needed}
    blank |= {field.name: False for field in typed if field.needed and field.kind is Kind.FLAG}

    rehearses = operation_of(request).final and dry_run and "dry_run" not in fields

    def decorate(body: Body) -> Body:
        @functools.wraps(body)
        def run(view: View, **values: Any) -> Any:
            given = {field.name: values.pop(field.name) for field in typed}
            given = {name: value for name, value in given.items() if value is not None}
            asked = request(**blank | given)
            if values.pop("rehearse", False):  # before the body: whatever it does, it does not begin
                view.data(rehearsed(view, proven(asked, values.get("file"))), text=in_lines)
                return None
            return body(view, asked, **values)

        decorated: Body = run
        if rehearses:
            decorated = click.option("--dry-run", "rehearse", is_flag=True, help=DRY_RUN)(decorated)
        for field in reversed(typed):
            name, kind = field.name, (types or {}).get(field.name) or _type(field)
            if name in arguments:
                decorated = _argument(request, field, kind, optional=name in optional)(decorated)
                continue
            default = (defaults or {}).get(name)
            decorated = _option(request, field, kind, (names or {}).get(name, ""), default)(decorated)
        return decorated

    return decorate


def only_asks(
    name: str,
    request: type[Request[Any]],
    *arguments: str,
    help: str,
    example: str,
    group: click.Group | None = None,
    numbers: bool = False,
    show: Callable[[View, Any], None] | None = None,
    **how: Any,
) -> click.Command:
    """A command that asks, and shows what it is answered. ``how``: as in ``asks``."""

    def body(view: View, asked: Request[Any]) -> None:
        (show or View.data)(view, ask(view, asked))

    body.__doc__ = help
    body.__module__ = request.__module__
    return make(name, example=example, group=group, numbers=numbers)(asks(request, *arguments, **how)(body))


def option(
    request: type[Request[Any]],
    name: str,
    declared: str = "",
    *,
    type: click.ParamType[Any] | None = None,
    many: bool | None = None,
    default: str | None = None,
    needed: bool | None = None,
) -> Callable[[Body], Body]:
    """One option with the words of one field, for a command that makes the request by itself: it gets the value by the
    field's name, None where it was not given. ``declared``: as ``names`` of ``asks``. ``many``: it may be repeated.
    ``needed``: whether it has to be given, where the field does not say so."""
    field = fields_of(request)[name]
    if many is not None:
        field = replace(field, many=many, default=None)
    if needed is not None:
        field = replace(field, needed=needed)
    return _option(request, field, type or _type(field), declared, default)


def argument(request: type[Request[Any]], name: str) -> Callable[[Body], Body]:
    """One argument from one field, for a command that makes the request by itself."""
    field = fields_of(request)[name]
    return _argument(request, field, _type(field), optional=False)


def _option(
    request: type[Request[Any]], field: RequestField, kind: Any, declared: str, default: str | None
) -> Callable[[Body], Body]:
    names = [declared or f"--{field.name.replace('_', '-')}"]
    extra: dict[str, Any] = {"help": field.description}
    if field.kind is Kind.FLAG:
        extra |= _flag(field, names)
    else:
        names = names[0].split("/")
        extra |= {"type": kind, "multiple": field.many, "metavar": field.metavar or _METAVARS.get(field.kind)}
        if default is None and isinstance(field.default, str | int) and field.default:
            default = str(field.default)
        if default is None:
            extra["required"] = field.needed
        else:
            extra |= {"default": default, "show_default": bool(default) and not field.absent}

    def decorate(body: Body) -> Body:
        return _with_field(click.option(*names, field.name, **extra)(body), request, field)

    return decorate


PROOF_FILE: Final = click.option(
    "--file", type=FILE, metavar="FILE", help="Or a file that proves it: its name and SHA-256 are kept, not the file."
)


def proven(asked: R, file: Path | None) -> R:
    """A request with the file that proves it, as its ``evidence`` and ``evidence_sha256``."""
    given: Any = asked
    if file is None:
        return asked
    if given.evidence.strip():
        raise UsageError("one proof is kept", hint="Give one of --reference and --file.")
    digest = hashlib.sha256(read_file(file)).hexdigest()
    found: R = msgspec.structs.replace(given, evidence=file.name, evidence_sha256=digest)
    return found


def _flag(field: RequestField, names: list[str]) -> dict[str, Any]:
    """How click takes a flag, None where it is not given; its names are put right."""
    if "|" in names[0]:
        names[0] = names[0].replace("|", "/")
        return {"default": None}
    on = field.default is not True
    if not on:
        names[0] = names[0].replace("--", "--no-", 1)
    return {"is_flag": True, "flag_value": on, "default": None}


def _argument(request: type[Request[Any]], field: RequestField, kind: Any, *, optional: bool) -> Callable[[Body], Body]:
    extra: dict[str, Any] = {"type": kind, "metavar": field.metavar or None, "required": not optional}
    if optional and field.default is not None:
        extra["default"] = str(field.default)

    def decorate(body: Body) -> Body:
        made = _with_field(click.argument(field.name, **extra)(body), request, field)
        setattr(made.__click_params__[-1], "about", field.description)  # type: ignore[attr-defined]  # noqa: B010
        return made

    return decorate


def _with_field(body: Body, request: type[Request[Any]], field: RequestField) -> Body:
    setattr(body.__click_params__[-1], OF_A_FIELD, (request, field.name))  # type: ignore[attr-defined]
    return body


def _type(field: RequestField) -> Any:
    if field.metavar == "MOMENT":
        return PastMoment()
    if field.ids:
        return Id(*field.ids)
    if field.kind is Kind.CHOICE:
        return click.Choice(field.choices)
    if field.kind is Kind.COUNT:
        return click.IntRange(field.least, field.most)
    return {Kind.DAY: Day(), Kind.MOMENT: Moment()}.get(field.kind, click.STRING)


_METAVARS: Mapping[Kind, str] = {Kind.DAY: "DATE", Kind.MOMENT: "TIME"}
