"""``dialgate console --training``: the console on a gate of its own with made-up data, thrown away at the end.

The folder, the gate and the console are processes and files of this run alone. The gate listens on loopback, its trunk
leads to a port where nobody answers, and nothing of the environment or of a configuration that is there is read: no key
that is pressed can reach another gate. The console is a process below this one, so that a terminal that closes ends
that, and the folder goes all the same.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gate.cli.demo import Demo
from gate.cli.demo_scene import DIALGATE
from gate.cli.output import narrate
from gate.cli.setup import SAMPLE_LISTS
from gate.config import load
from gate.control.client import ControlClient
from gate.core.request_words import Asks
from gate.core.retention import HoldGround
from gate.handed_over_file import open_file
from gate.operations.calls.screening import Decide
from gate.operations.contacts.list_import import ContactsImport
from gate.operations.ingest.ingesting import RecordingIngest
from gate.operations.operation import operation_of
from gate.operations.requests.course import Decide as DecideRequest
from gate.operations.requests.course import Open, VerifyIdentity
from gate.operations.requests.searching import Search
from gate.operations.retention.holds import HoldAdd

NOWHERE: Final = "127.0.0.1:9"
"""Where nobody answers (discard, RFC 863): the carrier of the training."""
OPENS_WITH: Final = "made up for training"
DIALLED: Final = (
    *("020 7946 0123", "020 7946 0101", "01632 960202", "07700 900200", "0113 496 0042", "020 7946 0150"),
    *("029 2018 0345", "0161 496 0077", "020 7946 0777", "07700 900456", "020 7946 05", "0117 496 0011"),
)
"""Drama numbers: listed, objected, consented, unlisted, and one that is none."""
PERSON: Final = "020 7946 0123"
"""Who asks to be erased; of the calls to them and to the next, recordings are made."""
OTHER: Final = "0117 496 0011"


def train(arguments: Sequence[str]) -> int:
    """Make the gate, run ``dialgate console`` on it with these arguments, and throw all of it away; returns the exit
    code of the console. Raises ``GateError`` where a part does not start."""
    for name in [name for name in os.environ if name.startswith("DIALGATE")]:
        del os.environ[name]
    signal.signal(signal.SIGHUP, _end)
    signal.signal(signal.SIGTERM, _end)
    folder = Path(tempfile.mkdtemp(prefix="dialgate-training-"))
    narrate(f"A training gate with made-up data is made in {folder}. It goes when the console ends.")
    try:
        gate = Demo(folder, None, tell=narrate)
        words = folder / "training.passphrase"
        words.touch(mode=0o600)
        words.write_text(f"{OPENS_WITH}\n", encoding="ascii")
        gate.prepare(NOWHERE, "--passphrase-file", str(words))
        with gate.gate():
            _fill(folder, ControlClient(load(gate.config).control_socket, timeout=60.0))
            told = f"It cannot reach your gate, and goes when you leave. Its private key opens with: {OPENS_WITH}"
            console = [*DIALGATE, "console", "--in-training", told, "-c", str(gate.config), "-k", str(folder / KEY)]
            return subprocess.run([*console, *arguments], cwd=folder, check=False).returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        narrate("The training gate and all that was in it are gone.")


KEY: Final = Path("keys/first.key")


def _end(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _fill(folder: Path, gate: ControlClient) -> None:
    """Made-up calls, recordings, contacts and requests, each by its operation."""
    made = {number: gate.ask(Decide(number=number, account="alice")).decision_id for number in DIALLED}
    for number in (PERSON, OTHER):
        wav = folder / "announcement.wav"
        asked = RecordingIngest(path=str(wav), call_id=made[number])
        gate.ask(asked, given=open_file(str(wav), operation_of(asked).file))
    if SAMPLE_LISTS.is_dir():
        contacts = SAMPLE_LISTS / "crm.csv"
        gate.ask(ContactsImport(path=str(contacts), columns=("phone", "mobile"), reference="id"))
    gate.ask(HoldAdd(number=OTHER, reason="They may sue", reference="training 1", ground=HoldGround.CLAIM))
    gate.ask(Open(asks=Asks.ACCESS, channel="email", name="Amina Khan", numbers=("0113 496 0042",)))
    erasure = Open(asks=Asks.ERASURE, channel="post", name="Pat Person", contact="1 High Street", numbers=(PERSON,))
    reference = gate.ask(erasure).reference
    gate.ask(VerifyIdentity(request=reference, checked="passport seen"))
    gate.ask(Search(request=reference))
    gate.ask(DecideRequest(request=reference, grant=True))
