"""REGISTER (RFC 3261 section 10): a softphone says where it is. Bindings live in memory; phones renew them.

A call in rings the phones of an account (``gate.sip.calls_in``); phones that will not dial before they are registered
are content, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from gate.core.sdp import whole
from gate.sip.header_fields import parameters_of, split_list, uri_of, user_of
from gate.sip.message import Address, SipMessage
from gate.sip.peers import Endpoint

MAX_BINDINGS = 10
"""Per account."""
MIN_SECONDS = 30

Answer = tuple[int, str, list[tuple[str, str]]]


@dataclass(slots=True)
class Binding:
    """A contact of an account."""

    contact: str
    """The URI as the phone wrote it."""
    until: float
    call_id: str
    cseq: int
    source: Address = ("", 0)
    """The source of its REGISTER: it is rung there, whatever its Contact is."""
    endpoint: Endpoint | None = None
    """The way by which it did."""
    path: str = ""
    """What requests to it have to pass (RFC 3327), by the word of the edge; as a Route."""


class Registrar:
    """The bindings of all accounts."""

    def __init__(self, max_seconds: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._max = max_seconds
        self._monotonic = monotonic
        self._accounts: dict[str, dict[str, Binding]] = {}

    def register(
        self, username: str, request: SipMessage, source: Address = ("", 0), endpoint: Endpoint | None = None
    ) -> Answer:
        """Carry out a REGISTER of an account that has proven itself at ``source``: code, phrase and headers of the
        answer."""
        if user_of(_aor(request)).lower() not in ("", username.lower()):
            return 403, "Forbidden", []
        bindings = self._current(username)
        contacts = [part for value in request.all("contact") for part in split_list(value)]
        default = _seconds(request.get("expires"), self._max)
        if any(contact.strip() == "*" for contact in contacts):
            if len(contacts) != 1 or default != 0:
                return 400, "Bad Request", []
            if any(self._older(binding, request) for binding in bindings.values()):
                return 500, "Out Of Order", []
            bindings.clear()
            return 200, "OK", []
        wanted = {}
        for contact in contacts:
            uri = uri_of(contact)
            seconds = _seconds(parameters_of(contact).get("expires"), default)
            if not uri.lower().startswith(("sip:", "sips:")) or len(uri) > 512:
                return 400, "Bad Request", []
            if 0 < seconds < MIN_SECONDS:
                return 423, "Interval Too Brief", [("Min-Expires", str(MIN_SECONDS))]
            if uri in bindings and self._older(bindings[uri], request):
                return 500, "Out Of Order", []
            wanted[uri] = min(seconds, self._max)
        if len(set(bindings) | {uri for uri, seconds in wanted.items() if seconds}) > MAX_BINDINGS:
            return 403, "Too Many Contacts", []
        now = self._monotonic()
        by_edge = endpoint is not None and endpoint.hop(source) != source
        path = ", ".join(request.all("path")) if by_edge else ""
        for uri, seconds in wanted.items():
            bindings.pop(uri, None)
            if seconds:
                bindings[uri] = Binding(uri, now + seconds, request.call_id, request.cseq, source, endpoint, path)
        return (
            200,
            "OK",
            [
                ("Contact", f"<{binding.contact}>;expires={max(1, round(binding.until - now))}")
                for binding in bindings.values()
            ]
            + ([("Path", path)] if path else []),
        )

    def bindings(self, username: str) -> list[Binding]:
        """The bindings that hold now."""
        return list(self._current(username).values())

    @property
    def registered(self) -> list[str]:
        """Accounts that have a binding now."""
        return [username for username in self._accounts if self._current(username)]

    def _current(self, username: str) -> dict[str, Binding]:
        now = self._monotonic()
        bindings = self._accounts.setdefault(username, {})
        for uri in [uri for uri, binding in bindings.items() if binding.until <= now]:
            del bindings[uri]
        return bindings

    @staticmethod
    def _older(binding: Binding, request: SipMessage) -> bool:
        """The request is not newer than what made the binding (RFC 3261 10.3 step 7)."""
        return binding.call_id == request.call_id and binding.cseq >= request.cseq


def _aor(request: SipMessage) -> str:
    return uri_of(request.get("to") or "")


def _seconds(text: str | None, default: int) -> int:
    seconds = whole(text or "", 11)
    return default if seconds is None else min(seconds, 2**32 - 1)
