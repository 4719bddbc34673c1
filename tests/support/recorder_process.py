"""The recorder as a process, for tests: ``python -m tests.support.recorder_process FOLDER MIN_FREE LIMIT FD``.

It seals to the recipients in a folder ``recipients`` beside FOLDER where there is one, else with ``recorder_seal``.
"""

from __future__ import annotations

import logging
import resource
import sys
from pathlib import Path

import structlog

from gate.clock import SystemClock
from gate.recorder.server import inherited, serve
from gate.vault.sealer import SealFactory, sealer
from tests.support.recorder_seal import Seal


def main() -> int:
    folder, min_free, file_limit, descriptor = sys.argv[1:]
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )
    if int(file_limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(file_limit), int(file_limit)))
    recipients = Path(folder).parent / "recipients"
    seal: SealFactory = sealer(recipients) if recipients.exists() else Seal
    return serve(inherited(int(descriptor)), Path(folder), seal, SystemClock(), min_free_bytes=int(min_free))


if __name__ == "__main__":
    sys.exit(main())
