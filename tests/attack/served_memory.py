"""A browser page (or whoever holds the pipe) wants the machine's memory through a served console.

A served console reads packets with their length before them. This starts one, promises a packet of four gigabytes, and
sends bytes of it until the console ends or ``--most`` megabytes have gone:

    python -m tests.attack.served_memory --most 1200 -- dialgate console --served -c config.toml

It prints one line of JSON: ``sent_mb``, ``peak_mb`` (of the console's memory, at most) and ``ended``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

SECONDS = 120.0
PIECE = bytes(1 << 16)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1200)
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args(arguments)
    environment = {**os.environ, "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver", "COLUMNS": "80"}
    pipe = subprocess.PIPE
    sent = peak = 0
    with subprocess.Popen(asked.command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=environment) as served:
        assert served.stdin is not None and served.stdout is not None
        read = served.stdout.read1
        threading.Thread(target=lambda: [None for _ in iter(lambda: read(1 << 16), b"")], daemon=True).start()
        end = time.monotonic() + SECONDS
        try:
            served.stdin.write(b"D\xff\xff\xff\xff")
            while sent < asked.most << 20 and time.monotonic() < end:
                served.stdin.write(PIECE)
                sent += len(PIECE)
                if sent % (1 << 22) == 0:
                    peak = max(peak, _peak(served.pid))
            served.kill()
            ended = False
        except OSError:
            ended = True
            try:
                served.wait(20)
            except subprocess.TimeoutExpired:
                ended = False
                served.kill()
    print(json.dumps({"sent_mb": sent >> 20, "peak_mb": peak, "ended": ended}))
    return 0


def _peak(pid: int) -> int:
    """Megabytes that the process has had in memory, at most; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM")), 0)


if __name__ == "__main__":
    sys.exit(main())
