"""The announcement as it is made at set-up: from any WAV or a text, in every codec, once and for ever."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from G722 import G722

from gate import g711
from gate.config import Announcement
from gate.errors import ConfigError, MediaError
from gate.media import prompts
from gate.media.prompts import PromptSet, prepare
from tests.support.audio import dominant, read_wav, share, tone, write_wav


def made(folder: Path, **given: str) -> PromptSet:
    return prepare(folder / "prompts", Announcement(**given), folder)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_mono_or_stereo_becomes_every_codec(tmp_path: Path, rate: int, channels: int) -> None:
    whole = np.repeat(tone(700, 1.0, rate), channels)
    write_wav(tmp_path / "notice.wav", whole, rate, channels)
    prepared = made(tmp_path, wav="notice.wav")
    narrow = g711.ulaw_decode(prepared.path("announcement.0").read_bytes())
    alaw = g711.alaw_decode(prepared.path("announcement.8").read_bytes())
    wide = np.array(G722(16000, 64000).decode(prepared.path("announcement.9").read_bytes()), np.int16)
    for samples, at in ((narrow, 8000), (alaw, 8000), (wide, 16000)):
        assert share(samples[at // 10 : at * 9 // 10], 700, at) > 0.98
    assert len(narrow) == len(alaw) == len(wide) // 2 == round(prepared.seconds * 8000)
    assert prepared.seconds == pytest.approx(1.1, abs=0.03)
    assert prepared.codecs == ("PCMU", "PCMA", "G722")
    wav, wav_rate = read_wav(prepared.path("announcement.wav"))
    assert (wav.shape[1], wav_rate) == (1, 8000)
    assert dominant(wav[:8000, 0]) == pytest.approx(700, abs=5)


def test_what_does_not_fit_into_telephone_audio_is_filtered_and_not_folded(tmp_path: Path) -> None:
    """6 kHz in the source would appear as 2 kHz where samples are only dropped."""
    write_wav(tmp_path / "notice.wav", tone(700, 1.0, 16000) + tone(6000, 1.0, 16000), 16000)
    heard = g711.ulaw_decode(made(tmp_path, wav="notice.wav").path("announcement.0").read_bytes())
    assert share(heard[800:7200], 700) > 0.97
    assert share(heard[800:7200], 2000) < 0.001


@pytest.mark.parametrize("amplitude", [0.01, 0.3, 0.99])
def test_the_level_is_that_of_speech_whatever_the_source_had(tmp_path: Path, amplitude: float) -> None:
    write_wav(tmp_path / "notice.wav", tone(700, 1.0, amplitude=amplitude))
    heard, _ = read_wav(made(tmp_path, wav="notice.wav").path("announcement.wav"))
    level = 20 * np.log10(prompts.speech_level(heard[:8000, 0] / 32768, 8000))
    assert level == pytest.approx(-20, abs=1)
    assert np.max(np.abs(heard)) < 32000


def test_payloads_are_whole_frames_and_pips_are_shorter_than_a_digit(tmp_path: Path) -> None:
    write_wav(tmp_path / "notice.wav", tone(700, 0.777))
    prepared = made(tmp_path, wav="notice.wav")
    pips = tmp_path / "prompts" / prompts.PIPS
    for path in (prepared.path("announcement"), pips / "progress", pips / "cue"):
        for suffix in (".0", ".8", ".9"):
            assert len(path.with_suffix(suffix).read_bytes()) % 160 == 0
    assert len((pips / "progress.0").read_bytes()) == 480
    cue = g711.ulaw_decode((pips / "cue.0").read_bytes()) / 32768
    heard = np.abs(cue).reshape(-1, 160).max(axis=1) > 0.1
    assert "".join("x" if each else "." for each in heard) == "xxx.......xxx", "two pips, 20 ms a sign"


def test_damaged_pips_are_made_anew(tmp_path: Path) -> None:
    write_wav(tmp_path / "notice.wav", tone(700, 1.0))
    made(tmp_path, wav="notice.wav")
    pips = tmp_path / "prompts" / prompts.PIPS
    whole = {path.name: path.read_bytes() for path in pips.iterdir()}
    for name, damage in (("cue.8", b"x"), ("meta.json", b"{}"), ("meta.json", b'{"files": 1}')):
        (pips / name).write_bytes(damage)
        made(tmp_path, wav="notice.wav")
        assert {path.name: path.read_bytes() for path in pips.iterdir()} == whole
    (pips / "cue.9").unlink()
    made(tmp_path, wav="notice.wav")
    assert {path.name: path.read_bytes() for path in pips.iterdir()} == whole


@pytest.mark.parametrize(("quiet", "seconds"), [(0.0, 1.1), (0.04, 1.1), (0.1, 1.1), (0.5, 1.5)])
@pytest.mark.parametrize("noise", [0.0, 0.0005])
def test_a_tenth_of_a_second_is_silent_behind_the_words_whoever_made_it(
    tmp_path: Path, quiet: float, seconds: float, noise: float
) -> None:
    """A hiss that nobody hears is silence, too."""
    rest = np.round(noise * 32767 * np.sin(np.arange(round(quiet * 8000))))
    write_wav(tmp_path / "notice.wav", np.concatenate([tone(700, 1.0, amplitude=0.14), rest]))
    prepared = made(tmp_path, wav="notice.wav")
    heard = np.abs(g711.ulaw_decode(prepared.path("announcement.0").read_bytes()))
    assert prepared.seconds == seconds
    assert heard[:8000].max() > 3000 and heard[7900:7990].max() > 1000, "no word is cut off"
    assert heard[8010:].max() < 40


def test_a_soft_sound_at_the_end_is_one(tmp_path: Path) -> None:
    write_wav(
        tmp_path / "notice.wav", np.concatenate([tone(700, 1.0, amplitude=0.14), tone(3000, 0.4, amplitude=0.003)])
    )
    assert made(tmp_path, wav="notice.wav").seconds == 1.5


def test_the_examples_ship_with_the_package_and_can_be_prepared(tmp_path: Path) -> None:
    notice, goodbye = prompts.example_wavs()
    prepared = made(tmp_path, wav=str(notice), goodbye_wav=str(goodbye))
    assert 4 < prepared.seconds < 8
    assert 1 < prepared.goodbye_seconds < 4
    for path in (notice, goodbye):
        info = soundfile.info(str(path))
        assert (info.samplerate, info.channels, info.subtype) == (8000, 1, "PCM_16")


def test_without_a_goodbye_there_is_none(tmp_path: Path) -> None:
    write_wav(tmp_path / "notice.wav", tone(700, 1.0))
    prepared = made(tmp_path, wav="notice.wav")
    assert prepared.goodbye_seconds == 0.0
    assert not prepared.path("goodbye.0").exists()


def test_it_is_made_once_and_the_same_again(tmp_path: Path) -> None:
    write_wav(tmp_path / "notice.wav", tone(700, 1.0))
    first = made(tmp_path, wav="notice.wav")
    when = first.path("announcement.0").stat().st_mtime_ns
    assert made(tmp_path, wav="notice.wav") == first == PromptSet.load(tmp_path / "prompts")
    assert first.path("announcement.0").stat().st_mtime_ns == when


def test_a_version_means_one_sound_for_ever(tmp_path: Path) -> None:
    write_wav(tmp_path / "notice.wav", tone(700, 1.0))
    first = made(tmp_path, wav="notice.wav")
    kept = first.path("announcement.0").read_bytes()
    write_wav(tmp_path / "notice.wav", tone(900, 1.0))
    with pytest.raises(ConfigError, match="already another sound"):
        made(tmp_path, wav="notice.wav")
    second = made(tmp_path, wav="notice.wav", version="2")
    assert PromptSet.load(tmp_path / "prompts") == second
    assert first.path("announcement.0").read_bytes() == kept
    current, _ = read_wav(tmp_path / "prompts" / "announcement.wav")
    assert dominant(current[:8000, 0]) == pytest.approx(900, abs=5)


@pytest.mark.parametrize(
    ("seconds", "amplitude", "says"), [(0.3, 0.3, "long"), (61.0, 0.3, "long"), (1.0, 0.0, "silent")]
)
def test_too_short_too_long_or_silent_is_refused_and_leaves_nothing(
    tmp_path: Path, seconds: float, amplitude: float, says: str
) -> None:
    write_wav(tmp_path / "notice.wav", tone(700, seconds, amplitude=amplitude))
    with pytest.raises(ConfigError, match=says) as refused:
        made(tmp_path, wav="notice.wav")
    assert refused.value.hint
    assert not (tmp_path / "prompts").exists() or not any((tmp_path / "prompts").iterdir())


@pytest.mark.parametrize("content", [b"", b"RIFF", b"this is no sound at all" * 100])
def test_a_file_that_is_no_audio_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notice.wav").write_bytes(content)
    with pytest.raises((MediaError, ConfigError), match=r"notice\.wav"):
        made(tmp_path, wav="notice.wav")


def test_nothing_to_say_and_nothing_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither wav nor text"):
        made(tmp_path)
    with pytest.raises(ConfigError, match="no such file"):
        made(tmp_path, wav="missing.wav")
    with pytest.raises(MediaError, match="no announcement"):
        PromptSet.load(tmp_path)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "x" * 65, "a b", "a@b"])
def test_an_id_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    write_wav(tmp_path / "notice.wav", tone(700, 1.0))
    with pytest.raises(ConfigError, match="id or version"):
        made(tmp_path, wav="notice.wav", id=name)


@pytest.mark.parametrize("name", ["announcement.0", "announcement.9", "meta.json"])
def test_a_changed_file_is_noticed(tmp_path: Path, name: str) -> None:
    write_wav(tmp_path / "notice.wav", tone(700, 1.0))
    path = made(tmp_path, wav="notice.wav").path(name)
    data = bytearray(path.read_bytes())
    data[10] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(MediaError):
        PromptSet.load(tmp_path / "prompts")


def test_only_the_gates_account_reads_them(tmp_path: Path) -> None:
    write_wav(tmp_path / "notice.wav", tone(700, 1.0))
    prepared = made(tmp_path, wav="notice.wav")
    for path in (tmp_path / "prompts").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert prepared.path("announcement.0").exists()


def test_without_espeak_a_text_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="espeak-ng is not installed") as refused:
        made(tmp_path, text="This is a call from Example.")
    assert "apt install espeak-ng" in refused.value.hint


@pytest.mark.peer
def test_a_text_is_spoken(tmp_path: Path) -> None:
    if not shutil.which("espeak-ng"):
        assert not os.environ.get("CI"), "espeak-ng must be installed"
        pytest.skip("espeak-ng is not installed")
    prepared = made(tmp_path, text="--help This is a call from Example.", goodbye_text="Goodbye.")
    assert 1.0 < prepared.seconds < 6.0
    assert 0.4 < prepared.goodbye_seconds < 3.0
    heard = g711.ulaw_decode(prepared.path("announcement.0").read_bytes())
    assert prompts.speech_level(heard / 32768, 8000) > 0.05
    assert 0.1 <= (len(heard) - prompts.heard(heard / 32768)) / 8000 < 0.13, "silence behind the last word"
