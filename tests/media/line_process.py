"""A line thread in a process of its own, with the media relay on it, commanded from a test.

sippy's event loop is one per process and belongs to the thread that imports it first; in a child process of its own it
is as it is in the gate, whatever else the test run has imported.
"""

from __future__ import annotations

import gc
import multiprocessing
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gate.config import Config
from tests.support.waiting import PATIENCE

OFFER = (
    "v=0\r\no=- {session} {version} IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP {formats}\r\na=rtpmap:101 telephone-event/8000\r\n{more}"
)


def sdp(host: str, port: int, formats: str = "0 8 101", more: str = "", version: int = 1, session: int = 7) -> str:
    """A plain session description of one audio stream."""
    family = "IP6" if ":" in host else "IP4"
    return OFFER.format(**locals())


class Line:
    """The parent's end: each method runs in the child, on its line thread."""

    def __init__(self, config: Config, prompts: Path, **options: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_main, args=(theirs, config, prompts, options), daemon=True)
        self._process.start()
        theirs.close()
        self._waiting: list[tuple[Any, ...]] = []
        self._begun = 0
        self._expect("ready")

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pipe.send(("stop",))
        self._process.join(PATIENCE)
        alive = self._process.is_alive()
        self._process.kill()
        assert not alive, "the relay did not shut down"

    def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """``method`` of the relay, without a ``done``: its result."""
        self._pipe.send(("call", method, arguments, named))
        return self._expect("result")

    def done(self, method: str, *arguments: Any, wait: float = 15.0) -> Any:
        """``method`` of the relay with a ``done`` as its last argument: what it was called with."""
        self.begin(method, *arguments)
        return self.finished(wait)

    def begin(self, method: str, *arguments: Any) -> Any:
        """Start a method with a ``done``; returns what the method returned."""
        self._begun += 1
        self._pipe.send(("done", method, arguments, f"done {self._begun}"))
        return self._expect("result")

    def finished(self, wait: float = 15.0) -> Any:
        """What the ``done`` of the last method begun was called with."""
        return self._expect(f"done {self._begun}", wait)

    def sdp(self, side: str, call_id: str, body: str) -> str:
        """An SDP body through ``caller_sdp`` or ``callee_sdp``; ``ValueError`` (kind, text) where it is refused."""
        self._pipe.send(("sdp", side, call_id, body))
        result = self._expect("sdp")
        if isinstance(result, tuple):
            raise ValueError(*result)
        return str(result)

    def overlook(self, *names: str) -> None:
        """What there is of types so called is not counted by ``alive``; from now on Python's collector does not run
        there."""
        self._pipe.send(("overlook", names))
        self._expect("overlooked")

    def alive(self, *names: str) -> int:
        """How many objects of types so called there are, but for those that are overlooked."""
        self._pipe.send(("alive", names))
        return int(self._expect("alive"))

    def _expect(self, kind: str, wait: float = 15.0) -> Any:
        end = time.monotonic() + wait
        while True:
            for message in self._waiting:
                if message[0] == kind:
                    self._waiting.remove(message)
                    return message[1] if len(message) > 1 else None
            assert time.monotonic() < end, f"no {kind} in {wait} seconds"
            if self._pipe.poll(0.05):
                self._waiting.append(self._pipe.recv())
                assert self._waiting[-1][0] != "error", self._waiting[-1][1]


def ports_of(body: str) -> tuple[str, int]:
    """(address, port) that a session description of one stream names."""
    lines = body.splitlines()
    address = next(line.split()[-1] for line in lines if line.startswith("c="))
    return address, next(int(line.split()[1]) for line in lines if line.startswith("m=audio"))


def _main(pipe: Any, config: Config, prompts: Path, options: dict[str, Any]) -> None:
    thread = threading.Thread(target=_line, args=(pipe, config, prompts, options))
    thread.start()
    thread.join()


def _line(pipe: Any, config: Config, prompts: Path, options: dict[str, Any]) -> None:
    from sippy.Core.EventDispatcher import ED2
    from sippy.Time.Timeout import Timeout

    from gate.media.relay import RtpIoMedia

    class Loop:
        def post(self, step: Callable[[], None]) -> None:
            ED2.callFromThread(step)

        def after(self, seconds: float, step: Callable[[], None]) -> Any:
            return Timeout(step, seconds)

    relay = RtpIoMedia(config, prompts, Loop(), **options)
    overlooked: weakref.WeakSet[Any] = weakref.WeakSet()

    def answer(message: tuple[Any, ...]) -> None:
        try:
            if message[0] == "stop":
                relay.shutdown()
                ED2.breakLoop()
            elif message[0] == "overlook":
                gc.disable()
                overlooked.update(each for each in gc.get_objects() if type(each).__name__ in message[1])
                pipe.send(("overlooked",))
            elif message[0] == "alive":
                found = [each for each in gc.get_objects() if type(each).__name__ in message[1]]
                pipe.send(("alive", sum(each not in overlooked for each in found)))
            elif message[0] == "sdp":

                def anchored(body: str | None, ex: Exception | None) -> None:
                    pipe.send(("sdp", body if ex is None else (type(ex).__name__, str(ex))))

                getattr(relay, f"{message[1]}_sdp")(message[2], message[3], anchored)
            elif message[0] == "done":
                result = getattr(relay, message[1])(*message[2], lambda *value: pipe.send((message[3], *value)))
                pipe.send(("result", result))
            else:
                method = getattr(relay, message[1])
                pipe.send(("result", method(*message[2], **message[3]) if callable(method) else method))
        except BaseException:  # noqa: BLE001 - whatever it is, the test must see it
            pipe.send(("error", traceback.format_exc()))

    def read() -> None:
        while True:
            try:
                message = pipe.recv()
            except EOFError:
                message = ("stop",)
            ED2.callFromThread(answer, message)
            if message[0] == "stop":
                return

    threading.Thread(target=read, daemon=True).start()
    pipe.send(("ready",))
    ED2.loop()
