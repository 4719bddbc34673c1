"""Requests worked in the console: each course to its end, what may not be done, and for whom."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from console.app import ConsoleApp
from console.feed import Session
from console.widgets.ask import Ask
from gate.client.files import OutputFiles
from gate.client.opening import KeyOpener
from gate.client.pages import ReportPages
from gate.config import load
from gate.config.write import amend
from gate.control.client import ControlClient
from gate.operations.catalogue import OPERATIONS
from tests.console.asked import Worked, board, copied
from tests.console.conftest import app_of, screen_text, shows, typed, until
from tests.console.served import Served
from tests.support.requesting import ANN, SPELLED, opened, prepared
from tests.support.smtp import Mailbox, mail_server
from tests.support.waiting import PATIENCE
from tests.support.written import written


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("console-requests") / "gate"
    prepared(folder)
    return folder


@pytest.fixture
def worked(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worked]:
    """A gate that holds five calls with a person, three of them recorded."""
    worked = Worked(copied(original, tmp_path / "gate"), monkeypatch)
    worked.start()
    yield worked
    worked.stop()


def console(worked: Worked, exports: Path, **setup: Any) -> ConsoleApp:
    """The console as the command line makes it: real keys, real files."""
    path = worked.folder / "config.toml"
    config = load(path, secrets=False)
    return app_of(
        worked,
        opener=KeyOpener(config),
        files=OutputFiles(),
        papers=ReportPages(config, path),
        exports=exports,
        **setup,
    )


def asked(worked: Served, asks: str, *steps: tuple[str, dict[str, Any]], **more: Any) -> str:
    """A request of the person over the socket, and steps of it; its reference."""
    call = ControlClient(worked.socket).call
    who = {"name": "Pat Person", "contact": "pat@example.org", "numbers": [SPELLED]}
    reference = call("request_open", asks=asks, channel="post", **(who | more))["reference"]
    for op, fields in steps:
        call(op, request=reference, **fields)
    return str(reference)


PROVEN = ("request_verify_identity", {"checked": "passport seen"})
FOUND = ("request_search", {})
GRANTED = ("request_decide", {"grant": True})


async def at_the_request(pilot: Pilot[Any], reference: str) -> None:
    await pilot.press("7")
    await until(pilot, shows(pilot, reference))
    await pilot.press("enter")
    await until(pilot, shows(pilot, "What may be done now"))


async def pressed(pilot: Pilot[Any], key: str, *then: str) -> None:
    await pilot.press(key)
    await until(pilot, shows(pilot, *then))


async def test_an_access_request_from_its_arrival_to_the_answer(worked: Worked, tmp_path: Path) -> None:
    app = console(worked, tmp_path)
    async with app.run_test(size=(110, 50), notifications=True) as pilot:
        await pilot.press("7")
        await until(pilot, shows(pilot, "There is no request."))
        await pressed(pilot, "n", "Asks for", "what is held of them")
        await pressed(pilot, "enter", "in person")
        await pilot.press("j", "enter")
        await until(pilot, shows(pilot, "A request for access", "Who asks"))
        for text in ("Pat Person", "pat@example.org", "07700 900x", "our calls", "", ""):
            await typed(pilot, text)
        await until(pilot, shows(pilot, "Not taken:", "07700 900x"))  # what was filled in is still there
        await amended(pilot, "numbers", SPELLED)
        await pilot.press("enter", "enter", "enter")
        await until(pilot, shows(pilot, "DSR-", "P** P*****", "the identity is not proven"))
        assert "900123" not in screen_text(app) and "Pat Person" not in screen_text(app)
        await pilot.press("s")
        await pilot.pause(0.2)
        assert worked.rows("request_search") == [], "nothing is searched before the identity is proven"

        await pressed(pilot, "v", "What was checked")
        for text in ("passport 533401372", "", ""):
            await typed(pilot, text)
        await until(pilot, shows(pilot, "Not taken:", "never the document"))
        await amended(pilot, "checked", "passport seen")
        await pilot.press("enter", "enter")
        await until(pilot, shows(pilot, "proven: passport seen"))
        await pressed(pilot, "s", "More numbers")
        for _ in range(5):
            await pilot.press("enter")
        await until(pilot, shows(pilot, "found 5 calls", "not recorded", "Consents", "not dialled"))
        await pressed(pilot, "escape", "5 calls")
        await pressed(pilot, "plus", "grant", "A remark")
        await pilot.press("enter", "enter")
        await until(pilot, shows(pilot, "make the pack"))

        await pressed(pilot, "f", "Passphrase")
        await typed(pilot, worked.key[1])
        await until(pilot, shows(pilot, "Pack of DSR-", "5 calls, 3 recordings"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "The pack is written"), PATIENCE)
        words = str(app.screen.query_one("#passphrase").render())
        await pilot.press("tab", "enter")
        await until(pilot, shows(pilot, "Pack", "3 recordings, SHA-256"))
        assert words not in screen_text(app)
        (pack,) = tmp_path.glob("DSR-*.html")
        (made,) = [fact["body"]["sha256"] for fact in worked.facts("request_pack_made")]
        assert hashlib.sha256(pack.read_bytes()).hexdigest() == made
        assert len(words) > 20 and words.encode() not in pack.read_bytes()

        await pressed(pilot, "l", "response")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "To", "pat@example.org", "Dear Pat Person"))
        await pressed(pilot, "s", "Save this letter")
        await pilot.press("enter")
        await until(pilot, lambda: list(tmp_path.glob("*-response.eml")))
        (letter,) = tmp_path.glob("*-response.eml")
        message = message_from_bytes(letter.read_bytes(), policy=policy.default)
        assert "pat@example.org" in message["To"] and pack.name in str(message.get_body(("plain",)))
        await pressed(pilot, "escape", "What may be done now")
        await pressed(pilot, "t", "the person was told")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "State", "done", "l  letters", "w  they take it back: it is over"))
    kinds = [fact["kind"] for fact in worked.facts() if fact["kind"].startswith(("request_", "letter_", "exported"))]
    assert [kind for kind in kinds if kind not in ("request_words", "request_person")] == [
        "request_opened",
        "request_identity_proven",
        "request_searched",
        "request_granted",
        *["exported"] * 3,
        "request_pack_made",
        "letter_made",
        "request_fulfilled",
    ]


async def test_an_erasure_keeps_what_is_held_and_names_it(worked: Worked, tmp_path: Path) -> None:
    call = ControlClient(worked.socket).call
    call("hold_add", ground="claim", recording_id="rec1", reason="a claim", reference="claim 17/2026")
    reference = asked(worked, "erasure", PROVEN, FOUND)
    app = console(worked, tmp_path)
    async with app.run_test(size=(110, 50), notifications=True) as pilot:
        await at_the_request(pilot, reference)
        await pressed(pilot, "plus", "uncallable at once")
        await pilot.press("enter")
        await until(pilot, shows(pilot, f"Type: grant {reference}", "Held, and stays", "claim 17/2026"))
        await pilot.press("escape")
        await until(pilot, shows(pilot, "What may be done now"))
        assert call("request_show", request=reference)["state"] == "in_hand"
        await pressed(pilot, "plus", "uncallable at once")
        await pilot.press("enter")
        await until(pilot, shows(pilot, f"Type: grant {reference}"))
        await fill_in_danger(pilot, f"grant {reference}")
        await until(pilot, shows(pilot, "erase what was found", "granted"))
        assert call("check", number=SPELLED)["reason"] == "objected"

        await pressed(pilot, "f", "Type: erase 4 calls", "claim 17/2026", "2, keys and files destroyed")
        call("hold_add", ground="claim", recording_id="rec0", reason="another", reference="claim 18/2026")
        await fill_in_danger(pilot, "erase 4 calls", "asked for in writing")
        await until(pilot, shows(pilot, "It is not what was shown any more", "Type: erase 3 calls", "claim 18/2026"))
        assert call("request_show", request=reference)["carried_out"] is None
        await fill_in_danger(pilot, "erase 3 calls", "asked for in writing")
        await until(pilot, shows(pilot, "Erased: 3 calls, 1 recording", "Held, stays"), PATIENCE)
        await pressed(pilot, "l", "confirmation", "to be written")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Dear Pat Person"))
        await pressed(pilot, "S", "Folder")
        await pilot.press("enter")
        await until(pilot, lambda: len(list(tmp_path.glob("*-confirmation.*"))) == 3)
        await pressed(pilot, "p", "Save it with a page that proves it")
        await amended(pilot, "folder", str(tmp_path / "proven"))
        await until(pilot, (tmp_path / "proven" / f"{reference}-proof.html").exists)
        letters = {path.suffix: path for path in (tmp_path / "proven").glob("*-confirmation.*")}
        assert f"{reference}-proof.html" in letters[".txt"].read_text() and len(letters) == 3
        digest = hashlib.sha256(letters[".eml"].read_bytes()).hexdigest()
        page = (tmp_path / "proven" / f"{reference}-proof.html").read_text()
        assert digest in page.replace("\\", "") and "Pat" not in page and "900123" not in page
        await pressed(pilot, "escape", "What may be done now")
        await pressed(pilot, "t", "It stays open until the hold")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "partly done", "Told         person"))
        await pressed(pilot, "T", "has the refusal with its reasons")
        await typed(pilot, "")
        await typed(pilot, "")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Not taken"))
        await typed(pilot, "IC-301234-X9Y8")
        await typed(pilot, "")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "partly done, waits for hold", "authority, person"))
    receipt = worked.facts("request_carried")[0]["body"]
    assert (receipt["calls"], receipt["recordings"], receipt["held_back"]) == (3, 1, 2)


async def test_what_is_right_is_kept_beside_a_call_and_a_recording(worked: Worked, tmp_path: Path) -> None:
    reference = asked(worked, "rectification", ("request_decide", {"grant": True}))
    app = console(worked, tmp_path)
    async with app.run_test(size=(110, 50), notifications=True) as pilot:
        await at_the_request(pilot, reference)
        await until(pilot, shows(pilot, "keep what is right beside the record"))
        await pressed(pilot, "f", "What was wrong and what is right")
        await typed(pilot, "The name is Pat Person.")
        await typed(pilot, "call-rec0, rec1")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Letters to write (l)", "confirmation"))
    kept = [fact["body"] for fact in worked.facts("rectification")]
    assert [(each["record"], each["statement"]) for each in kept] == [
        ("call", "The name is Pat Person."),
        ("recording", "The name is Pat Person."),
    ]


async def amended(pilot: Pilot[Any], field: str, text: str) -> None:
    """Write another text into a field of a form, and Enter."""
    pilot.app.screen.query_one(f"#{field}", Input).focus()
    await pilot.press("end", "ctrl+u")
    await typed(pilot, text)


async def fill_in_danger(pilot: Pilot[Any], phrase: str, reason: str = "") -> None:
    """Type the phrase and the reason; Enter behind the last of them does it."""
    pilot.app.screen.query_one("#danger-phrase", Input).focus()
    await pilot.pause()
    await typed(pilot, phrase)
    if reason:
        await typed(pilot, reason)


async def test_a_refusal_shows_both_letters_and_is_over_when_both_were_told(worked: Worked, tmp_path: Path) -> None:
    reference = asked(worked, "access", PROVEN)
    app = console(worked, tmp_path)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await at_the_request(pilot, reference)
        await pressed(pilot, "minus", "on which ground", "legal claims")
        await pilot.press("j", "enter")
        await until(pilot, shows(pilot, "Reasons, in words"))
        await typed(pilot, "")
        await typed(pilot, "")
        await until(pilot, shows(pilot, "is needed"))
        await typed(pilot, "your claim of 3 March")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "refusal (1 of 2", "Dear Pat Person"))
        await until(pilot, shows(pilot, "not from here: no mail server is configured ([mail] host)"))
        await pressed(pilot, "m", "Not by mail: no mail server", "Print it and post it")
        assert not isinstance(app.screen, Ask)
        await pressed(pilot, "tab", "authority (2 of 2", "no e-mail address is known")
        await pressed(pilot, "S", "Folder")
        await pilot.press("enter")
        await until(pilot, lambda: len(list(tmp_path.glob(f"{reference}-*"))) == 6)
        text = (tmp_path / f"{reference}-authority.txt").read_text()
        assert "your claim of 3 March" in text
        await pressed(pilot, "escape", "nobody yet")
        await pressed(pilot, "t", "the person was told")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "What may be done now"))
        (tmp_path / "posted.pdf").write_bytes(b"proof of posting")
        await pressed(pilot, "T", "the authority was told")
        await typed(pilot, "")
        await typed(pilot, str(tmp_path / "posted.pdf"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "closed", "authority, person", "file posted.pdf, SHA-256"))
    (told,) = [fact["body"] for fact in worked.facts("request_authority_told")]
    assert told["evidence_sha256"] == hashlib.sha256(b"proof of posting").hexdigest()
    made = [fact["body"]["kind"] for fact in worked.facts("letter_made")]
    assert made == ["refusal", "authority"] and worked.facts("letter_sent") == []


@pytest.fixture
def mailbox(served: Served) -> Iterator[Mailbox]:
    """The gate of the recorded day, with a mail server."""
    served.stop()
    with mail_server() as mailbox:
        amend(served.folder / "config.toml", {"mail": {"host": "127.0.0.1", "port": mailbox.port, "security": "none"}})
        amend(served.folder / "config.toml", {"firm": {"contact_email": "data@webeo.example"}})
        served.config = load(served.folder / "config.toml", secrets=False)
        served.start()
        yield mailbox


async def test_a_letter_goes_by_mail_after_a_question(served: Served, mailbox: Mailbox) -> None:
    reference = asked(served, "access")
    app = app_of(served)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await at_the_request(pilot, reference)
        await pressed(pilot, "l", "acknowledgement", "to be written")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Dear Pat Person"))
        for says, then in (("550 no such person", "did not"), ("", "Sent to pat@example.org")):
            mailbox.rcpt_says = says
            await pressed(pilot, "m", "Send this letter by mail?", "To pat@example.org")
            await pilot.press("tab", "enter")
            await until(pilot, shows(pilot, then))
    assert [to for _, to, _ in mailbox.letters] == [["pat@example.org"]]
    assert len(served.facts("letter_sent")) == 1


@pytest.fixture
def handed_out(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Worked, Mailbox]]:
    """A gate that has given recordings of a person to two others, with a mail server."""
    folder = copied(original, tmp_path / "gate")
    with opened(folder) as data:
        for recording, bundle in (("rec0", "b-1"), ("rec1", "b-2")):
            body = {"call_id": f"call-{recording}", "purpose": "audit", "recipient": f"k-{bundle}", "bundle": bundle}
            written(data, "exported", recording, ANN, body)
    with mail_server() as mailbox:
        amend(folder / "config.toml", {"mail": {"host": "127.0.0.1", "port": mailbox.port, "security": "none"}})
        amend(folder / "config.toml", {"firm": {"contact_email": "data@webeo.example"}})
        worked = Worked(folder, monkeypatch)
        worked.start()
        yield worked, mailbox
        worked.stop()


async def test_recipients_of_what_is_erased_are_told_from_the_console(
    handed_out: tuple[Worked, Mailbox], tmp_path: Path
) -> None:
    worked, mailbox = handed_out
    carried = ("request_carry_out", {"execute": True})
    reference = asked(worked, "erasure", PROVEN, FOUND, GRANTED, carried)
    app = console(worked, tmp_path)
    async with app.run_test(size=(110, 80), notifications=True) as pilot:
        await at_the_request(pilot, reference)
        await until(pilot, shows(pilot, "recipients k-b-1, k-b-2", "R  a recipient of what is erased was told"))
        await pressed(pilot, "l", "which letter?", "recipient")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "which recipient?", "k-b-2"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Their e-mail or postal address"))
        await typed(pilot, "audit@example.org")
        await until(pilot, shows(pilot, "Dear Sir or Madam", "recording rec0, in the bundle of evidence b-1"))
        assert "Pat" not in screen_text(app) and "rec1" not in screen_text(app)
        await pressed(pilot, "m", "Send this letter by mail?", "To audit@example.org")
        await pilot.press("tab", "enter")
        await until(pilot, shows(pilot, "Sent to audit@example.org"))
        await pressed(pilot, "escape", "What may be done now")
        for recipient, how in (("k-b-1", "mail"), ("", "mail")):
            await pressed(pilot, "R", "which recipient?" if recipient else "how were they told?")
            if recipient:
                await pressed(pilot, "enter", "how were they told?")
            await pressed(pilot, "enter", "The log keeps who, how and when")
            await pilot.press("enter", "enter", "enter")
            await until(pilot, shows(pilot, f"k-b-1, {how}", "What may be done now"))
        await until(pilot, shows(pilot, "k-b-2, mail"))
        assert "Not told" not in screen_text(app)
    assert [to for _, to, _ in mailbox.letters] == [["audit@example.org"]]
    told = [fact["body"] for fact in worked.facts("request_recipient_told")]
    assert [(each["recipient"], each["how"]) for each in told] == [("k-b-1", "mail"), ("k-b-2", "mail")]


async def test_where_only_a_time_is_known_calls_are_marked(worked: Worked, tmp_path: Path) -> None:
    reference = asked(worked, "access", PROVEN, numbers=[])
    app = console(worked, tmp_path)
    async with app.run_test(size=(110, 40), notifications=True) as pilot:
        await at_the_request(pilot, reference)
        await pressed(pilot, "s", "When the call was")
        await typed(pilot, "")
        await typed(pilot, "not a day")
        for _ in range(3):
            await typed(pilot, "")
        await until(pilot, shows(pilot, "does not say when"))
        first = worked.clock.now().date().replace(day=1).replace(month=1)
        await amended(pilot, "call", f"{first} to {worked.clock.now().date()}")
        await pilot.press("enter", "enter", "enter")
        await until(pilot, shows(pilot, "whose calls?"))
        assert "07700 9" not in screen_text(app) and "900123" not in screen_text(app)
        await pilot.press("s")
        await pilot.pause(0.1)
        await pressed(pilot, "m", "theirs")
        await pressed(pilot, "s", "found 1 call", "these calls alone")
    assert worked.facts("request_looked") and worked.facts("request_searched")[0]["body"]["found"] == 1


async def test_who_asks_is_shown_in_full_when_asked_for_and_the_log_keeps_it(served: Served) -> None:
    reference = asked(served, "complaint")
    app = app_of(served)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await at_the_request(pilot, reference)
        assert "Pat Person" not in screen_text(app) and "pat@example.org" not in screen_text(app)
        await pressed(pilot, "u", "Show this number in full?")
        await typed(pilot, "to call her back")
        await until(pilot, shows(pilot, "Pat Person", "pat@example.org", "07700 900123"))
        await pilot.press("escape")
        await pressed(pilot, "enter", "What may be done now")
        assert "Pat Person" not in screen_text(app), "shown until the screen is left"
    (fact,) = [each for each in served.facts() if each["body"].get("why") == "to call her back"]
    assert fact["body"]["kind"] == "request"


async def test_the_other_steps_of_a_complaint(served: Served) -> None:
    reference = asked(served, "complaint")
    app = app_of(served)
    async with app.run_test(size=(100, 45), notifications=True) as pilot:
        await at_the_request(pilot, reference)
        await pressed(pilot, "a", "the acknowledgement was sent", "30 days")
        await typed(pilot, "2999-01-01")
        await until(pilot, shows(pilot, "01 Jan 2999 is in the future"))
        await amended(pilot, "on", "")
        await until(pilot, shows(pilot, "a  the acknowledgement was sent: that was noted"))
        await pressed(pilot, "x", "restrict", "Nobody can play")
        await typed(pilot, "accuracy disputed")
        await until(pilot, shows(pilot, "Restricted: recordings with 1 number"))
        await pressed(pilot, "w", "they take it back")
        await typed(pilot, "settled")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "closed", "nothing more"))
    (hold,) = [fact["body"] for fact in served.facts("hold") if fact["body"]["reference"] == reference]
    assert (hold["kind"], hold["number"]) == ("restriction", "+447700900123")


async def test_clarifying_extending_and_asking_who_it_is(served: Served) -> None:
    reference = asked(served, "access")
    app = app_of(served)
    async with app.run_test(size=(100, 50), notifications=True) as pilot:
        await at_the_request(pilot, reference)
        await pressed(pilot, "i", "reasonable doubt")
        await typed(pilot, "a bill")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "30 days after the proof"))
        await pressed(pilot, "v", "What was checked")
        for text in ("bill seen", "", ""):
            await typed(pilot, text)
        await until(pilot, shows(pilot, "in hand"))
        await pressed(pilot, "c", "goes into the letter")
        await typed(pilot, "which calls?")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "the clock stands still", "paused"))
        await pressed(pilot, "c", "What they said")
        for text in ("all of them", "", ""):
            await typed(pilot, text)
        await until(pilot, shows(pilot, "e  extend it to three months"))
        await pressed(pilot, "e", "goes into the letter")
        await typed(pilot, "much to hear")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "three months in total", "extend it to three months: it was extended already"))


async def test_an_account_that_only_looks_sees_why_it_may_not_act(served: Served) -> None:
    reference = asked(served, "access", PROVEN)
    app = app_of(served)
    async with app.run_test(size=(100, 45), notifications=True) as pilot:
        await until(pilot, lambda: app.feed.link.up)
        can = frozenset(name for name, each in OPERATIONS.items() if "auditor" in each.roles)
        app.feed.session = Session("user:eve(1003)", "auditor", can)
        await at_the_request(pilot, reference)
        await until(
            pilot, shows(pilot, "nothing more", "s  search for what is held: not for an account that is auditor")
        )
        for key in ("s", "plus", "minus", "w", "l", "n"):
            await pilot.press(key)
        await pilot.pause(0.2)
        assert len(app.screen_stack) == 2
        assert [op for op, _ in served.asked if op.startswith("request_") and op not in READ] == [
            "request_open",
            "request_verify_identity",
        ]


READ = ("request_list", "request_show")


async def test_the_board_is_walked_by_keys_and_mouse_and_follows_its_card(served: Served) -> None:
    board(served)
    app = app_of(served)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("7")
        await until(pilot, shows(pilot, "DSR-2026-0001", "→ Over 2"))
        cards = app.screen.board  # type: ignore[attr-defined]
        here = lambda: cards.row.reference  # noqa: E731
        assert here() == "DSR-2026-0001"
        await pilot.press("j", "l", "j")
        assert here() == "DSR-2026-0005"
        await pilot.press("G", "g", "right", "right", "right")
        await until(pilot, shows(pilot, "← Received 4", "Over 2"))
        assert here() == "DSR-2026-0010" and "Received 4" in screen_text(app)
        await pilot.press("l", "h", "h", "h", "h", "h", "h", "k")
        assert here() == "DSR-2026-0001"
        await pilot.click("Board", offset=(22, 6))
        assert here() == "DSR-2026-0006"
        ControlClient(served.socket).call("request_withdraw", request="DSR-2026-0006")
        await pilot.press("r")
        await until(pilot, shows(pilot, "In hand 2", "Over 3"))
        assert here() == "DSR-2026-0006", "the cursor went with its card"
        await pilot.press("slash")
        await typed(pilot, "objection")
        await until(pilot, shows(pilot, "filter: objection", "Received 0"))
        assert here() == "DSR-2026-0012"
        await pilot.press("escape", "tab", "tab")
        await until(pilot, shows(pilot, "[all]", "13 rows"))


async def test_a_gate_that_goes_away_leaves_the_board_grey(served: Served) -> None:
    board(served)
    app = app_of(served)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("7")
        await until(pilot, shows(pilot, "DSR-2026-0001"))
        served.stop()
        await until(pilot, lambda: app.screen.board.has_class("-old"))  # type: ignore[attr-defined]
        assert "DSR-2026-0001" in screen_text(app)
        served.start()
        await until(pilot, lambda: not app.screen.board.has_class("-old"))  # type: ignore[attr-defined]


async def test_without_keys_the_command_line_is_named(worked: Worked) -> None:
    reference = asked(worked, "access", PROVEN, FOUND, GRANTED)
    app = app_of(worked)
    async with app.run_test(size=(100, 40), notifications=True) as pilot:
        await at_the_request(pilot, reference)
        await pressed(pilot, "f", f"dialgate request fulfil {reference} --key FILE")
