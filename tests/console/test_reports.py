"""What the console shows of the gate's state: the doctor's lines, and what other programs did not take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.modes.reports import figures
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
        await until(pilot, shows(pilot, "evidence: the log in", "is signed"))


def campaign_facts() -> list[dict[str, Any]]:
    """Two days of a campaign: yesterday one of four found nobody, today four of four; it is stopped."""
    facts: list[dict[str, Any]] = []
    for number, (day, found) in enumerate([("14", "live")] * 3 + [("14", "nobody")] + [("15", "nobody")] * 4):
        at, subject = f"2026-07-{day}T10:0{number}:00+00:00", f"{number:032x}"
        body = {"number": f"+44207946090{number}", "raw": f"020 7946 090{number}", "verdict": "allow"}
        body |= {"reason": "service_call", "claimed_by": "trunk:dialler", "purpose": "service", "campaign": "spring"}
        lost = {"why": "caller_left", "informed": True, "lacks": ""}
        over = {"by": "caller", "cause": "hung_up", "code": 200, "seconds": 30.0 if found == "live" else 0.0}
        bodies: list[tuple[str, dict[str, Any]]] = [("decision", body), ("answered", {"codec": "PCMU"})]
        bodies += [("abandoned", lost)] if found == "nobody" else []
        bodies.append(("ended", {**over, "bridged": found == "live"}))
        facts += [{"kind": kind, "subject": subject, "at": at, "actor": "gate", "body": each} for kind, each in bodies]
    stop = {"day": "2026-07-15", "abandoned": 4, "live": 0, "least": 4, "claimed_by": "trunk:dialler"}
    stop |= {"campaign": "spring", "stop_percent": 3.0}
    at = "2026-07-15T10:09:00+00:00"
    return [*facts, {"kind": "campaign_stopped", "subject": "5" * 32, "at": at, "actor": "gate", "body": stop}]


async def test_the_abandoned_rate_has_a_column_for_each_day_and_a_stop_is_released(tmp_path: Path) -> None:
    served = Served(tmp_path, campaign_facts()).start()
    app = app_of(served, mode="audit")
    try:
        async with app.run_test(size=SMALL, notifications=True) as pilot:
            await until(pilot, shows(pilot, "[leaves]", "rows"))

            async def pick() -> None:
                await pilot.press("R")
                await until(pilot, shows(pilot, "by campaign and day"))
                await pilot.press(*"jjjj", "enter")

            await pick()
            await until(pilot, shows(pilot, "trunk:dialler, spring, stopped", "the rate of each campaign, by day"))
            await pilot.press("enter")
            await until(pilot, shows(pilot, "Abandoned calls, by campaign and day", "trunk:dialler, spring"))
            (line,) = re.findall(r"trunk:dialler, spring +(.*?)\s*\n", screen_text(app))[:1]
            assert line.split() == ["100.0%!", "25.0%", "-", "-", "-"]
            (head,) = re.findall(r"Campaign +(\d\d .*?)\s*\n", screen_text(app))
            assert head.startswith("15 Jul  14 Jul  13 Jul")
            await pilot.press("G")
            await until(pilot, shows(pilot, "trunk:dialler, spring: 4 abandoned, 4 of them were told who"))
            await pilot.press("escape")
            await pick()
            await until(pilot, shows(pilot, "the rate of each campaign, by day"))
            await pilot.press("j", "enter")
            await until(pilot, shows(pilot, "Let it go on"))
            await pilot.press(*"two agents more", "enter")
            await until(pilot, shows(pilot, "Released: trunk:dialler, spring"))
            await pick()
            await until(pilot, shows(pilot, "Abandoned calls, by campaign and day"))
            assert "Stopped" not in screen_text(app)
    finally:
        served.stop()


def test_rows_of_a_report_are_a_table_with_codes_in_words() -> None:
    class Of(msgspec.Struct):
        reason: str
        allows: bool
        attempts: int

    class Part(msgspec.Struct):
        total: int
        reasons: list[Of]

    class Paper(msgspec.Struct):
        attempts: Part

    sections = figures(Paper(Part(1207, [Of("not_listed", True, 1200), Of("listed_tps", False, 7)])))
    assert [each.heading for each in sections] == ["Attempts", "Attempts: reasons"]
    lines = [text for text, _ in sections[-1].lines]
    assert lines == ["Reason      Allows  Attempts", "not listed  yes        1,200", "listed tps  no             7"]
