"""baresip, headless: a configuration folder of its own, a tone to say, and a WAV of what it heard."""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.audio import Samples, read_wav, tone, write_wav
from tests.support.waiting import PATIENCE, until

MODULES = "/usr/lib/baresip/modules"
CONFIG = """\
{listen}
audio_player aufile,{folder}/heard.wav
audio_source aufile,{folder}/tone.wav
audio_alert aubridge,nil
{rates}
rtp_ports {port}-{last}
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module_app account.so
module_app menu.so
"""
_RATES = [f"{name} 8000" for name in ("audio_srate", "ausrc_srate", "auplay_srate")]
_RATES += [f"{name} 1" for name in ("audio_channels", "ausrc_channels", "auplay_channels")]
_RATES += ["ausrc_format s16", "auplay_format s16"]


def required() -> None:
    """Skip where baresip is not installed; fail where the suite must be whole."""
    if not shutil.which("baresip") or not Path(MODULES, "aufile.so").exists():
        assert not os.environ.get("CI"), "baresip must be installed"
        pytest.skip("baresip is not installed")


def registering() -> None:
    """As ``required``, for phones that have to register: baresip does not where loopback has the only addresses."""
    required()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            any_socket.connect(("192.0.2.1", 9))  # sends nothing: is there a way out at all?
        except OSError:
            assert not os.environ.get("CI"), "the machine must have an address besides loopback"
            pytest.skip("this machine has no address besides loopback, and baresip registers with none")


class Baresip:
    """One phone, one account. ``ausine`` speaks at 48 kHz only, so the tone comes from a file."""

    def __init__(
        self, folder: Path, server: tuple[str, int], user: str, password: str, frequency: float,
        *, transport: str = "udp", trusted: Path | None = None, answers: bool = False, srtp: bool = False,
        codec: str = "PCMU", rtp: int = 0, listen: str = "sip_listen 127.0.0.1:0",
    ) -> None:  # fmt: skip
        """``trusted``: the gate's certificate, for TLS. ``answers``: it answers what comes in. ``srtp``: its audio is
        encrypted by SDES, or there is none. ``codec``: the only one, ``PCMU`` or ``opus/48000/2``.
        ``rtp``: the first of its twenty ports for audio; any where 0, which may be another phone's. ``listen``: empty
        for its default, which is every address of the machine."""
        self.folder, self.server = folder, f"{server[0]}:{server[1]}"
        by = "" if transport == "udp" else f";transport={transport}"
        rates = [*_RATES, *([f"sip_cafile {trusted}"] if trusted else []), *(["module srtp.so"] if srtp else [])]
        rates += ["module opus.so"] if codec.startswith("opus") else []
        folder.mkdir(parents=True, exist_ok=True)
        write_wav(folder / "tone.wav", tone(frequency, 60.0))
        port = rtp or random.randrange(29000, 31000, 20)
        (folder / "config").write_text(
            CONFIG.format(
                listen=listen, folder=folder, rates="\n".join(rates), port=port, last=port + 19, modules=MODULES
            )
        )
        (folder / "accounts").write_text(
            f"<sip:{user}@{self.server}{by}>;auth_user={user};auth_pass={password};regint=60;audio_codecs={codec}"
            + (";answermode=auto" if answers else "")
            + (";mediaenc=srtp-mand\n" if srtp else "\n")
        )
        (folder / "contacts").touch()
        self.process: subprocess.Popen[bytes] | None = None

    def call(self, number: str, seconds: int) -> None:
        """Start, register, and dial; ends by itself, hanging up, after ``seconds``."""
        command = ["baresip", "-f", str(self.folder), "-e", f"/dial sip:{number}@{self.server}", "-t", str(seconds)]
        with (self.folder / "said").open("wb") as said:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)

    def serve(self, seconds: int) -> None:
        """Start and register, and answer what comes in; ends by itself after ``seconds``."""
        command = ["baresip", "-f", str(self.folder), "-t", str(seconds)]
        with (self.folder / "said").open("wb") as said:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)

    def end(self) -> None:
        """End it now."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @property
    def said(self) -> str:
        """What it printed."""
        return (self.folder / "said").read_text(errors="replace")

    def wait(self, pattern: str, seconds: float = PATIENCE) -> str:
        """Until it says something."""
        said = until(
            lambda: re.search(pattern, self.said),
            lambda: f"no {pattern!r} in {seconds} s:\n{self.said[-3000:]}",
            seconds,
        )
        return str(said[0])

    def finish(self, seconds: float = PATIENCE) -> None:
        """Wait until it has ended."""
        assert self.process
        try:
            assert self.process.wait(seconds) == 0, self.said[-3000:]
        finally:
            self.process.kill()

    def heard(self) -> Samples:
        """What it heard, 8 kHz."""
        samples, rate = read_wav(self.folder / "heard.wav")
        assert rate == 8000
        return samples[:, 0]
