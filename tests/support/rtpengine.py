"""rtpengine as the media of a recording client: it relays a call, and sends copies of both sides to a recorder, as it
does for jambonz and OpenSIPS (its commands ``subscribe request`` and ``subscribe answer``)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.running_gate import free_port
from tests.support.waiting import PATIENCE, until


def required() -> None:
    """Skip where it is not installed; fail where the suite must be whole."""
    if not shutil.which("rtpengine"):
        assert not os.environ.get("CI"), "rtpengine-daemon must be installed"
        pytest.skip("rtpengine-daemon not installed")


class Rtpengine:
    """A running one on 127.0.0.1; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "rtpengine.log"
        self._at = ("127.0.0.1", free_port())
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.settimeout(PATIENCE)
        self._count = 0

    def __enter__(self) -> Rtpengine:
        command = ["rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--table=-1"]
        command += ["--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{self._at[1]}"]
        command += ["--port-min=61000", "--port-max=61999", "--num-threads=1"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        process = self._process
        until(lambda: process.poll() is not None or b"Startup complete" in self._log.read_bytes(), self._log.read_bytes)
        assert process.poll() is None, self._log.read_bytes()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._sock.close()

    def ask(self, command: str, **values: Any) -> dict[str, Any]:
        """A command of its ng protocol, and what it answers; ``_`` in names stands for ``-``."""
        self._count += 1
        told = {"command": command, **{name.replace("_", "-"): value for name, value in values.items()}}
        self._sock.sendto(f"{self._count} ".encode() + _bencoded(told), self._at)
        data = self._sock.recv(65535).partition(b" ")[2]
        answer, _ = _decoded(data)
        assert answer["result"] == "ok", answer
        return dict(answer)


def _bencoded(value: Any) -> bytes:
    if isinstance(value, dict):
        return b"d" + b"".join(_bencoded(key) + _bencoded(each) for key, each in sorted(value.items())) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(_bencoded, value)) + b"e"
    data = str(value).encode()
    return str(len(data)).encode() + b":" + data


def _decoded(data: bytes) -> tuple[Any, bytes]:
    if data[:1] in (b"d", b"l"):
        found: list[Any] = []
        rest = data[1:]
        while rest[:1] != b"e":
            value, rest = _decoded(rest)
            found.append(value)
        pairs = dict(zip(found[::2], found[1::2], strict=True)) if data[:1] == b"d" else None
        return (found if pairs is None else pairs), rest[1:]
    if data[:1] == b"i":
        number, _, rest = data[1:].partition(b"e")
        return int(number), rest
    length, _, rest = data.partition(b":")
    return rest[: int(length)].decode(), rest[int(length) :]
