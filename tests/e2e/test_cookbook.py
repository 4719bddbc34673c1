"""The cookbook's recipe for Kamailio runs as it is written: what the gate has answered goes to no second gate."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import edge
from tests.support.documents import page
from tests.support.sip_peer import Callee, Phone
from tests.support.sipp import free_port

pytestmark = pytest.mark.peer
MODULES = ("tm", "tmx", "sl", "rr", "pv", "siputils", "textops")


@contextmanager
def proxy(folder: Path, first: Callee, second: Callee) -> Iterator[tuple[str, int]]:
    """Kamailio with the manual's routes, between a phone and two gates."""
    (routes,) = (block.text for block in page("cookbook").blocks if block.language == "kamailio")
    routes = routes.replace("192.0.2.4:5060", first.address).replace("192.0.2.5:5060", second.address)
    port = free_port()
    head = [f"listen=udp:127.0.0.1:{port}", "children=1", *(f'loadmodule "{name}.so"' for name in MODULES)]
    head.append('modparam("tm", "fr_timer", 700)')
    (folder / "kamailio.cfg").write_text("\n".join([*head, routes]))
    command = ["kamailio", "-f", "kamailio.cfg", "-DD", "-E", "-Y", str(folder), "-P", str(folder / "pid")]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait(20)


def test_only_a_gate_that_says_nothing_is_passed_over(tmp_path: Path) -> None:
    edge.required()
    assert shutil.which("kamailio")
    with Callee() as first, Callee() as second, proxy(tmp_path, first, second) as at, Phone(at) as phone:
        first.to = second.to = at
        for code, phrase, passed in ((600, "Declined: on the TPS", 600), (503, "No Room", 500), (486, "Busy", 486)):
            phone.dial()
            while True:  # until its workers are there
                try:
                    first.invite = first.recv(1, only="INVITE")
                    break
                except AssertionError:
                    phone.send(phone.invite)
            first.gate, first.tag = (first.last_from[0], first.last_from[1]), f"g{code}"
            first.say(code, phrase)
            phone.ack(phone.recv(only=str(passed)))
            first.drain()
        assert second.quiet(0.05)
        phone.dial()  # the first gate is silent
        assert second.recv(only="INVITE").get("Call-ID") == phone.dialog.call_id
