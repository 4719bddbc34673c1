"""Receipts in the console: one by its code, and the page of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.client.pages import ReportPages
from gate.config import load
from gate.core.receipts import shown
from gate.store.store import EvidenceStore
from tests.console.conftest import SMALL, app_of, screen_text, shows, typed, until
from tests.console.served import PEPPER, Served
from tests.console.test_told import become
from tests.support.receipts import code, receipted

CALLED = "+442079460411"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The recorded day, with two callees who were told a code."""
    served = Served(tmp_path_factory.mktemp("told"))
    store = EvidenceStore(served.config.data / "gate.db", pepper=PEPPER)
    for seed in (1, 2):
        receipted(store, seed, CALLED, served.clock.time)
    store.close()
    yield served.start()
    served.stop()


async def test_what_a_receipt_says_is_shown_by_its_code(told: Served) -> None:
    app = app_of(told, mode="calls")
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, shows(pilot, "rows"))
        await pilot.press("c")
        await until(pilot, shows(pilot, "A callee's receipt"))
        await typed(pilot, "4K7 X2Q")
        await until(pilot, shows(pilot, "a sign is wrong or missing", "ten signs, such as"))
        await pilot.press("ctrl+u")
        await typed(pilot, shown(code(1)).lower())
        await until(pilot, shows(pilot, f"Receipt {shown(code(1))}", "Webeo Example Ltd", "TPS, list of 01 Mar 2026"))
        assert "0800 111 2222" in screen_text(app)
        await pilot.press("pagedown")
        await until(pilot, shows(pilot, "not told", "not signed yet"))
        assert CALLED[3:] not in screen_text(app).replace(" ", "")
        await pilot.press("y")
        assert app.clipboard == "receipted-1"


async def test_the_page_of_receipts_is_written(told: Served, tmp_path: Path) -> None:
    path = told.folder / "config.toml"
    app = app_of(told, mode="audit", papers=ReportPages(load(path, secrets=False), path), exports=tmp_path)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await until(pilot, shows(pilot, "[leaves]", "rows"))
        await pilot.press("R")
        await until(pilot, shows(pilot, "the page by which callees look receipts up"))
        await pilot.press("j", "j", "j", "enter")
        await until(pilot, shows(pilot, "The page of receipts", "Folder"))
        (tmp_path / "file").touch()
        await pilot.press("ctrl+u")
        await typed(pilot, str(tmp_path / "file"))
        await until(pilot, shows(pilot, "name another folder"))
        await pilot.press("ctrl+u")
        await typed(pilot, str(tmp_path / "site"))
        await until(pilot, shows(pilot, "Receipts  2", "0 no longer kept", "Host the folder by https."))
        assert (tmp_path / "site" / "index.html").is_file()
        assert len([path for path in (tmp_path / "site" / "data").rglob("*") if path.is_file()]) == 2
        await pilot.press("escape")
        become(app, "auditor")
        await pilot.press("R")
        await until(pilot, shows(pilot, "the page by which"))
        await pilot.press("j", "j", "j", "enter")
        await until(pilot, shows(pilot, "An account that is auditor may not see this."))
