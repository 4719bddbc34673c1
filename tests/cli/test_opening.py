"""Recordings opened for the console, with a real gate, a real call and a real key."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gate.client.files import OutputFiles
from gate.client.listening import Listening
from gate.client.opening import KEPT_SECONDS, KeyOpener
from gate.client.recordings import pressed
from gate.config import load
from gate.core.rtp import encode_map, encode_packet
from gate.errors import ExportError, StoppedError, UsageError, WrongPassphrase
from gate.vault.keyfile import save_private
from tests.support.commands import dialgate
from tests.support.phones import Phones
from tests.support.running_gate import RunningGate, running
from tests.support.settings import secret
from tests.support.uas import Uas
from tests.support.vault import new_key
from tests.support.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    with running(tmp_path_factory.mktemp("opening") / "gate", announcement=0.5) as gate:
        with Uas(port=gate.trunk_port), Phones(to=gate.address) as near:
            (talk,) = near.wait([near.dial("01134960500")], "up", PATIENCE)
            until(lambda: talk.packets_in > 100)
            near.hang_up(talk)
            gate.wait(
                lambda: gate.rows("SELECT 1 FROM recordings WHERE closed_at IS NOT NULL"), PATIENCE, "no recording"
            )
        yield gate


def opener(gate: RunningGate, player: str = "") -> KeyOpener:
    return KeyOpener(load(gate.config, secrets=False), (), player)


def recording(gate: RunningGate) -> str:
    return str(gate.rows("SELECT recording_id FROM recordings")[0]["recording_id"])


def test_a_key_is_found_opened_and_forgotten(gate: RunningGate) -> None:
    one = opener(gate)
    (key,) = one.keys()
    with pytest.raises(WrongPassphrase):
        one.unlock(key, "not it")
    with pytest.raises(UsageError, match="no key is open"):
        one.envelope(recording(gate), "test")
    assert one.unlock(key, words(gate)) == one.holder() != ""
    one.lock()
    assert one.holder() == ""


def test_a_key_that_is_not_used_is_forgotten(gate: RunningGate, monkeypatch: pytest.MonkeyPatch) -> None:
    one, now = opener(gate), 1000.0
    monkeypatch.setattr("gate.client.opening.monotonic", lambda: now)
    one.unlock(one.keys()[0], words(gate))
    assert one.left() == KEPT_SECONDS
    now += KEPT_SECONDS - 1
    assert one.left() == 1 and one.envelope(recording(gate), "it is used").seconds > 0
    assert one.left() == KEPT_SECONDS, "counted from its last use"
    now += KEPT_SECONDS
    with pytest.raises(UsageError, match="no key is open"):
        one.envelope(recording(gate), "too late")
    assert (one.left(), one.holder(), one._privates) == (0, "", [])


def test_a_bundle_for_an_auditor_with_the_key_that_is_open(gate: RunningGate, tmp_path: Path) -> None:
    private, recipient = new_key("Auditor", "auditor", "battery staple", datetime.now(UTC))
    text, key = tmp_path / "auditor.recipient", tmp_path / "auditor.key"
    text.write_text(recipient.to_text())
    save_private(key, private)
    done = dialgate("key", "add", str(text), "--exports-only", "--purpose", "regulator", "-c", str(gate.config))
    assert done.code == 0, done.err
    one, output, told = opener(gate), tmp_path / "march.bundle", []
    whole = (datetime(2026, 1, 1, tzinfo=UTC), datetime.now(UTC), private.id, "annual audit", output)
    with pytest.raises(UsageError, match="sealed neither to the recipient nor to a key"):
        one.bundle(*whole, Listening(), lambda _done, what: told.append(what))
    one.unlock(one.keys()[0], words(gate))
    stop = Listening()
    stop.set()
    with pytest.raises(StoppedError, match="the export was stopped"):
        one.bundle(*whole, stop, lambda _done, what: told.append(what))
    assert not output.exists()
    made = one.bundle(*whole, Listening(), lambda _done, what: told.append(what))
    assert (made["file"], made["counts"]["included"], made["damaged"]) == (str(output), 1, [])
    assert any("1 recording looked at" in what for what in told), told
    passphrase = secret(tmp_path / "auditor.passphrase", "battery staple\n")
    opened = dialgate("audit", "open", str(output), "--key", str(key), "--passphrase-file", str(passphrase))
    assert opened.code == 0, opened.err
    with pytest.raises(UsageError, match="exists"):
        one.bundle(*whole, Listening(), lambda _done, _what: None)
    with pytest.raises(UsageError, match="there is no folder"):
        one.bundle(*whole[:4], tmp_path / "no" / "folder", Listening(), lambda _done, _what: None)


def words(gate: RunningGate) -> str:
    return (gate.folder / "keys" / "first.passphrase").read_text().strip()


def test_the_envelope_shows_both_voices_and_the_announcement_before_them(gate: RunningGate) -> None:
    one = opener(gate)
    one.unlock(one.keys()[0], words(gate))
    envelope = one.envelope(recording(gate), "complaint 17")
    assert 1.0 < envelope.seconds < 5.0
    assert max(envelope.caller) > 20 and max(envelope.callee) > 20
    assert envelope.announcement is not None and -1.5 < envelope.announcement[0] < envelope.announcement[1] <= 0
    kept = gate.rows("SELECT body FROM facts WHERE kind = 'exported'")[-1]["body"]
    assert "complaint 17" in kept


def test_an_export_is_a_file_that_did_not_exist(gate: RunningGate, tmp_path: Path) -> None:
    one = opener(gate)
    one.unlock(one.keys()[0], words(gate))
    told: list[float] = []
    report = one.export(recording(gate), "complaint 17", tmp_path / "a.wav", lambda part, _: told.append(part))
    assert (tmp_path / "a.wav").stat().st_size > 10_000 and report["seconds"] > 1 and told[-1] == 1.0
    with pytest.raises(UsageError, match="exists"):
        one.export(recording(gate), "complaint 17", tmp_path / "a.wav", lambda *_: None)


def test_it_plays_and_what_cannot_be_played_is_not_taken(gate: RunningGate) -> None:
    one = opener(gate, "cat")
    one.unlock(one.keys()[0], words(gate))
    told: list[str] = []
    assert one.play(recording(gate), "complaint 17", Listening(), lambda _, text: told.append(text)) == (
        "played to its end"
    )
    assert told == ["playing"]
    stop = Listening()
    stop.set()
    assert one.play(recording(gate), "complaint 17", stop, lambda *_: None) == "stopped"
    before = len(gate.rows("SELECT 1 FROM facts WHERE kind = 'exported'"))
    mute = opener(gate, "no-such-player")
    mute.unlock(mute.keys()[0], words(gate))
    with pytest.raises(ExportError, match="not installed"):
        mute.play(recording(gate), "complaint 17", Listening(), lambda *_: None)
    assert len(gate.rows("SELECT 1 FROM facts WHERE kind = 'exported'")) == before


def test_a_key_is_one_mark_where_it_was_pressed() -> None:
    def rtp(sequence: int, kind: int, stamp: int, payload: bytes) -> bytes:
        return struct.pack("!BBHII", 0x80, kind, sequence, stamp, 7) + payload

    chunk = encode_map(0, {"caller": {0: "PCMU/8000", 96: "telephone-event/8000"}, "callee": {0: "PCMU/8000"}})
    for n, event in enumerate([10, 10, 10, 5, 5]):  # * and 5, each over several packets of one time
        key = bytes((event, 10, 0, 160))
        chunk += encode_packet("caller", 2_000_000 + 20_000 * n, rtp(n, 96, event, key))
    chunk += encode_packet("callee", 2_500_000, rtp(1, 101, 1, bytes((9, 10, 0, 160))))  # not telephone-event
    assert pressed([chunk]) == [(2.0, "*"), (2.06, "5")]


def test_a_pack_is_written_with_the_key_that_is_open_and_told_to_the_gate(gate: RunningGate, tmp_path: Path) -> None:
    call = gate.client.call
    reference = call("request_open", asks="access", channel="post", name="Pat", numbers=["01134960500"])["reference"]
    call("request_verify_identity", request=reference, checked="passport seen")
    call("request_search", request=reference)
    call("request_decide", request=reference, grant=True)
    one, output = opener(gate), tmp_path / "pack.html"
    with pytest.raises(UsageError, match="no key is open"):
        one.pack(reference, output, lambda part, text: None)
    one.unlock(one.keys()[0], words(gate))
    made = one.pack(reference, output, lambda part, text: None)
    assert (made["calls"], made["recordings"], made["left_out"]) == (1, 1, 0)
    assert made["passphrase"].encode() not in output.read_bytes()
    standing = call("request_show", request=reference)
    assert standing["pack"]["sha256"] == made["sha256"] and made["passphrase"] not in str(standing)
    with pytest.raises(UsageError, match="exists"):
        one.pack(reference, output, lambda part, text: None)


def test_a_file_arrives_whole_and_replaces_none(tmp_path: Path) -> None:
    files, path = OutputFiles(), tmp_path / "letters" / "one.txt"
    files.write(path, b"Dear Pat")
    assert path.read_bytes() == b"Dear Pat" and path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="exists"):
        files.write(path, b"other")
    with pytest.raises(UsageError, match="cannot be written"):
        files.write(path / "below", b"no folder")
    assert [each.name for each in path.parent.iterdir()] == ["one.txt"]
