"""The rules of who may call: accounts and PBXs, and the number and name that each presents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from gate.config.addresses import network
from gate.config.faults import Fault, Readable, duplicates, names_faults, unprintable
from gate.config.lines import Key
from gate.config.schema import Account, Firm, Pbx, Sip
from gate.core import numbers
from gate.core.showing import LONGEST_NAME

_STRIPPED = re.compile(r"(?!999|44)[2-9][0-9]{0,3}").fullmatch
"""0, 1, 44 and 999 begin numbers in full and short ones."""
_AREA_CODE = re.compile(
    r"02[03489]|011[3-8]|01[2-69]1|01[2-9](?!1)[0-9]{2}"
    r"|013873|015242|01539[4-6]|01697[347]|01768[347]|019467"
).fullmatch
"""Geographic codes by Ofcom's numbering plan; those of the second line have six digits."""
REFUSALS = (404, 410, 480, 484, 486, 600, 603, 604)
"""Codes that a refusal may have: those upon which phone systems give up, and 603, which says to phones what is so."""


def e164(raw: str) -> str | None:
    """A UK number in its one form; None where it is none."""
    try:
        return numbers.parse(raw).e164
    except numbers.NumberRefused:
        return None


def refused_with(code: int, key: Key) -> Iterator[Fault]:
    """What is wrong with the code of a refusal."""
    if code not in REFUSALS:
        yield Fault(key, f"{code} does not refuse a call for good; one of {', '.join(map(str, REFUSALS))}")


def callers(readable: Readable, firm: Firm | None) -> list[Fault]:
    """Who may call: accounts and PBXs, at least one, none twice, each with a number of the firm's own."""
    accounts, pbxs = readable.arrays.get("account", {}), readable.arrays.get("pbx", {})
    found: list[Fault] = []
    if not accounts and not pbxs:
        found.append(Fault((), "nobody may call: add an [[account]] for a softphone or a [[pbx]]"))
    found += names_faults(readable, "account", "username")
    for index, account in accounts.items():
        key: Key = ("account", index)
        if account.refusal:
            found += refused_with(account.refusal, (*key, "refusal"))
        found += _presented(account, firm, key)
    found += names_faults(readable, "pbx")
    taken: dict[str, str] = {}
    for index, pbx in pbxs.items():
        key = ("pbx", index)
        found += refused_with(pbx.refusal, (*key, "refusal"))
        sip = readable.get("sip", Sip)
        if pbx.certificate and pbx.addresses:
            found.append(
                Fault((*key, "certificate"), "a PBX is known by its addresses or by its certificate; leave one")
            )
        elif pbx.certificate and sip and not sip.tls:
            found.append(Fault((*key, "certificate"), "is shown over TLS only; set sip.tls"))
        elif not pbx.udp and sip and not (sip.tcp or sip.tls):
            found.append(Fault((*key, "udp"), "leaves no way to come by: set sip.tcp or sip.tls"))
        elif not pbx.addresses and not pbx.certificate:
            found.append(Fault((*key, "addresses"), "name at least one address that the PBX calls from"))
        for place, address in enumerate(pbx.addresses):
            fault = network(address)
            if not fault and address in taken:
                fault = f"{address} is already {taken[address]}'s"
            if fault:
                found.append(Fault((*key, "addresses", place), fault))
            taken.setdefault(address, pbx.name)
        found += _redirected(pbx, key)
        found += _presented(pbx, firm, key)
        found += _may_present(pbx, firm, key)
    return found


def forgeable(pbxs: Iterable[Pbx]) -> Iterator[str]:
    """A sentence for each PBX that anybody on the way is who sends a datagram with its address."""
    for pbx in pbxs:
        public = [text for text in pbx.addresses if not ip_network(text, strict=False).is_private]
        if pbx.udp and public:
            yield (
                f"{pbx.name} is known by {public[0]} alone, and by UDP anybody who can send with that address is taken "
                "for it: have it come by TCP or TLS (pbx.udp = false), show a certificate, or sign in as an account"
            )


def _presented(caller: Account | Pbx, firm: Firm | None, key: Key) -> Iterator[Fault]:
    if not caller.presentation:
        yield Fault((*key, "presentation"), f"is missing from [{key[0]}[{key[1]}]]")
    elif firm:
        yield from _own(caller.presentation, firm, (*key, "presentation"))
    for name in ("calls_a_minute", "calls_at_once", "seconds_a_day"):
        if getattr(caller, name) < 1:
            yield Fault((*key, name), f"{getattr(caller, name)} would allow no call; at least 1")
    if not 0 <= caller.service_percent <= 100:
        yield Fault((*key, "service_percent"), f"{caller.service_percent} is no percentage; 0 to 100")
    if caller.strip and not _STRIPPED(caller.strip):
        text = "is no prefix to cut off: 1 to 4 digits that begin with 2 to 9, not with 44 or 999"
        yield Fault((*key, "strip"), f'"{caller.strip}" {text}')
    if caller.area_code and not _AREA_CODE(caller.area_code):
        yield Fault((*key, "area_code"), f'"{caller.area_code}" is no area code; write it as 020, 0161 or 01632')
    yield from unprintable(caller, key, "display_name")
    if len(caller.display_name) > LONGEST_NAME:
        yield Fault((*key, "display_name"), f"too long for a telephone: at most {LONGEST_NAME} characters")


def _redirected(pbx: Pbx, key: Key) -> Iterator[Fault]:
    """The gate hands calls over unannounced and unrecorded only where somebody has said who does that."""
    for name, does in (
        ("announced_by", "tells the callee who calls and that it is recorded"),
        ("recorded_by", "records"),
    ):
        said = getattr(pbx, name)
        if pbx.mode == "redirect" and not said.strip():
            yield Fault((*key, name), f"is missing: with redirect the gate does not do it; say who {does}")
        elif pbx.mode != "redirect" and said:
            yield Fault((*key, name), 'is for mode = "redirect" alone: here the gate does it')
    yield from unprintable(pbx, key, "announced_by", "recorded_by")


def _may_present(pbx: Pbx, firm: Firm | None, key: Key) -> Iterator[Fault]:
    if firm:
        for place, number in enumerate(pbx.may_present):
            yield from _own(number, firm, (*key, "may_present", place))
    yield from duplicates(pbx.may_present, (*key, "may_present"))


def _own(number: str, firm: Firm, key: Key) -> Iterator[Fault]:
    if number not in firm.numbers:
        canonical = e164(number)
        text = (
            f'write it as in firm.numbers: "{canonical}"' if canonical in firm.numbers else "is not one of firm.numbers"
        )
        yield Fault(key, f'"{number}" {text}')
