"""A process that has collected all tests and becomes, once for each worker of pytest-xdist, that worker.

Each worker collects for itself: seconds of processor, and more where its files are not compiled yet. One that is forked
here finds every module imported, and only makes its list of tests. Where tests cannot be collected, nothing is forked:
the workers (``worker``) are interpreters of their own, and say what is wrong.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import shlex
import signal
import socket
import subprocess
import sys
import types
from collections.abc import Sequence
from typing import Any

import pytest

from tests.support import fork_server, programs

_PR_SET_PDEATHSIG = 1
_COLLECT = ("-n0", "--dist=no", "--collect-only", "-qq", "-p", "no:cacheprovider")
_COLLECTED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


def start(config: pytest.Config, specs: Sequence[Any]) -> None:
    """For the process that is to have workers: start the server, and let each worker (an execnet ``XSpec``) be asked
    for there."""
    if config.invocation_params.dir != config.rootpath:
        return  # modules are found from the root alone
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind("")  # the kernel finds a name
        place = door.getsockname()[1:].decode()
        words = [sys.executable, "-m", __name__, str(door.fileno()), *config.invocation_params.args]
        server = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[door.fileno()], cwd=config.rootpath
        )
    atexit.register(server.wait)
    atexit.register(server.terminate)
    for spec in specs:
        spec.python = shlex.join([sys.executable, "-m", "tests.support.worker", place])


_SHOWN = 0.005
"""Seconds from which on pytest names a test's preparation among what takes long."""


def tell_less(config: pytest.Config) -> None:
    """For a worker: four of six messages of a test say that it begins and ends, and that its preparation went well.
    Only ``-v`` shows any of that, and each costs the worker and whoever reads it."""
    if config.option.verbose > 0:
        return
    interactor: Any = next(each for each in config.pluginmanager.get_plugins() if hasattr(each, "sendevent"))
    send = interactor.sendevent

    def send_less(name: str, **event: Any) -> None:
        report = event.get("data", {})
        part = name == "testreport" and report["when"] != "call" and report["outcome"] == "passed"
        if name not in ("logstart", "logfinish") and not (part and report["duration"] < _SHOWN):
            send(name, **event)

    interactor.sendevent = send_less


def _become(request: dict[str, Any]) -> None:
    """What an interpreter does that is called with ``-c``."""
    os.environ.clear()
    os.environ.update(request["environment"])
    fork_server.open_standard_streams()
    sys.argv[:] = ["-c"]
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    exec(request["arguments"][-1], vars(module))  # noqa: S102 - as the interpreter would


def main() -> None:
    """Collect, and serve until whoever started it has gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    door, arguments = socket.socket(fileno=int(sys.argv[1])), sys.argv[2:]
    if pytest.main([*arguments, *_COLLECT]) in _COLLECTED:
        programs.share()
        if request := fork_server.serve(door):
            _become(request)


if __name__ == "__main__":
    main()
