"""The number that a call shows, as the call manager is told it: what a PBX asks for, and an account may not."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from gate.config import Account, Emergency
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import PRESENTED, RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import Phone, sdp

SECOND, THIRD, OTHER = "+442079460001", "+441632960100", "+447700900123"
ALICE = Account("alice", "x", PRESENTED)


def line_of(*may_present: str, **config: object) -> RunningLine:
    """A line that refuses every call, whose PBX may ask for these numbers."""
    made = config_for("127.0.0.1:9", **config)  # type: ignore[arg-type]
    pbx = tuple(msgspec.structs.replace(each, may_present=may_present) for each in made.pbx)
    made = msgspec.structs.replace(made, pbx=pbx, emergency=Emergency(trunk="127.0.0.1:9"))
    return RunningLine(made, ScriptedCallManager(refused={"*": "listed_tps"}))


@pytest.fixture(scope="module")
def line() -> Iterator[RunningLine]:
    with line_of(SECOND, THIRD) as running:
        yield running


def told(running: RunningLine, *headers: str, sender: str = "", number: str = "02079460000"):
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


def test_an_account_is_not_believed_who_it_is() -> None:
    with line_of(SECOND, pbx=False, accounts=(ALICE,)) as running, Phone(running.address) as phone:
        asserted = (f"P-Asserted-Identity: <sip:{SECOND}@pbx.invalid>",)
        phone.dial(headers=asserted, sender="<sip:02079460001@pbx.invalid>")
        asked = phone.recv(only="401")
        phone.ack(asked)
        line = authorization(challenge(asked.get("WWW-Authenticate")), "alice", "secret", "INVITE", phone.dialog.target)
        phone.dialog.cseq += 1
        phone.dialog.remote = f"<{phone.dialog.target}>"
        phone.send(phone.request("INVITE", phone.dialog, body=sdp(), headers=(line, *asserted)))
        phone.recv(only="603")
        attempt = running.call_manager.incomings[-1].attempt
        assert (attempt.claimed_by, attempt.presentation) == ("account:alice", PRESENTED)
