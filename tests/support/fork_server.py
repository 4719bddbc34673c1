"""A process that has imported Dialgate and becomes, once for each request, a program of it: see ``programs``.

Started as ``python -m tests.support.fork_server FD ROOM``: FD is its end of a socket pair on which requests come, ROOM
a long word whose place on the command line each program's own command line takes. Where workers are forked, one such
process has imported it for all of them, and becomes the server of each that starts a program.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import pwd
import resource
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

import numpy as np

from gate import g711, log
from tests.support import cheap_keys, databases, spare
from tests.support.example import TEMPLATE, make_example

_SET_DUMPABLE = 4
MAIN = "gate.cli.main"
_GATE = ("gate.daemon.running", "gate.daemon.process", "gate.media.relay", "gate.cli.test_uas", "phonenumbers")
_RECORDER = ("gate.recorder.server", "gate.vault.sealer", "gate.daemon.process", "structlog")
_LATE = (
    "cryptography.hazmat.backends.openssl.backend",
    "encodings.idna",
    "encodings.utf_8_sig",
    "gate.audit.checkpoints",
    "gate.operations.erasure.eraser",
    "gate.operations.retention.sweeper",
)
"""What a gate imports as it starts."""


def _imported() -> None:
    """What programs would import, as far as it does not depend on what they are asked."""
    main = importlib.import_module(MAIN)
    for module, _ in main.COMMANDS.values():
        importlib.import_module(module.partition(":")[0])
    for module in (*_GATE, *_RECORDER, *_LATE):
        importlib.import_module(module)
    databases.empty()
    databases.copy_empty()
    cheap_keys.ask_for_least()
    _used()
    gc.collect()
    gc.freeze()  # it is never garbage: a program's collector need not look at it, nor copy it


def _used() -> None:
    """Have it find out what a program finds out once and keeps, e.g. the types of the configuration's keys, the tables
    as a gate makes them, those of codecs: half of what a short command takes, and a seventh of a gate's start."""
    for encode in (g711.ulaw_encode, g711.alaw_encode):
        encode(np.zeros(160, np.int16))
    if TEMPLATE not in os.environ:
        return  # this process would have to remove it, and so would each that it becomes
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nothing:  # noqa: PTH123
        config = str(make_example(Path(folder) / "example") / "config.toml")
        for words in (["calls", "list"], ["audit", "verify"]):
            with redirect_stdout(nothing), suppress(SystemExit):
                importlib.import_module(MAIN).cli.main([*words, "--json", "-c", config])
    log._waiting.clear()  # how a command would have its log


def serve(door: socket.socket) -> dict[str, Any] | None:
    """Fork for each request. Returns the request in the process that is to become its program, ``None`` at the end."""
    woken, wakes = socket.socketpair()
    wakes.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines: dict[int, socket.socket] = {}
    """Process -> where its end is told."""
    with selectors.DefaultSelector() as selector:
        selector.register(door, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if woken in ready:
                woken.recv(4096)
                _tell_ends(lines)
            if door not in ready:
                continue
            message, descriptors, _, _ = socket.recv_fds(door, 1 << 20, 4)
            if not message:
                return None
            line = socket.socket(fileno=descriptors[3])
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, before)
                for number, descriptor in enumerate(descriptors[:3]):
                    os.dup2(descriptor, number)
                    os.close(descriptor)
                for each in (*lines.values(), line, door, woken, wakes):
                    each.close()
                return dict(json.loads(message))
            for descriptor in descriptors[:3]:
                os.close(descriptor)
            lines[pid] = line
            line.send(b"%d" % pid)


def _tell_ends(lines: dict[int, socket.socket]) -> None:
    while lines:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with lines.pop(pid) as line:
            try:
                line.send(b"%d" % os.waitstatus_to_exitcode(status))
            except OSError:
                continue  # whoever asked for it does not wait for it


def _become(request: dict[str, Any]) -> None:
    """The program, in all that it inherits."""
    if account := request.get("account"):
        as_started_by(account)
    if request["module"] == MAIN and request["arguments"][:1] == ["serve"]:
        spare.keep(_run)
    if request["session"]:
        os.setsid()
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    if request.get("safe_path"):
        del sys.path[0]
    else:
        sys.path[0] = request["folder"]
    os.umask(request["umask"])
    open_standard_streams()
    resource.setrlimit(resource.RLIMIT_NOFILE, tuple(request["descriptors"]))
    module, arguments = request["module"], request["arguments"]
    _rename([sys.executable, *(["-P"] if request.get("safe_path") else []), "-m", module, *arguments])
    if module == MAIN:
        sys.argv[:] = ["dialgate", *arguments]
        importlib.import_module(MAIN).main()
    sys.argv[:] = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def as_started_by(name: str) -> None:
    """Have the account's user, group and groups, and nothing of root's: as ``setpriv`` starts a program."""
    account = pwd.getpwnam(name)
    os.initgroups(name, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    if ctypes.CDLL(None).prctl(_SET_DUMPABLE, 1, 0, 0, 0):  # a program that is started is: else /proc/self is root's
        raise RuntimeError("the process cannot be made one of the account's own")


def open_standard_streams() -> None:
    """As the interpreter does when it starts: those that it opened are the fork server's."""
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        old = getattr(sys, name)
        lines = 1 if name == "stderr" or os.isatty(number) else -1
        mode = "r" if name == "stdin" else "w"
        stream = open(number, mode, lines, old.encoding, old.errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _rename(command: list[str]) -> None:
    """Let ``/proc/PID/cmdline`` say what runs here."""
    after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    begin, end = int(after_name[45]), int(after_name[46])
    room = end - begin
    words = b"".join(os.fsencode(word) + b"\0" for word in command)[: room - 1]
    ctypes.memmove(begin, words.ljust(room, b"\0"), room)


def _take_place() -> socket.socket:
    """Be a worker's server: its end of the pair stands at the standard input, the worker's network at the output."""
    door = socket.socket(fileno=os.dup(0))
    if os.fstat(1).st_ino != Path("/proc/self/ns/net").stat().st_ino and ctypes.CDLL(None).setns(1, 0):
        raise RuntimeError("no way into the worker's network")
    with Path(os.devnull).open("r+b", 0) as nothing:
        for number in (0, 1):
            os.dup2(nothing.fileno(), number)
    return door


def _end(code: int) -> None:
    """What the interpreter does at its end, but for taking every module apart, which is a tenth of a second for
    nothing. Raises ``OSError`` where what was written cannot be written out."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
    os._exit(code)


def _run(request: dict[str, Any]) -> None:
    """Become the program, and end as it ends; whatever is unusual about its end is left to the interpreter."""
    code = 0
    try:
        _become(request)
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        code = end.code or 0
    try:
        _end(code & 0xFF)
    except OSError:
        sys.exit(code)


def main() -> None:
    """Serve until whoever started it has gone."""
    door = socket.socket(fileno=int(sys.argv[1]))
    if not door.recv(1, socket.MSG_PEEK):
        return  # nobody has asked
    _imported()
    request = serve(door)
    if request is not None and request.get("server"):
        request = serve(_take_place())
    if request is not None:
        _run(request)


if __name__ == "__main__":
    main()
