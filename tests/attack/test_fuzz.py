"""Twenty thousand inputs, seeded, over every reader that faces outside: nothing breaks, and calls go on."""

from __future__ import annotations

import gc
import http.client
import json
import random
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.attack.fuzz import OVER_THE_WIRE, changed, inputs
from tests.support.outside import READERS
from tests.support.running_gate import UNLISTED, RunningGate
from tests.support.sip_peer import Callee, Heard, Phone, sdp
from tests.support.vault import sealed
from tests.support.waiting import PATIENCE

SEED = 9
ROUNDS = 12
"""Each of a thousand inputs against a running gate."""


def good_files(folder: Path) -> dict[str, tuple[bytes, ...]]:
    """What is changed of the kinds that are files."""
    from gate.exports.bundle import TarWriter

    recording = sealed(folder / "a.dgr", b"\0" * 32, [b"x" * 700, b"y" * 300])
    manifest = b'{"bundle":"b-1","members":[],"vkey":"x+00000000+AA=="}'
    with (folder / "b.dgb").open("w+b") as file:
        tar = TarWriter(file)
        tar.add("manifest.json", manifest)
        tar.add("seal.txt", b"dialgate\n")
        tar.finish()
    return {"sealed": (recording.read_bytes(),), "bundle": ((folder / "b.dgb").read_bytes(), manifest)}


@pytest.mark.parametrize("kind", [kind for kind in READERS if kind not in OVER_THE_WIRE])
def test_no_reader_raises_what_its_caller_does_not_expect(kind, tmp_path):
    good = good_files(tmp_path).get(kind, ())
    for data in inputs(kind, SEED, 1600, good):
        try:
            READERS[kind](data)
        except Exception as error:
            raise AssertionError(f"{kind} {data[:2000]!r}") from error


@pytest.mark.parametrize("kind", OVER_THE_WIRE)
def test_no_reader_of_sip_raises(kind):
    for data in inputs(kind, SEED, 400):
        try:
            READERS[kind](data)
        except Exception as error:
            raise AssertionError(f"{kind} {data[:2000]!r}") from error


@pytest.mark.parametrize("kind", READERS)
def test_no_reader_leaves_anything_to_the_collector(kind, tmp_path):
    """An error that knows its own frame is a cycle: its datagram stays in memory until Python's collector comes, which
    in a running gate is seldom, and then holds up the line."""
    texts = list(inputs(kind, SEED, 100, good_files(tmp_path).get(kind, ())))
    for data in texts:
        READERS[kind](data)  # what is imported and built at first use
    gc.collect()
    gc.disable()
    try:
        left = []
        for _ in range(3):  # what another thread of the tests leaves, it does not leave each time
            for data in texts:
                READERS[kind](data)
            left.append(gc.collect())
        assert min(left) == 0, left
    finally:
        gc.enable()


def test_a_gate_goes_on(tmp_path):
    """A PBX that has lost its mind, beside one that has not; the carrier answers oddly, too. A good call after each
    thousand."""
    gate = RunningGate(tmp_path, announcement=0.5)
    gate.add_pbx()
    gate.add_pbx(name="odd", addresses=["127.0.0.2"], calls_at_once=1000, calls_a_minute=100000)
    gate.start()
    try:
        with Callee(port=gate.trunk_port) as callee:
            for number in range(ROUNDS):
                did = attack(gate, callee, SEED + number)
                assert did["heard"] == did["asked"] > 0
                ask_oddly(gate, SEED + number)
                good_call(gate, callee, SEED + number)
        assert gate.stop() == 0
        gate.verified()
    finally:
        gate.stop()
    log = gate.log.read_text()
    assert "Traceback" not in log
    assert not [line for line in log.splitlines() if '"level": "error"' in line]


def attack(gate: RunningGate, callee: Callee, seed: int, count: int = 800, *more: str) -> dict[str, Any]:
    """The program's SIP, while the carrier is busy for whatever comes of it; what the program told."""
    program = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.attack.fuzz", "--gate", f"127.0.0.1:{gate.port}"),
            *("--count", str(count), "--seed", str(seed), *more),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + PATIENCE
    while program.poll() is None or (gate.client.call("status")["calls"] and time.monotonic() < end):
        # A carrier that falls silent once the program has told all would be taken for one that is down.
        with suppress(AssertionError):
            while True:
                invite = callee.recv(0.1, only="INVITE")
                callee.send(callee.answer(invite, 486, "Busy Here", tag="busy"), callee.last_from)
    return dict(json.loads(program.communicate()[0]))


def ask_oddly(gate: RunningGate, seed: int) -> None:
    """A hundred requests to the control interface."""
    names = ["check", "decisions", "request_decide", "call"]
    for number, data in enumerate(inputs("control", seed, 100)):
        connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(gate.socket))
        connection.request("POST", f"/v1/op/{names[number % len(names)]}", data)
        assert connection.getresponse().status < 500, data
        connection.close()


def good_call(gate: RunningGate, callee: Callee, seed: int) -> None:
    """One call from its INVITE to its BYE, with odd messages among the right ones of both sides."""
    dice = random.Random(seed)
    callee.drain()
    with Phone(gate.address) as phone:
        phone.dial(UNLISTED)
        invite = reached(phone, callee)
        callee.invite, callee.tag, callee.gate = invite, f"far{seed}", callee.last_from
        for _ in range(20):
            callee.send(odd(callee.answer(invite, 183, "Session Progress", tag="far", body=sdp()), dice), callee.gate)
        callee.say(200, "OK", body=sdp(41000))
        heard = phone.recv(PATIENCE, only="200")
        phone.ack(heard)
        for method, body in [
            ("INFO", "Signal=5\r\n"),
            ("INVITE", sdp()),
            ("UPDATE", sdp()),
            ("OPTIONS", ""),
            ("ACK", sdp()),
        ]:
            for _ in range(8):
                phone.send(odd(phone.next(method, body=body), dice))
        phone.send(phone.request("BYE", phone.dialog, cseq=2**31 - 2))
        while not phone.recv(PATIENCE, only="200").get("CSeq").endswith("BYE"):
            pass
        far = callee.recv(PATIENCE, only="BYE")
        callee.send(callee.answer(far, 200, "OK"), callee.last_from)


def reached(phone: Phone, callee: Callee) -> Heard:
    """The INVITE that comes of the good one; else the test fails with what the phone was told."""
    try:
        while f"+44{UNLISTED[1:]}@" not in (invite := callee.recv(PATIENCE, only="INVITE")).start:
            pass
    except AssertionError as error:
        told = []
        with suppress(AssertionError):
            while True:
                heard = phone.recv(0.1)
                told.append((heard.start, heard.get("Reason"), heard.get("Warning")))
        raise AssertionError(f"{error}; the phone was told {told}") from None
    return invite


def odd(text: str, dice: random.Random) -> bytes:
    """The message with a change somewhere behind its first line."""
    start, line_end, rest = text.partition("\r\n")
    return (start + line_end + changed(rest, dice)).encode("latin-1", "replace")[:60000]
