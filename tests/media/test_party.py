"""How the sessions of a call are made, on real RTPProxy, step by step."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest
from rtp.io import rtpproxy

from gate.media.party import Party, make
from tests.support.recorder_room import rtp
from tests.support.waiting import PATIENCE, until


def test_what_comes_while_a_party_is_made_goes_nowhere() -> None:
    """Its ports are there before their filters are: whoever finds them then reaches nobody."""
    library = rtpproxy(
        extra_args=["-d", "CRIT", "-F", "-R", "-l", "127.0.0.1", "-m", "30000", "-M", "34000"], modules=()
    )
    control = library.rtpp_sock
    control.settimeout(PATIENCE)

    def answered(commands: Sequence[str]) -> list[list[str]]:
        control.send("".join(f"{command}\n" for command in commands).encode())
        answer = b""
        while answer.count(b"\n") < len(commands):
            answer += control.recv(4096)
        return [line.split() for line in answer.decode().splitlines()]

    def bound(host: str) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((host, 0))
        made.settimeout(0.3)
        return made

    def speak(speaker: socket.socket, to: tuple[str, int], word: bytes) -> None:
        speaker.sendto(rtp(word * 40, 1, 160), to)

    with bound("127.0.0.1") as phone, bound("127.0.0.3") as stranger, bound("127.0.0.1") as inside:
        caller, callee = Party("127.0.0.2"), Party("127.0.0.2")
        job = make(caller, callee, faced=phone.getsockname())
        first = answered(next(job))
        inner = "127.0.0.1", int(first[0][0])
        speak(inside, inner, b"soon")
        second = answered(job.send(first))
        outer = "127.0.0.2", int(second[0][0])
        for speaker, word in ((phone, b"mine"), (stranger, b"evil")):
            speak(speaker, outer, word)
        speak(inside, inner, b"soon")
        with pytest.raises(StopIteration):
            job.send(second)
        assert (caller.port, caller.inner) == (outer[1], inner[1])
        until(lambda: int(answered([caller.count()])[0][1]) == 1, "the phone's own packet is not taken")
        with pytest.raises(TimeoutError):
            phone.recv(100)

        caller.hear(inside.getsockname()[1])
        answered([caller.send(inside.getsockname()[1])])
        speak(inside, inner, b"open")
        assert phone.recv(200)[12:16] == b"open"
        for speaker, word in ((stranger, b"evil"), (phone, b"open")):
            speak(speaker, outer, word)
        assert inside.recv(200)[12:16] == b"open"
        answered([*caller.delete(), *callee.delete()])
