"""The sections of the configuration: keys, types and defaults.

Each section is a frozen ``msgspec.Struct``. ``gate.config.load`` reads them from a file and says what is wrong with it;
made directly (``Config(firm=…, trunk=…)``) they are not checked.

The sections of the configuration about where calls go: the carriers, and the way of its own for emergency calls.

The sections of how the gate is asked: its socket, HTTP, and who holds a token.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

from msgspec.structs import replace

from gate.config.faults import CallPurpose, CallTopic, Section
from gate.config.office import (
    Authority,
    Bucket,
    Console,
    Letters,
    Log,
    Mail,
    Privacy,
    Provider,
    Requests,
    Roles,
    Webhook,
    Witness,
)
from gate.config.optional import CallIn, CallsIn, Edge, Ingest, Siprec, Store
from gate.core.rules import TEST_NUMBER


class Control(Section, frozen=True):
    """The control interface."""

    socket: str = ""
    """Unix socket; ``control.sock`` in the data folder where empty."""
    group: str = ""
    """Group of accounts that may open the socket (those that have a role); empty: the gate's own alone."""
    http: str = ""
    """``address:port`` for the decision endpoint and metrics, loopback unless told otherwise; empty: off."""
    http_certificate: str = ""
    """PEM file with the certificate, and those between it and the root, for ``http``: then it is HTTPS. Looked at again
    while the gate runs. Empty: HTTP in clear."""
    http_key: str = ""
    """PEM file with its private key; empty: it is in the same file."""
    lookups_an_hour: int = 300
    """Look-ups by number of one account within an hour; more are a leaf and a warning."""
    connections: int = 200
    """Connections to ``http``, and to the socket, at once. Where there are more, those that ask nothing are closed, the
    oldest first."""
    connections_each: int = 50
    """Connections that one address (all of loopback is one), or one account on the socket, may have at once."""


class Duty(StrEnum):
    """What a token may be for, as ``dialgate token add --may`` takes it. Every path over HTTP needs one."""

    DECIDE = "decide"
    METRICS = "metrics"
    RECORDINGS = "recordings"
    LISTS = "lists"
    COMPLAINTS = "complaints"


class Token(Section, frozen=True):
    """Who may ask at ``control.http``, by a bearer token, and what for: each of the duties below that it is given."""

    name: str
    """Who holds it: part of the actor in the log, ``http:NAME@ADDRESS``."""
    token_file: str
    """File with the token on its first line, at least 16 characters, relative to the configuration file; or
    ``env:NAME``."""
    purposes: tuple[CallPurpose, ...] = ()
    """It asks for decisions on calls that are for one of these; empty: on none. Service calls are not screened against
    TPS and CTPS: give that to nobody who need not have it."""
    account: str = ""
    """The account or PBX that it asks for, where a question names none: a call of that one which then comes through the
    gate is one attempt with its question. Empty: none."""
    calls_a_minute: int = 6000
    """Decisions that it may ask for in any minute."""
    service_percent: int = 50
    """Share of the answers allowing a call that may be for service calls, before somebody is told; 100: never."""
    metrics: bool = False
    """It reads ``GET /metrics``."""
    recordings: bool = False
    """It hands in recordings, ``PUT /v1/recording``."""
    lists: bool = False
    """It enters objections, consents and whose line it is, and looks them up by number."""
    complaints: bool = False
    """It enters complaints, as a form on the web sends them."""

    @property
    def duties(self) -> frozenset[Duty]:
        """What it is for."""
        held = {
            Duty.DECIDE: bool(self.purposes), Duty.METRICS: self.metrics, Duty.RECORDINGS: self.recordings,
            Duty.LISTS: self.lists, Duty.COMPLAINTS: self.complaints,
        }  # fmt: skip
        return frozenset(duty for duty, holds in held.items() if holds)


class Trunk(Section, frozen=True):
    """A carrier. ``[trunk]`` for one, ``[[trunk]]`` for each of several."""

    address: str
    """``host:port`` or ``[v6]:port``; or a domain without a port, whose servers are looked up (RFC 3263)."""
    name: str = "carrier"
    transport: Literal["udp", "tcp", "tls"] = "udp"
    """How it is spoken to. By ``tcp`` and ``tls`` over a connection that the gate opens, and never in another way."""
    ca: str = ""
    """``tls``: PEM file with the authorities that may vouch for it, relative to the configuration file; the system's
    where empty. Its certificate has to have the host of ``address``."""
    certificate: str = ""
    """``tls``: PEM file with the certificate that the gate shows to it; empty: none."""
    key: str = ""
    """PEM file with its private key; in the certificate's file where empty."""
    username: str = ""
    password_file: str = ""
    register: bool = False
    """Register with the carrier (needs username and password_file)."""
    options_seconds: int = 30
    """Keep-alive interval; 0 for none."""
    addresses: tuple[str, ...] = ()
    """Addresses or networks that it signals from inside a call, beside those of ``address`` and of its Contact. By
    ``tcp``: whose connections to the gate are its own."""
    peer_certificate: str = ""
    """``tls``: PEM file with the certificate that it shows where it connects to the gate itself; empty: inside a call
    it is heard by the gate's own connection alone."""
    order: int = 1
    """Which trunk is tried first: the one with the lowest."""
    weight: int = 1
    """Share of the calls among trunks of the same order."""
    prefixes: tuple[str, ...] = ()
    """Numbers that may go there, by how they begin: ``+4420``. Empty: any."""
    callers: tuple[str, ...] = ()
    """The callers that may reach them: ``account:alice``, ``trunk:pbx1``. Empty: everybody."""
    hours: str = ""
    """When calls may go there, London time, ``08:00-18:00``. Empty: always."""
    silent_seconds: int = 4
    """So long without any answer to an INVITE, not even a 100, and the next trunk is tried. The last one is waited
    for."""

    number_format: Literal["+44", "0", "44", "0044"] = "+44"
    """How it takes numbers, dialled and shown: ``+442079460000``, ``02079460000``, ``442079460000``, or
    ``00442079460000``. Numbers of other countries go out as ``+33…``, ``0033…``, ``33…`` and ``0033…``."""
    from_domain: str = ""
    """The host in From and in the identity headers; the gate's own address where empty."""
    identity: tuple[Literal["pai", "ppi", "rpid"], ...] = ("pai",)
    """Headers beside From that show the firm's number and name: P-Asserted-Identity, P-Preferred-Identity,
    Remote-Party-ID. It is in From in any case."""
    digest: Literal["both", "sha-256", "md5"] = "both"
    """Which of its challenges are answered; ``both``: the first that it offers (RFC 8760)."""
    codecs: tuple[Literal["PCMU", "PCMA", "G722"], ...] = ()
    """Speech codecs that it is offered, the one that it likes best first; empty: whatever the caller offers. It gets no
    call that offers none of them."""
    session_seconds: int = -1
    """As ``sip.session_seconds``, with this carrier; -1: that."""


class Emergency(Section, frozen=True):
    """A way of its own for emergency numbers: out at once, unscreened, unannounced, unrecorded (LAW 3.5)."""

    trunk: str = ""
    """``host:port`` or ``[v6]:port``, UDP; may be the carrier's too. Empty: such calls are refused with advice."""
    elsewhere: bool = False
    """Every phone dials them on another line than the gate's: decided, where ``trunk`` is empty."""
    numbers: tuple[str, ...] = ("999", "112", "18000", "101", "111")
    """Which numbers go there; 105 and 116… may be added. Any other short number is refused."""
    presentation: str = ""
    """The own number that these calls show, at which the caller can be rung back; the caller's own where empty."""
    username: str = ""
    password_file: str = ""
    addresses: tuple[str, ...] = ()
    """As in ``[trunk]``."""
    then: tuple[str, ...] = ()
    """Names of trunks that are tried next, in this order, where ``trunk`` is silent or fails before it rings."""
    silent_seconds: int = 2
    """As in ``[trunk]``."""


class Firm(Section, frozen=True):
    """Who calls (PECR reg 24); required, and the gate does not start without it."""

    legal_name: str
    trading_name: str
    address: str
    numbers: tuple[str, ...]
    """The firm's own numbers, E.164: what it owns and answers. Nothing else is ever presented."""
    policy_version: str
    policy_reviewed: str
    """Date of the last review, ``YYYY-MM-DD``."""
    freephone: str = ""
    contact_email: str = ""
    pensions_authorisation: str = ""
    """What allows the firm to call about pensions (PECR reg 21B): its FCA firm reference number, or the scheme whose
    trustee or manager it is. Empty: such calls are refused."""
    funeral_plans_authorisation: str = ""
    """What allows the firm to call about funeral plans: its FCA firm reference number. Empty: such calls are
    refused."""


class Instigator(Section, frozen=True):
    """A firm on whose behalf this one calls (PECR reg 21, 24): its own name and announcement, its own consents, and
    objections to its calls alone."""

    name: str
    """What it is called here: ``acme``. It stands in the log, and in the lists."""
    legal_name: str
    trading_name: str
    """Shown to the callee in place of the firm's."""
    address: str
    freephone: str = ""
    contact_email: str = ""
    announcement_id: str = ""
    """The id of its announcement; ``notice-NAME`` where empty."""
    announcement_version: str = "1"
    announcement_text: str = ""
    """What the callee hears first: for whom the firm calls, that the call is recorded, how to object."""
    announcement_wav: str = ""
    """A recording of it, relative to the configuration file; without it espeak-ng speaks ``announcement_text``."""


class Storage(Section, frozen=True):
    """Where evidence and recordings lie."""

    data: str = "data"
    """Folder, relative to the configuration file."""
    country: str = "GB"
    checkpoints_copy: str = ""
    """A second folder for signed checkpoints, where this machine's administrators cannot rewrite them (a mounted share,
    a synchronised folder); never made by the gate. Empty: none."""
    memory: str = ""
    """A second place for the memory journal: a folder on another disk, never made by the gate. Objections, withdrawals,
    holds and erasures are written there too, and replayed where the data folder was put back. Empty: none."""
    checkpoints_mail: str = ""
    """An e-mail address that gets the newest checkpoint once a day, through ``[mail]``. Empty: none."""
    checkpoints_mailbox: str = ""
    """Where a copy of that mailbox lies as files, if it does: an mbox file, a Maildir, or a folder of ``.eml`` files;
    20,000 messages at most. The log is compared with the newest checkpoint in it too. Empty: none."""
    witnesses_required: int = 1
    """How many ``[[witness]]`` have to sign each head; where fewer do for an hour, that is a warning."""


class Sip(Section, frozen=True):
    """The gate's own side of SIP."""

    listen: str = "127.0.0.1:5060"
    """``address:port`` or ``[v6]:port``, UDP."""
    tcp: str = ""
    """As ``listen``, TCP; empty: none. May be the same address and port."""
    tls: str = ""
    """As ``listen``, TLS 1.2 or later; empty: none. Port 5061 is usual."""
    tls_certificate: str = ""
    """PEM file with the gate's certificate and the chain above it, relative to the configuration file."""
    tls_key: str = ""
    """PEM file with its private key; in the certificate's file where empty."""
    connections: int = 1000
    """Connections to ``tcp`` and ``tls`` at once. Where there are more, those are closed on which nobody has proven
    anything, the oldest first."""
    connections_each: int = 50
    """Connections that one address may have at once; it does not bound those of PBXs and carriers."""
    dns: str = ""
    """DNS server for carriers that are named by a domain, ``address:port``; those of the system where empty."""
    realm: str = "dialgate"
    nonce_seconds: int = 60
    """How long a challenge may be answered; a phone is asked anew after it, without anybody noticing."""
    registration_seconds: int = 3600
    """Longest registration granted."""
    no_answer_seconds: int = 60
    """How long the far end may ring (at least 15 by good practice, LAW 3.4)."""
    dead_peer_seconds: int = 60
    """A call whose RTP has stopped both ways for this long, and whose peers do not answer either, is ended."""
    session_seconds: int = 1800
    """How long a session holds without a refresh (RFC 4028), where the peer knows timers; 0: none is asked for."""
    refusal: int = 603
    """The SIP code that refuses a call of an account that names none. Whoever the gate does not know gets it too, and
    600 in place of 603 where there is a phone system: it may be that one, with a wrong password."""


class Account(Section, frozen=True):
    """A softphone that proves itself by digest authentication."""

    username: str
    password_file: str
    """File with the password on its first line, relative to the configuration file; or ``env:NAME``."""
    presentation: str
    """The own number that calls of this account show, E.164."""
    digest: Literal["both", "sha-256", "md5"] = "both"
    """Which digest it may prove itself by. A phone that knows MD5 alone, and gives up where it is offered another one
    before, needs ``md5``; it is known then that there is such an account."""
    display_name: str = ""
    """Name shown to the callee; the firm's trading name where empty."""
    purpose: CallPurpose = "marketing"
    topic: CallTopic = "general"
    on_behalf_of: str = ""
    """The instigator that its calls are for, by name; empty: the firm itself."""
    calls_a_minute: int = 120
    """Calls that it may ask for in any minute."""
    calls_at_once: int = 20
    """Calls that it may have in hand."""
    seconds_a_day: int = 86_400
    """Seconds that it may talk in a day of London; running calls are not cut."""
    service_percent: int = 50
    """Share of its day's calls that may be claimed as service before the gate tells: a leaf, a warning. 100: never."""
    refusal: int = 0
    """The SIP code that refuses its calls. 0: that of ``sip.refusal``, of a ``phone_system`` 600, upon which it gives
    up and does not dial its next trunk."""
    phone_system: bool = False
    """It is a phone system that signs in, and may have another trunk: 600 refuses its calls where ``refusal`` is 0, and
    it is to be tested (``dialgate trunk-test``)."""
    overflow: bool = False
    """Its next trunk leads to another gate: where this one has no room it says 503 with Retry-After."""
    strip: str = ""
    """Digits of an outside line that are cut off where a number begins with them: ``9``; empty: none."""
    area_code: str = ""
    """Home area code, ``01632``, which local numbers get; empty: they are refused."""
    srtp: Literal["", "required"] = ""
    """``required``: its calls are carried by the edge alone, where the phone's audio and signalling are encrypted."""


class Pbx(Section, frozen=True):
    """A PBX that proves itself by its address, or by its certificate."""

    name: str
    addresses: tuple[str, ...] = ()
    """IP addresses or networks it may call from."""
    presentation: str = ""
    """The own number that its calls show, E.164; required."""
    udp: bool = True
    """Its ``addresses`` are believed by UDP, too, where whoever can send a datagram with one of them is this PBX. By
    way of the edge they never are."""
    certificate: str = ""
    """PEM file with the certificate that it shows over TLS, in place of an address: from wherever it comes."""
    mode: Literal["relay", "redirect"] = "relay"
    """``redirect``: it keeps its own media. A call that may be dialled is answered 302 with the trunk's address; the
    gate neither announces nor records it, so who does must be said. Emergency calls are relayed all the same."""
    announced_by: str = ""
    """Who tells the callee what the announcement would, of a PBX with ``redirect``; kept with each decision."""
    recorded_by: str = ""
    """Who records its calls, or why nobody does."""
    calls_to: str = ""
    """Where calls in go that are for it: ``address:port``, UDP, one of its ``addresses``. Empty: none go there."""
    may_present: tuple[str, ...] = ()
    """Own numbers that it may ask for, call by call, in P-Asserted-Identity or From; empty: ``presentation`` always."""
    display_name: str = ""
    purpose: CallPurpose = "marketing"
    topic: CallTopic = "general"
    on_behalf_of: str = ""
    """The instigator that its calls are for, by name; empty: the firm itself."""
    calls_a_minute: int = 60000
    """Calls that it may ask for in any minute."""
    calls_at_once: int = 1000
    """Calls that it may have in hand."""
    seconds_a_day: int = 20_000_000
    """Seconds that it may talk in a day of London; running calls are not cut."""
    service_percent: int = 50
    """Share of its day's calls that may be claimed as service before the gate tells: a leaf, a warning. 100: never."""
    refusal: int = 600
    """The SIP code that refuses its calls: one upon which it gives up, and does not dial its next trunk."""
    overflow: bool = False
    """Its next trunk leads to another gate: where this one has no room it says 503 with Retry-After."""
    strip: str = ""
    """Digits of an outside line that are cut off where a number begins with them: ``9``; empty: none."""
    area_code: str = ""
    """Home area code, ``01632``, which local numbers get; empty: they are refused."""


class DialPrefix(Section, frozen=True):
    """Keys dialled before a number that say what the call is for; they are cut off before the number is looked at."""

    prefix: str
    """``*`` or ``#`` and more keys: ``*71``."""
    purpose: CallPurpose
    allowed: tuple[str, ...]
    """Who may use it: ``account:alice``, ``trunk:pbx1``. Everybody else is refused with it."""
    topic: CallTopic | Literal[""] = ""
    """Empty: that of the account or PBX."""
    on_behalf_of: str = ""
    """The instigator, by name; empty: that of the account or PBX."""


class PurposeHeader(Section, frozen=True):
    """A header of an INVITE that says what the call is for: ``service``, ``marketing;topic=claims``, and for whom:
    ``marketing;on-behalf-of=acme``."""

    name: str = ""
    """``X-…``; empty: none is read."""
    allowed: tuple[str, ...] = ()
    """Whose word it is: ``trunk:pbx1``, ``account:alice``. Everybody else is refused with it."""


class MediaConfig(Section, frozen=True):
    """Audio."""

    address: str = "127.0.0.1"
    """The address that goes into SDP."""
    address6: str = ""
    """The IPv6 address beside an IPv4 ``address``, for phones or a trunk that are reached over IPv6."""
    port_min: int = 16384
    port_max: int = 32767
    """The range of ports; a recorded call needs 16 of them."""
    early: tuple[CallPurpose, ...] = ()
    """Calls on which the caller hears what the far end sends before it answers (a network's "not in service"). On the
    others it is told that it rings. Nothing of the caller passes before the announcement is over, on any call."""


class Announcement(Section, frozen=True):
    """What the callee hears first: name, reason for the call, recording notice, opt-out; no marketing (LAW 1.9)."""

    id: str = "notice"
    version: str = "1"
    text: str = ""
    wav: str = ""
    """The firm's own recording, relative to the configuration file; without it espeak-ng speaks ``text`` at set-up."""
    goodbye_text: str = ""
    goodbye_wav: str = ""
    opt_out_digit: str = "9"
    receipt: bool = False
    """The callee is told the code of a receipt, at the goodbye or after the talk."""
    receipt_text: str = "This call was checked before it was made. The code of its receipt is:"
    """Words spoken before the code."""
    receipt_command: tuple[str, ...] = ()
    """The firm's own command that sends the code in place of speaking it: program and arguments, run by no shell."""


class Recording(Section, frozen=True):
    """Whether and how calls are recorded."""

    enabled: bool = True
    purpose: str = "quality and training; protection of both parties"
    on_failure: Literal["refuse", "unrecorded"] = "refuse"
    """The recorder cannot start or dies: refuse and hang up politely, or go on with a leaf that says so."""
    min_free_mb: int = 256
    """No new recording while less than this is free on the disk, in MiB."""
    two_person: bool = False
    """It takes two people to open a recording: its key is split, a share for each half of the recipients."""
    pause_code: str = "*5"
    resume_code: str = "*6"


def announcement_for(own: Announcement, instigator: Instigator) -> Announcement:
    """What the callee of a call on its behalf hears; goodbye and keys are those of the firm's ``own``."""
    return replace(
        own,
        id=instigator.announcement_id or f"notice-{instigator.name}",
        version=instigator.announcement_version,
        text=instigator.announcement_text,
        wav=instigator.announcement_wav,
    )


class Calling(Section, frozen=True):
    """The rules that may be set; defaults are the stricter reading of LAW.md."""

    live: bool = True
    """A live gate refuses to dial the drama ranges; demos and tests set false."""
    hours: Literal["strict", "always"] = "strict"
    weekdays: str = "08:00-21:00"
    saturday: str = "09:00-21:00"
    sunday: str = ""
    """Empty: no calls."""
    closed_dates: tuple[str, ...] = ()
    """Extra dates without calls, ``YYYY-MM-DD``."""
    registers: tuple[str, ...] = ("tps", "ctps")
    redial_hours: int = 72
    """No redial so long after a call that was answered without an agent (LAW 3.4)."""
    test_number: str = TEST_NUMBER
    """Refused whoever dials it, E.164: ``dialgate trunk-test`` has it dialled. One of those kept for drama, at which
    nobody is reached."""
    attempts_at_once: int = 1
    """Attempts at one number that may be in hand, of the whole firm: they ring or talk (LAW 3.6); 0: no bound."""
    attempts_a_minute: int = 2
    """Attempts at one number in any minute, answered or not; 0: no bound."""
    attempts_an_hour: int = 3
    attempts_a_day: int = 6
    """In any 24 hours."""
    attempts_a_week: int = 0
    """In any seven days, over all lists and accounts; 0: no bound."""
    abandoned_alarm_percent: float = 2.5
    """Share of a campaign's answered calls of a day that found nobody, from which on the gate tells; 0: never."""
    abandoned_stop_percent: float = 0.0
    """The share from which on it makes no more calls until somebody releases it; 0: it is never stopped."""
    abandoned_least: int = 100
    """Answered calls from which on the share counts as it is; fewer count as so many."""
    abandoned_brief_seconds: float = 2.0
    """A caller that hangs up sooner after being put through was nobody to the callee."""
    campaign_header: str = ""
    """``X-…``: an INVITE's header that names its campaign; empty: none is read, a campaign is a caller's topic."""
    dedicated_agents: tuple[str, ...] = ()
    """Callers each of whose calls has an agent at hand: ``account:alice``. ``redial_hours`` does not bind them."""
    agent_claims: tuple[str, ...] = ()
    """Callers that may say so of a single call: ``trunk:dialler``, ``http:dialler``."""
    block: tuple[str, ...] = ("personal", "pager", "084", "087", "helpline")
    """Kinds of numbers that no marketing call goes to: 070, 076, 084, 087, and helplines (0800 1111, 0808 80…)."""
    objection_stops_service: bool = False
    """Let an objection stop service calls too; the law asks it of marketing calls (PECR reg 21(1)(a))."""
    opt_out_columns: tuple[str, ...] = ()
    """Names of a CRM file's columns that say that somebody wants no calls, beside those of the usual CRMs."""


ATTEMPTS: Final = ("attempts_at_once", "attempts_a_minute", "attempts_an_hour", "attempts_a_day", "attempts_a_week")
"""The keys of ``Calling`` that bound how often one number is tried."""


class Consents(Section, frozen=True):
    """What consents to calls are good for (LAW 1.5)."""

    months: int = 24
    """Calendar months for which one holds from the day it was given."""


class Registers(Section, frozen=True):
    """Where the licensee's daily files land (LAW 2.2)."""

    watch: str = ""
    """The drop folder, relative to the configuration file; empty: none is watched. Files in it are imported when they
    are complete, and moved to ``taken`` or ``refused`` in it."""
    tps_names: tuple[str, ...] = ("tps*.txt",)
    ctps_names: tuple[str, ...] = ("ctps*.txt",)
    """What the files are called; case does not count."""
    coverage: str = "full"
    """What the licence covers: ``full``, or dialling codes with commas, ``0161,020``."""
    settle_seconds: int = 60
    """How long nobody must have written to a file before it is taken; one that is renamed into place is taken at
    once."""
    poll_seconds: int = 5


class Traces(Section, frozen=True):
    """Where traces of calls are sent to (OpenTelemetry, OTLP over HTTP); needs the extra ``otel``."""

    endpoint: str = ""
    """``https://HOST:4318/v1/traces``, or http on this machine itself; empty: calls are not traced."""
    token_file: str = ""
    """File with the bearer token that the collector asks for; or ``env:NAME``; empty: it asks for none."""
    service: str = "dialgate"
    """The name by which the collector knows this gate."""


class Hep(Section, frozen=True):
    """Where SIP is exported to, without its bodies, by HEP version 3 (Homer)."""

    collector: str = ""
    """``address:port``, UDP; empty: nothing is exported."""
    agent: int = 2001
    """The number by which the collector knows this gate."""
    key_file: str = ""
    """File with the key that the collector asks for on its first line; or ``env:NAME``; empty: it asks for none."""
    numbers: bool = False
    """Telephone numbers in full; else they are hidden in part."""


class Retention(Section, frozen=True):
    """How long recordings are kept (LAW 5.3)."""

    months: int = 12
    """Calendar months from the call; the recording is erased by the end of the day they come to."""
    classes: tuple[str, ...] = ()
    """What is kept for years instead, each ``CLASS=YEARS``, a space, and why: ``topic:pensions=5 FCA``,
    ``purpose:service=2``, ``account:alice=7``, ``trunk:pbx1=7``. The longest counts, never less than ``months``."""
    calls_months: int = 24
    """How long a call record says who was called; with a recording that is kept for longer, as long as that."""
    refused_months: int = 12
    """The same of an attempt that was refused."""
    requests_months: int = 36
    """How long a data-subject request that is over says who asked."""
    lists_months: int = 36
    """How long a consent that has ended, and an objection that was taken back, say whose they were."""
    contacts_months: int = 12
    """A contact that was neither imported nor called for so long is deleted."""
    copy_days: int = 30
    """By when a copy in clear (a WAV, a list) is to be destroyed, in days, where nobody says another day."""
    sweep_at: str = "02:30"
    """When the daily sweep begins, London time."""
    backup_days: int = 30
    """How long backups of recordings are kept: until when one may hold ciphertext, written into each receipt."""

    @property
    def years(self) -> dict[str, int]:
        """``classes`` by name."""
        return {name: int(count.split()[0]) for name, _, count in (each.partition("=") for each in self.classes)}

    @property
    def reasons(self) -> dict[str, str]:
        """Why each class is kept longer; empty where it is not said."""
        split = (each.partition("=") for each in self.classes)
        return {name: count.partition(" ")[2].strip() for name, _, count in split}


class Limits(Section, frozen=True):
    """Bounds."""

    max_calls: int = 1000
    max_call_seconds: int = 7200
    drain_seconds: int = 30
    """TERM: how long running calls may go on before they get BYE."""
    one_core: bool = False
    """Keep the threads that share Python's lock on one processor."""


class Config(Section, frozen=True):
    """The whole file."""

    firm: Firm
    trunk: tuple[Trunk, ...]
    """The carriers: one as ``[trunk]``, several as ``[[trunk]]``."""
    instigator: tuple[Instigator, ...] = ()
    account: tuple[Account, ...] = ()
    pbx: tuple[Pbx, ...] = ()
    call_in: tuple[CallIn, ...] = ()
    calls_in: CallsIn = CallsIn()
    dial_prefix: tuple[DialPrefix, ...] = ()
    purpose_header: PurposeHeader = PurposeHeader()
    emergency: Emergency = Emergency()
    edge: Edge = Edge()
    storage: Storage = Storage()
    store: Store = Store()
    bucket: Bucket = Bucket()
    sip: Sip = Sip()
    media: MediaConfig = MediaConfig()
    announcement: Announcement = Announcement()
    recording: Recording = Recording()
    calling: Calling = Calling()
    consent: Consents = Consents()
    registers: Registers = Registers()
    hep: Hep = Hep()
    traces: Traces = Traces()
    retention: Retention = Retention()
    limits: Limits = Limits()
    control: Control = Control()
    token: tuple[Token, ...] = ()
    webhook: tuple[Webhook, ...] = ()
    witness: tuple[Witness, ...] = ()
    provider: Provider = Provider()
    ingest: Ingest = Ingest()
    siprec: tuple[Siprec, ...] = ()
    requests: Requests = Requests()
    authority: Authority = Authority()
    privacy: Privacy = Privacy()
    letters: Letters = Letters()
    mail: Mail = Mail()
    roles: Roles = Roles()
    console: Console = Console()
    log: Log = Log()
    base: str = "."
    """Folder of the file; set by the loader, not a key of the file."""

    @property
    def data(self) -> Path:
        """The data folder, absolute."""
        return self.path(self.storage.data)

    @property
    def control_socket(self) -> Path:
        """The Unix socket of the control interface, absolute."""
        return self.path(self.control.socket) if self.control.socket else self.data / "control.sock"

    @property
    def mail_sender(self) -> str:
        """The address that letters come from; empty where there is none."""
        return self.mail.sender or self.firm.contact_email

    def path(self, name: str) -> Path:
        """A file named in the configuration, absolute: names are relative to the configuration file."""
        return (Path(self.base) / name).resolve()
