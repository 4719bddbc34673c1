"""Several workers, forked from the process that has collected the tests: ``pytest --workers 4``.

Collecting takes seven seconds of processor, and each worker of pytest-xdist collects for itself. Here it is done once.
A worker takes one file after the other, in the order of the collection, runs it as pytest would, and tells what came of
each test. One that dies fails the test that it was at; another goes on with what it had left.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import pickle
import random
import selectors
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

_CLONE_NEWNET = 0x40000000
_LENGTH = struct.Struct("=I")
_INDEX = struct.Struct("=H")

Tell = Callable[[str, Any], None]


@dataclass
class _Worker:
    """One, as the process that collected sees it."""

    pid: int
    pipe: int
    left: list[int] = field(default_factory=list)
    """Places of the tests that it has taken and not run to the end."""
    heard: bytearray = field(default_factory=bytearray)


class Workers:
    """The tests of a session, run by several processes."""

    def __init__(self, session: pytest.Session, count: int) -> None:
        self._session, self._config, self._count = session, session.config, count
        places = range(len(session.items))
        self._files = [list(of) for _, of in groupby(places, lambda place: session.items[place].path)]
        self._queue, feed = os.pipe()
        os.set_blocking(feed, False)  # 30,000 files find room in it
        for number in range(len(self._files)):
            os.write(feed, _INDEX.pack(number))
        os.close(feed)
        self._base = session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        self._made = 0

    def run(self) -> None:
        """Until all is done, or pytest wants no more. Raises ``Session.Failed``, ``Session.Interrupted``."""
        with selectors.DefaultSelector() as selector:
            try:
                for _ in range(self._count):
                    self._begin(selector, [])
                while selector.get_map():
                    for key, _ in selector.select():
                        self._hear(key.data, selector)
                    if self._session.shouldfail:
                        raise self._session.Failed(self._session.shouldfail)
                    if self._session.shouldstop:
                        raise self._session.Interrupted(self._session.shouldstop)
            finally:
                for key in list(selector.get_map().values()):
                    with suppress(ProcessLookupError):
                        os.kill(key.data.pid, signal.SIGINT)
                    os.waitpid(key.data.pid, 0)

    def _begin(self, selector: selectors.BaseSelector, left: list[int]) -> None:
        """Fork one, which begins with what another has left."""
        mine, its = os.pipe()
        self._made += 1
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.close(mine)
                self._work(its, left)
                code = 0
            finally:
                atexit._run_exitfuncs()
                os._exit(code)
        os.close(its)
        selector.register(mine, selectors.EVENT_READ, _Worker(pid, mine, list(left)))

    # --- in the process that collected --------------------------------------------------------------------------------

    def _hear(self, worker: _Worker, selector: selectors.BaseSelector) -> None:
        data = os.read(worker.pipe, 1 << 20)
        worker.heard += data
        for kind, told in _messages(worker.heard):
            self._take(worker, kind, told)
        if data:
            return
        selector.unregister(worker.pipe)
        os.close(worker.pipe)
        status = os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1])
        if worker.left:
            self._fail(self._session.items[worker.left[0]], f"its worker ended with {status}")
            self._begin(selector, worker.left[1:])
        elif status:
            raise self._session.Interrupted(f"a worker ended with {status}")

    def _take(self, worker: _Worker, kind: str, told: Any) -> None:
        hook = self._config.hook
        match kind:
            case "took":
                worker.left += self._files[told]
            case "report":
                report = hook.pytest_report_from_serializable(config=self._config, data=told)
                hook.pytest_runtest_logreport(report=report)
            case "warning":
                hook.pytest_warning_recorded.call_historic(kwargs=told)
            case "ended":
                worker.left.remove(told)
                item = self._session.items[told]
                hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def _fail(self, item: pytest.Item, why: str) -> None:
        report = pytest.TestReport(item.nodeid, item.location, {}, "failed", why, "call")
        self._config.hook.pytest_runtest_logreport(report=report)

    # --- in a worker --------------------------------------------------------------------------------------------------

    def _work(self, pipe: int, left: list[int]) -> None:
        def tell(kind: str, what: Any) -> None:
            data = pickle.dumps((kind, what))
            data = _LENGTH.pack(len(data)) + data
            while data:
                data = data[os.write(pipe, data) :]

        self._settle(tell)
        places = left or self._next(tell)
        while places:
            after: list[int] = []
            for at, place in enumerate(places):
                last = at + 1 == len(places)
                if last:
                    after = self._next(tell)
                following = after[0] if last and after else None if last else places[at + 1]
                item = self._session.items[place]
                next_item = None if following is None else self._session.items[following]
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=next_item)
                tell("ended", place)
                if self._session.shouldfail or self._session.shouldstop:
                    return
            places = after

    def _next(self, tell: Tell) -> list[int]:
        """The next file's tests."""
        data = os.read(self._queue, _INDEX.size)
        if not data:
            return []
        (number,) = _INDEX.unpack(data)
        tell("took", number)
        return self._files[number]

    def _settle(self, tell: Tell) -> None:
        """Nothing is shared with the others: random numbers, what is captured, temporary files, the network."""
        atexit._clear()
        random.seed()
        plugins = self._config.pluginmanager
        plugins.getplugin("terminalreporter")._tw._file = Path(os.devnull).open("w")  # noqa: SIM115
        plugins.register(_Teller(self._config, tell))
        capture = plugins.getplugin("capturemanager")
        capture.stop_global_capturing()
        capture.start_global_capturing()
        own = self._base / f"worker{self._made}"
        own.mkdir(mode=0o700)
        self._config._tmp_path_factory._basetemp = own  # type: ignore[attr-defined]
        _own_network()


class _Teller:
    """What pytest would show, told to the process that shows it."""

    def __init__(self, config: pytest.Config, tell: Tell) -> None:
        self._config, self._tell = config, tell

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._tell("report", self._config.hook.pytest_report_to_serializable(config=self._config, report=report))

    def pytest_warning_recorded(self, warning_message: Any, when: str, nodeid: str, location: Any) -> None:
        told = {"warning_message": warning_message, "when": when, "nodeid": nodeid, "location": location}
        with suppress(Exception):  # a warning that cannot be pickled is not shown
            self._tell("warning", told)


def _messages(heard: bytearray) -> Iterator[tuple[str, Any]]:
    """Those that are whole; they are taken away."""
    while len(heard) >= _LENGTH.size:
        end = _LENGTH.size + _LENGTH.unpack_from(heard)[0]
        if len(heard) < end:
            return
        yield pickle.loads(bytes(heard[_LENGTH.size : end]))  # noqa: S301 - from a fork of this process
        del heard[:end]


def _own_network() -> None:
    """Where this worker may make one: then no two workers find the same free port. baresip wants an address beside the
    loopback's."""
    if os.geteuid() == 0 and shutil.which("ip") and ctypes.CDLL(None).unshare(_CLONE_NEWNET) == 0:
        for command in (
            "link set lo up",
            "link add here type veth peer name there",
            "addr add 192.0.2.1/24 dev here",
            "link set here up",
            "link set there up",
        ):
            subprocess.run(["ip", *command.split()], check=True)
