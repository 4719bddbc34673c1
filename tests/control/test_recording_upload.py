"""Recordings handed in by HTTP: a slow sender holds up nobody but itself, and itself not for long."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gate.config import load
from gate.control import endpoint
from tests.support.doors import free_port, serving
from tests.support.example_answers import ExampleAnswers
from tests.support.settings import VALID, secret, write
from tests.support.waiting import PATIENCE, until

TOKENS = {"slow": "a-token-of-enough-length", "slower": "b-token-of-enough-length", "good": "c-token-of-enough-length"}
WAV = b"RIFF" + bytes(4000)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[str]:
    text = f'{VALID}[control]\nhttp = "127.0.0.1:{free_port()}"\n'
    for name, token in TOKENS.items():
        secret(tmp_path / name, f"{token}\n")
        text += f'[[token]]\nname = "{name}"\ntoken_file = "{name}"\nrecordings = true\n'
    config = load(write(tmp_path, text))
    with serving(ExampleAnswers(), config):
        yield config.control.http


class SlowSender:
    """A PUT whose body comes a byte at a time, until it is answered or the test is over."""

    def __init__(self, door: str, token: str) -> None:
        host, _, port = door.rpartition(":")
        self.sock = socket.create_connection((host, int(port)))
        self.sock.sendall(
            f"PUT /v1/recording?call_id=x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n"
            f"Authorization: Bearer {TOKENS[token]}\r\n\r\n".encode()
        )
        self.sent = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._drip, daemon=True)
        self.thread.start()

    def _drip(self) -> None:
        with suppress(OSError):
            while not self.over.wait(0.02):
                self.sock.sendall(b"x")
                self.sent += 1

    def answer(self) -> str:
        self.sock.settimeout(PATIENCE)
        return self.sock.recv(4096).decode()

    def close(self) -> None:
        self.over.set()
        self.sock.close()
        self.thread.join(PATIENCE)


def hand_in(door: str, token: str, timeout: float = PATIENCE) -> int:
    connection = http.client.HTTPConnection(door, timeout=timeout)
    connection.request("PUT", "/v1/recording?call_id=y", WAV, {"Authorization": f"Bearer {TOKENS[token]}"})
    with connection.getresponse() as response:
        return response.status


def test_slow_senders_of_one_token_leave_room_for_another(door: str) -> None:
    slow = [SlowSender(door, "slow") for _ in range(4)]
    try:
        until(lambda: all(each.sent > 5 for each in slow))
        before = [each.sent for each in slow]
        assert [hand_in(door, "good", 8) for _ in range(5)] == [200] * 5
        until(lambda: all(each.sent > was for each, was in zip(slow, before, strict=True)), "they have given up")
    finally:
        for each in slow:
            each.close()


def test_who_brings_next_to_nothing_is_let_go_though_never_silent(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "SILENT_SECONDS", 0.5)
    slow = [SlowSender(door, token) for token in ("slow", "slower")]
    try:
        assert all("too slowly" in each.answer() for each in slow)
        assert hand_in(door, "good") == 200
    finally:
        for each in slow:
            each.close()


def test_a_body_has_an_end_however_fast_it_comes(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "LEAST_RATE", 1)
    monkeypatch.setattr(endpoint, "WHOLE_SECONDS", 0.5)
    slow = SlowSender(door, "slow")
    try:
        assert "too slowly" in slow.answer()
    finally:
        slow.close()


def test_of_one_token_a_few_wait_and_the_rest_are_told_so(door: str) -> None:
    slow = [SlowSender(door, "slow") for _ in range(endpoint.WAITING + 4)]
    try:
        told: list[str] = []

        def refused() -> bool:
            for each in slow:
                each.sock.setblocking(False)
                with suppress(BlockingIOError, ConnectionError):
                    told.append(each.sock.recv(4096).decode())
            return sum("one after the other" in text for text in told) >= 3

        until(refused)
        assert hand_in(door, "good") == 200
    finally:
        for each in slow:
            each.close()
