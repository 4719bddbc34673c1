"""What the console shows of the gate's state: the doctor's lines, and what other programs did not take."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
import pytest

from console.modes.reports import figures
from console.modes.row import row_sections
from console.words import it_is
from gate.client.pages import ReportPages
from gate.config import load
from gate.core.rows import Heading, heading, month
from gate.core.rows.audit import Leaf
from gate.operations.contacts.forecast import ContactsThen
from tests.console.conftest import LARGE, SMALL, app_of, screen_text, shows, until
from tests.console.day import NOW
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


class Of(msgspec.Struct):
    reason: str
    allows: bool
    attempts: int


class Day(msgspec.Struct):
    day: str
    allow: int
    block: int


class Came(msgspec.Struct):
    at: Annotated[str, Heading("Imported")]
    count: int


class Kept(msgspec.Struct):
    name: str
    why: str
    imports: list[Came]


class Part(msgspec.Struct):
    total: Annotated[int, Heading("All")]
    seconds: float
    bytes: int
    nothing: str
    reasons: list[Of]
    days: list[Day]
    of: list[Kept]


def test_a_report_is_words_pictures_and_tables_and_no_field_of_json() -> None:
    it_is(datetime(2027, 1, 2, tzinfo=UTC))
    days = [Day(f"2026-07-{day:02}", day, 0) for day in range(1, 11)]
    kept = [Kept("tps", "listed_tps", [Came("2026-07-01T06:30:00Z", 340)])]
    part = Part(1207, 7670.0, 4_200_000, "", [Of("listed_tps", False, 7), Of("not_listed", True, 1200)], days, kept)
    first, reasons, drawn, table, inner = figures(part, "Attempts")
    assert [(label, text) for label, (text, _) in first.pairs] == [
        ("All", "1,207"),
        ("Seconds", "2:07:50"),
        ("Bytes", "4.2 MB"),
    ]
    assert [line.split() for line, _ in reasons.lines] == [
        ["not", "listed", "1,200", "█" * 28],
        ["listed", "tps", "7", "▏"],
    ]
    assert [text for text, _ in drawn.lines] == [
        "Allow: 55, most on 10 Jul 2026: 10",
        "            ▁▁▃▃▆▆██",
        "      ▂▂▄▄▆▆████████",
        "▂▂▅▅▇▇██████████████",
        "01 Jul 2026 10 Jul 2026",
    ]
    assert [text for text, _ in table.lines] == ["Name  Why", "tps   listed tps"]
    assert (inner.heading, inner.lines[1][0]) == ("Attempts: of: tps, imports", "01 Jul 2026 07:30    340")


def test_every_field_of_the_month_and_of_tomorrow_has_a_heading_in_words() -> None:
    for kind in (month.MonthReport, ContactsThen):
        for each in structs(kind):
            for name in each.__struct_fields__:
                assert re.fullmatch(r"[A-Za-z][A-Za-z0-9 ,%-]+", heading(each, name)), (each, name)


def structs(kind: Any) -> set[type[msgspec.Struct]]:
    """A Struct and those in its fields."""
    found = {kind}
    for hint in get_type_hints(kind).values():
        for each in (hint, *get_args(hint)):
            if isinstance(each, type) and issubclass(each, msgspec.Struct):
                found |= structs(each)
    return found


def test_beside_a_list_stand_words_without_what_is_not_there() -> None:
    it_is(NOW)
    row = Leaf(index=7, kind="log_signed", subject="ab" * 16, at="2026-07-01T09:00:00Z", actor="gate", hash="cd" * 32)
    first, ids = row_sections(row)
    assert [(label, text) for label, (text, _) in first.pairs] == [
        ("Leaf", "7"),
        ("What", "log signed"),
        ("At", "01 Jul 10:00:00"),
        ("By", "gate"),
    ]
    assert [label for label, _ in ids.pairs] == ["Of", "Hash"]
