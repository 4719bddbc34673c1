"""The guided set-up, on a real terminal: what it writes is what would have been written by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gate.config import load
from tests.support.commands import ROOT, program
from tests.support.terminal import Terminal

WORDS = "correct horse battery staple"


def answered(terminal: Terminal, folder: Path) -> None:
    """A whole set-up, with a slip here and there."""
    terminal.answer("Legal name", "Webeo Example Ltd")
    terminal.answer("Trading name", "Webeo")
    terminal.answer("Address, on one line")
    terminal.answer("Address, on one line", "Building 3000, Portsmouth")
    terminal.answer("Freephone", "020 7946 0000")
    terminal.answer("Freephone")
    terminal.answer("E-mail", "data@example.invalid")
    terminal.answer("Version of the calling policy")
    terminal.answer("call real people", "n")
    terminal.answer("Numbers, with commas", "12345")
    terminal.answer("Numbers, with commas", "020 7946 0000, 01632 960100")
    terminal.answer("host:port", "carrier")
    terminal.answer("host:port", "127.0.0.1:5070")
    terminal.answer("name and a password", "y")
    terminal.answer("Name", "webeo")
    terminal.answer("Password", "a secret of the carrier")
    terminal.answer("Address and port")
    terminal.answer("send audio to")
    terminal.answer("go on")
    terminal.answer("Its name", "0123 456")
    terminal.answer("Its name", "alice")
    terminal.answer("calls show", "01632 960100")
    terminal.answer("calls are for", "service")
    terminal.answer("go on", "pbx")
    terminal.answer("Its name", "office")
    terminal.answer("Addresses or networks", "192.0.2.0/33")
    terminal.answer("Addresses or networks", "192.0.2.0/24, 127.0.0.9")
    terminal.answer("calls show")
    terminal.answer("calls are for")
    terminal.answer("go on")
    terminal.answer("give a recording", "wav")
    terminal.answer("WAV file", "nothing.wav")
    terminal.answer("WAV file", str(ROOT / "gate" / "media" / "example_notice.wav"))
    if any(shutil.which(name) for name in ("aplay", "paplay", "pw-play", "play", "ffplay")):
        terminal.answer("Listen to it?", "n")
    terminal.answer("Is it right?")
    terminal.answer("Whose it is", "Ann Lee")
    terminal.answer("TPS file", str(ROOT / "sample_lists" / "tps_ns.txt"))
    terminal.answer("As of which day", "yesterday")
    terminal.answer("As of which day")
    terminal.answer("CTPS file")
    terminal.answer(f"Write {folder / 'config.toml'}?")
    terminal.answer("Passphrase for the key of Ann Lee", WORDS)
    terminal.answer("Repeat", WORDS)


def test_a_guided_set_up_on_a_terminal(tmp_path: Path) -> None:
    folder = tmp_path / "gate"
    with Terminal("init", str(folder)) as terminal:
        answered(terminal, folder)
        assert terminal.end() == 0, terminal.text
    config = load(folder / "config.toml")
    assert (config.firm.legal_name, config.firm.trading_name) == ("Webeo Example Ltd", "Webeo")
    assert config.firm.numbers == ("+442079460000", "+441632960100")
    assert (config.trunk.address, config.trunk.username) == ("127.0.0.1:5070", "webeo")
    assert (folder / config.trunk.password_file).read_text() == "a secret of the carrier\n"
    assert [(a.username, a.presentation, a.purpose) for a in config.account] == [("alice", "+441632960100", "service")]
    assert [(p.name, p.addresses, p.presentation) for p in config.pbx] == [
        ("office", ("192.0.2.0/24", "127.0.0.9"), "+442079460000")
    ]
    assert not config.calling.live
    assert config.announcement.wav == "announcement.wav"
    assert (config.data / "prompts" / "current.json").exists()
    for secret in ("a secret of the carrier", WORDS):
        assert secret not in terminal.text
    for text in ("is not a UK number", "freephone number", "is not a name", "nothing.wav is not a file"):
        assert text in terminal.text
    assert f"dialgate register import ctps FILE -c {folder / 'config.toml'}" in terminal.text
    path = str(folder / "config.toml")
    keys = program("key", "list", "-c", path, "--json").out
    assert "Ann Lee" in keys
    tps, ctps = program("register", "status", "-c", path, "--json").json["registers"]
    assert (tps["state"], ctps["state"]) == ("ok", "missing")
    assert tps["count"] > 0
    assert program("check", "020 7946 0123", "--purpose", "service", "-c", path).code == 0


def test_the_file_keeps_the_comments_of_one_that_is_filled_in_by_hand(tmp_path: Path) -> None:
    folder, by_hand = tmp_path / "gate", tmp_path / "by-hand"
    with Terminal("init", str(folder)) as terminal:
        answered(terminal, folder)
        assert terminal.end() == 0, terminal.text
    assert program("init", str(by_hand), "--blank").code == 0
    guided, blank = ((each / "config.toml").read_text().splitlines() for each in (folder, by_hand))
    comments = [line.partition(" # ")[2] for line in blank if " # " in line]
    assert [line.partition(" # ")[2] for line in guided if " # " in line] == comments


@pytest.mark.parametrize("where", ["Trading name", "host:port"])
def test_leaving_in_the_middle_makes_nothing(tmp_path: Path, where: str) -> None:
    folder = tmp_path / "gate"
    with Terminal("init", str(folder)) as terminal:
        terminal.answer("Legal name", "Webeo Example Ltd")
        if where != "Trading name":
            for prompt in ("Trading name", "Address", "Freephone", "E-mail", "policy"):
                terminal.answer(prompt, "Portsmouth" if prompt == "Address" else "")
            terminal.answer("call real people", "n")
            terminal.answer("Numbers", "020 7946 0000")
        terminal.answer(where, "\x04")
        assert terminal.end() == 130
    assert "interrupted" in terminal.text
    assert not folder.exists()


def test_what_exists_is_not_asked_about(tmp_path: Path) -> None:
    folder = tmp_path / "gate"
    assert program("init", str(folder), "--blank").code == 0
    with Terminal("init", str(folder)) as terminal:
        assert terminal.end() == 2
    assert "exists" in terminal.text
    assert "Legal name" not in terminal.text
