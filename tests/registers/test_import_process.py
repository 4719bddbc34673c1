"""Imports in a process of their own: progress, death at random moments, a full disk, two at once."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gate.errors import RegisterError
from gate.registers import import_process as child_module
from gate.registers.import_process import import_in_process
from gate.registers.importer import import_file
from tests.support.registers import NOW, TODAY, count, drama, files, put, write

LARGE = 3_000_000

pytestmark = pytest.mark.deep


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file large enough to be killed in the middle of."""
    path = tmp_path_factory.mktemp("large") / "tps_ns.txt"
    path.write_bytes("".join(f"0163296{number:04d} \r\n" for number in range(10_000)).encode() * (LARGE // 10_000))
    return path


def _start(folder: Path, source: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gate.registers.importer", "--folder", str(folder), "--name", "tps"]
    command += ["--source", str(source), "--as-of", TODAY.isoformat(), "--now", NOW.isoformat(), "--accept-shrink"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_child_reports_as_the_function_does(tmp_path: Path) -> None:
    source = write(tmp_path / "tps_ns.txt", [*drama(300), "02079460000"])
    seen: list[tuple[float, str]] = []
    report = import_in_process(
        tmp_path / "child", "tps", source, as_of=TODAY, now=NOW, coverage=("020", "01632"),
        progress=lambda done, stage: seen.append((done, stage)),
    )  # fmt: skip
    assert report == import_file(tmp_path / "here", "tps", source, as_of=TODAY, now=NOW, coverage=("020", "01632"))
    assert list(dict.fromkeys(stage for _, stage in seen)) == [
        "reading",
        "sorting",
        "comparing",
        "writing",
        "verifying",
        "done",
    ]
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == 1.0


def test_a_child_refuses_as_the_function_does(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(100))
    source = write(tmp_path / "t.txt", drama(10))
    with pytest.raises(RegisterError, match="would shrink from 100 to 10") as caught:
        import_in_process(folder, "tps", source, as_of=TODAY, now=NOW)
    assert "--accept-shrink" in caught.value.hint
    assert import_in_process(folder, "tps", source, as_of=TODAY, now=NOW, accept_shrink=True).accepted_shrink
    with pytest.raises(RegisterError, match="older"):
        import_in_process(folder, "tps", source, as_of=TODAY - timedelta(days=1), now=NOW)
    older = import_in_process(folder, "tps", source, as_of=TODAY - timedelta(days=1), now=NOW, accept_older=True)
    assert older.as_of == TODAY - timedelta(days=1)


def test_a_child_runs_this_code_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "__init__.py").write_text("raise SystemExit('another gate')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    write(tmp_path / "t.txt", drama(10))
    assert import_in_process(Path("r"), "tps", Path("t.txt"), as_of=TODAY, now=NOW).count == 10


def test_a_child_that_cannot_run_is_the_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "t.txt", drama(10))
    with monkeypatch.context() as patch:
        patch.setattr(child_module.sys, "executable", "/bin/false")
        with pytest.raises(RegisterError, match=r"failed \(exit code 1\)"):
            import_in_process(tmp_path / "r", "tps", source, as_of=TODAY, now=NOW)
        patch.setattr(child_module.sys, "executable", "/no/such/python")
        with pytest.raises(RegisterError, match="could not be started"):
            import_in_process(tmp_path / "r", "tps", source, as_of=TODAY, now=NOW)


def test_a_killed_child_is_told_and_the_old_register_stays(tmp_path: Path, large: Path) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(100))

    def kill(_done: float, stage: str) -> None:
        if stage == "reading":
            for process in Path("/proc").glob("[0-9]*"):
                if _is_child(process):
                    os.kill(int(process.name), signal.SIGKILL)

    with pytest.raises(RegisterError, match="was ended by signal 9"):
        import_in_process(folder, "tps", large, as_of=TODAY, now=NOW, progress=kill)
    assert count(folder) == 100


def _is_child(process: Path) -> bool:
    """True for an import that this very test process has started."""
    try:
        parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
        return parent == os.getpid() and b"gate.registers.importer" in (process / "cmdline").read_bytes()
    except (OSError, ValueError):
        return False


def test_a_caller_that_gives_up_ends_its_child(tmp_path: Path, large: Path) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(100))

    def interrupted(_done: float, _stage: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_in_process(folder, "tps", large, as_of=TODAY, now=NOW, progress=interrupted)
    assert not any(_is_child(process) for process in Path("/proc").glob("[0-9]*"))
    assert count(folder) == 100


def test_kill_at_random_moments(tmp_path: Path, large: Path) -> None:
    folder = tmp_path / "r"
    draw = random.Random(6)
    put(folder, "tps", drama(100))
    killed = 0
    for turn in range(6):
        importing = _start(folder, large)
        assert importing.stdout is not None
        importing.stdout.readline()  # it has begun to read
        time.sleep(draw.random() * 0.3)
        importing.kill()
        importing.communicate()
        killed += importing.returncode == -signal.SIGKILL
        assert count(folder) in (100, 10_000)
        put(folder, "tps", drama(100), now=NOW + timedelta(seconds=turn))
        assert count(folder) == 100
        assert not list(folder.glob(".*.part"))
    assert killed > 0


def test_two_imports_at_once_take_turns(tmp_path: Path, large: Path) -> None:
    folder = tmp_path / "r"
    small = write(tmp_path / "small.txt", drama(500))
    reports, waited = [], []

    def run(source: Path) -> None:
        reports.append(
            import_in_process(
                folder, "tps", source, as_of=TODAY, now=NOW, accept_shrink=True,
                progress=lambda _done, stage: waited.append(stage) if stage.startswith("waiting") else None,
            )
        )  # fmt: skip

    threads = [threading.Thread(target=run, args=(source,)) for source in (large, small, large, small)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 4
    chain = {report.previous_sha256: report.sha256 for report in reports}
    assert len(chain) >= 3  # each was compared with the one that was in force when its turn came
    assert count(folder) in (500, 10_000)
    assert not list(folder.glob(".*.part"))
    assert waited


def test_the_second_import_waits_and_says_so(tmp_path: Path) -> None:
    import fcntl

    folder = tmp_path / "r"
    put(folder, "tps", drama(100))
    with (folder / ".tps.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        importing = _start(folder, write(tmp_path / "t.txt", drama(300)))
        assert importing.stdout is not None
        assert json.loads(importing.stdout.readline())["stage"] == "waiting for another import"
        assert importing.poll() is None
        assert count(folder) == 100
        fcntl.flock(lock, fcntl.LOCK_UN)
        importing.communicate()
    assert (importing.returncode, count(folder)) == (0, 300)


def test_an_import_that_says_nothing_is_ended_when_it_is_told_to(tmp_path: Path) -> None:
    """It waits for another one's lock, as it would for a share that does not answer."""
    import fcntl

    folder = tmp_path / "r"
    put(folder, "tps", drama(100))
    waited: list[str] = []

    def stop(_done: float, stage: str) -> None:
        waited.append(stage)
        if waited.count("waiting for another import") == 3:
            raise InterruptedError

    with (folder / ".tps.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InterruptedError):
            import_in_process(folder, "tps", write(tmp_path / "t.txt", drama(300)), as_of=TODAY, now=NOW, progress=stop)
        assert not any(_is_child(process) for process in Path("/proc").glob("[0-9]*"))
    assert count(folder) == 100


def _with_room_for(size: int, folder: Path, source: Path) -> int:
    """Import in a fork that can write no file beyond so many bytes: 0 done, 3 refused with the one error."""
    forked = os.fork()
    if forked:
        return os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        try:
            import_file(folder, "tps", source, as_of=TODAY, now=NOW)
        except RegisterError:
            os._exit(3)
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the fork must never come back into the test run
        os._exit(1)


def test_no_room_at_any_size_leaves_the_old_register(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    put(folder, "tps", drama(100))
    before = files(folder)
    source = write(tmp_path / "t.txt", drama(1000))
    size = next(folder.glob("*.snap")).stat().st_size
    outcomes = []
    for room in [0, 1, 100, 4095, 4096, 4097, size, size + 600, size + 2000]:
        outcomes.append(_with_room_for(room, folder, source))
        if outcomes[-1] == 0:
            break
        assert files(folder) == before
        assert count(folder) == 100
    assert outcomes[-1] == 0
    assert outcomes.count(3) == len(outcomes) - 1 >= 6
    assert count(folder) == 1000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB, mostly used up."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_leaves_the_old_register_and_no_litter(tmp_path: Path, small_disk: Path) -> None:
    folder = small_disk / "r"
    source = write(tmp_path / "few.txt", drama(100))
    import_file(folder, "tps", source, as_of=TODAY, now=NOW)
    with (small_disk / "filler").open("wb") as filler:
        filler.write(bytes(44 << 10))
    before = files(folder)
    more = tmp_path / "more.txt"
    more.write_bytes("".join(f"0163296{number:04d} \r\n" for number in range(10_000)).encode() * 2)
    many = write(tmp_path / "many.txt", [f"0163{n:03d}0001" for n in range(500)])
    for full in (many, more):
        with pytest.raises(RegisterError, match="No space left on device"):
            import_in_process(folder, "tps", full, as_of=TODAY, now=NOW)
        assert files(folder) == before
        assert count(folder) == 100
    (small_disk / "filler").unlink()
    assert import_in_process(folder, "tps", more, as_of=TODAY, now=NOW).count == 10_000
    assert count(folder) == 10_000
