"""Who calls: a PBX by its address, or an account by digest (RFC 3261 section 22, RFC 7616, RFC 8760).

Challenges cost no memory: a nonce is its time, random bytes and an HMAC over both and over the host that it was given
to. It is worth nothing anywhere else, and nothing after ``sip.nonce_seconds``. Memory is used only for nonces that a
right password came with, so that an answer cannot be used twice, and for wrong passwords; both
bounded.

Wrong passwords: guessing is slowed, and locked by account and source.

- After ``FREE`` wrong ones for an account from one host, no password of that account is looked at from there for a
  time that doubles with every lock, up to ``LONGEST``.
- After ``FREE_EVERYWHERE`` wrong ones for it from anywhere, none is from hosts at which it has not proven itself:
  guesses from many hosts are one guesser's.
- The very address (with its port) at which the account has proven itself is never locked: nobody locks a phone out by
  guessing from elsewhere, be it from behind the same address of a NAT.

What is locked is answered like a wrong password, so that a guesser does not learn which of them was looked at, nor
which accounts there are.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import structlog

from gate.config import HASHES, Account, Config, Pbx, half_digests
from gate.errors import ConfigError
from gate.sip.header_fields import pairs, uri_of, user_of
from gate.sip.message import Address, SipMessage
from gate.sip.peers import Endpoint, ProvenAddresses

FREE = 5
FREE_EVERYWHERE = 20
SHORTEST = 10.0
"""Seconds of the first lock."""
LONGEST = 900.0
"""Seconds of the longest; who has not guessed for so long starts anew."""
MAX_KEPT = 4096
"""Entries of a table; the one that was guessed at longest ago is forgotten first."""


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    """Since the last lock."""
    lock: float = SHORTEST
    """How long the next one lasts."""
    locked_until: float = 0.0
    last: float = 0.0


_Table = OrderedDict[Any, _Tries]


class PasswordLockout:
    """Counts guesses by account and host, and by account alone. Unknown accounts count as one, with an empty name."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._hosts: _Table = OrderedDict()
        """By (account, host)."""
        self._accounts: _Table = OrderedDict()
        """As many as there are accounts: guesses from thousands of hosts push no lock out of it."""
        self._nobody: _Table = OrderedDict()
        """By host, of accounts that are not there: apart, for anybody can make as many as they have addresses."""
        self._told = -LONGEST
        self.wrong = 0
        """Wrong passwords that were looked at."""
        self.locked = 0
        """Passwords that were not looked at."""

    def barred(self, account: str, host: str, *, proven: bool) -> bool:
        """No password of ``account`` is looked at from ``host`` now. ``proven``: it has proven itself at this host."""
        now = self._monotonic()
        barred = any(
            key in table and table[key].locked_until > now for table, key, _ in self._parts(account, host, proven)
        )
        self.locked += barred
        return barred

    def note(self, account: str, host: str, *, proven: bool) -> bool:
        """A wrong password. True where it is worth a line in the gate's log: at most one a second is."""
        now = self._monotonic()
        self.wrong += 1
        for table, key, free in self._parts(account, host, proven):
            _count(table, key, free, now)
        tell = now - self._told >= 1.0
        self._told = now if tell else self._told
        return tell

    def right(self, account: str, host: str) -> None:
        """The right password: what was wrong from there before is forgotten."""
        self._hosts.pop((account, host), None)

    def _parts(self, account: str, host: str, proven: bool) -> Iterator[tuple[_Table, Any, int]]:
        """The counters of a guess: table, key and free guesses."""
        if not account:
            yield self._nobody, host, FREE
            return
        yield self._hosts, (account, host), FREE
        if not proven:
            yield self._accounts, account, FREE_EVERYWHERE


def _count(table: _Table, key: Any, free: int, now: float) -> None:
    tries = table.get(key)
    if tries is None or now - tries.last > LONGEST:
        tries = table[key] = _Tries()
    tries.wrong, tries.last = tries.wrong + 1, now
    if tries.wrong >= free:
        tries.locked_until = now + tries.lock
        tries.wrong, tries.lock = 0, min(2 * tries.lock, LONGEST)
    table.move_to_end(key)
    if len(table) > MAX_KEPT:
        table.popitem(last=False)


_log = structlog.get_logger("gate.sip")

_MD5_ALONE = re.compile(r"baresip v[0-2]\.")
"""User-Agents of phones that give up where they are offered SHA-256 beside MD5 instead of passing it over (seen with
baresip 1.1.0). An attacker who can rewrite User-Agent on the way could remove the offer as well."""

MAX_NONCES = 20_000


class AuthResult(Enum):
    """The result of checking a request's credentials."""

    PROVEN = "proven"
    CHALLENGE = "challenge"
    """None came, or none that could be judged: ask."""
    STALE = "stale"
    """The nonce is too old, was used before, or was not given to this host: ask again without bothering the user
    (RFC 7616 3.3). The password was not looked at, or was right."""
    WRONG = "wrong"
    """A wrong password, an account that is not there, or one that is locked for guesses."""


@dataclass(frozen=True, slots=True)
class ProvenCaller:
    """Someone whose word on who they are holds."""

    claimed_by: str
    """``account:NAME`` or ``trunk:NAME``."""
    who: Account | Pbx


class Nonces:
    """Makes nonces, knows its own again, and detects a repeated use."""

    def __init__(self, seconds: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._key = secrets.token_bytes(32)
        self._seconds = seconds
        self._monotonic = monotonic
        self._used: OrderedDict[str, int] = OrderedDict()

    def make(self, host: str) -> str:
        """A fresh nonce for a host."""
        body = int(self._monotonic() * 1000).to_bytes(8, "big") + secrets.token_bytes(8)
        return base64.urlsafe_b64encode(body + self._seal(body, host)).decode()

    def age(self, nonce: str, host: str) -> float | None:
        """Its age in seconds, or None where this gate did not make it for this host."""
        try:
            raw = base64.b64decode(nonce.encode("ascii", "replace"), altchars=b"-_", validate=True)
        except ValueError:
            return None
        body, seal = raw[:16], raw[16:]
        if len(body) != 16 or not hmac.compare_digest(seal, self._seal(body, host)):
            return None
        return self._monotonic() - int.from_bytes(body[:8], "big") / 1000

    def fresh(self, nonce: str, host: str) -> bool:
        """Made for this host, and young enough."""
        age = self.age(nonce, host)
        return age is not None and age <= self._seconds

    def use(self, nonce: str, count: int) -> bool:
        """Note a use whose credentials were right; False where this count was used before. Without qop ``count`` is
        1, so that such a nonce serves once."""
        if count <= self._used.get(nonce, 0):
            return False
        self._used[nonce] = count
        self._used.move_to_end(nonce)
        while len(self._used) > MAX_NONCES:
            self._used.popitem(last=False)
        return True

    def _seal(self, body: bytes, host: str) -> bytes:
        return hmac.digest(self._key, body + host.encode("ascii", "replace"), "sha256")[:20]


class Authenticator:
    """Knows the accounts and the PBXs of the configuration."""

    def __init__(
        self, config: Config, secret_of: Callable[[str], str], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.realm = config.sip.realm
        self.lockout = PasswordLockout(monotonic)
        self.proven = ProvenAddresses(monotonic)
        self._nonces = Nonces(config.sip.nonce_seconds, monotonic)
        self._registration_seconds = config.sip.registration_seconds
        self._accounts = {account.username: account for account in config.account}
        self._halves = {
            account.username: half_digests(account.username, self.realm, secret_of(account.password_file))
            for account in config.account
        }
        self._digests = {
            account.username: tuple(name for name in HASHES if account.digest in ("both", name.lower()))
            for account in config.account
        }
        self._decoy = secrets.token_hex(32)
        self.networks = [(_network(text), pbx) for pbx in config.pbx for text in pbx.addresses]
        self._pbxs = {pbx.name: pbx for pbx in config.pbx}
        self._by_host: dict[str, Pbx | None] = {}

    def pbx_at(self, source: Address, endpoint: Endpoint | None = None) -> ProvenCaller | None:
        """The PBX whose address this is; with ``endpoint`` only where that is its word.

        It is nobody's where a datagram with it can come from anywhere: by UDP at the edge, which stands where everybody
        reaches it, and wherever the configuration says so (``pbx.udp``)."""
        host = source[0]
        if host not in self._by_host:
            if len(self._by_host) > 4096:
                self._by_host.clear()
            address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
            self._by_host[host] = next((pbx for network, pbx in self.networks if address in network), None)
        pbx = self._by_host[host]
        if pbx and endpoint is not None and endpoint.came_by == "udp" and (endpoint.by_edge or not pbx.udp):
            return None
        return ProvenCaller(f"trunk:{pbx.name}", pbx) if pbx else None

    def pbx_named(self, name: str) -> ProvenCaller | None:
        """The PBX of this name, which has shown its certificate; None for a name of somebody else's."""
        pbx = self._pbxs.get(name)
        return ProvenCaller(f"trunk:{name}", pbx) if pbx else None

    def named(self, claimed_by: str) -> ProvenCaller | None:
        """The account or PBX of this name, for a caller that has proven itself before."""
        kind, _, name = claimed_by.partition(":")
        who = self._pbxs.get(name) if kind == "trunk" else self._accounts.get(name)
        return ProvenCaller(claimed_by, who) if who else None

    def challenges(self, request: SipMessage, source: Address, stale: bool = False) -> list[tuple[str, str]]:
        """WWW-Authenticate headers, strongest first, that the phone behind ``request`` can take."""
        nonce = self._nonces.make(source[0])
        allowed = self._digests.get(user_of(uri_of(request.get("from") or "")), HASHES)
        tail = ", stale=true" if stale else ""
        old = _MD5_ALONE.match(request.get("user-agent") or "")
        return [
            (
                "WWW-Authenticate",
                f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={name}, qop="auth"{tail}',
            )
            for name in (("MD5",) if old and "MD5" in allowed else allowed)
        ]

    def check(self, request: SipMessage, source: Address) -> tuple[AuthResult, ProvenCaller | None]:
        """What the request's credentials are worth; the caller where they are right: then it has proven itself at
        ``source``."""
        verdict = AuthResult.CHALLENGE
        for value in request.all("authorization") + request.all("proxy-authorization"):
            given = credentials(value)
            if given.get("realm") != self.realm:
                continue
            verdict, account = self._check(request, given, source)
            if account:
                self.proven.note(f"account:{account.username}", source, self._registration_seconds)
                return verdict, ProvenCaller(f"account:{account.username}", account)
            if verdict is not AuthResult.CHALLENGE:
                break
        return verdict, None

    def _check(self, request: SipMessage, given: dict[str, str], source: Address) -> tuple[AuthResult, Account | None]:
        algorithm = next((name for name in HASHES if name == given.get("algorithm", "MD5").upper()), None)
        nonce, qop = given.get("nonce", ""), given.get("qop", "")
        if algorithm is None or qop not in ("", "auth") or (qop and not given.get("cnonce")):
            return AuthResult.CHALLENGE, None
        if not self._nonces.fresh(nonce, source[0]):
            return AuthResult.STALE, None
        account = self._accounts.get(given.get("username", ""))
        if account is not None and algorithm not in self._digests[account.username]:
            return AuthResult.CHALLENGE, None
        name, host = account.username if account else "", source[0]
        proven = self.proven.at(f"account:{name}", host)
        if self.proven.account_at(source) != f"account:{name}" and self.lockout.barred(name, host, proven=proven):
            return AuthResult.WRONG, None
        half = self._halves[account.username][algorithm] if account else self._decoy
        expected = digest(algorithm, half, request.method, given)
        right = hmac.compare_digest(expected.encode(), given.get("response", "").lower().encode("utf-8", "replace"))
        if not (right and account):
            if self.lockout.note(name, host, proven=proven):
                _log.warning("wrong_password", source=f"{host}:{source[1]}", account=name or "none of ours")
            return AuthResult.WRONG, None
        if not _same_target(given.get("uri", ""), request.uri):
            return AuthResult.WRONG, None
        self.lockout.right(name, host)
        count = int(given["nc"], 16) if qop and re.fullmatch("[0-9a-fA-F]{8}", given.get("nc", "")) else 1
        if not self._nonces.use(nonce, count):
            return AuthResult.STALE, None
        return AuthResult.PROVEN, account


def credentials(value: str) -> dict[str, str]:
    """The parameters of an Authorization or WWW-Authenticate value of the Digest scheme; empty for another scheme."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        return {}
    return {name.lower(): given for name, given in pairs(rest)}


def digest(algorithm: str, half: str, method: str, given: dict[str, str], body: str = "") -> str:
    """The response (RFC 7616 3.4.1) for H(A1) = ``half``: with qop as ``given`` says, without it as RFC 2069 did;
    ``body``: what stands behind method and URI, ``:`` and the hash of the body, with qop ``auth-int``."""
    target = _hex(algorithm, f"{method}:{given.get('uri', '')}{body}")
    middle = given.get("nonce", "")
    if given.get("qop"):
        middle += f":{given.get('nc', '')}:{given.get('cnonce', '')}:{given['qop']}"
    return _hex(algorithm, f"{half}:{middle}:{target}")


def answers_to(
    message: SipMessage,
    username: str,
    password: str,
    method: str,
    uri: str,
    algorithms: Sequence[str | None] | None = None,
    *,
    body: str | None = None,
) -> tuple[str, bool]:
    """What answers the challenge of a 401 or 407 to a request of ours, as a header with its line end, and whether it
    says that only the nonce was too old. Empty where there is no challenge that can be answered (``algorithms``: with
    these alone), or no credentials. ``body``: the request's, as text of Latin-1; None: ``auth-int`` is not
    answered."""
    asks, title = _CHALLENGES.get(message.code, ("", ""))
    for value in message.all(asks) if username else ():
        given = credentials(value)
        algorithm, qops = given.get("algorithm", "MD5"), given.get("qop", "").lower()
        known = next((name for name in HASHES if name == algorithm.upper()), None)
        named = known if "algorithm" in given else None  # RFC 2617 has one without, and MD5 is meant
        if known is None or "nonce" not in given or (algorithms is not None and named not in algorithms):
            continue
        offered = [each.strip() for each in qops.split(",")]
        qop = next((each for each in ("auth", "auth" if body is None else "auth-int") if each in offered), "")
        if qops and not qop:
            continue
        realm = given.get("realm", "")
        fields = {"uri": uri, "nonce": given["nonce"]}
        if qops:
            fields |= {"qop": qop, "nc": "00000001", "cnonce": secrets.token_hex(8)}
        hashed = HASHES[known]((body or "").encode("latin-1", "replace")).hexdigest()
        behind = f":{hashed}" if qop == "auth-int" else ""
        result = digest(known, _hex(known, f"{username}:{realm}:{password}"), method, fields, behind)
        parts = [f'username="{username}"', f'realm="{realm}"', f'nonce="{given["nonce"]}"', f'uri="{uri}"']
        parts += [f'response="{result}"', f"algorithm={algorithm}"]
        parts += [f'opaque="{given["opaque"]}"'] if "opaque" in given else []
        parts += [f'qop={qop},nc={fields["nc"]},cnonce="{fields["cnonce"]}"'] if qops else []
        return f"{title}: Digest {','.join(parts)}\r\n", given.get("stale", "").lower() == "true"
    return "", False


_CHALLENGES = {401: ("www-authenticate", "Authorization"), 407: ("proxy-authenticate", "Proxy-Authorization")}


def _hex(algorithm: str, text: str) -> str:
    return HASHES[algorithm](text.encode("utf-8", "surrogateescape")).hexdigest()


def _same_target(signed: str, requested: str) -> bool:
    """The digest's URI names the number that the request asks for: else a captured answer would serve for another one.
    Some phones (pyVoIP) name the server alone; theirs serve once, since their nonce does. Hosts are not compared: what
    stands between phone and gate may have written another."""
    return _user(signed) in ("", _user(requested))


def _user(uri: str) -> str:
    rest = uri.partition(":")[2]
    return rest.partition("@")[0] if "@" in rest else ""


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError as error:
        raise ConfigError(
            f"pbx.addresses: {text!r} is no address or network", hint="Write for example 192.0.2.10 or 192.0.2.0/24."
        ) from error
