"""A gate that takes calls in: a carrier that calls, phones that register, prompts of one tone each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomlkit

from tests.support.audio import tone, write_wav
from tests.support.running_gate import RunningGate
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_peer import Peer

OWN = "+442079460000"
"""Own number of the example."""
TONES = {"notice": 500.0, "callback": 620.0, "thanks": 900.0, "not_taken": 1150.0, "nobody": 1400.0}
CALLER = "+447700900123"


def taking_calls(folder: Path, *, seconds: float = 1.0, **values: Any) -> RunningGate:
    """A gate's folder with one own number; ``values``: of its ``[[call_in]]``."""
    gate = RunningGate(folder)
    sounds = folder / "sounds"
    sounds.mkdir()
    for name, frequency in TONES.items():
        write_wav(sounds / f"{name}.wav", tone(frequency, seconds))
    document = tomlkit.parse(gate.config.read_text())
    table = tomlkit.table()
    table.update({"number": OWN} | values)
    document.setdefault("call_in", tomlkit.aot()).append(table)
    gate.config.write_text(tomlkit.dumps(document))
    gate.set("calls_in", sounds="sounds")
    return gate


def register(gate: RunningGate, port: int, account: str = "alice", contact: str = "") -> None:
    """A phone at ``port`` of loopback registers, and closes its socket."""
    with Peer(to=gate.address, port=port) as phone:
        dialog = phone.new_dialog(account, name=account)
        dialog.target = "sip:gate.invalid"
        where = contact or f"<sip:{account}@127.0.0.1:{port}>"
        phone.send(phone.request("REGISTER", dialog, contact=where))
        asked = challenge(phone.recv(only="401").get("WWW-Authenticate"))
        dialog.cseq += 1
        line = authorization(asked, account, gate.password(account), "REGISTER", dialog.target)
        phone.send(phone.request("REGISTER", dialog, contact=where, headers=(line,)))
        phone.recv(only="200")
