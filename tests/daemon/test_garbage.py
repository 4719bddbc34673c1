"""The collector's settings, in a process of their own."""

from __future__ import annotations

import subprocess
import sys

from tests.support.waiting import PATIENCE

PROGRAM = """
import gc, weakref
from gate.daemon.garbage import THRESHOLDS, collect_seldom

class Node:
    pass

collect_seldom()
assert gc.get_freeze_count() > 1000
assert gc.get_threshold() == THRESHOLDS
node = Node()
node.me = node
seen = weakref.ref(node)
del node
kept = []
while seen() is not None:
    kept.append([])
    assert len(kept) < 100 * THRESHOLDS[0], "cycles made later are still found"
"""


def test_what_start_up_made_is_left_out_and_later_cycles_are_found() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
