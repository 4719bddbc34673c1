"""A viewer of a real gate looks for the whole number behind what it is shown."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from gate.config.write import amend
from tests.attack import number_oracle
from tests.support.accounts import NEEDS_ROOT, accounts, as_account
from tests.support.running_gate import RunningGate

pytestmark = NEEDS_ROOT
NUMBER = "+442079460123"


def test_a_viewer_finds_no_number_by_asking_for_it() -> None:
    place = Path(tempfile.mkdtemp(prefix="dialgate-viewer-"))
    place.chmod(0o755)
    try:
        with accounts({"viewer": ("office",)}) as names:
            gate = RunningGate(place / "gate")
            socket = place / "run" / "gate.sock"
            control = {"socket": str(socket), "group": names["@office"]}
            amend(gate.config, {"control": control, "roles": {"viewer": [names["viewer"]]}})
            gate.socket = socket
            try:
                client = gate.start().client
                client.call("objection_add", number=NUMBER)
                client.call("decide", number=NUMBER)
                candidates = [f"+442079460{last:03}" for last in (23, 123, 223, 323, 423, 523, 623, 723, 823, 923)]
                done = as_account(names["viewer"], lambda: number_oracle.attack(str(socket), 40, candidates))
                assert done["hidden"] == "+44 20 79** **23"
                assert done["questions"] > 500
                assert (done["found"], done["told"]) == ([], [])
                rows = gate.rows("SELECT actor FROM facts WHERE kind = 'many_lookups'")
                assert rows, "going through numbers is seen"
                assert all(names["viewer"] in row["actor"] for row in rows)
                told = client.call("status")["warnings"]
                assert [each for each in told if "looked up" in each]
            finally:
                gate.stop()
    finally:
        shutil.rmtree(place)
