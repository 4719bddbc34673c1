"""The recorder as a process of its own, for tests: ``python -m tests.support.recorder_process FOLDER MIN_FREE FD``."""

from __future__ import annotations

import logging
import resource
import sys
from pathlib import Path

import structlog

from gate.clock import SystemClock
from gate.recorder.main import inherited, serve
from tests.support.recorder_seal import Seal


def main() -> int:
    folder, min_free, file_limit, descriptor = sys.argv[1:]
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )
    if int(file_limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(file_limit), int(file_limit)))
    return serve(inherited(int(descriptor)), Path(folder), Seal, SystemClock(), min_free_bytes=int(min_free))


if __name__ == "__main__":
    sys.exit(main())
