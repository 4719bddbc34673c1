"""Keys and kept checkpoints in the console: as on the command line, with real key files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gate.client.files import OutputFiles
from gate.client.opening import KeyOpener
from gate.config import load
from gate.control.client import ControlClient
from gate.vault.keyfile import generate, load_private, save_private
from tests.console.conftest import app_of, shows, typed, until
from tests.console.served import Served
from tests.support.settings import VALID
from tests.support.settings import write as write_config

OLD, NEW = "apple river stone cloud", "lamp seven winter field"


async def at_the_keys(pilot: Any, row: str = "") -> None:
    await pilot.press("8", "tab", "tab")
    await until(pilot, shows(pilot, "[keys]", *filter(None, [row])))


async def test_a_key_is_added_put_on_other_terms_and_retired(served: Served, tmp_path: Path) -> None:
    app = app_of(served, files=OutputFiles())
    _, first = generate("Ann Lee", "compliance", OLD, served.clock.now())
    ControlClient(served.socket).call("key_add", text=first.to_text())
    private, recipient = generate("Bea Auditor", "auditor", OLD, served.clock.now())
    save_private(tmp_path / "bea.key", private)
    (tmp_path / "bea.recipient").write_text(recipient.to_text())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await at_the_keys(pilot)
        await pilot.press("a")
        await until(pilot, shows(pilot, "Put a key on the register"))
        await typed(pilot, str(tmp_path / "bea.key"))
        await pilot.press("enter", "enter", "enter", "enter")
        await until(pilot, shows(pilot, "is a private key: it stays where it is"))
        assert len(served.rows("key_add")) == 1
        await pilot.press(
            *["backspace"] * len("key"), *"recipient", "enter", "enter", "right", "enter", "enter", "enter"
        )
        await until(pilot, shows(pilot, "On the register: Bea Auditor, auditor"))
        await until(pilot, shows(pilot, "Bea Auditor"))
        assert served.rows("key_add")[-1]["purpose"] == "regulator"
        while app.screen.table.row.name != "Bea Auditor":  # type: ignore[attr-defined]
            await pilot.press("j")
        await pilot.press("t")
        await until(pilot, shows(pilot, "Other terms for Bea Auditor"))
        await pilot.press("enter", "right", "right", "enter", "enter", "left", "enter")
        await until(pilot, shows(pilot, "Changed: Bea Auditor"))
        changed = served.facts("recipient_changed")[-1]["body"]
        assert (changed["purpose"], changed["seals"]) == ("internal_audit", False)
        await pilot.press("d")
        await until(pilot, shows(pilot, "Retire the key of Bea Auditor?", "still opens 0 recordings"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Retired: Bea Auditor"))
        assert served.facts("recipient_retired")[-1]["subject"] == recipient.id


async def test_a_passphrase_is_changed_here_and_the_old_one_opens_nothing(shared: Served, tmp_path: Path) -> None:
    config = load(write_config(tmp_path, VALID), secrets=False)
    private, _ = generate("Ann Lee", "compliance", OLD, shared.clock.now())
    file = tmp_path / "ann.key"
    save_private(file, private)
    app = app_of(shared, opener=KeyOpener(config, [file]))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await at_the_keys(pilot)
        await pilot.press("P")
        await until(pilot, shows(pilot, "Another passphrase"))
        for each in (OLD, NEW, NEW[:-1]):
            await typed(pilot, each)
        await until(pilot, shows(pilot, "are not the same"))
        for each in (OLD, NEW, NEW):
            await typed(pilot, each)
        await until(pilot, shows(pilot, "The key of Ann Lee opens with the new"))
        assert NEW not in app.export_screenshot()
    assert load_private(file, NEW).id == private.id


async def test_kept_checkpoints_are_compared_with_the_log(served: Served, tmp_path: Path) -> None:
    signed = ControlClient(served.socket).call("audit_checkpoint")
    note = ControlClient(served.socket).call("checkpoints_list")["items"][0]["note"]
    assert signed["size"]
    (tmp_path / "kept").write_text(note)
    (tmp_path / "other").write_text("not a checkpoint")
    app = app_of(served, files=OutputFiles())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("8", "tab")
        await until(pilot, shows(pilot, "[checkpoints]"))
        await pilot.press("C")
        await until(pilot, shows(pilot, "Compare checkpoints with the log?"))
        await typed(pilot, str(tmp_path / "none"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Not taken"))
        await pilot.press("end", *["backspace"] * 4, *"kept", "enter", "enter")
        await until(pilot, shows(pilot, "The log holds:", "1  checkpoints from elsewhere"))
