"""A process that a forked gate keeps for the first Python program that it starts, which is its recorder.

Importing what a recorder needs takes half a second of processor, and each gate of a test starts one. So a gate that is
forked (``fork_server``) forks once more before it begins. That child waits, and becomes the program when the gate calls
``subprocess.Popen``: with its descriptors, command line, folder, environment, limits and session, and as the gate's own
child. A second one, e.g. the recorder after a crash, is started as ever.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_LIMITS = (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE)
_HIGH = 900
"""Descriptors from here on are nobody's."""


def keep(run: Callable[[dict[str, Any]], None]) -> None:
    """Fork it; ``run`` is called in it, with what the program is asked to be."""
    line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        line.close()
        request = _wait(theirs)
        if request is None:
            os._exit(0)  # the gate has ended, or starts another way
        run(request)
        os._exit(1)  # never: it ends as its program does
    theirs.close()
    _lend(pid, line)


def _wait(line: socket.socket) -> dict[str, Any] | None:
    """Until the gate starts its program; its descriptors are in their places then."""
    message, given, _, _ = socket.recv_fds(line, 1 << 20, 16)
    line.close()
    if not message:
        return None
    request: dict[str, Any] = json.loads(message)
    high = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, _HIGH) for each in given]
    for each in given:
        os.close(each)
    for each, place in zip(high, request["places"], strict=True):
        os.dup2(each, place)
        os.close(each)
    for kind, limit in zip(_LIMITS, request["limits"], strict=True):
        resource.setrlimit(kind, tuple(limit))
    return request


def _lend(pid: int, line: socket.socket) -> None:
    """Let ``subprocess`` use it for the first program that fits."""
    truly: Callable[..., int] = subprocess._fork_exec  # type: ignore[attr-defined]

    def fork_exec(words: Sequence[Any], *rest: Any) -> int:
        """As ``_posixsubprocess.fork_exec``: ``rest`` are its arguments after the first, in their order."""
        subprocess._fork_exec = truly  # type: ignore[attr-defined]
        command = [os.fsdecode(word) for word in words]
        _, _, kept, folder, environment, *standard = rest[:11]
        with line:
            if command[:3] != [sys.executable, "-P", "-m"] or folder is not None or environment is not None:
                return truly(words, *rest)
            read_in, _, _, written_out, _, written_err = standard
            places = {0: read_in, 1: written_out, 2: written_err}
            given = {place: each for place, each in places.items() if each != -1}
            given |= {each: each for each in kept if each != rest[12]}  # not the one that tells of a failed start
            asked = {
                "module": command[3],
                "arguments": command[4:],
                "environment": dict(os.environ),
                "folder": str(Path.cwd()),
                "umask": int(Path("/proc/self/status").read_text().partition("Umask:")[2].split()[0], 8),
                "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE),
                "safe_path": True,
                "places": list(given),
                "session": bool(rest[14]),
                "limits": [resource.getrlimit(kind) for kind in _LIMITS],
            }
            socket.send_fds(line, [json.dumps(asked).encode()], list(given.values()))
        return pid

    subprocess._fork_exec = fork_exec  # type: ignore[attr-defined]
