"""A consent filled in at the console: as narrow as on the command line."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from gate.client.files import OutputFiles
from gate.control.client import ControlClient
from tests.console.conftest import LARGE, app_of, shows, until
from tests.console.served import Served

LISTED = "020 7946 0101"


async def fill(pilot: Pilot[Any], **texts: str) -> None:
    """Fill in these fields, and send."""
    for name, text in texts.items():
        pilot.app.screen.query_one(f"#{name}", Input).value = text
    pilot.app.screen.query_one("#after_objection").focus()
    await pilot.press("enter")


async def test_a_consent_of_another_firm_and_one_without_proof_are_not_taken(served: Served, tmp_path: Path) -> None:
    form = tmp_path / "form.pdf"
    form.write_bytes(b"%PDF signed")
    app = app_of(served, files=OutputFiles())
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await pilot.press("2", "tab", "tab", "tab")
        await until(pilot, shows(pilot, "Evidence"))
        await pilot.press("a")
        await until(pilot, shows(pilot, "A subscriber agrees to calls of this firm"))
        words = {"number": LISTED, "who": "A. Smith", "how": "paper", "wording": "Yes, call me"}
        await fill(pilot, **words, evidence="form 1", caller="Solar Leads Ltd")
        await until(pilot, shows(pilot, "Not taken", "was given to Solar Leads Ltd"))
        await fill(pilot, caller="", evidence="")
        await until(pilot, shows(pilot, "Not taken", "without evidence"))
        await fill(pilot, evidence_sha256=str(form), given_at="yesterday", holds_until="1/8/2030")
        await until(pilot, shows(pilot, "Not taken", "say nothing of 2030"))
        await fill(pilot, holds_until="1/8")
        await until(pilot, shows(pilot, "Consent added"))
    (kept,) = ControlClient(served.socket).call("consent_list", number=LISTED)["items"]
    assert (kept["holds_until"], kept["ends"], kept["purpose"]) == ("2026-08-01", "2026-08-01", "marketing")
    assert (kept["evidence"], kept["evidence_kind"]) == ("form.pdf", "file")
    assert kept["evidence_sha256"] == hashlib.sha256(b"%PDF signed").hexdigest()
    assert kept["given_at"][:10] in ("2026-07-12", "2026-07-13")
