"""What an operation is: a request, a response, who may ask for it, and the handler that carries it out.

An operation is declared once, where its handler stands::

    class HoldAdd(Request[HoldAdded], frozen=True):
        reason: Note

    @operation(HoldAdd, "hold_add", roles=KEEPERS)
    def hold_add(folder: DataFolder, asked: HoldAdd, caller: Caller) -> HoldAdded:
        ...

Dispatch, role checks, the typed client, help and the reference are all read from that (``gate.operations.catalogue``).
A field says what it is as ``Annotated[Note, about("Why; kept in the log.")]``.

Requests are strict: an unknown field or a wrong type is a ``UsageError``. Times are ISO 8601 with an offset, dates
``YYYY-MM-DD``. Numbers are asked for in any spelling and answered in E.164.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, TypeVar, cast, get_args

import msgspec
from msgspec import Meta

from gate.core.evidence import canonical
from gate.core.rows import Page as Page
from gate.errors import RefusedError, UsageError
from gate.types import Response as Response

if TYPE_CHECKING:
    from gate.handed_over_file import HandedOverFile
    from gate.operations.data_folder import DataFolder


def about(
    description: str,
    label: str | None = None,
    *,
    eg: Sequence[str] = (),
    metavar: str = "",
    ids: Sequence[str] = (),
    choices: Sequence[str] = (),
    absent: str = "",
) -> Meta:
    """The description of a request's field: command, form, completion, manual page and reference are made from it
    (``gate.operations.fields``).

    ``description``: a sentence, with the unit. ``label``: its name in a form, where the field's own is none. ``eg``:
    examples. ``metavar``: what stands for its value on the command line. ``ids``: of what it is an id, which may be
    typed in part. ``choices``: the texts that it takes, where its type does not say so. ``absent``: what holds where it
    is not given, and no default says that: it is put behind the first sentence.
    """
    extra = {"metavar": metavar, "ids": tuple(ids), "choices": tuple(map(str, choices)), "absent": absent}
    first, dot, rest = description.partition(".")
    return Meta(
        description=f"{first} (default: {absent}){dot}{rest}" if absent else description,
        title=label,
        examples=list(eg) or None,
        extra={name: value for name, value in extra.items() if value} or None,
    )


def sorted_by(*names: str, then: str = "in the order of time") -> Meta:
    """What the field ``sort`` of a list is that can be sorted by these."""
    return about(
        f"Sort by {', '.join(names[:-1])} or {names[-1]}, {then} where the same; - before it: downwards.",
        metavar="COLUMN",
        choices=[sign + name for name in names for sign in ("", "-")],
    )


Moment = Annotated[datetime, Meta(tz=True)]
Line = Annotated[str, Meta(max_length=200)]
"""A short text: an id, a name, a number in any spelling."""
Note = Annotated[str, Meta(max_length=4000)]
Number = Annotated[
    str, Meta(max_length=200), about("A telephone number, in any spelling.", eg=("020 7946 0123",), metavar="NUMBER")
]
Once = Annotated[
    Line,
    about(
        "A key that the asker chooses for each entry: an entry that is sent again with its key is kept once.",
        metavar="KEY",
    ),
]
Masked = Annotated[
    bool, about("Hide part of each number. An account that is a viewer and no more gets them so in any case.")
]
Limit = Annotated[int, Meta(ge=1, le=1000), about("Rows of a page.")]
Cursor = Annotated[
    Line | None, about("Go on after a page: the cursor in its last line, `next` in JSON.", metavar="CURSOR")
]
Back = Annotated[
    Line | None,
    about("The page before one, by its `prev` in JSON; `end` for the last page of all.", metavar="CURSOR"),
]

AsOf = Annotated[
    Moment | None,
    about(
        "The gate as it stood at this moment, by what its log held then, e.g. '25/11 14:00'.",
        metavar="MOMENT",
    ),
]

ADMIN, COMPLIANCE, AUDITOR, MANAGER, VIEWER = "admin", "compliance", "auditor", "manager", "viewer"
ROLES: Final = (ADMIN, COMPLIANCE, AUDITOR, MANAGER, VIEWER)
"""From the one that may do most."""
EVERYBODY: Final = frozenset(ROLES)
READERS: Final = frozenset({ADMIN, COMPLIANCE, AUDITOR})
KEEPERS: Final = frozenset({ADMIN, COMPLIANCE})
ADMINS: Final = frozenset({ADMIN})
FLOOR: Final = frozenset({ADMIN, COMPLIANCE, MANAGER})
"""Who may act on a call that goes on."""
LEADERS: Final = READERS | FLOOR
"""Who may see how calls go, by agent and reason, and what would become of one."""

PLAN_CHANGED: Final = "plan_changed"

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Request(msgspec.Struct, Generic[R_co], frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every request; ``R_co`` is the type of its response."""


class Paged(Request[R_co], Generic[R_co], frozen=True, kw_only=True):
    """Base of requests for a page of a list, newest first."""

    after: Cursor = None
    limit: Limit = 50


class Waits(Response, frozen=True):
    """A proposal that another person confirms."""

    id: str
    until: str
    takes: str
    """What it would take, counted: ``2 recordings``."""
    plan: str
    """Digest of exactly that: where another thing would be taken, nothing is done (``plan_changed``)."""


class MayWait(Response, frozen=True, kw_only=True):
    """Base of responses of operations that may take two people."""

    waits: Waits | None = None
    """Set where nothing is done yet."""


def _nobody_watches(_fraction: float, _text: str = "") -> None:
    pass


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what comes with the question."""

    actor: str
    """As it is written into the log: ``user:ann(1000)``."""
    progress: Callable[[float, str], None] = _nobody_watches
    """Called with the part done (0.0 to 1.0) and what is being done; may raise to stop the work."""
    file: HandedOverFile | None = None
    """The open file of an operation that takes one. It is closed after the handler."""
    roles: frozenset[str] = frozenset()
    """Those of the account, over the control socket."""

    @property
    def opened(self) -> HandedOverFile:
        """The file; raises ``UsageError`` where none was handed over."""
        if self.file is None:
            raise UsageError("this needs a file, and none was handed over", hint="give the file itself, or its ticket")
        return self.file


Q = TypeVar("Q", bound=Request[Any])


@dataclass(frozen=True, slots=True)
class Proposed(Generic[Q]):
    """A request that waits for a second person."""

    request: Q
    """What is done when it is confirmed, with nothing left open. Its ``digest`` is that of its plan (``plan_digest``):
    the handler does what the plan shows, or raises ``plan_changed``."""
    subject: str
    """Id of the thing that it touches."""
    takes: str
    """What the plan would take, counted: ``2 recordings``."""
    response: MayWait
    """What whoever asked is told: the response of the operation, nothing done."""


def plan_digest(*what: object) -> str:
    """Stands for a plan: another plan has another one."""
    return sha256(canonical(what)).hexdigest()[:32]


def plan_changed(what: str, digest: str, now: str) -> None:
    """Raise ``RefusedError`` (``plan_changed``) where a request is bound to a plan and now it would be another one."""
    if digest and digest != now:
        raise RefusedError(
            f"{what} would take something else now than was shown",
            reason=PLAN_CHANGED,
            hint="Look again, and ask for it anew.",
        )


@dataclass(frozen=True, slots=True)
class SecondPerson(Generic[Q]):
    """How an operation takes two people, where the configuration requires it (``gate.operations.proposals``)."""

    what: Callable[[Q], str]
    """What it does in words: ``the release of hold 6f2c``."""
    propose: Callable[[DataFolder, Q, Caller], Proposed[Q] | None]
    """What is to wait, nothing done; None where it was confirmed before. Raises as the handler where it cannot be."""
    needed: Callable[[Q], bool] = lambda _: True
    """False for a request that changes nothing: a dry run."""


@dataclass(frozen=True, slots=True)
class Operation(Generic[Q, R]):
    """One operation; call it as its handler."""

    name: str
    """On the wire and in the log."""
    request: type[Q]
    roles: frozenset[str]
    """Who may ask for it."""
    handler: Callable[[DataFolder, Q, Caller], R]
    streams: bool = False
    """It takes long: its handler tells its progress."""
    running: bool = False
    """It needs a running gate; the others work on a data folder that no gate holds, too."""
    file: int = 0
    """Bytes of the file that is handed over with it, at most; 0: it takes none."""
    second_person: SecondPerson[Q] | None = None
    polled: bool = False
    """Consoles and probes ask it again and again: that it went well fills no journal."""
    final: bool = False
    """What it takes, ends or answers is not brought back by another operation: it is shown before
    (``gate.operations.rehearsal``)."""

    def __call__(self, folder: DataFolder, asked: Q, caller: Caller) -> R:
        """What the handler answers, or that the request waits for a second person; raises what the handler raises."""
        moment = getattr(asked, "as_of", None)
        if moment is not None and knows_past(self.request):
            folder = folder.as_of(moment)
        second = self.second_person
        if second is not None and second.needed(asked) and folder.two_people():
            proposed = second.propose(folder, asked, caller)
            if proposed is not None:
                waits = folder.proposals.add(self.name, proposed, caller.actor)
                return cast(R, msgspec.structs.replace(proposed.response, waits=waits))
        return self.handler(folder, asked, caller)

    def permits(self, roles: frozenset[str]) -> bool:
        """Whether one of these roles may ask for it."""
        return not roles.isdisjoint(self.roles)

    @property
    def response(self) -> type[msgspec.Struct]:
        """The type of the response."""
        return response_of(self.request)

    @property
    def masks(self) -> bool:
        """Its answer may hold telephone numbers, which are hidden in part from who may not see them."""
        return "masked" in self.request.__struct_fields__

    @property
    def summary(self) -> str:
        """What it does, in a sentence: the first of the handler's docstring."""
        return " ".join((self.handler.__doc__ or "").partition("\n\n")[0].split())


def operation(
    request: type[Q],
    name: str,
    *,
    roles: frozenset[str],
    streams: bool = False,
    running: bool = False,
    file: int = 0,
    second_person: SecondPerson[Q] | None = None,
    polled: bool = False,
    final: bool = False,
) -> Callable[[Callable[[DataFolder, Q, Caller], R]], Operation[Q, R]]:
    """Declare a handler as an operation; see ``Operation`` for what is said of it."""

    def declare(handler: Callable[[DataFolder, Q, Caller], R]) -> Operation[Q, R]:
        declared = Operation(name, request, roles, handler, streams, running, file, second_person, polled, final)
        _BY_REQUEST[request] = declared
        return declared

    return declare


_BY_REQUEST: Final[dict[type[Request[Any]], Operation[Any, Any]]] = {}


def operation_of(request: Request[Any] | type[Request[Any]]) -> Operation[Any, Any]:
    """The operation that a request, or a kind of request, asks for: it is declared where the request is."""
    return _BY_REQUEST[request if isinstance(request, type) else type(request)]


def knows_past(request: type[Request[Any]]) -> bool:
    """Whether it can be asked as of a moment: its field ``as_of`` is an ``AsOf``, and not the day of a register."""
    return any(each.name == "as_of" and each.type == AsOf for each in msgspec.structs.fields(request))


def response_of(request: type[Request[Any]]) -> type[msgspec.Struct]:
    """The type that a request is answered with, from its base ``Request[…]``."""
    for base in getattr(request, "__orig_bases__", ()):
        if arguments := get_args(base):
            return cast(type[msgspec.Struct], arguments[0])
    raise TypeError(f"{request.__name__} does not say what it is answered with: Request[Response]")
