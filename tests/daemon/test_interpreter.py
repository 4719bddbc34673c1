"""The interpreter's settings, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.waiting import PATIENCE

BEGINNING = """
import gc, sys, weakref
from gate.daemon.process import AT_LEAST_EVERY, MAKES_WAY_SECONDS, QUIET, YOUNG, QuietCollector, set_for_calls

class Node:
    pass

def cycle():
    node = Node()
    node.me = node
    return weakref.ref(node)

def busy(times):
    kept = []
    while times:
        before = gc.get_stats()[0]["collections"]
        kept += [[] for _ in range(YOUNG // 4)]
        times -= gc.get_stats()[0]["collections"] > before
    return kept

set_for_calls()
"""
A_THREAD_MAKES_WAY = "assert abs(sys.getswitchinterval() - MAKES_WAY_SECONDS) < 1e-6"
WHAT_START_UP_MADE_IS_LEFT_OUT = "assert gc.get_freeze_count() > 1000"
NEW_CYCLES_ARE_FOUND = """
seen = cycle()
busy(1)
assert seen() is None
"""
A_BUSY_GATE_LOOKS_AT_ITS_NEWEST_OBJECTS_ALONE = """
older = [each["collections"] for each in gc.get_stats()[1:]]
kept = busy(200)
assert [each["collections"] for each in gc.get_stats()[1:]] == older
"""
OLDER_CYCLES_ARE_FOUND_WHEN_THERE_IS_LITTLE_TO_DO = """
node = Node()
node.me, seen = node, weakref.ref(node)
kept = busy(2)  # it is not new any more
del node
collector = QuietCollector()
kept += busy(QUIET + 1)
collector.look()
assert seen() is not None, "busy"
collector.look()
assert seen() is None, "quiet"
"""
A_GATE_THAT_IS_NEVER_QUIET_COLLECTS_ONCE_A_DAY = """
import time
node = Node()
node.me, seen = node, weakref.ref(node)
kept = busy(2)
del node
collector = QuietCollector()
kept += busy(QUIET + 1)
now = time.monotonic()
time.monotonic = lambda: now + AT_LEAST_EVERY + 1
collector.look()
assert seen() is None
"""


@pytest.mark.parametrize(
    "program",
    [
        A_THREAD_MAKES_WAY,
        WHAT_START_UP_MADE_IS_LEFT_OUT,
        NEW_CYCLES_ARE_FOUND,
        A_BUSY_GATE_LOOKS_AT_ITS_NEWEST_OBJECTS_ALONE,
        OLDER_CYCLES_ARE_FOUND_WHEN_THERE_IS_LITTLE_TO_DO,
        A_GATE_THAT_IS_NEVER_QUIET_COLLECTS_ONCE_A_DAY,
    ],
    ids=["makes way", "start-up", "new", "busy", "quiet", "daily"],
)
def test_the_interpreter_holds_no_call_up(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", BEGINNING + program], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


CORES = """
import os, subprocess, sys, threading
from gate.daemon.process import ON_ONE_CORE, stay_on_one_core

CHILD = "import os; from gate.daemon.process import run_where_the_gate_may as run; " \\
    "before = len(os.sched_getaffinity(0)); run(os.getppid()); print(before, len(os.sched_getaffinity(0)))"
ready, over, seen = threading.Barrier(4), threading.Event(), {}

def work():
    ready.wait()
    over.wait()
    seen[threading.current_thread().name] = os.sched_getaffinity(0)
    if threading.current_thread().name == "line":
        seen["child"] = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True).stdout

threads = [threading.Thread(target=work, name=name) for name in ("line", "store", "another")]
for thread in threads:
    thread.start()
ready.wait()
stay_on_one_core()
over.set()
for thread in threads:
    thread.join()
every = os.sched_getaffinity(0)
assert {"line", "store"} <= ON_ONE_CORE
assert seen["another"] == every, "what is no part of a call, and the first thread, run anywhere"
assert seen["line"] == seen["store"] and len(seen["line"]) == 1 and seen["line"] < every
assert seen["child"].split() == ["1", str(len(every))], "the recorder runs anywhere, whichever thread started it"
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor")
def test_the_threads_of_a_call_stay_on_one_core_and_nothing_else_does() -> None:
    done = subprocess.run([sys.executable, "-c", CORES], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
