"""A real gate in a process of its own, on a folder of its own: what a firm would run, with drama numbers.

``RunningGate`` prepares the folder through the command line (``init --example``), puts its addresses and what the test
wants into the configuration, and starts ``dialgate serve``. Everything is asked through the control socket or read from
the files as a user would.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import tomlkit

from gate.config import load
from gate.config.write import amend
from gate.control.client import ControlClient
from gate.store import reader
from tests.support import programs
from tests.support.example import make_example
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
DIALGATE = [sys.executable, "-m", "gate.cli.main"]
UNLISTED = "02079460123"
LISTED = "02079460101"


def free_port(kind: int = socket.SOCK_DGRAM) -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def dialgate(*arguments: str, config: Path | None = None, check: bool = True, **environment: str) -> Any:
    """Run a command with ``--json`` and return what it printed; fails the test where it fails."""
    words = [*arguments, *(["-c", str(config)] if config else []), "--json"]
    done = programs.run("gate.cli.main", *words, timeout=120, env={**os.environ, **environment}, cwd=Path.cwd())
    if check:
        assert done.returncode == 0, f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}"
    return json.loads(done.stdout) if done.stdout.strip() else {}


def wav_of_silence(path: Path, seconds: float) -> None:
    """A quiet tone of a length: an announcement for tests that only need its time."""
    import numpy as np
    import soundfile

    time_axis = np.arange(int(8000 * seconds)) / 8000
    soundfile.write(path, (0.2 * np.sin(2 * np.pi * 700 * time_axis)).astype("float32"), 8000, subtype="PCM_16")


class RunningGate:
    """A gate's folder and, once started, its process."""

    def __init__(self, folder: Path, *, announcement: float | None = 1.0, data: Path | None = None) -> None:
        """``announcement``: seconds of a 700 Hz tone in place of the example's words (None keeps them). ``data``: where
        the data folder lies, e.g. on a small disk."""
        self.folder = folder
        make_example(folder)
        self.config = folder / "config.toml"
        self.port = free_port()
        self.trunk_port = free_port()
        first = random.randrange(10000, 16500, 500)  # below the ports that the kernel gives to anybody
        own: dict[str, dict[str, Any]] = {
            "sip": {"listen": f"127.0.0.1:{self.port}"},
            "trunk": {"address": f"127.0.0.1:{self.trunk_port}", "options_seconds": 0},
            "media": {"port_min": first, "port_max": first + 15999},
            "log": {"level": "info", "format": "json"},
        }
        if announcement is not None:
            wav_of_silence(folder / "tone.wav", announcement)
            own["announcement"] = {"id": "tone", "wav": "tone.wav"}
        if data is not None:
            shutil.copytree(folder / "data", data, dirs_exist_ok=True)
            own["storage"] = {"data": str(data)}
        amend(self.config, own)
        self.data = data or folder / "data"
        self.socket = self.data / "control.sock"
        self.log = folder / "gate.log"
        self.process: programs.Program | subprocess.Popen[bytes] | None = None
        self.http = ""
        """Where a test has put the door for phone systems."""
        self.tokens: dict[str, str] = {}
        """Who may ask there."""

    def set(self, section: str, **values: Any) -> None:
        """Change keys of a section."""
        amend(self.config, {section: values})

    def add_pbx(self, **values: Any) -> None:
        """Let a PBX on 127.0.0.1 call; it is refused as a phone is where nothing else is said."""
        document = tomlkit.parse(self.config.read_text())
        pbx = tomlkit.table()
        pbx.update(
            {"name": "pbx", "addresses": ["127.0.0.1"], "presentation": "+442079460000", "refusal": 603} | values
        )
        document.setdefault("pbx", tomlkit.aot()).append(pbx)
        self.config.write_text(tomlkit.dumps(document))

    def add_token(self, name: str, **values: Any) -> str:
        """Somebody who may ask at ``control.http``: for calls of these ``purposes``, or ``metrics``; the token."""
        token = f"{name}-{random.randbytes(12).hex()}"
        path = self.folder / "secrets" / f"{name}.token"
        path.touch(0o600)
        path.write_text(token + "\n")
        document = tomlkit.parse(self.config.read_text())
        table = tomlkit.table()
        table.update({"name": name, "token_file": f"secrets/{name}.token"} | values)
        document.setdefault("token", tomlkit.aot()).append(table)
        self.config.write_text(tomlkit.dumps(document))
        self.tokens[name] = token
        return token

    @property
    def address(self) -> tuple[str, int]:
        """Where phones send SIP."""
        return ("127.0.0.1", self.port)

    @property
    def client(self) -> ControlClient:
        """The control interface."""
        return ControlClient(self.socket)

    def password(self, account: str = "alice") -> str:
        """An account's password."""
        return (self.folder / "secrets" / f"{account}.password").read_text().strip()

    def start(self) -> RunningGate:
        """Start it and wait until it answers; one that does not is ended."""
        self.spawn()
        try:
            self.wait(self.client.answers, 60, "the gate does not answer")
        except BaseException:
            self.kill()
            raise
        return self

    def kill(self) -> None:
        """End it at once, where it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def spawn(self) -> None:
        """Start it."""
        load(self.config)
        with self.log.open("ab") as log:
            words = ("serve", "-c", str(self.config))
            self.process = programs.start("gate.cli.main", *words, stdout=log, stderr=log, cwd=Path.cwd())

    def stop(self, number: int = signal.SIGTERM, seconds: float = PATIENCE) -> int:
        """End it; returns its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the gate did not stop\n{self.said()}") from None
        finally:
            self.process = None

    def recorder_pid(self) -> int:
        """The recorder's process id."""
        found = self.pids("gate.daemon.recording")
        assert len(found) == 1, found
        return found[0]

    def pids(self, word: str) -> list[int]:
        """Processes with this word and this data folder on their command line."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    line = (entry / "cmdline").read_bytes().decode(errors="replace")
                except OSError:
                    continue
                if word in line and str(self.data) in line:
                    found.append(int(entry.name))
        return found

    def wait(self, true: Callable[[], Any], seconds: float, otherwise: str) -> Any:
        """Until something is so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := true():
                return value
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"the gate ended with {self.process.returncode}\n{self.said()}")
            time.sleep(0.05)
        raise AssertionError(f"{otherwise} within {seconds} s\n{self.said()}")

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Rows of the evidence database, read beside the gate."""
        with closing(reader.open_reader(reader.place_of(load(self.config, secrets=False)))) as connection:
            cursor = connection.execute(sql, parameters)
            return [dict(zip([column[0] for column in cursor.description], row, strict=True)) for row in cursor]

    def decision(self) -> dict[str, Any]:
        """What the log says of the last attempt."""
        (row,) = self.rows("SELECT body FROM facts WHERE kind = 'decision' ORDER BY leaf_index DESC LIMIT 1")
        return dict(json.loads(row["body"]))

    def kinds(self, call_id: str) -> list[str]:
        """The facts of a call, in the log's order."""
        return [
            row["kind"] for row in self.rows("SELECT kind FROM facts WHERE call_id = ? ORDER BY leaf_index", call_id)
        ]

    def verified(self) -> dict[str, Any]:
        """The log verified by the command line; fails the test where it does not hold."""
        report = dialgate("audit", "verify", config=self.config)
        assert report["ok"], report
        return dict(report)

    def export(self, recording_id: str, output: Path) -> dict[str, Any]:
        """A recording opened into a WAV by the command line, with the first key."""
        words = self.folder / "keys" / "first.passphrase"
        report = dialgate(
            "recording",
            "export",
            recording_id,
            *("-k", str(self.folder / "keys" / "first.key"), "-o", str(output)),
            *("--purpose", "test", "--passphrase-file", str(words)),
            config=self.config,
        )
        return dict(report)


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[RunningGate]:
    """A started gate with a PBX on 127.0.0.1, stopped at the end."""
    gate = RunningGate(folder, **options)
    gate.add_pbx()
    gate.start()
    try:
        yield gate
    finally:
        if gate.process is not None:
            gate.stop()
