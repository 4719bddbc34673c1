"""The guided set-up, on a real terminal: what it writes is what would have been written by hand."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from gate.cli.guided import Guided
from gate.config import load, read_secret
from tests.support.commands import ROOT, program
from tests.support.terminal import Terminal

WORDS = "correct horse battery staple"
NOTICE = ROOT / "gate" / "media" / "example_notice.wav"


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
    terminal.answer("Numbers, with commas")
    terminal.answer("Numbers, with commas", "12345")
    terminal.answer("Numbers, with commas", "020 7946 0000, 01632 960100")
    terminal.answer("host:port", "carrier:port")
    terminal.answer("host:port", "127.0.0.1")
    terminal.answer("name and a password", "y")
    terminal.answer("Name", "webeo")
    terminal.answer("Password", "a secret of the carrier")
    terminal.answer("Emergency calls go", "carrier")
    terminal.answer("Address and port", "127.0.0.1:5070")
    terminal.answer("send audio to")
    terminal.answer("go on")
    terminal.answer("Its name", "0123 456")
    terminal.answer("Its name", "alice")
    terminal.answer("Is it a phone system", "y")
    terminal.answer("Which phone system", "3cx")
    terminal.answer("calls show", "01632 960100")
    terminal.answer("calls are for", "service")
    terminal.answer("go on", "pbx")
    terminal.answer("Its name", "office")
    terminal.answer("Addresses or networks")
    terminal.answer("Addresses or networks", "192.0.2.0/33")
    terminal.answer("Addresses or networks", "192.0.2.0/24, 127.0.0.9")
    terminal.answer("Which phone system", "fusionpbx")
    terminal.answer("calls show")
    terminal.answer("calls are for")
    terminal.answer("go on")
    terminal.answer("give a recording", "wav")
    terminal.answer("WAV file", "nothing.wav")
    terminal.answer("WAV file", str(NOTICE))
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
    assert (config.trunk[0].address, config.trunk[0].username) == ("127.0.0.1:5060", "webeo")
    assert (config.emergency.trunk, config.emergency.username) == ("127.0.0.1:5060", "webeo")
    assert config.sip.listen == "127.0.0.1:5070"
    assert (folder / config.trunk[0].password_file).read_text() == "a secret of the carrier\n"
    assert [(a.username, a.presentation, a.purpose) for a in config.account] == [("alice", "+441632960100", "service")]
    assert [(a.phone_system, a.refusal) for a in config.account] == [(True, 486)]
    assert [(p.name, p.addresses, p.presentation, p.refusal) for p in config.pbx] == [
        ("office", ("192.0.2.0/24", "127.0.0.9"), "+442079460000", 486)
    ]
    assert not config.calling.live
    assert config.announcement.wav == "announcement.wav"
    assert (config.data / "prompts" / "current.json").exists()
    for secret in ("a secret of the carrier", WORDS):
        assert secret not in terminal.text
    for text in (
        "is not a UK number",
        "freephone number",
        "is not a name",
        "nothing.wav is not a file",
        "Port 5060",
        "name at least one number",
        "name at least one address",
    ):
        assert text in terminal.text
    said = " ".join(terminal.text.split())
    assert f"dialgate register import ctps FILE -c {folder / 'config.toml'}" in said
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


def asked(terminal: Terminal) -> None:
    """Firm, number and carrier of a small set-up, up to whether the carrier asks for a name."""
    for prompt, line in (("Legal name", "Acme Ltd"), ("Trading name", ""), ("Address", "1 Road, Portsmouth")):
        terminal.answer(prompt, line)
    for prompt in ("Freephone", "E-mail", "policy"):
        terminal.answer(prompt)
    terminal.answer("call real people", "n")
    terminal.answer("Numbers", "020 7946 0000")
    terminal.answer("host:port", "127.0.0.1:5070")


def reached(terminal: Terminal) -> None:
    terminal.answer("Emergency calls go")
    again(terminal)


def again(terminal: Terminal) -> None:
    terminal.answer("Address and port")
    terminal.answer("send audio to")


def softphone(terminal: Terminal, *names: str) -> None:
    """The name that is taken is the last of these."""
    terminal.answer("go on")
    for name in names:
        terminal.answer("Its name", name)
    terminal.answer("Is it a phone system")
    terminal.answer("calls are for")
    terminal.answer("go on")


def spoken(terminal: Terminal, wav: Path) -> None:
    terminal.answer("give a recording", "wav")
    terminal.answer("WAV file", str(wav))
    if any(shutil.which(name) for name in ("aplay", "paplay", "pw-play", "play", "ffplay")):
        terminal.answer("Listen to it?", "n")
    terminal.answer("Is it right?")


def written(terminal: Terminal, *phrases: str) -> None:
    """Key, no registers, and the last yes; passphrases are typed twice each."""
    terminal.answer("Whose it is")
    terminal.answer("TPS file")
    terminal.answer("CTPS file")
    terminal.answer("Write ")
    for phrase in phrases or (WORDS,):
        terminal.answer("Passphrase for the key", phrase)
        terminal.answer("Repeat", phrase)


def listed(folder: Path) -> set[str]:
    """All that is in the folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_name_or_password_that_would_not_load_is_asked_again_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "gate"
    with Terminal("init", str(folder)) as terminal:
        asked(terminal)
        terminal.answer("name and a password", "y")
        terminal.answer("Name", " ")
        terminal.answer("Name", "acme")
        terminal.answer("Password", "  ")
        terminal.answer("Password", " a secret of the carrier")
        terminal.answer("Emergency calls go", "another line")
        terminal.answer("Address and port", "127.0.0.1:20000")  # among the ports of audio
        again(terminal)
        softphone(terminal, "acme")
        spoken(terminal, NOTICE)
        written(terminal, "short", WORDS)
        assert terminal.end() == 0, terminal.text
    for text in (
        "a name, please",
        "more than blanks",
        "the range holds the SIP port",
        "Several unrelated words",
    ):
        assert text in terminal.text
    config = load(folder / "config.toml")
    assert (config.trunk[0].username, [each.username for each in config.account]) == ("acme", ["acme"])
    assert config.emergency.elsewhere
    assert read_secret(config.base, config.trunk[0].password_file) == " a secret of the carrier"


NEEDED = "Nothing was typed, and an answer is needed; Ctrl-C leaves."


def test_an_empty_answer_is_asked_again_with_the_reason(tmp_path: Path) -> None:
    """Every question of the set-up that takes no empty answer."""
    folder = tmp_path / "gate"
    with Terminal("init", str(folder)) as terminal:

        def empty(prompt: str, line: str) -> None:
            terminal.answer(prompt)
            before = len(terminal.text)
            terminal.answer(prompt, line)
            assert re.search(r"^  \S", terminal.text[before:].partition(prompt)[0], re.MULTILINE), terminal.text[
                before:
            ]

        empty("Legal name", "Acme Ltd")
        terminal.answer("Trading name")
        empty("Address, on one line", "1 Road, Portsmouth")
        for prompt in ("Freephone", "E-mail", "policy"):
            terminal.answer(prompt)
        terminal.answer("call real people", "n")
        empty("Numbers, with commas", "020 7946 0000")
        empty("host:port", "127.0.0.1:5070")
        terminal.answer("name and a password", "y")
        empty("Name: ", "acme")
        empty("Password: ", "a secret of the carrier")
        reached(terminal)
        terminal.answer("go on", "softphone")
        empty("Its name", "alice")
        terminal.answer("Is it a phone system")
        terminal.answer("calls are for")
        terminal.answer("go on", "pbx")
        empty("Its name", "office")
        empty("Addresses or networks", "127.0.0.9")
        terminal.answer("Which phone system")
        terminal.answer("calls are for")
        terminal.answer("go on")
        terminal.answer("give a recording", "wav")
        empty("WAV file", str(NOTICE))
        if any(shutil.which(name) for name in ("aplay", "paplay", "pw-play", "play", "ffplay")):
            terminal.answer("Listen to it?", "n")
        terminal.answer("Is it right?")
        terminal.answer("Whose it is")
        terminal.answer("TPS file")
        terminal.answer("CTPS file")
        terminal.answer("Write ")
        empty("Passphrase for the key", WORDS)
        empty("Repeat", "something else")
        terminal.answer("Passphrase for the key", WORDS)
        terminal.answer("Repeat", WORDS)
        assert terminal.end() == 0, terminal.text
    assert "not the same" in terminal.text and ". is not a file" not in terminal.text


def test_passphrases_and_the_verifier_key_of_a_restore_say_why_they_ask_again(tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.write_text(WORDS)
    words.chmod(0o600)
    key = str(tmp_path / "ann.key")
    assert program("key", "new", "Ann", "-o", key, "--passphrase-file", str(words)).code == 0
    for name in ("set", "keys"):
        (tmp_path / name).mkdir()
    restore = ("restore", str(tmp_path / "set"), "--keys", str(tmp_path / "keys"))
    for arguments, prompt in (
        (("key", "new", "Bo", "-o", str(tmp_path / "bo.key")), "Passphrase for Bo"),
        (("key", "passphrase", key), f"passphrase of {key}"),
        (restore, "The gate's verifier key"),
    ):
        with Terminal(*arguments) as terminal:
            terminal.answer(prompt)
            terminal.answer(prompt, "\x04")
            assert terminal.end() == 130
            assert NEEDED in terminal.text, arguments


@pytest.mark.parametrize("name", ["trunk", "carrier"])
def test_no_softphone_takes_the_file_of_the_carriers_password(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "gate"
    with Terminal("init", str(folder)) as terminal:
        asked(terminal)
        terminal.answer("name and a password", "y")
        terminal.answer("Name", "acme")
        terminal.answer("Password", "a secret of the carrier")
        reached(terminal)
        softphone(terminal, name)
        spoken(terminal, NOTICE)
        written(terminal)
        assert terminal.end() == 0, terminal.text
    config = load(folder / "config.toml")
    secrets = {read_secret(config.base, each.password_file) for each in (*config.trunk, *config.account)}
    assert len(secrets) == 2


def test_in_a_folder_that_exists_what_lies_there_is_used_or_kept(tmp_path: Path) -> None:
    folder = tmp_path / "gate"
    (folder / "secrets").mkdir(parents=True)
    (folder / "secrets" / "bob.password").write_text("bob's")
    own = folder / "announcement.wav"
    shutil.copyfile(NOTICE, own)
    with Terminal("init", str(folder)) as terminal:
        asked(terminal)
        terminal.answer("name and a password")
        reached(terminal)
        softphone(terminal, "bob", "alice")
        spoken(terminal, own)
        written(terminal)
        assert terminal.end() == 0, terminal.text
    config = load(folder / "config.toml")
    assert config.announcement.wav == "announcement.wav"
    assert own.read_bytes() == NOTICE.read_bytes()
    assert (folder / "secrets" / "bob.password").read_text() == "bob's"
    assert (folder / "data" / "gate.key").exists()


def test_another_recording_of_that_name_is_kept(tmp_path: Path) -> None:
    given = Guided({"announcement": {"wav": str(NOTICE), "text": ""}})
    (tmp_path / "announcement.wav").write_bytes(b"another")
    assert given.take_wav(tmp_path) == NOTICE
    assert given.values["announcement"]["wav"] == "announcement-2.wav"


def test_a_recording_that_has_gone_by_the_end_is_asked_for_again(tmp_path: Path) -> None:
    folder, gone = tmp_path / "gate", tmp_path / "notice.wav"
    shutil.copyfile(NOTICE, gone)
    with Terminal("init", str(folder)) as terminal:
        asked(terminal)
        terminal.answer("name and a password")
        reached(terminal)
        softphone(terminal, "alice")
        spoken(terminal, gone)
        terminal.answer("Whose it is")
        terminal.answer("TPS file")
        gone.unlink()
        terminal.answer("CTPS file")
        spoken(terminal, NOTICE)
        terminal.answer("Write ")
        terminal.answer("Passphrase for the key", WORDS)
        terminal.answer("Repeat", WORDS)
        assert terminal.end() == 0, terminal.text
    assert "notice.wav does not exist" in " ".join(terminal.text.split())
    assert load(folder / "config.toml").announcement.wav == "announcement.wav"


def test_a_set_up_that_fails_takes_away_what_it_made_and_no_more(tmp_path: Path) -> None:
    folder = tmp_path / "gate"
    (folder / "data" / "recordings").mkdir(parents=True)
    (folder / "data" / "recordings" / "kept").write_text("kept")
    (folder / "keys").write_text("in the way")
    before = listed(folder)
    with Terminal("init", str(folder)) as terminal:
        asked(terminal)
        terminal.answer("name and a password")
        reached(terminal)
        softphone(terminal, "alice")
        spoken(terminal, NOTICE)
        written(terminal)
        assert terminal.end() == 1, terminal.text
    assert "a fault of Dialgate" not in terminal.text
    assert listed(folder) == before
    far = tmp_path / "no" / "such" / "gate"
    words = tmp_path / "words"
    words.write_text("short\n")
    words.chmod(0o600)
    assert program("init", str(far), "--passphrase-file", str(words)).code == 2
    assert not (tmp_path / "no").exists()
