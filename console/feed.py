"""The console's line to the gate: questions on threads, one stream of what happens now, and whether the gate is there.

Nothing here blocks the screen. A question runs on a thread that has nothing to do, at most ``MOST`` at once, and is
given up after its time; the stream runs on another, comes back by itself, and hands over only the newest of what it has
heard, at most ``PER_SECOND`` times a second.

Of the messages to the screens the newest of a kind that waits stands for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import structs
from textual.message import Message

from console.late import late
from gate.control.client import ControlClient
from gate.core.rows.calls import LiveNow
from gate.errors import GateError, RefusedError, UnansweredError
from gate.operations.operation import Request, knows_past, operation_of
from gate.operations.status.session import Session as SessionRequest
from gate.showing import brief, clean

if TYPE_CHECKING:
    from gate.control.exchange import Watching
    from gate.operations.audit.leaves import MomentShown


class Newest(Message):
    """A message that is replaced by a newer one of its kind while it waits."""

    bubble = False

    def can_replace(self, message: Message) -> bool:
        """True where ``message`` says the same in an older form."""
        return type(message) is type(self)


class LinkChanged(Newest):
    """The gate went away or came back (``Feed.link``), or who we are to it became known (``Feed.session``)."""


class AttentionChanged(Newest):
    """Somebody must see to something else than before (``ConsoleApp.attention``)."""


class MomentChanged(Newest):
    """The console shows the gate as it stood at another moment, or as it is now (``Feed.moment``)."""


class Snapshot(Newest):
    """What the gate does now, as its operation ``watch`` tells it."""

    def __init__(self, said: LiveNow) -> None:
        super().__init__()
        self.said = said


ASK_SECONDS = 10.0
LONG_SECONDS = 600.0
"""How long a question may take; and one that streams, between two words of progress."""
MOST = 12
PER_SECOND = 5
BACKOFF = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts to hear from a gate that is away."""
SILENT_SECONDS = 10.0
"""A stream that says nothing for so long is taken for dead."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Link:
    """Whether the gate is there."""

    up: bool | None
    """None: not known yet."""
    since: datetime
    why: str = ""
    """The error when it could not be reached."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who we are to the gate."""

    actor: str = ""
    role: str = ""
    can: frozenset[str] | None = None
    """Operations we may call; None where the gate has not said."""

    def may(self, op: str) -> bool:
        """For show only: the gate itself refuses what is not ours."""
        return self.can is None or op in self.can


NOW: Final = frozenset({"session", "watch", "status", "moment_show"})
"""What is asked of the gate as it is now, whatever moment is shown: whether it is well, and of the moment itself."""

LOOKING: Final = frozenset({
    "audit_key", "audit_leaf", "audit_leaves", "audit_status", "audit_witnesses", "breach_list", "breach_show",
    "calls_agents", "calls_list", "calls_reasons", "calls_show", "calls_trend", "campaigns_list",
    "check", "checkpoints_list", "consent_list", "contacts_faults", "contacts_forecast",
    "contacts_list", "contacts_show", "contacts_status", "copies_list", "find_meant", "hold_list", "id_find",
    "key_list", "memory_status", "moment_show", "objection_list", "proposal_list", "receipt_show",
    "recording_list", "register_imports", "register_status", "report_article30", "report_month", "request_list",
    "request_show", "retention_day", "retention_forecast", "retention_status", "retention_terms", "session",
    "status", "subscriber_list", "trunk_test_list", "watch", "webhook_list",
})  # fmt: skip
"""Operations that only look: all that a console asks that was started to read only."""


LOOK_SECONDS = 1.0
LOOKS = 30
"""How often, and how many times, the log is asked what became of something."""


class Feed:
    """One console's line to the gate at ``socket``; lives on the screen's event loop."""

    def __init__(
        self,
        socket: Path,
        now: Callable[[], datetime],
        tell: Callable[[Message], object],
        *,
        read_only: bool = False,
    ) -> None:
        """``tell`` gets ``LinkChanged`` and ``Snapshot`` on the event loop; ``read_only``: only what looks is asked."""
        self.read_only = read_only
        self.socket = socket
        self._now = now
        self.link = Link(None, now())
        self.moment: MomentShown | None = None
        """The moment as of which the gate is shown; None: now."""
        self._past: frozenset[str] = frozenset()
        """The operations that can be asked as of a moment, once one was shown."""
        self._told = Session()
        self.session = self._may_see(self._told)
        self.snapshot: LiveNow | None = None
        """The newest; None before the first."""
        self.heard_at: datetime | None = None
        """When the gate last said anything."""
        self._tell = tell
        self._room = asyncio.Semaphore(MOST)
        self._stopped = threading.Event()
        self._newest: LiveNow | None = None
        self._waiting = False
        self._watching: Watching | None = None

    def now(self) -> datetime:
        """The time, or the moment that is shown."""
        return self._now() if self.moment is None else datetime.fromisoformat(self.moment.at)

    def _may_see(self, told: Session) -> Session:
        """Who we are; as of a moment nothing can be done, and only that be seen which the log knows. A console that
        only looks can do nothing at any time."""
        can = told.can
        if self.moment is not None:
            can = self._past if can is None else can & self._past
        if self.read_only:
            can = LOOKING if can is None else can & LOOKING
        return replace(told, can=can)

    async def show(self, moment: datetime | None) -> None:
        """Show the gate as it stood at a moment, or (None) as it is. Raises ``GateError`` for one that is none."""
        if self.moment is None:
            self._told = self.session
        if moment is None:
            self.moment = None
        else:
            operations = await on_thread(lambda: late("gate.operations.catalogue:OPERATIONS"))
            self._past = frozenset(name for name, each in operations.items() if knows_past(each.request))
            self.moment = await self.ask(late("gate.operations.audit.leaves:MomentShow")(moment))
        self.session = self._may_see(self._told)
        self._tell(MomentChanged())

    def _as_of(self, request: Request[R]) -> Request[R]:
        """The request as of the moment that is shown. Raises ``RefusedError`` where that cannot be."""
        name = operation_of(request).name
        if self.moment is None or name in NOW:
            return request
        if not knows_past(type(request)):
            raise RefusedError(
                f"nothing is done or asked as of {brief(self.moment.at, self._now().date())}: {name} is of now",
                reason="as_of",
                hint="@ leads back to now",
            )
        return structs.replace(request, as_of=self.now())

    @property
    def leaves(self) -> int | None:
        """The size of the log; None where it is not known."""
        return self.snapshot.log.size if self.snapshot else None

    # --- questions ------------------------------------------------------------------------------------------------

    async def ask(
        self, request: Request[R], *, timeout: float = 0.0, progress: Callable[[float, str], None] | None = None
    ) -> R:
        """The gate's response to a request.

        ``timeout``: seconds, by default ``ASK_SECONDS``. ``progress`` comes on the event loop, the newest only. Raises
        ``GateError``: what the gate raised, ``ControlError`` where it is away,
        ``UnansweredError`` where it is too slow.
        """
        request = self._as_of(request)
        operation = operation_of(request)
        streams = operation.streams
        seconds = timeout or (LONG_SECONDS if streams else ASK_SECONDS)
        only = LOOKING if self.read_only else None
        client = ControlClient(self.socket, timeout=seconds / 10 if streams else seconds, only=only)
        report = _collapsed(progress) if progress is not None else None
        async with self._room:
            try:
                answer = await on_thread(lambda: client.ask(request, progress=report), timeout=seconds + 1.0)
            except TimeoutError:
                raise UnansweredError(
                    f"the gate has not answered {operation.name} in {seconds:.0f} s", hint="it is slow"
                ) from None
        self.heard_at = self._now()
        return answer

    async def what_became(self, since: int | None) -> str:
        """What became of something that the gate did not answer, in a sentence: whether the log has a leaf of this
        account from ``since`` on. It is looked for until the gate has been well for a while."""
        leaves = late("gate.operations.audit.leaves:AuditLeaves")
        for _ in range(LOOKS):
            await asyncio.sleep(LOOK_SECONDS)
            with contextlib.suppress(GateError):
                found = (await self.ask(leaves(text=self.session.actor))).items
                mine = [leaf for leaf in found if leaf.index >= (since or 0) and leaf.actor == self.session.actor]
                if mine:
                    kinds = ", ".join(f"{leaf.kind.replace('_', ' ')} (leaf {leaf.index:,})" for leaf in mine[:3])
                    return clean(f"It was taken: {kinds}. Do not send it again: Esc leaves.")
        return "Not known still: the log has nothing of yours since. Look there before you send it again."

    # --- what happens now -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, args=(loop,), name="console-watch", daemon=True).start()

    def stop(self) -> None:
        """Listen no more; what is asked is not waited for."""
        self._stopped.set()
        if self._watching is not None:
            self._watching.close()

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """The listening thread: on and on, with longer pauses the longer the gate is away."""
        failures: int | None = 0
        """In a row; None while it is heard."""
        while not self._stopped.is_set():
            try:
                client = ControlClient(self.socket, timeout=SILENT_SECONDS)
                session = _session(client)
                with client.watch() as self._watching:
                    for said in self._watching:
                        if failures is not None:
                            failures = None
                            _soon(loop, self._arrived, session)
                        self._newest = said
                        if not self._waiting:
                            self._waiting = True
                            _soon(loop, self._hand_over)
                why = "the gate ended the stream"
            except GateError as error:
                why = error.message
            _soon(loop, self._gone, why)
            failures = 0 if failures is None else failures + 1
            self._stopped.wait(BACKOFF[min(failures, len(BACKOFF) - 1)])

    def _hand_over(self) -> None:
        said, self._newest = self._newest, None
        if said is not None and not self._stopped.is_set():
            self.snapshot = said
            self.heard_at = self._now()
            self._tell(Snapshot(said))
        asyncio.get_running_loop().call_later(1 / PER_SECOND, self._again)

    def _again(self) -> None:
        self._waiting = False
        if self._newest is not None:
            self._waiting = True
            self._hand_over()

    def _arrived(self, session: Session) -> None:
        self.heard_at = self._now()
        self._told, self.session = session, self._may_see(session)
        self._linked(True, "")

    def _gone(self, why: str) -> None:
        self._linked(False, why)

    def _linked(self, up: bool, why: str) -> None:
        since = self.link.since if self.link.up is up else self._now()
        self.link = Link(up, since, why)
        if not self._stopped.is_set():
            self._tell(LinkChanged())


def _session(client: ControlClient) -> Session:
    told = client.ask(SessionRequest())
    return Session(told.actor, told.role, frozenset(told.can))


# --- threads ------------------------------------------------------------------------------------------------------


async def on_thread(work: Callable[[], T], *, timeout: float | None = None) -> T:
    """What ``work`` returns or raises, run on a thread that nobody waits for when the console ends.

    Raises ``TimeoutError`` after ``timeout`` seconds; the thread ends when ``work`` does.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def done(result: T) -> None:
        if not future.done():
            future.set_result(result)

    def failed(error: BaseException) -> None:
        if not future.done():
            future.set_exception(error)

    def run() -> None:
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - it belongs to whoever waits
            _soon(loop, failed, raised)
            return
        _soon(loop, done, result)

    try:
        tasks = _IDLE.pop()
    except IndexError:  # each is at work, or waits for a gate that is slow
        tasks = queue.SimpleQueue()
        threading.Thread(target=_serve, args=(tasks,), name="console-work", daemon=True).start()
    tasks.put(run)
    async with asyncio.timeout(timeout):
        return await future


_Tasks = queue.SimpleQueue[Callable[[], None]]
_IDLE: list[_Tasks] = []
"""The queue of each thread that has nothing to do. A key makes no thread of its own."""


def _serve(tasks: _Tasks) -> None:
    while True:
        tasks.get()()
        _IDLE.append(tasks)


async def late_on_thread(name: str) -> Any:
    """``module:name`` (``late``), its module imported on a thread: for what takes longer to load than a key may."""
    return await on_thread(partial(late, name))


def _soon(loop: asyncio.AbstractEventLoop, step: Callable[..., object], *values: Any) -> None:
    with contextlib.suppress(RuntimeError):  # the console has ended; nobody listens
        loop.call_soon_threadsafe(step, *values)


def _collapsed(progress: Callable[[float, str], None]) -> Callable[[float, str], None]:
    """``progress`` on the event loop that asks, at most ten times a second and for the end."""
    loop = asyncio.get_running_loop()
    last = [0.0]

    def report(fraction: float, text: str) -> None:
        now = time.monotonic()
        if fraction >= 1.0 or now - last[0] >= 0.1:
            last[0] = now
            _soon(loop, progress, fraction, text)

    return report
