"""msgspec in threads: the fault, and that it does not reach the gate."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.waiting import PATIENCE

PROGRAM = """
import sys, threading, typing
import msgspec
from gate.converting import convert, decode

threads, rounds = 8, 300
for number in range(rounds):
    inner = msgspec.defstruct(f"Inner{number}", [(f"f{i}", int, 0) for i in range(30)])
    middle = msgspec.defstruct(f"Middle{number}", [("inner", inner), ("many", list[inner]), ("by", dict[str, inner])])
    outer = msgspec.defstruct(f"Outer{number}", [("middle", middle), ("more", list[middle])])
    value = {"middle": {"inner": {}, "many": [{}], "by": {"a": {}}}, "more": []}
    data = msgspec.json.encode(value)
    ready = threading.Barrier(threads)

    def run():
        ready.wait()
        CALL

    crowd = [threading.Thread(target=run) for _ in range(threads)]
    [thread.start() for thread in crowd]
    [thread.join() for thread in crowd]
print("whole")
"""
ALONE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it ends by a segmentation fault on purpose
sys.setswitchinterval(1e-6)
"""
WAYS = {"convert": "convert(value, outer)", "decode": "decode(data, outer)"}
BARE = {"convert": "msgspec.convert(value, outer)", "decode": "msgspec.json.decode(data, type=outer)"}


def run(call: str) -> tuple[int, str]:
    program = ALONE + PROGRAM.replace("CALL", call)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout.strip()


@pytest.mark.deep
@pytest.mark.parametrize("way", WAYS)
def test_two_threads_that_meet_a_type_at_once_do_no_harm(way: str) -> None:
    assert run(WAYS[way]) == (0, "whole")


@pytest.mark.parametrize("way", BARE)
def test_msgspec_by_itself_still_needs_it(way: str) -> None:
    """When this fails, ``gate.converting`` can go."""
    assert any(run(BARE[way])[0] for _ in range(5))
