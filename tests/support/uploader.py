"""Uploads of a data folder that kill themselves: ``uploader.py FOLDER``, one look for each number of steps on a line of
standard input.

A step is the beginning or the end of a question to the bucket, of a transaction, or of the removal of a file. Each look
is a process of its own, forked here; what ended it is printed, a line each: ``ended -9``, or ``ended 0``.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from gate.config import load
from gate.daemon.opening import open_folder
from gate.operations.retention.uploads import Uploads
from gate.vault import bucket
from tests.support.keeping import NOW, SetClock
from tests.support.killing import stepping

CALLS = ("put_object", "create_multipart_upload", "upload_part", "complete_multipart_upload", "head_object")
"""What is asked of the bucket."""


def look(folder: Path, left: int) -> None:
    """One look, killed after so many steps."""

    stepped = stepping(left)

    with ExitStack() as stack:
        data = open_folder(load(folder / "config.toml"), stack, SetClock(NOW))
        data.store.call = stepped(data.store.call)  # type: ignore[method-assign]
        Path.unlink = stepped(Path.unlink)  # type: ignore[method-assign]
        client = data.files.bucket._client  # type: ignore[union-attr]
        for name in CALLS:
            setattr(client, name, stepped(getattr(client, name)))
        data.one(Uploads).look()


def main() -> None:
    bucket.PART = 5 << 20  # the smallest that servers take
    for steps in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                look(Path(sys.argv[1]), int(steps))
            except BaseException:  # noqa: BLE001 - told by its traceback and its exit code
                sys.excepthook(*sys.exc_info())
                os._exit(1)
            os._exit(0)
        print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


main()
