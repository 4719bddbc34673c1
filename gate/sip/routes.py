"""Where the INVITEs that were let through go: the carriers' trunks in the order in which they are tried, and those of
the emergency route where there is one."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from ipaddress import IPv4Network, IPv6Network

from gate.clock import SystemClock
from gate.config import Config, Trunk
from gate.core.days import LONDON
from gate.core.terms import phrase
from gate.sip.failure_mapping import UNAVAILABLE, as_it_is, for_caller
from gate.sip.message import Address
from gate.sip.peers import networks
from gate.sip.udp import split_address


@dataclass(frozen=True, slots=True)
class OutgoingForm:
    """How a trunk takes numbers and identity."""

    number_format: str = "+44"
    from_domain: str = ""
    identity: tuple[str, ...] = ("pai",)
    digests: tuple[str | None, ...] | None = None
    """Algorithms of the challenges that are answered; None: any."""
    codecs: tuple[str, ...] = ()
    """Speech codecs that are offered, in this order; empty: any."""
    session_seconds: int = -1
    """Session timer that is asked for; -1: that of ``[sip]``."""

    def number(self, e164: str) -> str:
        """A number as the trunk takes it; one for help stays as it is dialled."""
        if not e164.startswith("+") or self.number_format == "+44":
            return e164
        if e164.startswith("+44"):
            return self.number_format + e164[3:]
        return ("" if self.number_format == "44" else "00") + e164[1:]


_DIGESTS: dict[str, tuple[str | None, ...] | None] = {"both": None, "sha-256": ("SHA-256",), "md5": ("MD5", None)}
"""None among them: a challenge that names no algorithm is one of MD5 (RFC 7616 3.3)."""


@dataclass(frozen=True, slots=True)
class Route:
    """A trunk as a route."""

    address: Address
    username: str
    password: str
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Addresses from which its signalling may come, beside its own."""
    emergency: bool = False
    """LAW 3.5: no time to answer is set, and nothing of ours may stop the call."""
    name: str = ""
    """The name of the trunk; empty for an emergency route that is not set."""
    transport: str = "udp"
    form: OutgoingForm = OutgoingForm()
    silent_seconds: float = 4.0
    """Seconds without any answer to an INVITE, after which the next route is tried."""

    def refusal(self, code: int, why: str) -> tuple[int, str]:
        """The answer to the caller where the gate itself cannot go on: its refusal, so that no PBX leads the call
        around the gate; 503 on the emergency route, so that it does (RFC 3261 16.7, 21.5.4)."""
        return UNAVAILABLE if self.emergency else (code, phrase(why))

    def outcome(self, code: int, phrase: str) -> tuple[int, str] | None:
        """The answer that the caller gets for the trunk's; None where that is the caller's refusal."""
        return as_it_is(code, phrase) if self.emergency else for_caller(code, phrase)


class Trunks:
    """The routes of the configuration, and which of them a call takes. ``up(name)``: what is known of a trunk now;
    ``servers(name)``: where one is that is named by a domain."""

    def __init__(
        self,
        config: Config,
        passwords: Mapping[str, str],
        emergency_password: str,
        up: Callable[[str], bool | None],
        servers: Callable[[str], tuple[Address, ...] | None] = lambda name: None,
    ) -> None:
        self._up = up
        self._servers = servers
        self._random = random.SystemRandom()
        self._trunks = [(trunk, _route(trunk, passwords.get(trunk.name, ""))) for trunk in config.trunk]
        self.routes = tuple(route for _, route in self._trunks)
        self.emergency = tuple(_emergency(config, emergency_password, self.routes))

    def named(self, name: str, *, emergency: bool = False) -> Route | None:
        """A route by its trunk's name, as the legs of a call keep it; the first where it is not told."""
        routes = self.emergency if emergency else self.routes
        return next((route for route in routes if route.name == name), routes[0] if routes and not name else None)

    def for_call(self, number: str, claimed_by: str) -> list[Route]:
        """The trunks that may carry this call, in the order in which they are tried: by ``order``, drawn by ``weight``
        where that is the same. One that is known to be down comes after those that are not."""
        now = SystemClock().now().astimezone(LONDON)
        open_ones = [(trunk, route) for trunk, route in self._trunks if _takes(trunk, number, claimed_by, now)]
        drawn = sorted(open_ones, key=lambda each: (each[0].order, self._draw(each[0].weight)))
        return self._at_servers(self._down_last([route for _, route in drawn]))

    def for_help(self) -> list[Route]:
        """The emergency routes, in their own order."""
        return self._at_servers(self._down_last(list(self.emergency)))

    def _at_servers(self, routes: list[Route]) -> list[Route]:
        """Each route at its address; that of a carrier which is named by a domain at each of its servers, in order."""
        found: list[Route] = []
        for route in routes:
            servers = self._servers(route.name) if route.name else None
            if servers is None or route.transport != "udp":
                found.append(route)
            else:
                found += [replace(route, address=server) for server in servers]
        return found

    def _down_last(self, routes: list[Route]) -> list[Route]:
        return sorted(routes, key=lambda route: bool(route.name) and self._up(route.name) is False)

    def _draw(self, weight: int) -> float:
        """Sorted by these, the first is each with a chance of its share of the weights (Efraimidis and Spirakis)."""
        return self._random.expovariate(weight)


def contacts(routes: Sequence[Route], number: str) -> str:
    """The Contact of a 302: each route with the number in its form, the first preferred (RFC 3261 20.10)."""
    found = dict.fromkeys(_contact(route, number) for route in routes)
    return ", ".join(f"{uri};q={1 - 0.1 * place:.1f}" for place, uri in enumerate(list(found)[:9]))


def _contact(route: Route, number: str) -> str:
    host, port = route.address
    transport = "" if route.transport == "udp" else f";transport={route.transport}"
    return f"<sip:{route.form.number(number)}@{host}:{port}{transport}>"


def _route(trunk: Trunk, password: str) -> Route:
    return Route(
        split_address(trunk.address), trunk.username, password, networks(trunk.addresses),
        name=trunk.name, transport=trunk.transport, silent_seconds=trunk.silent_seconds,
        form=OutgoingForm(
            trunk.number_format, trunk.from_domain, trunk.identity, _DIGESTS[trunk.digest], trunk.codecs,
            trunk.session_seconds,
        ),
    )  # fmt: skip


def _emergency(config: Config, password: str, routes: tuple[Route, ...]) -> list[Route]:
    emergency = config.emergency
    if not emergency.trunk:
        return []
    own = Route(split_address(emergency.trunk), emergency.username, password, networks(emergency.addresses))
    then = [route for name in emergency.then for route in routes if route.name == name]
    return [replace(each, emergency=True, silent_seconds=emergency.silent_seconds) for each in (own, *then)]


def _takes(trunk: Trunk, number: str, claimed_by: str, now: datetime) -> bool:
    """True where the configuration sends calls of this number, caller and time there."""
    if trunk.prefixes and not number.startswith(trunk.prefixes):
        return False
    if trunk.callers and claimed_by not in trunk.callers:
        return False
    if not trunk.hours:
        return True
    opens, closes = map(time.fromisoformat, trunk.hours.split("-"))
    return opens <= now.time() < closes
