"""Counts what a Python program does, where ``DIALGATE_COUNTS`` names a folder: functions, statements, rounds, messages.

Python imports this by itself where its folder is in ``PYTHONPATH``. At SIGUSR2 a process writes what it has counted
since the last time as ``PID.json`` into that folder: ``functions`` and ``by_the_clock`` by place (``file:function``),
``statements`` by verb and table, ``relay`` by the letters of the commands that go together, ``recorder`` by the
message's name. At SIGUSR1 the gate's chores rest for good.

By the clock goes what a thread does because time has passed: how often that is depends on the machine's other work, and
not on the gate.
"""

import json
import os
import signal
import sqlite3
import sys
import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path

_STARTED = {
    "EventDispatcher.py:EventDispatcher2.dispatchTimers": True,
    "base_events.py:BaseEventLoop._run_once": True,
    "client.py:RecorderClient._listen": True,
    "client.py:RecorderClient._take": False,
    "server.py:Server.run": True,
    "calls.py:Calls.obey": False,
    "calls.py:Calls.take_ended": False,
}
"""Function -> whether it is done by the clock, with all that it calls up to another one of these."""
_WAKING = {
    "event_loop.py:LoopWaker.procrastinate", "event_loop.py:StepQueue.drain", "event_loop.py:StepQueue.__len__",
    "MonoTime.py:MonoTime.__init__", "MonoTime.py:MonoTime.__gt__", "classes.py:_sooner", "classes.py:_time",
}  # fmt: skip
"""What a thread does each time it wakes, and how it compares the timers that there are."""
_THREADS: list[tuple[Counter, Counter]] = []
_STATEMENTS: Counter = Counter()
_RELAY: Counter = Counter()
_RECORDER: Counter = Counter()


_BEFORE_A_TABLE = {"FROM", "INTO", "UPDATE"}


def _round(names) -> None:
    if names["lines"]:
        _RELAY["".join(line[:1].decode() for line in names["lines"])] += 1


def _message(names) -> None:
    _RECORDER[type(names["message"]).__name__] += 1


_SENT = {
    "worker.py:Worker._exchange": _round,
    "client.py:Outbox.put": _message,
    "server.py:Server._send": _message,
}
"""What sends to the relay, or between gate and recorder -> counts what it is called with."""


def _count(frame, event, argument):
    """The first event of a thread: from then on it has counters of its own."""
    work: dict = {}
    clock: dict = {}
    _THREADS.append((work, clock))
    kinds: dict = {}
    within = [(None, False)]

    def count(frame, event, _):
        if event == "call":
            code = frame.f_code
            if code not in kinds:
                place = f"{Path(code.co_filename).name}:{code.co_qualname}"
                kinds[code] = place in _WAKING, _STARTED.get(place), _SENT.get(place)
            waking, started, sent = kinds[code]
            if sent is not None:
                sent(frame.f_locals)
            if started is not None:
                within.append((frame, started))
            counter = clock if waking or within[-1][1] else work
            counter[code] = counter.get(code, 0) + 1
        elif event == "return" and within[-1][0] is frame:
            within.pop()

    sys.setprofile(count)
    count(frame, event, argument)


def _statement(text: str) -> None:
    words = text.replace("(", " ").split()
    tables = (after for word, after in pairwise(words) if word.upper() in _BEFORE_A_TABLE and after != "SELECT")
    _STATEMENTS[f"{words[0]} {next(tables, '')}".rstrip()] += 1


def _connect(*arguments, **options):
    connection = _plain(*arguments, **options)
    connection.set_trace_callback(_statement)
    return connection


def _write(*_) -> None:
    sent = {"statements": _STATEMENTS, "relay": _RELAY, "recorder": _RECORDER}
    found: dict = {"functions": Counter(), "by_the_clock": Counter(), **{kind: dict(sent[kind]) for kind in sent}}
    for counters in _THREADS:
        for kind, counter in zip(("functions", "by_the_clock"), counters, strict=True):
            for code, number in counter.copy().items():
                if code.co_filename not in (__file__, threading.__file__):
                    found[kind][f"{code.co_filename}:{code.co_qualname}"] += number
            counter.clear()
    for counter in sent.values():
        counter.clear()
    path = Path(os.environ["DIALGATE_COUNTS"], f"{os.getpid()}.json")
    path.with_suffix(".new").write_text(json.dumps(found))
    path.with_suffix(".new").replace(path)


def _rest(*_) -> None:
    sys.modules["gate.daemon.chores"].attempt = lambda *_, **__: True


if os.environ.get("DIALGATE_COUNTS"):
    _plain = sqlite3.connect
    sqlite3.connect = _connect
    threading.setprofile(_count)
    signal.signal(signal.SIGUSR2, _write)
    signal.signal(signal.SIGUSR1, _rest)
    sys.setprofile(_count)
