"""The numbers of a call as the call manager is told them: the one that it shows, which a PBX may ask for and an account
may not, and the one that it dials, as the dial plan reads it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

import msgspec
import pytest

from gate.config import Account, Emergency
from gate.core.terms import Attempt
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import PRESENTED, RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import Phone, sdp

SECOND, THIRD, OTHER = "+442079460001", "+441632960100", "+447700900123"
ALICE = Account("alice", "x", PRESENTED)


def line_of(*may_present: str, strip: str = "", area_code: str = "", **config: object) -> RunningLine:
    """A line that refuses every call, whose PBX may ask for these numbers and has this dial plan."""
    made = config_for("127.0.0.1:9", **config)  # type: ignore[arg-type]
    changes = {"may_present": may_present, "strip": strip, "area_code": area_code}
    pbx = tuple(msgspec.structs.replace(each, **changes) for each in made.pbx)
    made = msgspec.structs.replace(made, pbx=pbx, emergency=Emergency(trunk="127.0.0.1:9"))
    return RunningLine(made, ScriptedCallManager(refused={"*": "listed_tps"}))


@pytest.fixture(scope="module")
def line() -> Iterator[RunningLine]:
    with line_of(SECOND, THIRD) as running:
        yield running


def told(running: RunningLine, *headers: str, sender: str = "", number: str = "02079460000") -> Attempt:
    """The attempt that the call manager is given."""
    with Phone(running.address) as phone:
        phone.dial(number, headers=headers, sender=sender)
        phone.ack(phone.recv(only="603"))
    return running.call_manager.incomings[-1].attempt


@pytest.mark.parametrize(
    ("sender", "headers", "shown"),
    [
        ("<sip:02079460001@pbx.invalid>", (), SECOND),
        ('"Barclays" <sip:+44-20-7946-0001@pbx.invalid;user=phone>', (), SECOND),
        ("<tel:+44-1632-960-100>", (), THIRD),
        ("<sip:201@pbx.invalid>", ("P-Asserted-Identity: <sip:01632960100@pbx.invalid>",), THIRD),
        ("<sip:02079460001@pbx.invalid>", ("P-Asserted-Identity: <tel:+441632960100>",), THIRD),
        ("", ("P-Asserted-Identity: <sip:desk@pbx.invalid>, <tel:+441632960100>",), THIRD),
        ("<sip:02079460001@pbx.invalid>", ("P-Asserted-Identity: <sip:pbx.invalid>",), SECOND),
        ("<sip:02079460001@pbx.invalid>", ("P-Asserted-Identity: <sip:201@pbx.invalid>",), PRESENTED),
        ("<sip:02079460001@pbx.invalid>", ("P-Preferred-Identity: <sip:01632960100@pbx.invalid>",), SECOND),
        ("<sip:pbx.invalid>", (), PRESENTED),
        ("<sip:201@pbx.invalid>", (), PRESENTED),
        (f"<sip:{PRESENTED}@pbx.invalid>", (), PRESENTED),
    ],
)
def test_law_3_1_a_pbx_asks_for_a_number_of_its_list(
    line: RunningLine, sender: str, headers: tuple[str, ...], shown: str
) -> None:
    attempt = told(line, *headers, sender=sender)
    assert (attempt.presentation, attempt.withheld, attempt.claimed_by) == (shown, False, "trunk:pbx1")


CUSTOMER = "<sip:07700900123@pbx.invalid>"
HISTORY = (
    "History-Info: <sip:+441632960100@pbx.invalid>;index=1, <sip:02079460001@pbx.invalid?Reason=SIP%3Bcause%3D302>"
    ";index=1.1, <sip:07700900999@gate.invalid>;index=1.1.1"
)


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ((f"Diversion: <sip:{SECOND}@pbx.invalid>;reason=unconditional",), (SECOND, "diversion")),
        (('Diversion: "Desk" <sip:201@pbx.invalid>, <tel:01632960100>;privacy=off',), (THIRD, "diversion")),
        ((f"Diversion: <sip:{SECOND}@a>", f"Diversion: <sip:{THIRD}@a>"), (SECOND, "diversion")),
        ((HISTORY,), (SECOND, "history-info")),
        ((HISTORY, f"Diversion: <sip:{THIRD}@pbx.invalid>"), (THIRD, "diversion")),
        ((f"P-Asserted-Identity: <tel:{OTHER}>", f"Diversion: <tel:{THIRD}>"), (THIRD, "diversion")),
        ((f"P-Asserted-Identity: <tel:{THIRD}>", f"Diversion: <tel:{SECOND}>"), (THIRD, "")),
    ],
)
def test_law_3_1_a_call_that_is_passed_on_shows_the_number_that_it_was_diverted_from(
    line: RunningLine, headers: tuple[str, ...], shown: tuple[str, str]
) -> None:
    attempt = told(line, *headers, sender=CUSTOMER)
    assert (attempt.presentation, attempt.shown_from) == shown


@pytest.mark.parametrize(
    "headers",
    [
        (f"Diversion: <sip:{OTHER}@pbx.invalid>",),
        ("Diversion: <sip:201@pbx.invalid>", "History-Info: <sip:07700900999@gate.invalid>;index=1"),
        (f"Diversion: <sip:{SECOND}@pbx.invalid>;privacy=full",),
        (f"History-Info: <sip:{SECOND}@pbx.invalid?Reason=SIP&Privacy=history>;index=1",),
        (f"Referred-By: <sip:{SECOND}@pbx.invalid>",),
        ('Diversion: "<sip:+442079460001@a>" <sip:201@a>',),
    ],
)
def test_law_3_2_a_call_that_is_passed_on_without_a_number_of_the_list_is_refused(
    line: RunningLine, headers: tuple[str, ...]
) -> None:
    attempt = told(line, *headers, sender=CUSTOMER)
    assert "*" in attempt.presentation and attempt.shown_from == ""


@pytest.mark.parametrize(
    ("sender", "headers"),
    [
        (f"<sip:{OTHER}@pbx.invalid>", ()),
        ("<sip:07700900123@pbx.invalid>", ()),
        ("<sip:02079460001@pbx.invalid>", (f"P-Asserted-Identity: <sip:{OTHER}@pbx.invalid>",)),
        ("", (f"P-Asserted-Identity: <sip:{SECOND}@pbx.invalid>, <tel:{THIRD}>",)),
        ("", (f"P-Asserted-Identity: <sip:{SECOND}@pbx.invalid>", f"P-Asserted-Identity: <tel:{OTHER}>")),
    ],
)
def test_law_3_2_another_number_is_none_of_the_firms(line: RunningLine, sender: str, headers: tuple[str, ...]) -> None:
    shown = told(line, *headers, sender=sender).presentation
    assert "*" in shown and OTHER not in shown


@pytest.mark.parametrize(
    ("sender", "headers"),
    [
        ("<sip:anonymous@anonymous.invalid>", ()),
        ("<sip:02079460001@pbx.invalid>", ("Privacy: id",)),
        ("<sip:anonymous@anonymous.invalid>", (f"P-Asserted-Identity: <sip:{SECOND}@pbx.invalid>",)),
        ("", (f"P-Asserted-Identity: <sip:{SECOND}@pbx.invalid>, <sip:anonymous@anonymous.invalid>",)),
    ],
)
def test_law_3_2_who_hides_stays_hidden(line: RunningLine, sender: str, headers: tuple[str, ...]) -> None:
    assert told(line, *headers, sender=sender).withheld


def test_law_3_5_a_call_for_help_shows_a_number_that_answers_whatever_it_asks_for(line: RunningLine) -> None:
    for number in ("999", "112", "+44999"):
        assert told(line, sender=f"<sip:{OTHER}@pbx.invalid>", number=number).presentation == PRESENTED
        assert told(line, sender=f"<sip:{SECOND}@pbx.invalid>", number=number).presentation == SECOND
    assert "*" in told(line, sender=f"<sip:{OTHER}@pbx.invalid>", number="9990").presentation


def test_without_a_list_a_pbx_shows_its_own_number_whatever_it_asks_for() -> None:
    with line_of() as running:
        for sender in ("", f"<sip:{OTHER}@pbx.invalid>", f"<sip:{SECOND}@pbx.invalid>", "<sip:201@pbx.invalid>"):
            asserted = f"P-Asserted-Identity: {sender or '<sip:alice@pbx.invalid>'}"
            assert told(running, asserted, sender=sender).presentation == PRESENTED


def by_alice(running: RunningLine, *headers: str, sender: str = "", number: str = "02079460000") -> Attempt:
    """The same of an account that has proven itself."""
    with Phone(running.address) as phone:
        phone.dial(number, headers=headers, sender=sender)
        asked = phone.recv(only="401")
        phone.ack(asked)
        given = challenge(asked.get("WWW-Authenticate"))
        line = authorization(given, "alice", "secret", "INVITE", phone.dialog.target)
        phone.dialog.cseq += 1
        phone.dialog.remote = f"<{phone.dialog.target}>"
        phone.send(phone.request("INVITE", phone.dialog, body=sdp(), headers=(line, *headers)))
        phone.recv(only="603")
    attempt = running.call_manager.incomings[-1].attempt
    assert attempt.claimed_by == "account:alice"
    return attempt


def test_an_account_is_not_believed_who_it_is() -> None:
    with line_of(pbx=False, accounts=(ALICE,)) as running:
        asserted = f"P-Asserted-Identity: <sip:{SECOND}@pbx.invalid>"
        assert by_alice(running, asserted, sender="<sip:02079460001@pbx.invalid>").presentation == PRESENTED


@pytest.fixture(scope="module")
def planned() -> Iterator[RunningLine]:
    with line_of(SECOND, strip="8", area_code="01632") as running:
        yield running


@pytest.mark.parametrize(
    ("dialled", "number"),
    [
        ("802079460000", "02079460000"),
        ("8-020%207946%200000", "02079460000"),
        ("8+442079460000", "+442079460000"),
        ("8560777", "01632560777"),
        ("560777", "01632560777"),
        ("8560777;phone-context=pbx.invalid", "01632560777;phone-context=pbx.invalid"),
        ("8999", "999"),
        ("8112", "112"),
        ("8101", "101"),
    ],
)
def test_law_6_2_what_is_screened_is_what_the_dial_plan_reads_and_the_rest_is_kept(
    planned: RunningLine, dialled: str, number: str
) -> None:
    attempt = told(planned, number=dialled)
    assert attempt.raw_number == number
    assert attempt.as_dialled == unquote(dialled)


@pytest.mark.parametrize("dialled", ["02079460000", "+442079460000", "999", "9999", "89999", "201", "8"])
def test_law_3_5_what_needs_no_plan_stays_as_it_came(planned: RunningLine, dialled: str) -> None:
    attempt = told(planned, number=dialled)
    assert (attempt.raw_number, attempt.as_dialled) == (dialled, "")


def test_law_3_2_a_number_hidden_behind_the_outside_line_is_withheld(planned: RunningLine) -> None:
    for dialled in ("814102079460000", "8*31#02079460000", "8%2331%2302079460000"):
        assert told(planned, number=dialled).withheld
    assert not told(planned, number="801410560777").withheld


def test_an_account_has_a_dial_plan_of_its_own() -> None:
    alice = msgspec.structs.replace(ALICE, strip="9", area_code="01632")
    with line_of(pbx=False, accounts=(alice,)) as running:
        for dialled, number in {"9560777": "01632560777", "9999": "9999", "9101": "101"}.items():
            assert by_alice(running, number=dialled).raw_number == number
    with line_of(strip="9", pbx=False, accounts=(ALICE,)) as running:
        assert by_alice(running, number="902079460000").raw_number == "902079460000"


def test_law_3_5_a_call_for_help_that_came_by_two_ways_goes_out_by_both() -> None:
    """RFC 3261 8.2.2.2 would have the second one refused: nobody knows whether the first one gets there."""
    with line_of(strip="8") as running, Phone(running.address) as phone:
        manager = running.call_manager
        manager.silent = True
        phone.dial("8999")
        manager.wait("incoming")
        phone.send(phone.invite.replace(phone.branch, "z9hG4bKanother"))
        manager.wait("incoming", count=2)
        assert {each.attempt.raw_number for each in manager.incomings} == {"999"}
        phone.dial("802079460000")
        manager.wait("incoming", count=3)
        phone.send(phone.invite.replace(phone.branch, "z9hG4bKother"))
        assert phone.recv(only="482")
        assert len(manager.incomings) == 3
