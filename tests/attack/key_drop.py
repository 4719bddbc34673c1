"""A compliance officer, or an admin, wants every recording gone for good, held ones too, and nobody else to know.

With an account on the control socket and no private key: random bytes are handed over in place of wrapped keys, and the
old ones dropped for them; what keeps recordings is released; what waits for a second person is confirmed by the first.

    python -m tests.attack.key_drop /run/dialgate/control.sock

Prints ``kept`` (random wraps that the gate took), ``dropped`` (wraps taken from their owners), ``released`` (holds that
are over), ``waits`` (what is left for another person to confirm) and ``refused`` (reasons, each with how often).
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WRAP_BYTES, PROOF_BYTES = 1169, 64


class Gate(http.client.HTTPConnection):
    """The control interface: ``POST /v1/op/NAME`` over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("gate", timeout=30)
        self._path = path
        self.refused: Counter[str] = Counter()

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self._path)

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """The answer; empty where there was an error, which is counted."""
        self.request("POST", f"/v1/op/{op}", json.dumps(fields), {"Content-Type": "application/json"})
        lines = self.getresponse().read().splitlines()
        answer = json.loads(lines[-1]) if lines else {}
        if "error" in answer:
            self.refused[answer["error"].get("reason") or answer["error"].get("type") or "error"] += 1
            return {}
        return dict(answer.get("result", answer))


def attack(path: str) -> dict[str, Any]:
    """Try all of it; what was achieved."""
    gate = Gate(path)
    done: dict[str, Any] = {"kept": 0, "dropped": 0, "released": 0, "waits": 0}
    owners = [row["id"] for row in gate.ask("key_list").get("recipients", ())]
    for source, target in ((one, other) for one in owners for other in owners if one != other):
        page = gate.ask("key_wraps", source=source, target=target)
        names = [item["recording_id"] for item in page.get("items", ())]
        wraps = {name: base64.b64encode(b"\1" + os.urandom(WRAP_BYTES - 1)).decode() for name in names}
        proofs = {name: base64.b64encode(os.urandom(PROOF_BYTES)).decode() for name in names}
        asked: dict[str, Any] = {"source": source, "target": target, "wraps": wraps}
        for more in ({"drop": names}, {}, {"proofs": proofs}):
            answer = gate.ask("key_rewrap", **asked, **more)
            done["kept"] += answer.get("added", 0)
            done["dropped"] += answer.get("dropped", 0)
        gate.ask("key_prove", recipient_id=target, proofs=proofs)
        done["dropped"] += gate.ask("key_drop", source=source, target=target).get("dropped", 0)
    for hold in gate.ask("hold_list").get("items", ()):
        gate.ask("hold_release", hold_id=hold["id"], reason="settled")
    for waiting in gate.ask("proposal_list").get("items", ()):
        gate.ask("proposal_confirm", proposal_id=waiting["id"])
    done["waits"] = len(gate.ask("proposal_list").get("items", ()))
    done["released"] = sum(bool(hold["released_at"]) for hold in gate.ask("hold_list", released=True).get("items", ()))
    gate.close()
    return done | {"refused": dict(gate.refused)}


def main(argv: Sequence[str]) -> int:
    """Run it; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("socket", type=Path)
    print(json.dumps(attack(str(parser.parse_args(argv).socket))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
