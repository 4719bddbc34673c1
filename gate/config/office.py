"""Sections about people and papers: who may do what, letters, mail, console, log."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Literal

from gate.config.faults import Section
from gate.core import authority


class Roles(Section, frozen=True):
    """Who may do what over the control socket: account names, uids, or ``@group``. The gate decides by the account that
    the kernel names. Its own account always is an admin; who stands nowhere is refused."""

    admin: tuple[str, ...] = ("root",)
    """Everything, keys included."""
    compliance: tuple[str, ...] = ()
    """Registers, own lists, requests, holds, sweeps."""
    auditor: tuple[str, ...] = ()
    """Reads everything, takes recordings, verifies the log; changes nothing."""
    manager: tuple[str, ...] = ()
    viewer: tuple[str, ...] = ()
    """Sees what happens, never a number in full."""
    dual_control: Literal["auto", "on", "off"] = "auto"
    """What destroys or frees evidence (taking recordings from a key, releasing a hold, an erasure outside the sweep) is
    asked for by one account and confirmed by another within a day, both admins or of compliance. ``auto``: on a live
    gate where these roles have two accounts."""


class Authority(Section, frozen=True):
    """The supervisory authority: whom a person can complain to (Art 77), and whom the firm tells of a refusal. What is
    empty comes from the dated record in ``gate.core.authority``."""

    name: str = ""
    address: str = ""
    """Postal, with commas or lines between."""
    phone: str = ""
    web: str = ""
    email: str = ""
    """Where notifications go; empty: ``letters.authority_email``, else by post or its web site."""
    commencement: str = ""
    """The day on which section 119 of the Data (Use and Access) Act 2025 is in force: from then on the authority is the
    Information Commission."""
    checked: str = ""
    """The day on which somebody last looked whether this is still so."""

    def on(self, day: date) -> authority.Authority:
        """The authority of a day: the record, and what the firm says before it."""
        found = authority.authority_on(day, date.fromisoformat(self.commencement) if self.commencement else None)
        said = {name: getattr(self, name) for name in ("name", "phone", "web", "email") if getattr(self, name)}
        if self.address:
            said["address"] = self.address.replace(", ", "\n")
        return replace(found, **said, source="configuration: authority" if said else found.source)


class Privacy(Section, frozen=True):
    """What only the firm knows of its processing: for packs, letters and the record of processing."""

    dpo: str = ""
    """The data protection officer: name or desk, and how to reach them."""
    legal_bases: tuple[str, ...] = ()
    """A sentence each: "Marketing calls: legitimate interest (Article 6(1)(f))"."""
    recipients: tuple[str, ...] = ()
    """Who receives personal data besides those that the gate knows of, a sentence each."""


class Letters(Section, frozen=True):
    """Letters about data-subject requests (LAW section 4)."""

    templates: str = ""
    """Folder of the firm's own wording, sentence by sentence (``dialgate letters copy DIR``)."""
    signed: str = "Data compliance"
    """Who signs."""
    authority_email: str = ""
    """Where notifications to the supervisory authority go; empty: by post or its web site, not by mail."""


class Requests(Section, frozen=True):
    """Requests of data subjects (LAW section 4)."""

    identity_days: int = 7
    """Days after the receipt within which identity has to be asked for. Asked for later, the clock does not wait for a
    proof: it runs from the receipt."""


class Mail(Section, frozen=True):
    """How letters are sent; without ``host`` they are only written."""

    host: str = ""
    port: int = 0
    """0: 587 with ``starttls``, 465 with ``tls``, 25 with ``none``."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """``none`` only to this machine itself (a loopback address)."""
    username: str = ""
    password_file: str = ""
    sender: str = ""
    """The address letters come from; ``firm.contact_email`` where empty."""
    ca_file: str = ""
    """Certificates (PEM) to trust instead of the system's: a mail server with one of its own."""
    timeout_seconds: int = 30


class Provider(Section, frozen=True):
    """Who is asked whether numbers are on the registers, for a firm without a licence for their files
    (``dialgate screen --via``)."""

    name: str = ""
    """In the log, and in messages."""
    url: str = ""
    """Where it is asked, by POST: https, or http on this machine itself; empty: nobody is asked."""
    token_file: str = ""
    """File with the provider's token on its first line; or ``env:NAME``."""
    authorization: str = "Bearer {token}"
    """The header ``Authorization``; ``{token}`` stands for the token."""
    headers: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it for each
    """Other headers of a request."""
    body: str = '{"numbers": "{numbers}"}'
    """The request, in JSON: the text ``{numbers}`` stands for the list of numbers, ``{number}`` for one."""
    spelling: Literal["e164", "national"] = "e164"
    """How numbers are written in it: ``+442079460000`` or ``02079460000``."""
    at_once: int = 1000
    """Numbers of one request."""
    answers: str = ""
    """Where the list of answers stands in the answer, names with dots between; empty: it is the whole answer."""
    number: str = "number"
    """Where in each of them the number stands, in any spelling."""
    tps: str = "tps"
    """Where it stands whether the number is on the TPS: ``true`` or ``false``."""
    ctps: str = "ctps"
    """The same of the CTPS."""
    checked_at: str = ""
    """Where in each of them it stands when that was looked up; empty: the provider does not say."""
    as_of: str = ""
    """Where in the whole answer the day of the registers stands; empty: the provider does not say."""
    reference: str = ""
    """Where in the whole answer the provider's own reference stands; empty: it gives none."""
    ca_file: str = ""
    """Certificates (PEM) to trust instead of the system's."""


class Webhook(Section, frozen=True):
    """Another program that is told what happens."""

    name: str
    url: str
    """Where it is told, by POST: https, or http on this machine itself."""
    secret_file: str
    """File with the secret that messages are signed with (``whsec_`` and base64, or a text of 16 characters or more);
    or ``env:NAME``."""
    events: tuple[
        Literal[
            "objection.made",
            "call.refused",
            "call.one_sided",
            "call.against_refusal",
            "contact.newly_blocked",
            "campaign.alarm",
            "campaign.stopped",
            "gate.not_ready",
            "requests.due",
            "breaches.due",
            "evidence.rolled_back",
        ],
        ...,
    ] = ()
    """What it is told; empty: everything."""
    numbers: bool = False
    """Telephone numbers in full; else they are hidden in part."""


class Witness(Section, frozen=True):
    """A server of somebody else that sees and cosigns each signed head of the log (C2SP tlog-witness)."""

    url: str
    """Its submission prefix: https, or http on this machine itself."""
    key: str
    """Its verifier key, ``name+hash+base64``, as its operator gives it: Ed25519, cosignature/v1."""
    monitor: str = ""
    """Its monitoring prefix, where that is another one than ``url``."""
    ca_file: str = ""
    """Certificates (PEM) to trust instead of the system's."""


class Bucket(Section, frozen=True):
    """Where sealed recordings go when they are closed (S3); without ``name`` they stay in the data folder."""

    name: str = ""
    region: str = ""
    """What the server must say when it is asked where the bucket lies; empty: it says nothing."""
    uk: str = ""
    """Where in the United Kingdom its disks stand, in a sentence; needed of every server but AWS in ``eu-west-2``."""
    endpoint: str = ""
    """Its address where it is not AWS: https, or http on this machine itself."""
    key_id: str = ""
    """The id of the access key."""
    secret_file: str = ""
    """File with the secret of the access key on its first line; or ``env:NAME``."""
    prefix: str = "recordings/"
    """What the names of its objects begin with: one for each gate."""
    lock: Literal["governance", "none"] = "governance"
    """``governance``: each object is locked until the day on which its recording is to be erased."""
    ca_file: str = ""
    """Certificates (PEM) to trust instead of the system's."""
    timeout_seconds: int = 10
    disk_mark_percent: int = 80
    """Where so much of the disk is full while recordings wait for the bucket, that is a warning."""

    @property
    def where(self) -> str:
        """Where its disks stand, for people."""
        return self.uk or f"AWS {self.region}"


class Console(Section, frozen=True):
    """The console (``dialgate console``)."""

    theme: Literal["dialgate", "dialgate-light", "dialgate-contrast"] = "dialgate"
    """Dark, light, or of high contrast."""
    player: str = ""
    """The command that plays recordings from its standard input, with ``{rate}`` for the samples a second (16 bit,
    little-endian, two channels); empty: what this machine has of aplay, pw-play, paplay, play, ffplay."""
    keys: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it for each
    """Other keys: the id of an action (shown by ``?``) to keys with commas, ``"list.filter" = "f,slash"``."""
    commands: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 - likewise
    """Commands of somebody's own on the row of a list: a key to its words, the roles that may (with commas; empty:
    everybody), the program by its whole path, and its arguments, in which ``{call_id}`` is a field of the row."""


class Log(Section, frozen=True):
    """Structured logs on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"
