"""A stranger on the network: wants a phone to be left without answers, a password, or a log full of leaves.

    python -m tests.attack.stranger options --gate 127.0.0.1:5060 --host 127.0.0.1 --seconds 5 --rate 100
    python -m tests.attack.stranger guess --gate 127.0.0.1:5060 --account alice --words words.txt --sources 20
    python -m tests.attack.stranger nonce --gate 127.0.0.1:5060 --account alice --sources 600
    python -m tests.attack.stranger ask --gate 127.0.0.1:5060 --account alice --number 02079460101

``options`` floods OPTIONS from one host, until something comes on its standard input or ``--seconds`` are over.
``guess`` tries each line of ``--words``, in turn from so many hosts of 127/8, each with a challenge of its own.
``nonce`` takes one challenge and sends a wrong password with it from so many hosts. ``ask`` dials a number without
credentials and with wrong ones, and registers with a wrong password from one host after the other until an account that
is there would be locked. Prints ``sent``, ``answered``, ``codes``, and ``found``: the word that was right; for ``ask``
the ``answers``, without what is new in each.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import select
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.attack.wire import Wire, address, authorization, code_of, header

URI = "sip:02079460123@gate.invalid"


def hosts(count: int) -> list[str]:
    """So many addresses of this machine that nobody knows."""
    return [f"127.66.{number // 250}.{1 + number % 250}" for number in range(count)]


def options(gate: tuple[str, int], host: str, seconds: float, rate: int) -> dict[str, Any]:
    """The flood."""
    wire, sent, end = Wire(host), 0, time.monotonic() + seconds
    wire.socket.setblocking(False)
    answered, due = 0, time.monotonic()
    while time.monotonic() < end and not select.select([sys.stdin], [], [], 0)[0]:
        wire.send(wire.request("OPTIONS", "sip:gate.invalid"), gate)
        sent, due = sent + 1, due + 1 / rate
        while select.select([wire.socket], [], [], max(0.0, due - time.monotonic()))[0]:
            wire.socket.recv(65535)
            answered += 1
    return {"sent": sent, "answered": answered}


def attempt(wire: Wire, gate: tuple[str, int], challenge: str, account: str, word: str) -> str:
    """One INVITE with a password; the answer."""
    line = authorization(challenge, account, word, "INVITE", URI)
    wire.send(wire.request("INVITE", URI, cseq=2, headers=(line,)), gate)
    return wire.final(0.3)


def challenge_of(wire: Wire, gate: tuple[str, int]) -> str:
    """A challenge; empty where none came."""
    wire.send(wire.request("INVITE", URI), gate)
    return header(wire.final(0.3), "WWW-Authenticate")


def guess(gate: tuple[str, int], account: str, words: list[str], sources: int) -> dict[str, Any]:
    """Passwords, one after the other."""
    wires = [Wire(host) for host in hosts(sources)]
    codes: Counter[int] = Counter()
    found = ""
    for number, word in enumerate(words):
        wire = wires[number % sources]
        challenge = challenge_of(wire, gate)
        if not challenge:
            codes[0] += 1
            continue
        answer = attempt(wire, gate, challenge, account, word)
        codes[code_of(answer)] += 1
        if answer and header(answer, "X-Dialgate-Reason") != "not_authenticated" and code_of(answer) != 401:
            found = word
    answered = sum(count for code, count in codes.items() if code)
    return {"sent": len(words), "answered": answered, "codes": dict(codes), "found": found}


def nonce(gate: tuple[str, int], account: str, sources: int) -> dict[str, Any]:
    """One challenge, from everywhere."""
    wires = [Wire(host) for host in hosts(sources)]
    challenge = challenge_of(wires[0], gate)
    codes: Counter[int] = Counter()
    for wire in wires:
        line = authorization(challenge, account, secrets.token_hex(8), "INVITE", URI)
        wire.send(wire.request("INVITE", URI, cseq=2, headers=(line,)), gate)
        time.sleep(0.002)
    for wire in wires:
        codes[code_of(wire.final(0.01))] += 1
    return {"sent": sources, "codes": dict(codes)}


def ask(gate: tuple[str, int], account: str, number: str) -> dict[str, Any]:
    """What a stranger is told of a number and of an account."""
    answers = []
    for host in hosts(12):  # two guesses each: more than an account is given
        for method, uri in (("INVITE", f"sip:{number}@gate.invalid"), ("REGISTER", "sip:gate.invalid")):
            wire = Wire(host)
            call = {"sender": f"<sip:{account}@gate.invalid>;tag=a", "call_id": secrets.token_hex(8)}
            wire.send(wire.request(method, uri, **call), gate)
            first = wire.final(5)
            line = authorization(header(first, "WWW-Authenticate"), account, "wrong", method, uri)
            wire.send(wire.request(method, uri, **call, cseq=2, headers=(line,)), gate)
            answers += [_lasting(first), _lasting(wire.final(5))]
            time.sleep(0.1)  # more are not answered a second
    return {"answers": answers}


def _lasting(answer: str) -> list[str]:
    """The lines of an answer that are not another one's in each."""
    lines = [re.sub('nonce="[^"]*"|[0-9a-f]{32}', "", line) for line in answer.splitlines()]
    return [line for line in lines if not re.match("(Via|From|To|Call-ID):", line)]


def main(argv: list[str]) -> int:
    """Run it; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=("options", "guess", "nonce", "ask"))
    parser.add_argument("--gate", type=address, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--account", default="alice")
    parser.add_argument("--words", type=Path)
    parser.add_argument("--number", default="02079460123")
    parser.add_argument("--sources", type=int, default=1)
    asked = parser.parse_args(argv)
    if asked.mode == "options":
        told = options(asked.gate, asked.host, asked.seconds, asked.rate)
    elif asked.mode == "guess":
        told = guess(asked.gate, asked.account, asked.words.read_text().split(), asked.sources)
    elif asked.mode == "ask":
        told = ask(asked.gate, asked.account, asked.number)
    else:
        told = nonce(asked.gate, asked.account, asked.sources)
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
