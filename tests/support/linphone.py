"""linphone, headless: ``linphonec`` on a pipe, with a home of its own, and sound files in place of a sound card."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.audio import Samples, read_wav, tone, write_wav
from tests.support.waiting import PATIENCE, until

PROMPT = "linphonec> "
CONFIG = """\
[sip]
default_proxy=0
sip_port=-1
sip_tcp_port=0
sip_tls_port=0
use_ipv6={six}
[rtp]
audio_rtp_port={port}
[sound]
echocancellation=0
[auth_info_0]
username={user}
passwd={password}
[proxy_0]
reg_proxy=<sip:{server}>
reg_identity=sip:{user}@{server}
reg_expires=600
reg_sendregister=1
publish=0
"""


def required() -> None:
    """Skip where linphone is not installed; fail where the suite must be whole."""
    if not shutil.which("linphonec"):
        assert not os.environ.get("CI"), "linphone-cli must be installed"
        pytest.skip("linphone-cli is not installed")


class Linphone:
    """``with Linphone(folder, gate.address, "alice", password, 1000) as phone:``; it registers as it starts."""

    def __init__(self, folder: Path, server: tuple[str, int], user: str, password: str, frequency: float) -> None:
        """``server``: where it registers, an IPv6 address in brackets."""
        self.folder, self.server = folder, f"{server[0]}:{server[1]}"
        (folder / ".local/share/linphone").mkdir(parents=True)  # it does not make it, and its database lies there
        write_wav(folder / "tone.wav", tone(frequency, 60.0))
        port = random.randrange(28000, 29000, 2)
        six = int(":" in server[0])
        (folder / "rc").write_text(CONFIG.format(server=self.server, user=user, password=password, port=port, six=six))

    def __enter__(self) -> Linphone:
        with (self.folder / "said").open("wb") as said:
            self._process = subprocess.Popen(
                ["linphonec", "-c", str(self.folder / "rc"), "-d", "0"],
                stdin=subprocess.PIPE, stdout=said, stderr=said, env={**os.environ, "HOME": str(self.folder)},
            )  # fmt: skip
        self.wait(PROMPT)
        self.do("soundcard use files")
        self.wait("wav files instead")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # "quit" does not end it where its input is a pipe
        self._process.wait()

    def do(self, command: str) -> None:
        """Give an order, as typed at its prompt, and wait for the next prompt: it takes one line at a time."""
        assert self._process.stdin is not None
        prompts = self.said.count(PROMPT)
        self._process.stdin.write(f"{command}\n".encode())
        self._process.stdin.flush()
        self.wait(PROMPT, count=prompts + 1)

    def registered(self) -> None:
        """Until it says that it is."""
        end = time.monotonic() + PATIENCE
        while "registered, identity=" not in self.said:
            assert time.monotonic() < end, self.said[-3000:]
            self.do("status register")
            time.sleep(0.2)

    def call(self, number: str) -> None:
        """Dial; its tone is sent once it is connected, and what it hears is kept."""
        self.do(f"play {self.folder / 'tone.wav'}")
        self.do(f"record {self.folder / 'heard.wav'}")
        self.do(f"call {number}")

    @property
    def said(self) -> str:
        """What it printed."""
        return (self.folder / "said").read_text(errors="replace")

    def wait(self, pattern: str, count: int = 1) -> None:
        """Until it has said something so often."""
        until(lambda: len(re.findall(pattern, self.said)) >= count, lambda: f"no {pattern!r}:\n{self.said[-3000:]}")

    def heard(self) -> Samples:
        """What it heard, once the call is over: mono, 8,000 a second."""
        samples, rate = read_wav(self.folder / "heard.wav")
        return samples[:: rate // 8000, 0]
