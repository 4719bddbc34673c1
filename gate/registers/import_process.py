"""The import in a process of its own: the gate's threads are not held up, and its memory is given back. The report of
what an import did, from whichever process.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import msgspec

import gate
from gate.converting import convert
from gate.errors import RegisterError, RegisterFailed
from gate.handed_over_file import HandedOverFile
from gate.registers.packing import opened

T = TypeVar("T")

ENDING_SECONDS = 2.0
"""So long is waited for a process that was killed."""
STALLED_SECONDS: Final = 600.0
"""An import that reports nothing for so long is ended: sorting a register takes less."""
IDLE_SECONDS: Final = 0.5
_NICE = 10
_PR_SET_PDEATHSIG = 1
"""``linux/prctl.h``."""


def end_with(parent: int) -> None:
    """From here on the kernel kills this process when the thread that started it ends; it ends at once where
    ``parent``, the process that started it, is gone already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def aside(memory: int) -> None:
    """From here on this process makes way for others, and has so many bytes of memory at most: beyond it there is a
    ``MemoryError``."""
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def kill(child: subprocess.Popen[Any]) -> None:
    """End a child process; harmless where it has ended. One that waits for a disk or a share that does not answer
    cannot even be killed: it is waited for by a thread, and ends as soon as it can."""
    child.kill()
    try:
        child.wait(ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        threading.Thread(target=child.wait, name="ending", daemon=True).start()


class ChildEnded(Exception):
    """A child process ended without a result, or was never one. ``how`` says by what; ``errors`` are the lines of its
    standard error."""

    def __init__(self, how: str, errors: Sequence[str] = ()) -> None:
        super().__init__(how)
        self.how = how + (f": {errors[-1]}" if errors else "")
        self.errors = errors


class ChildSilent(Exception):
    """A child process wrote nothing for too long."""


def follow_child(
    arguments: Sequence[str],
    take: Callable[[bytes], T | None],
    idle: Callable[[], None],
    stalled: float,
    *,
    descriptors: Sequence[int],
    stdin: IO[bytes] | int = subprocess.DEVNULL,
) -> T:
    """Run ``python -m ARGUMENTS`` in a child process, with the code of this process, wherever that was imported from.
    ``take`` gets each line that it writes, and returns its result when that has come; ``idle`` is called every
    ``IDLE_SECONDS`` without a line: a file of a slow share may keep the child for long. The child has ended when this
    returns or raises.

    Raises ``ChildEnded``, ``ChildSilent`` after ``stalled`` seconds without a line, and what ``take`` and ``idle``
    raise.
    """
    home = str(Path(gate.__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([home, inherited]) if inherited else home}
    command = [sys.executable, "-P", "-m", *arguments]
    with tempfile.TemporaryFile() as errors:
        try:
            child = subprocess.Popen(
                command, stdin=stdin, stdout=subprocess.PIPE, stderr=errors, env=env, pass_fds=descriptors
            )
        except OSError as error:
            raise ChildEnded(f"could not be started: {error}") from error
        assert child.stdout is not None  # noqa: S101 - asked for above
        try:
            results = map(take, _lines(child.stdout.fileno(), idle, stalled))
            result = next((each for each in results if each is not None), None)
            code = child.wait()
        finally:
            kill(child)
            child.stdout.close()
        if result is not None and code == 0:
            return result
        errors.seek(0)
        how = f"was ended by signal {-code}" if code < 0 else f"failed (exit code {code})"
        raise ChildEnded(how, errors.read().decode("utf-8", "replace").strip().splitlines())


def _lines(descriptor: int, idle: Callable[[], None], stalled: float) -> Iterator[bytes]:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    begun, silent = b"", 0.0
    while True:
        if not poll.poll(IDLE_SECONDS * 1000):
            silent += IDLE_SECONDS
            if silent >= stalled:
                raise ChildSilent
            idle()
            continue
        silent = 0.0
        if not (piece := os.read(descriptor, 65536)):
            return
        *whole, begun = (begun + piece).split(b"\n")
        yield from whole


class ImportReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A register file that was taken: the snapshot now in force, and how it differs from the one before."""

    name: str
    """``tps`` or ``ctps``."""
    as_of: date
    sha256: str
    """SHA-256 of the snapshot file: the identity that decisions name."""
    count: int
    """Different numbers in it."""
    coverage: tuple[str, ...]
    added: int
    """Numbers that were not in the snapshot before; all of them where there was none."""
    removed: int
    lines: int
    """Lines read."""
    duplicates: int
    """Lines whose number was there already."""
    bad: int
    """Lines that are not numbers and were left out (at most 0.1 % of all)."""
    bad_lines: tuple[tuple[int, str], ...]
    """(line number, what is wrong with it) of the first hundred of them."""
    source_name: str
    source_sha256: str
    """SHA-256 of the licensee's file."""
    accepted_shrink: bool
    """True where more numbers vanished than an import takes unasked, and the operator accepted it."""
    implausible: str = ""
    """What a live gate found odd about the file (``gate.registers.coverage``)."""
    accepted: str = ""
    """Why the operator took it all the same."""
    previous_sha256: str = ""
    """The snapshot it was compared with; empty where there was none, or none that is whole."""


def import_in_process(
    folder: Path,
    name: str,
    source: HandedOverFile | Path,
    *,
    as_of: date,
    now: datetime,
    coverage: tuple[str, ...] = ("full",),
    accept_shrink: bool = False,
    accept_older: bool = False,
    accept_narrower: bool = False,
    source_sha256: str = "",
    live: bool = False,
    accept_implausible: str = "",
    progress: Callable[[float, str], None] | None = None,
    stalled: float = STALLED_SECONDS,
) -> ImportReport:
    """``importer.import_file`` in a child process; the same arguments, report and ``RegisterError``.

    ``progress`` is called in this thread: as the child tells, and again every ``IDLE_SECONDS`` in which it tells
    nothing. Where it raises, this thread is interrupted, or the child tells nothing for ``stalled`` seconds, it is
    ended and the snapshot in force stays. It ends with this process, however that ends.
    """
    given = opened(source)
    arguments = ["gate.registers.importer", f"--folder={folder.absolute()}", f"--name={name}"]
    arguments += [f"--source={given.said}", f"--descriptor={given.fileno()}", f"--parent={os.getpid()}"]
    arguments += [f"--as-of={as_of.isoformat()}", f"--now={now.isoformat()}"]
    arguments += [f"--coverage={','.join(coverage)}"]
    arguments += ["--accept-shrink"] * accept_shrink + ["--accept-older"] * accept_older
    arguments += ["--accept-narrower"] * accept_narrower
    arguments += [f"--source-sha256={source_sha256}"] if source_sha256 else []
    arguments += ["--live"] * live + [f"--accept-implausible={accept_implausible}"]
    latest: list[tuple[float, str]] = []

    def again() -> None:
        if progress is not None and latest:
            progress(*latest[-1])

    def take(line: bytes) -> ImportReport | None:
        try:
            message = json.loads(line)
        except ValueError:
            return None
        if "progress" in message:
            latest[:] = [(message["progress"], message["stage"])]
            again()
        elif "error" in message:
            kind = RegisterFailed if message.get("again") else RegisterError
            raise kind(message["error"], hint=message["hint"])
        return convert(message["report"], ImportReport) if "report" in message else None

    try:
        return follow_child(arguments, take, again, stalled, descriptors=(given.fileno(),))
    except ChildSilent:
        raise RegisterFailed(
            f"the import reported nothing for {stalled:.0f} s and was ended",
            hint="does the disk or the share of the file answer? copy the file first",
        ) from None
    except ChildEnded as ended:
        raise RegisterFailed(
            f"the import process {ended.how}",
            hint="import the file again; unless 'register status' shows the new one, the register in force has stayed",
        ) from None
