"""Hands in a folder's recordings and kills itself on the way: ``python -m tests.support.ingest_kills CONFIG DROP``.

Reads lines from standard input: the number of a step, or ``-`` for a run to its end. A step is a line of the code that
carries recordings in, met for the first time. Each run is a process of its own, as the next start would be; what became
of it is a line on standard output: ``killed`` or ``done STEPS``, after ``ready``.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

from gate.config import load
from gate.daemon.opening import open_folder
from gate.handed_over_file import HandedOverFile
from gate.operations.ingest import folder, ingesting
from gate.operations.ingest.ingesting import Ingests
from gate.operations.operation import Caller
from gate.vault import sealer

TRACED = frozenset(each.__file__ for each in (folder, ingesting, sealer))


def run(config: str, drop: str, step: int) -> int:
    """One start of a gate; killed at ``step``, where that is not negative."""
    seen: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line" and (place := (frame.f_code.co_filename, frame.f_lineno)) not in seen:
            if len(seen) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            seen.add(place)
        return trace

    with ExitStack() as stack:
        data = open_folder(load(Path(config)), stack)

        def ask(asked: ingesting.RecordingIngest, file: HandedOverFile) -> ingesting.RecordingIngested:
            return ingesting.recording_ingest(data, asked, Caller("gate:ingest", file=file))

        section = data.config.ingest
        sys.settrace(trace)
        _ = data.one(Ingests)
        for outcome in folder.IngestFolder(data.config.path(drop), section).look(time.monotonic(), ask, settle=0.0):
            assert not outcome.why, outcome.why
        sys.settrace(None)
    return len(seen)


def main(config: str, drop: str) -> None:
    """As above."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output is for answers
    with ExitStack() as stack:
        open_folder(load(Path(config)), stack)  # so that no run finds out again what any does
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    for line in sys.stdin:
        step = -1 if line.strip() == "-" else int(line)
        reader, sender = os.pipe()
        if not (child := os.fork()):
            os.write(sender, str(run(config, drop, step)).encode())
            os._exit(0)
        os.close(sender)
        _, status = os.waitpid(child, 0)
        told = os.read(reader, 64).decode()
        os.close(reader)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        sys.stdout.write("killed\n" if killed else f"done {told}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
