"""What the console shows of the gate's state: the doctor's lines, and what other programs did not take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.client.pages import ReportPages
from gate.config import load
from tests.console.conftest import LARGE, SMALL, app_of, screen_text, shows, until
from tests.console.served import Served
from tests.console.test_told import become
from tests.e2e.test_webhooks import SECRET, Receiver
from tests.support.settings import VALID, secret
from tests.support.settings import write as write_config

ASIDE = [{"id": f"state-{each}", "type": "gate.not_ready", "at": "2026-03-01T10:00:00+00:00", "said": "500 Oh", "data": {}} for each in range(3)]  # fmt: skip  # noqa: E501


@pytest.fixture
def told(tmp_path: Path) -> Iterator[tuple[Served, Receiver]]:
    """The recorded day, with a webhook that has put three events aside."""
    receiver = Receiver()
    (tmp_path / "gate" / "secrets").mkdir(parents=True)
    served = Served(tmp_path / "gate")
    secret(served.folder / "secrets" / "crm.webhook", SECRET)
    hook = (
        f'[[webhook]]\nname = "crm"\nurl = "http://127.0.0.1:{receiver.port}/"\nsecret_file = "secrets/crm.webhook"\n'
    )
    served.config = load(write_config(served.folder, VALID + hook), secrets=False)
    (served.config.data / "webhooks").mkdir(mode=0o700)
    secret(served.config.data / "webhooks" / "crm.json", json.dumps({"leaf": 1_000_000, "aside": ASIDE}))
    yield served.start(), receiver
    served.stop()
    receiver.close()


async def test_what_other_programs_did_not_take_is_shown_sent_again_and_dropped(
    told: tuple[Served, Receiver],
) -> None:
    served, receiver = told
    app = app_of(served, mode="audit")
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await until(pilot, shows(pilot, "[leaves]", "rows"))

        async def pick() -> None:
            await pilot.press("R")
            await until(pilot, shows(pilot, "what other programs have not taken"))
            await pilot.press("G", "enter")

        await pick()
        await until(pilot, shows(pilot, "crm state-0", "crm state-2", "gate.not_ready", "500 Oh"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "send it once more", "never send it"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "1 event sent, 2 put aside still; the answer: 204"))
        assert [each["id"] for each in receiver.taken()] == ["state-0"]
        await pick()
        await until(pilot, shows(pilot, "crm state-1"))
        assert "crm state-0" not in screen_text(app)
        await pilot.press("enter")
        await until(pilot, shows(pilot, "never send it"))
        await pilot.press("G", "enter")
        await until(pilot, shows(pilot, "Drop crm state-1?"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "1 event dropped, 1 put aside still"))
        become(app, "auditor")
        await pick()
        await until(pilot, shows(pilot, "crm state-2"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "send it once more"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "An account that is auditor may not see this."))
        assert [each["id"] for each in receiver.taken()] == ["state-0"], "it was sent by whom may not"


async def test_the_doctors_lines_are_shown_with_what_mends_them(told: tuple[Served, Receiver]) -> None:
    served, _ = told
    path = served.folder / "config.toml"
    served.config.data.chmod(0o755)
    app = app_of(served, mode="audit", papers=ReportPages(load(path, secrets=False), path))
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await until(pilot, shows(pilot, "[leaves]", "rows"))
        await pilot.press("R")
        await until(pilot, shows(pilot, "doctor", "what is well and what"))
        await pilot.press("G", "k", "enter")
        await until(pilot, shows(pilot, "What is well and what is not", "Fails", "is open to others (055)"))
        assert "mend: chmod 700" in screen_text(app)
        await pilot.press("y")
        assert f"chmod 700 {served.config.data}" in app.clipboard.splitlines()
        await pilot.press("G")
        await until(pilot, shows(pilot, "evidence: the log is signed"))
