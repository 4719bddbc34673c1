"""What a call says it is for, by prefix or header: only those who are named may, and the trunk sees nothing of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gate.config import Account, Config, DialPrefix, Pbx, PurposeHeader
from gate.core.numbers import NumberRefused, parse
from gate.core.terms import Purpose, Topic
from gate.sip.admission import PurposeClaim, PurposeClaims
from gate.sip.auth import ProvenCaller
from gate.sip.message import SipMessage
from tests.support.examples import examples
from tests.support.sip_call import Call
from tests.support.sip_line import PRESENTED, RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import Phone

HEADER = "X-Dialgate-Purpose"
ALICE = ProvenCaller("account:alice", Account("alice", "x", PRESENTED))
BOB = ProvenCaller("account:bob", Account("bob", "x", PRESENTED, topic="pensions"))
PBX = ProvenCaller("trunk:pbx1", Pbx("pbx1", ("127.0.0.1",), PRESENTED, purpose="service"))
PREFIXES = (
    DialPrefix("*71", "service", ("account:alice",)),
    DialPrefix("*72", "marketing", ("account:alice", "trunk:pbx1"), "claims"),
    DialPrefix("*73", "marketing", ("account:bob",)),
)


def configured(**changes: Any) -> Config:
    header = PurposeHeader(HEADER, ("trunk:pbx1", "account:bob"))
    config = config_for("127.0.0.1:9")
    return msgspec.structs.replace(config, **{"dial_prefix": PREFIXES, "purpose_header": header} | changes)


def claimed(dialled: str, caller: ProvenCaller | None, *headers: str) -> PurposeClaim:
    request = SipMessage("INVITE", "", 0, [(HEADER.lower(), value) for value in headers], b"")
    return PurposeClaims(configured()).claim(request, dialled, caller)


@pytest.mark.parametrize(
    ("dialled", "caller", "headers", "purpose", "topic", "through"),
    [
        ("02079460000", ALICE, (), "marketing", "general", "configuration"),
        ("02079460000", PBX, (), "service", "general", "configuration"),
        ("*7102079460000", ALICE, (), "service", "general", "prefix *71"),
        ("*7202079460000", ALICE, (), "marketing", "claims", "prefix *72"),
        ("*7202079460000", PBX, (), "marketing", "claims", "prefix *72"),
        ("*7302079460000", BOB, (), "marketing", "pensions", "prefix *73"),  # its own topic stays
        ("02079460000", PBX, ("marketing",), "marketing", "general", f"header {HEADER}"),
        ("02079460000", PBX, (" Service ",), "service", "general", f"header {HEADER}"),
        ("02079460000", PBX, ("marketing; Topic = Pensions",), "marketing", "pensions", f"header {HEADER}"),
        ("02079460000", BOB, ("service",), "service", "pensions", f"header {HEADER}"),
        ("02079460000", BOB, ("marketing;topic=general",), "marketing", "general", f"header {HEADER}"),
        ("*7202079460000", PBX, ("marketing;topic=claims",), "marketing", "claims", f"prefix *72 and header {HEADER}"),
    ],
)
def test_law_1_7_who_may_claim_claims(
    dialled: str, caller: ProvenCaller, headers: tuple[str, ...], purpose: str, topic: str, through: str
) -> None:
    claim = claimed(dialled, caller, *headers)
    assert claim == PurposeClaim("02079460000", Purpose(purpose), Topic(topic), through)


@pytest.mark.parametrize(
    ("dialled", "caller", "headers"),
    [
        ("*7102079460000", BOB, ()),
        ("*7102079460000", PBX, ()),  # though its calls are service calls: nobody who is not named
        ("*7202079460000", BOB, ()),
        ("02079460000", ALICE, ("service",)),
        ("02079460000", ALICE, ("marketing",)),
        ("02079460000", PBX, ("",)),
        ("02079460000", PBX, ("servce",)),
        ("02079460000", PBX, ("service", "service")),
        ("02079460000", PBX, ("service, marketing",)),
        ("02079460000", PBX, ("service;topic=chess",)),
        ("02079460000", PBX, ("service;topic",)),
        ("02079460000", PBX, ("service;subject=claims",)),
        ("02079460000", PBX, ("service;topic=claims;topic=general",)),
        ("*7202079460000", PBX, ("service",)),  # the two differ
        ("*7202079460000", PBX, ("nonsense",)),
        ("*7102079460000", ALICE, ("service",)),  # by prefix she may, by header not
    ],
)
def test_law_1_7_any_other_claim_is_refused_and_the_strictest_presumed(
    dialled: str, caller: ProvenCaller, headers: tuple[str, ...]
) -> None:
    claim = claimed(dialled, caller, *headers)
    assert (claim.refused, claim.purpose, claim.topic) == (True, Purpose.MARKETING, Topic.GENERAL)
    assert claim.number == "02079460000"


def test_law_1_7_whoever_has_proven_nothing_claims_nothing() -> None:
    assert claimed("*7102079460000", None, "service") == PurposeClaim("02079460000")


@settings(max_examples=examples(300), deadline=None)
@given(st.text(alphabet="*#7123490+() -;=", max_size=20), st.sampled_from([ALICE, BOB, PBX]))
def test_law_1_7_no_prefix_makes_a_service_call_of_one_who_may_not(dialled: str, caller: ProvenCaller) -> None:
    claim = claimed(dialled, caller)
    if claim.purpose is Purpose.SERVICE:
        assert caller is PBX or (caller is ALICE and dialled.startswith("*71"))
    try:
        number = parse(claim.number).e164
    except NumberRefused:
        return
    assert dialled.endswith(claim.number) and len(dialled) - len(claim.number) in (0, 3)
    assert "*" not in number


def test_a_claim_reaches_the_call_manager_and_nothing_of_it_the_trunk() -> None:
    call = Call(ScriptedCallManager())
    call.running = RunningLine(
        msgspec.structs.replace(configured(), trunk=call.running.line._config.trunk), call.call_manager
    )
    with call:
        call.phone.dial("%2A7202079460123", headers=(f"{HEADER}: marketing;topic=claims",))
        invite = call.callee.ring()
        assert invite.start.startswith("INVITE sip:+442079460000@")
        assert not [name for name, _ in invite.headers if name.lower() == HEADER.lower()]
        assert "*72" not in invite.data.decode() and "claims" not in invite.data.decode()
        attempt = call.call_manager.incomings[0].attempt
        assert (attempt.raw_number, attempt.purpose, attempt.topic) == ("02079460123", "marketing", "claims")
        assert attempt.claimed_by == "trunk:pbx1"
        assert attempt.claimed_through == f"prefix *72 and header {HEADER}"


@pytest.mark.parametrize(
    ("dialled", "headers", "problem", "withheld"),
    [
        ("*7102079460123", (), "claim_refused", False),
        ("02079460123", (f"{HEADER}: servce",), "claim_refused", False),
        ("*7214102079460123", (), "", True),
        ("*72#31#02079460123", (), "", True),
        ("*7202079460123", ("Privacy: id",), "", True),
    ],
)
def test_what_the_line_itself_finds_in_a_claim(
    dialled: str, headers: tuple[str, ...], problem: str, withheld: bool
) -> None:
    call_manager = ScriptedCallManager(refused={"*": "listed_tps"})
    with RunningLine(configured(), call_manager) as running, Phone(running.address) as phone:
        phone.dial(dialled.replace("#", "%23"), headers=headers)
        heard = phone.recv()
        assert heard.code == 603
        told = call_manager.incomings[0]
        assert (told.problem, told.attempt.withheld) == (problem, withheld)


def test_without_a_prefix_in_the_configuration_the_keys_stay_part_of_the_number() -> None:
    call_manager = ScriptedCallManager(refused={"*": "listed_tps"})
    with RunningLine(configured(dial_prefix=()), call_manager) as running, Phone(running.address) as phone:
        phone.dial("*7102079460123")
        phone.recv()
        assert call_manager.incomings[0].attempt.raw_number == "*7102079460123"
        with pytest.raises(NumberRefused):
            parse("*7102079460123")
