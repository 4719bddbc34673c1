"""Counts what a Python program does, where ``DIALGATE_COUNTS`` names a folder: functions entered and SQL statements.

Python imports this by itself where its folder is in ``PYTHONPATH``. At SIGUSR2 a process writes what it has counted
since the last time as ``PID.json`` into that folder: ``functions`` by place (``file:function``), ``statements`` by
their first word.
"""

import json
import os
import signal
import sqlite3
import sys
import threading
from collections import Counter
from pathlib import Path

_THREADS: list[Counter] = []
_STATEMENTS: Counter = Counter()
_CHORES = "asyncio_"
"""Threads of what is done beside the calls, on a clock of its own."""


def _count(frame, event, _):
    """The first event of a thread: from then on it has a counter of its own."""
    entered: Counter = Counter()
    if threading.current_thread().name.startswith(_CHORES):
        sys.setprofile(None)
        return
    _THREADS.append(entered)

    def count(frame, event, _):
        if event == "call":
            entered[frame.f_code] += 1

    sys.setprofile(count)


def _statement(text: str) -> None:
    if not threading.current_thread().name.startswith(_CHORES):
        _STATEMENTS[text.split(None, 1)[0]] += 1


def _connect(*arguments, **options):
    connection = _plain(*arguments, **options)
    connection.set_trace_callback(_statement)
    return connection


def _write(*_) -> None:
    functions: Counter = Counter()
    for entered in _THREADS:
        for code, number in entered.copy().items():
            if code.co_filename not in (__file__, threading.__file__):
                functions[f"{code.co_filename}:{code.co_qualname}"] += number
        entered.clear()
    found = {"functions": functions, "statements": dict(_STATEMENTS)}
    _STATEMENTS.clear()
    path = Path(os.environ["DIALGATE_COUNTS"], f"{os.getpid()}.json")
    path.with_suffix(".new").write_text(json.dumps(found))
    path.with_suffix(".new").replace(path)


if os.environ.get("DIALGATE_COUNTS"):
    _plain = sqlite3.connect
    sqlite3.connect = _connect
    threading.setprofile(_count)
    signal.signal(signal.SIGUSR2, _write)
    sys.setprofile(_count)
