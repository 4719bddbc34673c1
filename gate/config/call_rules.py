"""The rules of calls, which types cannot express: who may call and what each presents, what is dialled, and where
calls go.

Whose word on the purpose of a call is taken is named one by one: there is no way to trust everybody. Each carrier has
a name of its own, and one at least takes every call.

A socket speaks IPv4 or IPv6, and by UDP the gate has one: ``sip.listen``. Whom the gate could not send to, or hear,
from the addresses that it listens on, is a fault. Names are looked up at the start (``gate.media.proxy``); here
are the addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from pathlib import Path

from gate.config.faults import (
    Fault,
    Key,
    Readable,
    at_least,
    callers_of,
    duplicates,
    host_port,
    hours,
    names_faults,
    network,
    no_networks,
    not_callers,
    unprintable,
)
from gate.config.optional import Edge
from gate.config.schema import Account, Calling, DialPrefix, Emergency, Firm, Pbx, PurposeHeader, Sip, Trunk
from gate.core import numbers
from gate.showing import LONGEST_NAME

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
        found += _instigated(account, readable, key)
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
        found += _instigated(pbx, readable, key)
    return found


def _instigated(who: Account | Pbx | DialPrefix, readable: Readable, key: Key) -> Iterator[Fault]:
    """On whose behalf it calls is a firm of this file."""
    known = sorted(each.name for each in readable.arrays.get("instigator", {}).values())
    if who.on_behalf_of and who.on_behalf_of not in known and readable.whole("instigator"):
        text = f'"{who.on_behalf_of}" is no [[instigator]] of this file; known: {", ".join(known) or "none"}'
        yield Fault((*key, "on_behalf_of"), text)


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


_PREFIX = re.compile(r"[*#][0-9*#]{1,7}").fullmatch
_HIDING = ("*31#", "#31#", "*67", "*141", "#141")
"""Keys that hide the caller's number (and 141 behind a key): refused, and not to be had as a prefix (LAW 3.2)."""
_HEADER = re.compile(r"X-[A-Za-z0-9-]{1,60}").fullmatch
_OURS = ("x-dialgate-hop", "x-dialgate-reason", "x-dialgate-decision")


def dialled(readable: Readable, firm: Firm | None) -> list[Fault]:
    """Every fault of these sections."""
    callers = callers_of(readable)
    found: list[Fault] = []
    prefixes: dict[str, int] = {}
    for index, prefix in readable.arrays.get("dial_prefix", {}).items():
        found += _prefix(prefix, prefixes, callers, ("dial_prefix", index))
        found += _instigated(prefix, readable, ("dial_prefix", index))
        prefixes[prefix.prefix] = index
    if header := readable.get("purpose_header", PurposeHeader):
        found += _header(header, callers)
    if calling := readable.get("calling", Calling):
        found += _campaigns(
            calling, callers | {f"http:{each.name}" for each in readable.arrays.get("token", {}).values()}
        )
    if emergency := readable.get("emergency", Emergency):
        found += _emergency(emergency, firm)
        found += _then(emergency, readable)
    return found


def _prefix(each: DialPrefix, before: dict[str, int], callers: set[str], key: Key) -> Iterator[Fault]:
    said = each.prefix
    if not _PREFIX(said):
        yield Fault((*key, "prefix"), f'"{said}" is not a prefix: * or #, then 1 to 7 keys')
    elif hiding := next((hides for hides in _HIDING if hides.startswith(said) or said.startswith(hides)), ""):
        yield Fault((*key, "prefix"), f'"{said}" runs into {hiding}, which hides the caller\'s number and is refused')
    for other in before:
        if said.startswith(other) or other.startswith(said):
            yield Fault((*key, "prefix"), f"{said} and {other}: neither may begin the other")
    if not each.allowed:
        yield Fault((*key, "allowed"), "name who may use it, or take the prefix out")
    yield from not_callers(each.allowed, callers, (*key, "allowed"))


def _header(header: PurposeHeader, callers: set[str]) -> Iterator[Fault]:
    if not header.name:
        if header.allowed:
            yield Fault(("purpose_header", "name"), "is missing: which header do they send?")
        return
    if not _HEADER(header.name) or header.name.lower() in _OURS:
        yield Fault(
            ("purpose_header", "name"), f'"{header.name}" is not a header to use: X- and letters, digits, dashes'
        )
    if not header.allowed:
        yield Fault(("purpose_header", "allowed"), "name whose word it is, or take the section out")
    yield from not_callers(header.allowed, callers, ("purpose_header", "allowed"))


def _campaigns(calling: Calling, callers: set[str]) -> Iterator[Fault]:
    name = calling.campaign_header
    if name and (not _HEADER(name) or name.lower() in _OURS):
        yield Fault(("calling", "campaign_header"), f'"{name}" is not a header to use: X- and letters, digits, dashes')
    for key in ("dedicated_agents", "agent_claims"):
        yield from not_callers(getattr(calling, key), callers, ("calling", key))


def _emergency(emergency: Emergency, firm: Firm | None) -> Iterator[Fault]:
    """LAW 3.5: exactly these numbers, to exactly this route."""
    if not emergency.trunk:
        if emergency not in (Emergency(), Emergency(elsewhere=True)):
            yield Fault(("emergency", "trunk"), "is missing: where do emergency calls go?")
        return
    if fault := host_port(emergency.trunk, literal=False):
        yield Fault(("emergency", "trunk"), fault)
    if emergency.elsewhere:
        yield Fault(("emergency", "elsewhere"), "emergency.trunk is set: they go by the gate, or by another line")
    for index, number in enumerate(emergency.numbers):
        if not numbers.may_be_routed(number):
            yield Fault(
                ("emergency", "numbers", index),
                f'"{number}" is not a number for help; 999, 112, 18000, 101, 105, 111 or 116 and three digits',
            )
    for number in ("999", "112"):
        if number not in emergency.numbers:
            yield Fault(("emergency", "numbers"), f"{number} is missing")
    yield from duplicates(emergency.numbers, ("emergency", "numbers"))
    if firm and emergency.presentation and emergency.presentation not in firm.numbers:
        yield Fault(("emergency", "presentation"), f'"{emergency.presentation}" is not one of firm.numbers')
    yield from unprintable(emergency, ("emergency",), "username")
    yield from no_networks(emergency.addresses, ("emergency", "addresses"))
    if bool(emergency.username) != bool(emergency.password_file):
        missing = "password_file" if emergency.username else "username"
        yield Fault(("emergency", missing), "username and password_file go together")


def _then(emergency: Emergency, readable: Readable) -> Iterator[Fault]:
    """The trunks that are tried next are those of this file."""
    known = [each.name for each in readable.arrays.get("trunk", {}).values()]
    for index, name in enumerate(emergency.then):
        if name not in known and readable.whole("trunk"):
            yield Fault(("emergency", "then", index), f'"{name}" is no trunk of this file; known: {", ".join(known)}')
    yield from duplicates(emergency.then, ("emergency", "then"))
    yield from at_least(emergency, "emergency", 1, "silent_seconds")


_NAME = re.compile(r"(?!.*\+?[0-9]{7})[A-Za-z0-9._+ -]{1,64}").fullmatch
"""A name stands in leaves, which are for good: no telephone number may be one."""
_SERVED_PREFIX = re.compile(r"\+[1-9][0-9]{1,14}").fullmatch


_DOMAIN = re.compile(
    r"(?=.{1,253}$)(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*\.[A-Za-z][A-Za-z0-9-]*"
).fullmatch


def named_by_dns(address: str) -> bool:
    """Whether a carrier is named by its domain: a name of several parts, without a port."""
    return _DOMAIN(address) is not None


def trunks(readable: Readable, base: Path) -> list[Fault]:
    """Every fault of these sections."""
    found: list[Fault] = []
    held = readable.arrays.get("trunk", {})
    names: dict[str, int] = {}
    callers = callers_of(readable)
    for index, trunk in held.items():
        key = readable.key("trunk", index)
        found += _trunk(trunk, key)
        found += _secure(trunk, key, base)
        found += _choice(trunk, key, callers)
        if (other := names.setdefault(trunk.name, index)) != index:
            found.append(Fault((*key, "name"), f'"{trunk.name}" is there twice, as trunk[{other}] too'))
    if held and readable.whole("trunk") and not any(_takes_all(trunk) for trunk in held.values()):
        found.append(
            Fault(readable.key("trunk", 0), "no trunk takes every call: leave one without prefixes, callers and hours")
        )
    return found


def _takes_all(trunk: Trunk) -> bool:
    return not (trunk.prefixes or trunk.callers or trunk.hours)


def _trunk(trunk: Trunk, key: Key) -> Iterator[Fault]:
    if not named_by_dns(trunk.address) and (fault := host_port(trunk.address, literal=False)):
        yield Fault((*key, "address"), fault)
    if not trunk.name.strip():
        yield Fault((*key, "name"), "must not be empty")
    yield from unprintable(trunk, key, "name", "username")
    yield from no_networks(trunk.addresses, (*key, "addresses"))
    if bool(trunk.username) != bool(trunk.password_file):
        missing = "password_file" if trunk.username else "username"
        yield Fault((*key, missing), "username and password_file go together")
    elif trunk.register and not trunk.username:
        yield Fault((*key, "register"), "registering needs username and password_file")
    yield from at_least(trunk, key, 0, "options_seconds")
    if trunk.from_domain and (fault := host_port(f"{trunk.from_domain}:5060", literal=False)):
        yield Fault((*key, "from_domain"), f'"{trunk.from_domain}" is no host; write "sip.carrier.example"')
    yield from duplicates(trunk.identity, (*key, "identity"))
    yield from duplicates(trunk.codecs, (*key, "codecs"))
    if trunk.session_seconds not in (-1, 0) and trunk.session_seconds < 90:
        too_short = f"{trunk.session_seconds} is too short; -1 for that of sip, 0 for none, or at least 90"
        yield Fault((*key, "session_seconds"), too_short)


def _secure(trunk: Trunk, key: Key, base: Path) -> Iterator[Fault]:
    """Files of TLS."""
    for name in ("ca", "certificate", "key", "peer_certificate"):
        file = getattr(trunk, name)
        if file and trunk.transport != "tls":
            yield Fault((*key, name), 'is of TLS alone; set transport = "tls"')
        elif file and not (base / file).is_file():
            yield Fault((*key, name), f"{base / file} does not exist")
    if trunk.key and not trunk.certificate:
        yield Fault((*key, "certificate"), "the key is of no certificate; name that too")


def _choice(trunk: Trunk, key: Key, callers: set[str]) -> Iterator[Fault]:
    """Which calls go there."""
    yield from at_least(trunk, key, 0, "order")
    yield from at_least(trunk, key, 1, "weight", "silent_seconds")
    for index, prefix in enumerate(trunk.prefixes):
        if not _SERVED_PREFIX(prefix):
            yield Fault((*key, "prefixes", index), f'"{prefix}" is not how a number begins; write "+4420"')
    yield from duplicates(trunk.prefixes, (*key, "prefixes"))
    yield from not_callers(trunk.callers, callers, (*key, "callers"))
    if fault := hours(trunk.hours):
        yield Fault((*key, "hours"), fault.partition(", or")[0])


def families(readable: Readable, sip: Sip) -> Iterator[Fault]:
    """Trunks, PBXs and edges of the other family."""
    ours = _family(sip.listen)
    if not ours:
        return
    sent: list[tuple[Key, str]] = [
        ((*readable.key("trunk", index), "address"), trunk.address)
        for index, trunk in readable.arrays.get("trunk", {}).items()
        if trunk.transport == "udp"
    ]
    if emergency := readable.get("emergency", Emergency):
        sent.append((("emergency", "trunk"), emergency.trunk))
    if (edge := readable.get("edge", Edge)) and not edge.gate:
        sent.append((("edge", "address"), edge.address))
    pbxs = readable.arrays.get("pbx", {})
    sent += [(("pbx", index, "calls_to"), pbx.calls_to) for index, pbx in pbxs.items()]
    for key, address in sent:
        if _family(address) not in ("", ours):
            yield Fault(
                key, f"{address} is {_family(address)}, and sip.listen ({sip.listen}) is {ours}: it cannot be reached"
            )
    heard = {ours, _family(sip.tcp), _family(sip.tls)}
    peers = [(name, *each) for name in ("pbx", "siprec") for each in readable.arrays.get(name, {}).items()]
    for name, index, peer in peers:
        if peer.addresses and not any(network(each) or _family_of(each) in heard for each in peer.addresses):
            kind = _family_of(peer.addresses[0])
            yield Fault(
                (name, index, "addresses"),
                f"all are {kind}, and the gate listens on no {kind} address: see sip.listen",
            )


def _family(address: str) -> str:
    """The address family of ``host:port``; empty where that is no address: a name, or a fault reported elsewhere."""
    if host_port(address, literal=True):
        return ""
    return "IPv6" if address.startswith("[") else "IPv4"


def _family_of(text: str) -> str:
    return f"IPv{ip_network(text).version}"
