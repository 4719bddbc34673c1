"""One account of compliance, and one admin, each alone against every recording of a real gate."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gate.config.write import amend
from tests.attack import key_drop
from tests.support.accounts import NEEDS_ROOT, accounts, as_account
from tests.support.keeping import plant
from tests.support.requesting import key_of, opened, sound
from tests.support.running_gate import RunningGate, dialgate
from tests.support.vault import private_key

pytestmark = NEEDS_ROOT
BOB = private_key("Bob (auditor)", "auditor")
NAMES = ("held", "free", "both")


class Office(NamedTuple):
    """A gate that runs, its accounts, and what one attacker achieved."""

    gate: RunningGate
    names: Mapping[str, str]
    done: dict[str, Any]


@pytest.fixture(scope="module", params=["compliance", "admin"])
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    place = Path(tempfile.mkdtemp(prefix="dialgate-office-"))
    place.chmod(0o755)
    try:
        with accounts({"compliance": ("office",), "admin": ("office",)}) as names:
            gate = RunningGate(place / "gate")
            bob = place / "bob.recipient"
            bob.write_text(BOB.recipient.to_text())
            dialgate("key", "add", str(bob), config=gate.config)
            with opened(gate.folder) as data:
                first = key_of(gate.folder).recipient
                for name in NAMES:
                    owners = (first, BOB.recipient) if name == "both" else (first,)
                    plant(data.store, data.keys, gate.data / "recordings", owners, name, sound=sound())
            dialgate(
                "hold",
                "add",
                "--ground",
                "claim",
                "--recording",
                "held",
                "--reason",
                "a",
                "--reference",
                "b",
                config=gate.config,
            )
            socket = place / "run" / "gate.sock"
            roles: dict[str, Any] = {"admin": ["root", names["admin"]], "compliance": [names["compliance"]]}
            amend(gate.config, {"control": {"socket": str(socket), "group": names["@office"]}, "roles": roles})
            try:
                amend(gate.config, {"roles": {"dual_control": "on"}})
                gate.socket = socket
                gate.start()
                done = as_account(names[request.param], lambda: key_drop.attack(str(socket)))
                yield Office(gate, names, done)
            finally:
                gate.stop()
    finally:
        shutil.rmtree(place)


def test_nothing_is_taken_from_anybody_and_everything_still_opens(office: Office, tmp_path: Path) -> None:
    done = office.done
    assert (done["kept"], done["dropped"], done["released"]) == (0, 0, 0), done
    for name in NAMES:
        assert office.gate.export(name, tmp_path / f"{name}.wav")["seconds"] > 0.5
    assert done["refused"]


def test_what_was_tried_stands_in_the_log_and_waits_for_somebody_else(office: Office) -> None:
    rows = office.gate.rows("SELECT kind, actor FROM facts WHERE kind IN ('proposed', 'proposal_confirmed')")
    assert {row["kind"] for row in rows} == {"proposed"}
    assert office.done["waits"] == len(rows) > 0
    assert office.done["refused"]["same_person"] == len(rows)
    told = dialgate("status", config=office.gate.config, check=False)["attention"]
    assert len([each for each in told if "second person" in each]) == len(rows)
