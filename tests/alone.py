"""Run what failed beside other tests once more, each by itself: ``python -m tests.alone``, with pytest's options.

Many tests speak over sockets and wait for processes; a machine that runs several at once can be late for one of them.
So what failed in a run is run again with nothing beside it, three times, and must pass each time. It is named, whatever
comes of it. More than a few failures are no accident: they fail as they are.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

FAILED = Path(".pytest_cache/v/cache/lastfailed")
"""Where pytest keeps the names of what failed last."""
MOST = 5
TIMES = 3


def main() -> int:
    """The exit code: 0 where each passed each time."""
    names = sorted(json.loads(FAILED.read_text())) if FAILED.exists() else []
    if not 0 < len(names) <= MOST:
        print(f"{len(names)} failed: they are not run again by themselves (1 to {MOST} are)")
        return 1
    for name in names:
        print(f"failed beside others, run again alone {TIMES} times: {name}", flush=True)
        for _ in range(TIMES):
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *sys.argv[1:], name]
            if subprocess.run(command).returncode:
                print(f"failed alone, too: {name}")
                return 1
    print(f"passed alone: {', '.join(names)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
