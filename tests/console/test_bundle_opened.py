"""A bundle opened in the console with real keys: what holds, what does not, and what nobody is to see."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from gate.client.bundles import BundleShown
from gate.client.opening import KeyOpener
from gate.config import load
from gate.vault.keyfile import save_private
from gate.vault.signing import CheckpointKey
from tests.console.conftest import LARGE, app_of, screen_text, shows, until
from tests.console.served import Served
from tests.support.bundles import Made, make, resealed, unpacked
from tests.support.settings import VALID
from tests.support.settings import write as write_config
from tests.support.vault import PASSPHRASE, new_key

NUMBER = "020 7946 0101"
"""That of the refused call, as people read it."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A gate, its auditor, and ``march.bundle`` for them beside it."""
    made = make(tmp_path_factory.mktemp("bundle"))
    done = made.export(bundle_of(made))
    assert done.code == 0, done.err
    return made


def bundle_of(made: Made) -> Path:
    return made.folder.parent / "march.bundle"


def vkey_of(made: Made) -> str:
    return unpacked(bundle_of(made))["gate.vkey"].decode().strip()


@pytest.fixture
def app(shared: Served, tmp_path: Path) -> Iterator[Any]:
    """A console at another gate than the one that made the bundle, with no key of its own."""
    config = load(write_config(tmp_path, VALID), secrets=False)
    yield app_of(shared, opener=KeyOpener(config))


async def opens(pilot: Pilot[Any], file: Path, vkey: str, key: Path | str, passphrase: str) -> None:
    """``o`` in the log, and the form filled in and sent."""
    await pilot.press("8")
    await until(pilot, shows(pilot, "[leaves]"))
    await pilot.press("o")
    await until(pilot, shows(pilot, "Open a bundle"))
    for name, text in (("file", str(file)), ("vkeys", vkey), ("key", str(key)), ("passphrase", passphrase)):
        pilot.app.screen.query_one(f"#{name}", Input).value = text
    pilot.app.screen.query_one("#passphrase", Input).focus()
    await pilot.press("enter")


def unseen(pilot: Pilot[Any], passphrase: str) -> None:
    """The cursor is where nothing that is typed is seen, and what was typed there is gone."""
    field = pilot.app.focused
    assert isinstance(field, Input) and field.password and field.value == "", field
    assert all(passphrase not in each.value for each in pilot.app.screen.query(Input))


async def test_a_bundle_says_whose_it_is_what_holds_and_has_its_calls_and_log(made: Made, app: Any) -> None:
    async with app.run_test(size=(120, 60), notifications=True) as pilot:
        await opens(pilot, bundle_of(made), vkey_of(made), made.key, PASSPHRASE)
        await until(pilot, shows(pilot, "The bundle holds.", "Checked, and found to hold", "the one you gave"))
        manifest = app.screen._opened.result
        for text in (manifest["firm"], "Auditor", "2 Mar 00:00", "3 Mar 00:00", "Exported", "user:"):
            assert text in screen_text(app), text
        assert "NOT" not in screen_text(app) and "What was found" not in screen_text(app)
        await pilot.press("c")
        await until(pilot, shows(pilot, "Verdict", "listed tps"))
        assert NUMBER not in screen_text(app), "hidden in a list"
        assert app.screen.query_one("#bundle-calls").total == manifest["counts"]["calls"]
        while app.screen.query_one("#bundle-calls").row.call_id != "call-refused":
            await pilot.press("j")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Call of the bundle", NUMBER))
        await pilot.press("escape", "l")
        await until(pilot, shows(pilot, "Id of its subject", "recording opened"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "of the bundle", "Kind"))
        await pilot.press("escape", "escape")
        await until(pilot, shows(pilot, "The bundle holds."))
        await pilot.press("escape")
        await until(pilot, shows(pilot, "[leaves]"))
        assert app.setup.opener.holder() == "", "the key is not kept"


async def test_without_a_key_the_clear_part_is_checked_and_no_row_is_shown(made: Made, app: Any) -> None:
    async with app.run_test(size=(120, 60), notifications=True) as pilot:
        await opens(pilot, bundle_of(made), "", "", "")
        await until(pilot, shows(pilot, "What can be checked without its recipient's key holds.", "on first sight"))
        await pilot.press("c")
        await until(pilot, shows(pilot, "No key was given: its calls and its log are sealed."))
        assert app.screen.at == 0


async def test_nothing_of_it_is_on_a_disk_in_clear(
    made: Made, app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is removed again is looked at, too."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    seen: dict[str, bytes] = {}
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.is_file():
            seen[path.name] = path.read_bytes()
        real(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    removed = tempfile.TemporaryDirectory.cleanup

    def cleanup(folder: Any) -> None:
        seen.update({str(each): each.read_bytes() for each in Path(folder.name).rglob("*") if each.is_file()})
        removed(folder)

    monkeypatch.setattr(tempfile.TemporaryDirectory, "cleanup", cleanup)
    async with app.run_test(size=(120, 60)) as pilot:
        await opens(pilot, bundle_of(made), vkey_of(made), made.key, PASSPHRASE)
        await until(pilot, shows(pilot, "The bundle holds."))
        await pilot.press("c")
        await until(pilot, shows(pilot, "listed tps"))
    assert {"calls.jsonl", "leaves.jsonl", "facts.jsonl"} <= set(seen), "it has looked at nothing"
    for name, data in seen.items():
        assert b"call-refused" not in data and b"442079460101" not in data, name
    assert not list(place.iterdir())


async def test_a_wrong_passphrase_is_said_and_the_next_one_is_typed_unseen(made: Made, app: Any) -> None:
    async with app.run_test(size=LARGE) as pilot:
        await opens(pilot, bundle_of(made), vkey_of(made), made.key, "not the passphrase")
        await until(pilot, shows(pilot, "the passphrase does not open", "Mind capitals"))
        unseen(pilot, "not the passphrase")


async def test_anothers_key_is_said_and_the_next_passphrase_is_typed_unseen(
    made: Made, app: Any, tmp_path: Path
) -> None:
    private, _ = new_key("Somebody Else", "auditor")
    save_private(tmp_path / "other.key", private)
    async with app.run_test(size=LARGE) as pilot:
        await opens(pilot, bundle_of(made), vkey_of(made), tmp_path / "other.key", PASSPHRASE)
        await until(pilot, shows(pilot, "the bundle is for Auditor (key ", f"not for key {private.id}", "“Key file”"))
        unseen(pilot, PASSPHRASE)


async def test_a_key_file_that_is_none_leaves_the_cursor_unseen(made: Made, app: Any) -> None:
    async with app.run_test(size=LARGE) as pilot:
        await opens(pilot, bundle_of(made), vkey_of(made), made.recipient, PASSPHRASE)
        await until(pilot, shows(pilot, "is not a private key file", "not the recipient"))
        unseen(pilot, PASSPHRASE)


async def test_another_firms_verifier_key_is_said_with_both(made: Made, app: Any, tmp_path: Path) -> None:
    other = make_vkey(tmp_path)
    async with app.run_test(size=LARGE) as pilot:
        await opens(pilot, bundle_of(made), other, made.key, PASSPHRASE)
        await until(pilot, shows(pilot, "the signature does not hold under", "another gate made it", "Nothing of it"))
        assert "The bundle holds." not in screen_text(app)


def make_vkey(folder: Path) -> str:
    """The verifier key of another firm's gate."""
    return CheckpointKey.create(folder / "other.gate.key", "other.example").vkey


@pytest.mark.parametrize("left", [0.0, 0.5, 0.999], ids=["empty", "half", "its end"])
async def test_a_truncated_bundle_is_said_to_be_cut_off(made: Made, app: Any, tmp_path: Path, left: float) -> None:
    data = bundle_of(made).read_bytes()
    (cut := tmp_path / "cut.bundle").write_bytes(data[: int(len(data) * left)])
    async with app.run_test(size=LARGE) as pilot:
        await opens(pilot, cut, vkey_of(made), made.key, PASSPHRASE)
        await until(pilot, shows(pilot, "Open a bundle", str(cut), "Not taken", "ask for the bundle again"))
        fault = str(app.screen.query_one(".dialog-fault").content)
        assert "cut off" in fault or "ends in the middle of" in fault or "end mark" in fault, fault


async def test_what_is_no_bundle_is_said_to_be_none(made: Made, app: Any, tmp_path: Path) -> None:
    (wrong := tmp_path / "letter.txt").write_text("Dear auditor,\n" * 100)
    async with app.run_test(size=LARGE) as pilot:
        await opens(pilot, wrong, "", made.key, PASSPHRASE)
        await until(pilot, shows(pilot, "letter.txt: not a bundle", "Nothing of it was opened"))
        assert app.focused.id == "file"
        await pilot.press("escape")
        await opens(pilot, tmp_path / "none.bundle", "", made.key, PASSPHRASE)
        await until(pilot, shows(pilot, "there is no bundle", "NAME.bundle"))


async def test_a_flipped_byte_is_said_first_and_no_row_is_shown(made: Made, app: Any, tmp_path: Path) -> None:
    data = bytearray(bundle_of(made).read_bytes())
    sealed = unpacked(bundle_of(made))["log/calls.jsonl.dgr"]
    data[bytes(data).index(sealed) + len(sealed) // 2] ^= 1
    (flipped := tmp_path / "flipped.bundle").write_bytes(data)
    async with app.run_test(size=(120, 60), notifications=True) as pilot:
        await opens(pilot, flipped, vkey_of(made), made.key, PASSPHRASE)
        await until(pilot, shows(pilot, "does NOT hold, and was not read to its end", "calls.jsonl.dgr was changed"))
        text = screen_text(app)
        assert text.index("was changed") < text.index("What was found to hold") < text.index("The manifest is signed")
        assert "The bundle holds." not in text
        await pilot.press("c", "tab")
        await until(pilot, shows(pilot, "It could not be read to its end"))
        assert app.screen.at == 0 and not app.screen._opened.calls and not app.screen._opened.log


async def test_what_its_gate_signed_and_does_not_hold_is_said_before_whose_it_is(
    made: Made, app: Any, tmp_path: Path
) -> None:
    """A gate that lies about how many calls there are: every byte is the signed one."""
    members = unpacked(bundle_of(made))
    manifest = json.loads(members["manifest.json"])
    counts = manifest["counts"] | {"calls": manifest["counts"]["calls"] + 1}
    (lied := tmp_path / "lied.bundle").write_bytes(resealed(made, bundle_of(made), members, counts=counts))
    async with app.run_test(size=(120, 60)) as pilot:
        await opens(pilot, lied, vkey_of(made), made.key, PASSPHRASE)
        await until(pilot, shows(pilot, "The bundle does NOT hold.", "The manifest counts other numbers of: calls"))
        text = screen_text(app)
        places = ["does NOT hold", "counts other numbers", "Believe nothing", "Auditor", "What was found to hold"]
        assert [text.index(each) for each in places] == sorted(text.index(each) for each in places)
        await pilot.press("c")
        await until(pilot, shows(pilot, "Verdict", "listed tps"))


async def test_a_console_that_only_looks_opens_none(shared: Served) -> None:
    app = app_of(shared)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "[leaves]"))
        await pilot.press("o")
        await until(pilot, shows(pilot, "No key is opened in this console: dialgate audit open"))


def test_leaves_of_two_logs_with_one_index_are_two_rows() -> None:
    shown = BundleShown()
    for line in ({"index": 17, "leaf": "{}"}, {"index": 17, "log": 1, "leaf": "{}"}):
        shown.take("leaves.jsonl", json.dumps(line).encode())
    assert [row.leaf for row in shown.log] == ["17", "1/17"]
