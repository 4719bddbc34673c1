"""The recorder process's entry; ``gate.daemon`` calls ``serve`` with the vault's seal and an inherited socket.

What keeps clear audio in the recorder's memory: no core dump, no reading by other processes, no swap where allowed.

Not promised: packets in the kernel's socket buffers and in the relay's own process are outside of this; suspend to disk
writes everything. Encrypted swap is the administrator's answer to those.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import socket
from pathlib import Path

from gate.clock import Clock
from gate.recorder.server import Server
from gate.vault.sealer import SealFactory

_PR_SET_DUMPABLE = 4
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
"""Linux values (``linux/prctl.h``, ``asm-generic/mman.h``)."""


def harden_process() -> bool:
    """Harden this process; returns True where its memory is locked. Termination signals are ignored: the recorder ends
    when the gate's end of the socket closes, so that nothing stops it in the middle of a call."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _raise_file_limit()
    library = ctypes.CDLL(None, use_errno=True)
    with contextlib.suppress(AttributeError):
        library.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return _lock_memory(library)


def _raise_file_limit() -> None:
    """Three descriptors a call: the soft limit of 1024 would end at 340 calls."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else hard
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _lock_memory(library: ctypes.CDLL) -> bool:
    """Only where nothing bounds it: a lock that runs into ``RLIMIT_MEMLOCK`` later would make allocations fail."""
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != resource.RLIM_INFINITY and not _may_lock():
        return False
    try:
        return bool(library.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0)
    except AttributeError:
        return False


def _may_lock() -> bool:
    """``CAP_IPC_LOCK`` (bit 14) among the effective capabilities."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> 14 & 1)
    except (OSError, ValueError):
        pass
    return False


MIN_FREE_BYTES = 256 << 20


def inherited(descriptor: int) -> socket.socket:
    """The control socket that was left open for this process under ``descriptor``. Raises ``OSError``."""
    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    return control


def serve(
    control: socket.socket, recordings: Path, seal: SealFactory, clock: Clock, *, min_free_bytes: int = MIN_FREE_BYTES
) -> int:
    """Run until the gate's end of ``control`` closes; then seal, close and mark what is open, and return 0.

    ``recordings`` is created where it is missing. New recordings are refused while less than ``min_free_bytes`` are
    free. Raises ``OSError`` where the folder cannot be made.
    """
    locked = harden_process()
    recordings.mkdir(mode=0o700, parents=True, exist_ok=True)
    Server(control, recordings, seal, clock, min_free_bytes=min_free_bytes, locked=locked).run()
    return 0
