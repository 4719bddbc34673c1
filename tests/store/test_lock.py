"""One process at a time owns a data folder."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from gate.errors import StoreError
from gate.store.reader import DataLock

pytestmark = pytest.mark.engine("sqlite")

HOLDER = """
import pathlib, sys
from gate.store.reader import DataLock
lock = DataLock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_is_told_who_has_it(tmp_path):
    with DataLock(tmp_path), pytest.raises(StoreError, match=f"in use by process {os.getpid()}$"):
        DataLock(tmp_path)
    DataLock(tmp_path).release()


def test_another_process_is_told_too_and_a_killed_one_lets_go(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StoreError, match=f"in use by process {holder.pid}$"):
        DataLock(tmp_path)
    holder.kill()
    holder.wait()
    DataLock(tmp_path).release()
    holder.stdin.close()
    holder.stdout.close()


def test_a_child_started_by_exec_does_not_keep_it(tmp_path):
    lock = DataLock(tmp_path)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lock.release()
    DataLock(tmp_path).release()
    child.communicate(b"\n")


def test_no_folder(tmp_path):
    with pytest.raises(StoreError, match="cannot open"):
        DataLock(tmp_path / "nowhere")


def test_released_twice(tmp_path):
    lock = DataLock(tmp_path)
    lock.release()
    lock.release()
    assert (tmp_path / "gate.lock").stat().st_mode & 0o777 == 0o600


def test_who_has_patience_gets_it_when_the_other_lets_go(tmp_path):
    first = DataLock(tmp_path)
    timer = threading.Timer(0.2, first.release)
    timer.start()
    with DataLock(tmp_path, 30.0), pytest.raises(StoreError, match="in use"):
        DataLock(tmp_path)
    timer.join()
