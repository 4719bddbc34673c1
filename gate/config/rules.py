"""What the types of the configuration cannot say.

Each function judges one section and yields its faults; none stops at the first. ``faults_of`` runs them over the
sections that were readable, so that one look at the file is enough to mend it. The rules of calls are in
``call_rules``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gate.config.call_rules import callers, dialled, e164, families, refused_with, trunks
from gate.config.faults import Fault, Key, Readable, at_least, blank, duplicates, host_port, hours, unprintable
from gate.config.office import Authority, Bucket, Console, Letters, Mail, Privacy, Provider, Requests, Roles
from gate.config.optional import (
    Store,
    calls_in_faults,
    edge_faults,
    ingest,
    sessions_fault,
    siprec_faults,
    store_faults,
)
from gate.config.policy import review_fault
from gate.config.schema import (
    ATTEMPTS,
    Announcement,
    Calling,
    Consents,
    Control,
    Duty,
    Firm,
    Hep,
    Limits,
    MediaConfig,
    Recording,
    Registers,
    Retention,
    Sip,
    Storage,
    Traces,
    announcement_for,
)
from gate.config.secrets import half_digests, read_secret, token_hash
from gate.core import numbers
from gate.core.evidence import EvidenceError, verifier_key
from gate.core.retention import MONTHS
from gate.core.rules import BLOCKABLE, LONGEST_CONSENT
from gate.core.terms import Topic
from gate.errors import ConfigError

ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)
"""An e-mail address that every server takes: ASCII, one ``@``, a domain with a dot (RFC 5321, without quoted names)."""
MOST_ARGUMENTS: Final = 32
"""Texts of a command of the console, its words and roles among them."""
_INTERPRETERS: Final = re.compile(r"(ba|da|z|k|a|fi)?sh|python[0-9.]*|perl|ruby|node|php")
"""Programs that run the text behind ``-c`` or ``-e``."""
ROLE_NAMES: Final = ("admin", "compliance", "auditor", "manager", "viewer")
_MOST_IDENTITY_DAYS: Final = 14
PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}


def is_loopback(host: str) -> bool:
    """Whether mail to ``host`` stays on this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def letters_faults(letters: Letters, base: Path) -> Iterator[Fault]:
    """The folder is there, the address is one."""
    yield from unprintable(letters, ("letters",), "templates", "signed")
    if letters.templates and letters.templates.isprintable() and not (base / letters.templates).is_dir():
        yield Fault(
            ("letters", "templates"), f"{base / letters.templates} is no folder; make it: dialgate letters copy DIR"
        )
    if letters.authority_email and not ADDRESS.fullmatch(letters.authority_email):
        yield Fault(("letters", "authority_email"), f'"{letters.authority_email}" is not an email address')


def authority_faults(authority: Authority) -> Iterator[Fault]:
    """Texts of one line, an address, and days that are some."""
    for name in ("name", "address"):
        if (text := getattr(authority, name)) and not text.strip():
            yield Fault(("authority", name), "must not be empty")
    yield from unprintable(authority, ("authority",), "name", "phone", "web")
    if authority.email and not ADDRESS.fullmatch(authority.email):
        yield Fault(("authority", "email"), f'"{authority.email}" is not an email address')
    for name in ("commencement", "checked"):
        try:
            if text := getattr(authority, name):
                date.fromisoformat(text)
        except ValueError:
            yield Fault(("authority", name), f'"{text}" is not a date; write "YYYY-MM-DD"')


def privacy_faults(privacy: Privacy) -> Iterator[Fault]:
    """One line each."""
    yield from unprintable(privacy, ("privacy",), "dpo")
    for name in ("legal_bases", "recipients"):
        for place, line in enumerate(getattr(privacy, name)):
            if not line.strip() or not line.isprintable():
                yield Fault(("privacy", name, place), "is empty, or more than a line")


def requests_faults(requests: Requests) -> Iterator[Fault]:
    """Asking who it is cannot wait for the day of the answer."""
    if not 0 <= requests.identity_days <= _MOST_IDENTITY_DAYS:
        fault = f"{requests.identity_days} days; 0 to {_MOST_IDENTITY_DAYS}: without delay (UK GDPR Art 12(3), 12(6))"
        yield Fault(("requests", "identity_days"), fault)


def checkpoint_faults(storage: Storage, mail: Mail) -> Iterator[Fault]:
    """A mailbox for checkpoints is an address, and there is a server to send through."""
    address = storage.checkpoints_mail
    if address and not ADDRESS.fullmatch(address):
        yield Fault(("storage", "checkpoints_mail"), f'"{address}" is not an email address')
    elif address and not mail.host:
        yield Fault(("storage", "checkpoints_mail"), "checkpoints are sent through [mail]: name its host")


def mail_faults(mail: Mail, firm: Firm | None, base: Path) -> Iterator[Fault]:
    """Everything that sending needs, and nothing in clear over a network."""
    yield from unprintable(mail, ("mail",), "host", "username", "ca_file")
    yield from at_least(mail, "mail", 1, "timeout_seconds")
    if not 0 <= mail.port <= 65535:
        yield Fault(("mail", "port"), f"{mail.port} is not a port; 0 (the usual one) to 65535")
    if mail.sender and not ADDRESS.fullmatch(mail.sender):
        yield Fault(("mail", "sender"), f'"{mail.sender}" is not an email address')
    if bool(mail.username) != bool(mail.password_file):
        missing = "password_file" if mail.username else "username"
        yield Fault(("mail", missing), "username and password_file go together")
    if not mail.host:
        if mail != Mail():
            yield Fault(("mail", "host"), "is missing: name the mail server")
        return
    if not re.fullmatch(r"[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]+\]?", mail.host):
        yield Fault(("mail", "host"), f'"{mail.host}" is not a host; the port goes into mail.port')
    if mail.security == "none" and not is_loopback(mail.host):
        yield Fault(
            ("mail", "security"), f"letters hold personal data: to {mail.host} only with starttls or tls, not none"
        )
    if firm and not mail.sender and not ADDRESS.fullmatch(firm.contact_email):
        yield Fault(("mail", "sender"), "is missing, and firm.contact_email is no address that letters can come from")
    if mail.ca_file and mail.ca_file.isprintable() and not (base / mail.ca_file).is_file():
        yield Fault(("mail", "ca_file"), f"{base / mail.ca_file} does not exist; a PEM file with certificates")


_ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\$?")
"""Names of accounts and groups, as ``useradd`` and directories have them."""
_TOKEN = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def asking(readable: Readable) -> list[Fault]:
    """Every fault of these sections."""
    found: list[Fault] = []
    if control := readable.get("control", Control):
        found += _control(control)
        found += _tokens(readable, control)
    if roles := readable.get("roles", Roles):
        found += _roles(roles)
    found += _webhooks(readable)
    found += _witnesses(readable)
    if bucket := readable.get("bucket", Bucket):
        found += _bucket(bucket)
    if provider := readable.get("provider", Provider):
        found += _provider(provider)
    return found


def _webhooks(readable: Readable) -> Iterator[Fault]:
    names: dict[str, int] = {}
    for index, webhook in readable.arrays.get("webhook", {}).items():
        if not _TOKEN.fullmatch(webhook.name):
            text = f'"{webhook.name}" is not a name: small letters, digits, - and _, at most 32'
            yield Fault(("webhook", index, "name"), text)
        if (other := names.setdefault(webhook.name, index)) != index:
            yield Fault(("webhook", index, "name"), f'"{webhook.name}" is there twice, as webhook[{other}] too')
        yield from _url(webhook.url, ("webhook", index, "url"))
        yield from duplicates(webhook.events, ("webhook", index, "events"))


def _witnesses(readable: Readable) -> Iterator[Fault]:
    keys: dict[str, int] = {}
    witnesses = readable.arrays.get("witness", {})
    for index, witness in witnesses.items():
        yield from _url(witness.url, ("witness", index, "url"))
        if witness.monitor:
            yield from _url(witness.monitor, ("witness", index, "monitor"))
        try:
            _, algorithm, _ = verifier_key(witness.key)
        except EvidenceError as error:
            yield Fault(("witness", index, "key"), f"{error}")
        else:
            if algorithm != b"\x04":
                yield Fault(("witness", index, "key"), "is no key of a witness: those have the type cosignature/v1 (4)")
        if (other := keys.setdefault(witness.key, index)) != index:
            yield Fault(("witness", index, "key"), f"is there twice, as that of witness[{other}] too")
    storage = readable.sections.get("storage")
    if witnesses and storage and not 1 <= storage.witnesses_required <= len(witnesses):
        yield Fault(("storage", "witnesses_required"), f"is not from 1 to {len(witnesses)}, the number of [[witness]]")


def _bucket(bucket: Bucket) -> Iterator[Fault]:
    """Everything that keeping recordings there needs."""
    if not bucket.name:
        if bucket != Bucket():
            yield Fault(("bucket", "name"), "is missing: name the bucket")
        return
    if not _BUCKET.fullmatch(bucket.name):
        yield Fault(("bucket", "name"), f'"{bucket.name}" is not a name: small letters, digits, - and ., 3 to 63')
    yield from unprintable(bucket, ("bucket",), "region", "uk", "key_id", "ca_file")
    if not re.fullmatch(r"([A-Za-z0-9_.-]+/)*", bucket.prefix) or ".." in bucket.prefix:
        yield Fault(("bucket", "prefix"), f'"{bucket.prefix}" is not a prefix; write NAME/')
    if bucket.endpoint:
        yield from _url(bucket.endpoint, ("bucket", "endpoint"))
    elif not bucket.region:
        yield Fault(("bucket", "region"), "is missing: where must the bucket lie? London is eu-west-2")
    # Others use the name for other places: eu-west-2 of Wasabi is Paris.
    if not bucket.uk.strip() and (bucket.endpoint or bucket.region != "eu-west-2"):
        yield Fault(("bucket", "uk"), "is missing: say where in the United Kingdom the disks of this server stand")
    for name in ("key_id", "secret_file"):
        if not getattr(bucket, name):
            yield Fault(("bucket", name), "is missing: the access key is an id and a secret")
    yield from at_least(bucket, "bucket", 1, "timeout_seconds")
    if not 1 <= bucket.disk_mark_percent <= 100:
        yield Fault(("bucket", "disk_mark_percent"), f"{bucket.disk_mark_percent} is not from 1 to 100")


def _url(url: str, key: Key) -> Iterator[Fault]:
    """What is sent there holds numbers."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https") or parts.username or not url.isprintable():
        yield Fault(key, f'"{url}" is not an address; write https://HOST/PATH')
    elif parts.scheme == "http" and host not in ("localhost", "127.0.0.1", "::1"):
        yield Fault(key, "over a network only https: what it tells could be read on the way")


def _provider(provider: Provider) -> Iterator[Fault]:
    """Everything that asking needs."""
    if not provider.url:
        if provider != Provider():
            yield Fault(("provider", "url"), "is missing: where is the provider asked?")
        return
    yield from _url(provider.url, ("provider", "url"))
    yield from unprintable(provider, ("provider",), "authorization", "ca_file")
    if not _TOKEN.fullmatch(provider.name):
        yield Fault(
            ("provider", "name"), f'"{provider.name}" is not a name: small letters, digits, - and _, at most 32'
        )
    if not 1 <= provider.at_once <= 10_000:
        yield Fault(("provider", "at_once"), f"{provider.at_once} is not from 1 to 10000")
    places = provider.body.count('"{numbers}"') + provider.body.count('"{number}"')
    try:
        json.loads(provider.body)
    except ValueError as error:
        yield Fault(("provider", "body"), f"is no JSON: {error}")
    if places != 1:
        yield Fault(("provider", "body"), 'has to hold "{numbers}" once, or "{number}"')
    elif '"{number}"' in provider.body and provider.at_once != 1:
        yield Fault(("provider", "at_once"), 'has to be 1: "{number}" in provider.body is one number')
    for name in ("number", "tps", "ctps", "token_file"):
        if not getattr(provider, name):
            yield Fault(("provider", name), "is missing")
    for name, value in provider.headers.items():
        if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", name) or not value.isprintable() or not value.isascii():
            yield Fault(("provider", "headers"), f'"{name}" is not a header with a printable value')


def _control(control: Control) -> Iterator[Fault]:
    yield from unprintable(control, ("control",), "socket")
    if control.group and not _ACCOUNT.fullmatch(control.group):
        yield Fault(("control", "group"), f'"{control.group}" is not the name of a group')
    yield from at_least(control, "control", 1, "lookups_an_hour")
    yield from at_least(control, "control", 8, "connections", "connections_each")
    if control.http and (fault := host_port(control.http, literal=True)):
        yield Fault(("control", "http"), fault)


def _tokens(readable: Readable, control: Control) -> Iterator[Fault]:
    tokens = readable.arrays.get("token", {})
    if control.http_key and not control.http_certificate:
        yield Fault(("control", "http_certificate"), "is missing: control.http_key is the key of which?")
    if control.http and not tokens:
        yield Fault(("control", "http"), "nobody may ask there: dialgate token add NAME --may marketing")
    callers = {each.username for each in readable.arrays.get("account", {}).values()}
    callers |= {each.name for each in readable.arrays.get("pbx", {}).values()}
    names: dict[str, int] = {}
    for index, token in tokens.items():
        if not _TOKEN.fullmatch(token.name):
            text = f'"{token.name}" is not a name: small letters, digits, - and _, at most 32'
            yield Fault(("token", index, "name"), text)
        if (other := names.setdefault(token.name, index)) != index:
            yield Fault(("token", index, "name"), f'"{token.name}" is there twice, as token[{other}] too')
        if not token.duties:
            others = ", ".join(f"{duty} = true" for duty in Duty if duty is not Duty.DECIDE)
            text = f'is missing: the token may do nothing; purposes = ["marketing"] for decisions, or {others}'
            yield Fault(("token", index, "purposes"), text)
        yield from duplicates(token.purposes, ("token", index, "purposes"))
        if not 0 <= token.service_percent <= 100:
            yield Fault(("token", index, "service_percent"), f"{token.service_percent} is no percentage; 0 to 100")
        if token.calls_a_minute < 1:
            yield Fault(("token", index, "calls_a_minute"), f"{token.calls_a_minute} would allow none; at least 1")
        if token.account and token.account not in callers:
            yield Fault(("token", index, "account"), f'"{token.account}" is no account and no PBX of this file')


def _roles(roles: Roles) -> Iterator[Fault]:
    for role in ROLE_NAMES:
        accounts: tuple[str, ...] = getattr(roles, role)
        for index, account in enumerate(accounts):
            if not _ACCOUNT.fullmatch(account.removeprefix("@")):
                text = f'"{account}" is neither an account nor an @group of this machine'
                yield Fault(("roles", role, index), text)
        yield from duplicates(accounts, ("roles", role))


_TERMS = ("calls", "refused", "requests", "lists", "contacts")
_COVERAGE = re.compile(r"full|0[0-9]{1,9}(,0[0-9]{1,9})*")
PORTS_PER_CALL = 16
"""RTP and RTCP, of two sessions with two legs each, of the announcement's, and of the copies to the recorder."""


def faults_of(readable: Readable, base: Path, *, secrets: bool = True, today: date | None = None) -> list[Fault]:
    """Every fault of the readable sections; ``base`` is the configuration's folder. ``secrets``: read those too.
    ``today``: the policy was reviewed by then."""
    get = readable.get
    calling = get("calling", Calling)
    firm = get("firm", Firm)
    found: list[Fault] = []
    if firm:
        found += _firm(firm, live=bool(calling and calling.live), today=today)
    for section in readable.sections.values():
        if rule := _OF_ONE.get(type(section)):
            found += rule(section)
    sip = get("sip", Sip)
    found += trunks(readable, base)
    found += edge_faults(readable, sip)
    if sip:
        found += families(readable, sip)
    if media := get("media", MediaConfig):
        limits = get("limits", Limits)
        found += _media(media, limits, sip)
        found += sessions_fault(readable, media, limits, PORTS_PER_CALL) if limits else ()
    if announcement := get("announcement", Announcement):
        found += _announcement(announcement, base)
    found += _instigators(readable, base)
    found += asking(readable)
    found += ingest(readable)
    found += siprec_faults(readable, sip, get("recording", Recording))
    if letters := get("letters", Letters):
        found += letters_faults(letters, base)
    if mail := get("mail", Mail):
        found += mail_faults(mail, firm, base)
        if storage := get("storage", Storage):
            found += checkpoint_faults(storage, mail)
    found += callers(readable, firm)
    found += calls_in_faults(readable, firm, base)
    found += dialled(readable, firm)
    return found + list(_secrets(readable, base)) if secrets else found


def _firm(firm: Firm, *, live: bool, today: date | None) -> Iterator[Fault]:
    """PECR reg 24 (who calls) and Ofcom GC C6 (numbers that may be presented): LAW 1.8 and 3.1."""
    yield from blank(firm, "firm", "legal_name", "trading_name", "address", "policy_version")
    yield from unprintable(firm, ("firm",), "legal_name", "trading_name", "address", "policy_version")
    if fault := _date(firm.policy_reviewed) or review_fault(firm.policy_reviewed, today):
        yield Fault(("firm", "policy_reviewed"), fault)
    if not firm.numbers:
        yield Fault(("firm", "numbers"), "name at least one number that the firm owns and answers")
    for index, number in enumerate(firm.numbers):
        if fault := _own_number(number, live=live):
            yield Fault(("firm", "numbers", index), fault)
    yield from duplicates(firm.numbers, ("firm", "numbers"))
    if firm.freephone:
        canonical = e164(firm.freephone)
        if canonical is None or not canonical.startswith("+4480"):
            yield Fault(("firm", "freephone"), f'"{firm.freephone}" is not a freephone number (080…)')
    if firm.contact_email and not re.fullmatch(r"[^@\s]+@[^@\s]+", firm.contact_email):
        yield Fault(("firm", "contact_email"), f'"{firm.contact_email}" is not an email address')


def _own_number(number: str, *, live: bool) -> str:
    canonical = e164(number)
    if canonical is None:
        return f'"{number}" is not a UK number; write it as "+442079460000"'
    if canonical != number:
        return f'write it in one form only: "{canonical}"'
    if not numbers.presentable(number):
        return f"{number} may not be presented to a callee (01, 02, 03, 07 mobile or 080 only, Ofcom GC C6)"
    if live and numbers.is_drama(number):
        return f"{number} is reserved for drama and reaches nobody; own a real number, or set calling.live = false"
    return ""


def _date(text: str) -> str:
    fault = f'"{text}" is not a date; write "YYYY-MM-DD"'
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return fault
    try:
        date.fromisoformat(text)
    except ValueError:
        return fault
    return ""


def _storage(storage: Storage) -> Iterator[Fault]:
    yield from blank(storage, "storage", "data")
    yield from unprintable(storage, ("storage",), "data")
    if storage.country != "GB":
        yield Fault(
            ("storage", "country"),
            f'"{storage.country}" is refused: evidence and recordings are kept in the UK, country = "GB"',
        )


def _sip(sip: Sip) -> Iterator[Fault]:
    if fault := host_port(sip.listen, literal=True):
        yield Fault(("sip", "listen"), fault)
    for name in ("tcp", "tls"):
        text = getattr(sip, name)
        if text and (fault := host_port(text, literal=True)):
            yield Fault(("sip", name), fault)
    if sip.tcp and sip.tcp == sip.tls:
        yield Fault(("sip", "tls"), "is the address and port of sip.tcp; port 5061 is usual")
    if sip.tls and not sip.tls_certificate:
        yield Fault(("sip", "tls_certificate"), "TLS needs a certificate: the path of a PEM file")
    yield from at_least(sip, "sip", 1, "connections", "connections_each")
    if sip.dns and (fault := host_port(sip.dns, literal=True)):
        yield Fault(("sip", "dns"), fault)
    yield from blank(sip, "sip", "realm")
    yield from unprintable(sip, ("sip",), "realm")
    if '"' in sip.realm or "\\" in sip.realm:
        yield Fault(("sip", "realm"), "no quotes or backslashes")
    yield from at_least(sip, "sip", 10, "nonce_seconds", "dead_peer_seconds")
    yield from at_least(sip, "sip", 60, "registration_seconds")
    yield from refused_with(sip.refusal, ("sip", "refusal"))
    if sip.session_seconds and sip.session_seconds < 90:
        yield Fault(("sip", "session_seconds"), f"{sip.session_seconds} is too short; 0 for none, or at least 90")
    if sip.no_answer_seconds < 15:
        yield Fault(("sip", "no_answer_seconds"), f"{sip.no_answer_seconds} is too short; ring at least 15 seconds")


_SECRETS: Final = {
    "emergency": "password_file",
    "traces": "token_file",
    "hep": "key_file",
    "provider": "token_file",
    "bucket": "secret_file",
    "mail": "password_file",
    "store": "password_file",
}
"""Section -> its key that names the file of a secret."""


def _secrets(readable: Readable, base: Path) -> Iterator[Fault]:
    sip = readable.get("sip", Sip)
    for index, account in readable.arrays.get("account", {}).items():
        place: Key = ("account", index, "password_file")
        if faults := list(_secret(account.password_file, base, place)):
            yield from faults
        elif sip:
            try:
                half_digests(account.username, sip.realm, read_secret(base, account.password_file))
            except ConfigError as error:
                yield Fault(place, f"{error.message}; {error.hint}")
    for index, trunk in readable.arrays.get("trunk", {}).items():
        if trunk.password_file:
            yield from _secret(trunk.password_file, base, (*readable.key("trunk", index), "password_file"))
    held: dict[bytes, int] = {}
    for index, token in readable.arrays.get("token", {}).items():
        key: Key = ("token", index, "token_file")
        if faults := list(_secret(token.token_file, base, key, shortest=16)):
            yield from faults
        elif (other := held.setdefault(token_hash(read_secret(base, token.token_file)), index)) != index:
            yield Fault(key, f"holds the same token as token[{other}]; make another one")
    for index, webhook in readable.arrays.get("webhook", {}).items():
        yield from _secret(webhook.secret_file, base, ("webhook", index, "secret_file"), shortest=16)
    for name, field in _SECRETS.items():
        if reference := getattr(readable.sections.get(name), field, ""):
            yield from _secret(reference, base, (name, field))


def _secret(reference: str, base: Path, key: Key, shortest: int = 1) -> Iterator[Fault]:
    try:
        secret = read_secret(base, reference)
    except ConfigError as error:
        yield Fault(key, f"{error.message}; {error.hint}")
    else:
        if len(secret) < shortest:
            yield Fault(key, f"the secret is too short; at least {shortest} characters")


def _media(media: MediaConfig, limits: Limits | None, sip: Sip | None) -> Iterator[Fault]:
    try:
        address = ip_address(media.address)
    except ValueError:
        yield Fault(("media", "address"), f'"{media.address}" is not an IP address')
    else:
        if address.is_unspecified or address.is_multicast:
            yield Fault(
                ("media", "address"), f"{address} cannot be reached by a phone; name the address phones send to"
            )
    low, high = media.port_min, media.port_max
    if not 1024 <= low < high <= 65535:
        yield Fault(
            ("media", "port_min"), f"{low} to {high} is not a port range; between 1024 and 65535, min below max"
        )
    elif limits and high - low + 1 < PORTS_PER_CALL * limits.max_calls:
        yield Fault(
            ("media", "port_max"),
            f"{high - low + 1} ports carry {(high - low + 1) // PORTS_PER_CALL} calls; widen the range, "
            f"or lower limits.max_calls ({limits.max_calls})",
        )
    elif sip and not host_port(sip.listen, literal=True) and low <= int(sip.listen.rpartition(":")[2]) <= high:
        yield Fault(("media", "port_min"), f"the range holds the SIP port of sip.listen ({sip.listen})")


def _commands(console: Console) -> Iterator[Fault]:
    """A command is started with no shell: its program has a whole path."""
    for name, given in console.commands.items():
        key = ("console", "commands", name)
        if not 3 <= len(given) <= MOST_ARGUMENTS:
            yield Fault(key, "give its words, its roles, a program by its whole path, and its arguments")
            continue
        if not given[0].strip():
            yield Fault(key, "say what it does")
        if unknown := sorted({*filter(None, given[1].replace(" ", "").split(","))} - {*ROLE_NAMES}):
            yield Fault(key, f"{', '.join(unknown)}: no role; there are {', '.join(ROLE_NAMES)}")
        if not Path(given[2]).is_absolute():
            yield Fault(key, "name the program by its whole path: no shell looks for it")
        code = [text for option, text in pairwise(given[3:]) if re.fullmatch(r"-\w*[ce]", option)]
        if _INTERPRETERS.fullmatch(Path(given[2]).name) and any(re.search(r"\{[a-z]", text) for text in code):
            yield Fault(key, 'what a row holds would be run as code: give the field as an argument of its own, as "$1"')


def _announcement(announcement: Announcement, base: Path) -> Iterator[Fault]:
    """The notice is required: without it nothing may be recorded (LAW 5.1)."""
    key = "announcement"
    yield from blank(announcement, key, "id", "version")
    yield from unprintable(announcement, (key,), "id", "version", "wav", "goodbye_wav")
    if not announcement.text.strip() and not announcement.wav:
        yield Fault((key, "text"), "say who calls, why, that the call is recorded and how to opt out (or name a wav)")
    for name in ("wav", "goodbye_wav"):
        wav = getattr(announcement, name)
        if wav and not (base / wav).is_file():
            yield Fault((key, name), f"{base / wav} does not exist")
    if not re.fullmatch(r"[0-9*#]", announcement.opt_out_digit):
        yield Fault((key, "opt_out_digit"), f'"{announcement.opt_out_digit}" is not one key of 0-9, * or #')
    yield from unprintable(announcement, (key,), "receipt_text")
    if announcement.receipt and not announcement.receipt_text.strip():
        yield Fault((key, "receipt_text"), "say what the code is that follows")
    if announcement.receipt_command and not Path(announcement.receipt_command[0]).is_absolute():
        yield Fault((key, "receipt_command", 0), "name the program by its whole path: no shell looks for it")


_INSTIGATOR = re.compile(r"[a-z][a-z0-9_-]{0,31}")


def _instigators(readable: Readable, base: Path) -> Iterator[Fault]:
    """PECR reg 24: each has the name and address that whoever is called may ask for, and an announcement of its own."""
    sets: dict[tuple[str, str], str] = {}
    if own := readable.get("announcement", Announcement):
        sets[own.id, own.version] = "[announcement]"
    names: set[str] = set()
    for index, each in readable.arrays.get("instigator", {}).items():
        key: Key = ("instigator", index)
        if not _INSTIGATOR.fullmatch(each.name):
            text = f'"{each.name}" is not a name: small letters, digits, - and _, from a letter on, at most 32'
            yield Fault((*key, "name"), text)
        if each.name in names:
            yield Fault((*key, "name"), f"{each.name} is there twice; leave one")
        names.add(each.name)
        for name in ("legal_name", "trading_name", "address", "announcement_version"):
            if not getattr(each, name).strip():
                yield Fault((*key, name), "must not be empty")
        yield from unprintable(
            each, key, "legal_name", "trading_name", "address", "announcement_id", "announcement_wav"
        )
        if not each.announcement_text.strip() and not each.announcement_wav:
            text = "say for whom you call, that the call is recorded and how to opt out (or name announcement_wav)"
            yield Fault((*key, "announcement_text"), text)
        if each.announcement_wav and not (base / each.announcement_wav).is_file():
            yield Fault((*key, "announcement_wav"), f"{base / each.announcement_wav} does not exist")
        spoken = announcement_for(own or Announcement(), each)
        if (taken := sets.setdefault((spoken.id, spoken.version), f"{each.name}'s")) != f"{each.name}'s":
            yield Fault((*key, "announcement_id"), f"{spoken.id} version {spoken.version} is {taken} already")


def _recording(recording: Recording) -> Iterator[Fault]:
    yield from blank(recording, "recording", "purpose")
    for name in ("pause_code", "resume_code"):
        code = getattr(recording, name)
        if not re.fullmatch(r"[*#][0-9*#]{1,7}", code):
            yield Fault(("recording", name), f'"{code}" is not a code: * or #, then 1 to 7 keys')
    if recording.pause_code.startswith(recording.resume_code) or recording.resume_code.startswith(recording.pause_code):
        yield Fault(("recording", "resume_code"), "pause_code and resume_code must differ, and neither begin the other")


def _retention(retention: Retention) -> Iterator[Fault]:
    """LAW 5.3: so many calendar months, longer by class."""
    yield from at_least(retention, "retention", 1, "months", *(f"{name}_months" for name in _TERMS))
    if retention.months > MONTHS:
        yield Fault(
            ("retention", "months"),
            f"{retention.months} is above the policy's {MONTHS}: name what is kept longer, and why, as a class: "
            'classes = ["topic:pensions=5 FCA SYSC 10A"]',
        )
    yield from at_least(retention, "retention", 0, "backup_days", "copy_days")
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", retention.sweep_at):
        yield Fault(("retention", "sweep_at"), f'"{retention.sweep_at}" is not a time of day; write "02:30"')
    for index, each in enumerate(retention.classes):
        if not re.fullmatch(
            rf"(topic:({'|'.join(Topic)})|purpose:(marketing|service)|(account|trunk):[A-Za-z0-9._+-]{{1,64}})"
            r"=[1-9]\d?( \S[^\r\n]*)?",
            each,
        ):
            yield Fault(
                ("retention", "classes", index),
                f'"{each}" is not a class with its years; write "topic:pensions=5", "account:alice=7" or the like',
            )
    yield from duplicates([each.partition("=")[0] for each in retention.classes], ("retention", "classes"))


def _calling(calling: Calling) -> Iterator[Fault]:
    for name in ("weekdays", "saturday", "sunday"):
        if fault := hours(getattr(calling, name)):
            yield Fault(("calling", name), fault)
    for index, text in enumerate(calling.closed_dates):
        if fault := _date(text):
            yield Fault(("calling", "closed_dates", index), fault)
    for index, name in enumerate(calling.registers):
        if name not in ("tps", "ctps"):
            yield Fault(("calling", "registers", index), f'"{name}" is not a register; tps or ctps')
    yield from duplicates(calling.registers, ("calling", "registers"))
    for index, name in enumerate(calling.block):
        if name not in BLOCKABLE:
            yield Fault(("calling", "block", index), f'"{name}" is no kind to block; known: {", ".join(BLOCKABLE)}')
    yield from duplicates(calling.block, ("calling", "block"))
    if calling.live and (lacking := {"tps", "ctps"} - set(calling.registers)):
        yield Fault(
            ("calling", "registers"),
            f"a live gate screens against both; add {' and '.join(sorted(lacking))} (PECR reg 21)",
        )
    if not numbers.is_drama(calling.test_number):
        text = 'is none of the numbers kept for drama; leave it out, or write one such as "+441632960999"'
        yield Fault(("calling", "test_number"), f'"{calling.test_number}" {text}')
    yield from at_least(calling, "calling", 0, "redial_hours", "abandoned_brief_seconds", *ATTEMPTS)
    yield from at_least(calling, "calling", 1, "abandoned_least")
    for name in ("abandoned_alarm_percent", "abandoned_stop_percent"):
        if not 0 <= (share := getattr(calling, name)) <= 100:
            yield Fault(("calling", name), f"{share} is no share; 0 to 100")


def _consent(consent: Consents) -> Iterator[Fault]:
    yield from at_least(consent, "consent", 1, "months")
    if consent.months > LONGEST_CONSENT:
        yield Fault(("consent", "months"), f"{consent.months} is too large; at most {LONGEST_CONSENT}")


def _registers(registers: Registers) -> Iterator[Fault]:
    """The folder in which the licensee's daily files land."""
    if not registers.watch.isprintable():
        yield Fault(("registers", "watch"), "printable text on one line only")
    for name in ("tps_names", "ctps_names"):
        patterns = getattr(registers, name)
        if registers.watch and not patterns:
            yield Fault(("registers", name), 'name at least one pattern, e.g. "tps*.txt"')
        for index, pattern in enumerate(patterns):
            if not pattern.strip() or "/" in pattern or pattern.startswith("."):
                yield Fault(("registers", name, index), f'"{pattern}" is not a file\'s name; write "tps*.txt"')
    both = {each.casefold() for each in registers.tps_names} & {each.casefold() for each in registers.ctps_names}
    if both:
        yield Fault(("registers", "ctps_names"), f"{sorted(both)[0]} is among tps_names too: a file is one of the two")
    if not _COVERAGE.fullmatch(registers.coverage):
        yield Fault(("registers", "coverage"), f'"{registers.coverage}" is none; write "full" or codes: "0161,020"')
    yield from at_least(registers, "registers", 1, "settle_seconds", "poll_seconds")


def _hep(hep: Hep) -> Iterator[Fault]:
    if hep.collector and (fault := host_port(hep.collector, literal=True)):
        yield Fault(("hep", "collector"), fault)
    if not hep.collector and hep != Hep():
        yield Fault(("hep", "collector"), "is missing: where is SIP exported to?")
    if not 0 <= hep.agent < 1 << 32:
        yield Fault(("hep", "agent"), f"{hep.agent} is not from 0 to {(1 << 32) - 1}")


def _traces(traces: Traces) -> Iterator[Fault]:
    if traces.endpoint:
        yield from _url(traces.endpoint, ("traces", "endpoint"))
    elif traces != Traces():
        yield Fault(("traces", "endpoint"), "is missing: where are traces sent to?")
    yield from unprintable(traces, ("traces",), "service")


def _limits(limits: Limits) -> Iterator[Fault]:
    yield from at_least(limits, "limits", 1, "max_calls", "max_call_seconds")
    yield from at_least(limits, "limits", 0, "drain_seconds")


_OF_ONE: Mapping[type[Any], Callable[[Any], Iterable[Fault]]] = {
    Storage: _storage,
    Store: store_faults,
    Sip: _sip,
    Recording: _recording,
    Calling: _calling,
    Consents: _consent,
    Hep: _hep,
    Traces: _traces,
    Registers: _registers,
    Retention: _retention,
    Limits: _limits,
    Requests: requests_faults,
    Authority: authority_faults,
    Privacy: privacy_faults,
    Console: _commands,
}
"""The rules that look at one section alone."""
