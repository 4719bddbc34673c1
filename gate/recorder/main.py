"""The recorder process's entry; ``gate.daemon`` calls ``serve`` with the vault's seal and an inherited socket."""

from __future__ import annotations

import socket
from pathlib import Path

from gate.clock import Clock
from gate.recorder.hardening import harden_process
from gate.recorder.server import Server
from gate.vault.sealer import SealFactory

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
