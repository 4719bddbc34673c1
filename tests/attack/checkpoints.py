"""Who attacks: an administrator with root on the gate who has no second place to fear, and not the signing key. What
they want: a log that was rewritten to look whole, so they take away what it was signed with.

    python -m tests.attack.checkpoints DATA files|rows|all|newest

On a stopped gate: ``files`` takes the files of the data folder away, ``rows`` the rows of the database, ``all`` both,
``newest`` the newest row and its file. Prints one line of JSON: how many ``files`` and ``rows`` are gone.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Take them away."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("what", choices=("files", "rows", "all", "newest"))
    asked = parser.parse_args(arguments)
    paths = sorted((asked.data / "checkpoints").glob("*.txt"))
    gone = paths[-1:] if asked.what == "newest" else paths if asked.what in ("files", "all") else []
    for path in gone:
        path.unlink()
    database = sqlite3.connect(asked.data / "gate.db", isolation_level=None)
    rows = 0
    if asked.what != "files":
        newest = " WHERE size = (SELECT max(size) FROM checkpoints)" if asked.what == "newest" else ""
        rows = database.execute(f"DELETE FROM checkpoints{newest}").rowcount  # noqa: S608 - one of two texts
    database.close()
    print(json.dumps({"files": len(gone), "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
