"""The record of processing activities (UK GDPR Art 30(1)), as far as the gate's configuration makes it.

Said is what this gate does and how it is set; what only the firm can know (its legal bases, what else it does with the
data) is named as not said. Each letter of Art 30(1) is in it: controller (a), purposes (b), data subjects and data (c),
recipients (d), transfers (e), time limits (f), security (g).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from gate.config import Config
from gate.core.days import LONDON
from gate.core.facts.derived import sorts_kept
from gate.core.facts.fact import Sort, Term
from gate.core.rows.keys import Recipient
from gate.core.rows.month import Policy
from gate.operations.operation import READERS, Caller, Request, Response, operation
from gate.operations.reports.month import policy_of

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

UNSAID: Final = "not in the configuration: add it by hand"
_TOLD: Final = "people who are called, as subscribers of their line"


class Activity(Response, frozen=True):
    """A processing activity."""

    name: str
    purpose: str
    subjects: str
    data: str
    term: str
    """The name of its time limit in ``terms``."""


class ProcessingRecord(Response, frozen=True):
    """The letters of UK GDPR Art 30(1), as names and texts."""

    made_at: str
    firm: str
    policy: Policy
    controller: dict[str, str]
    activities: list[Activity]
    recipients: dict[str, str]
    transfers: dict[str, str]
    terms: dict[str, str]
    security: dict[str, str]


class ReportArticle30(Request[ProcessingRecord], frozen=True):
    """The record of processing activities (UK GDPR Art 30), as the configuration makes it."""


@operation(ReportArticle30, "report_article30", roles=READERS)
def report_article30(folder: DataFolder, asked: ReportArticle30, caller: Caller) -> ProcessingRecord:
    """The record of processing activities (UK GDPR Art 30(1)) as the configuration makes it."""
    return record_of(folder.config, folder.keyring().recipients(), folder.clock.now())


def record_of(config: Config, recipients: Iterable[Recipient], now: datetime) -> ProcessingRecord:
    """The record of processing. It names nobody: it gives recipients and accounts by role and count alone."""
    firm = config.firm
    return ProcessingRecord(
        made_at=now.isoformat(),
        firm=firm.legal_name,
        policy=policy_of(config, now.astimezone(LONDON).date()),
        controller={
            "Controller": firm.legal_name,
            "Trading name": firm.trading_name,
            "Address": firm.address,
            "Telephone": firm.freephone or UNSAID,
            "Email": firm.contact_email or UNSAID,
            "Data protection officer": config.privacy.dpo or UNSAID,
            "Legal bases": "; ".join(config.privacy.legal_bases) or UNSAID,
        },
        activities=_activities(config),
        recipients=_recipients(config, recipients),
        transfers={
            "Outside the United Kingdom": "none",
            "Where data lie": "in the United Kingdom: the gate does not start with storage elsewhere",
        },
        terms=_terms(config),
        security=_security(config),
    )


_SORTS: Final = {
    Sort.NUMBER: "telephone number",
    Sort.TRACE: "what leads to it: as it was dialled, a receipt's code",
    Sort.PERSON: "name and how they are reached",
    Sort.WORDS: "what was written about them",
}


def _data(term: Term, rest: str) -> str:
    """The data that the log keeps for a term, by the marks of its facts, and what belongs to them."""
    return ", ".join([*(_SORTS[sort] for sort in sorts_kept(term)), rest])


def _activities(config: Config) -> list[Activity]:
    found = [
        Activity(
            "Screening of outbound calls",
            "to call nobody who may not be called, and to prove it (PECR 2003 reg 21 to 21B)",
            _TOLD,
            _data(Term.CALLS, "purpose and topic of the call, decision with its reason, times, who asked for the call"),
            Term.CALLS.value,
        ),
        Activity(
            "Preference service registers",
            f"the lists that calls are screened against: {', '.join(config.calling.registers).upper()}, under licence",
            "subscribers on these lists",
            "telephone numbers, and nothing else",
            "registers",
        ),
        Activity(
            "Objections and consents",
            "to keep a wish not to be called, and to prove an agreement to be called",
            _TOLD,
            _data(
                Term.STAYS,
                "date, how it was said, wording and proof of a consent, whether the line is an individual's or a "
                "corporate body's and since when",
            ),
            Term.STAYS.value,
        ),
    ]
    if config.recording.enabled:
        found.append(
            Activity(
                "Recording of calls",
                f"{config.recording.purpose} (SI 2018/356); announced before it begins",
                "people who are called, and the firm's own callers",
                "voices of both sides and what they say, times, gaps",
                "recordings",
            )
        )
    found += [
        Activity(
            f"Calls that {each.name} carries by itself",
            f"screened here, and then redirected to the carrier. Announced by: {each.announced_by}. Recorded by: "
            f"{each.recorded_by}",
            "people who are called, and the firm's own callers",
            "what that system keeps of the call; the gate has its decision alone",
            "evidence of calls",
        )
        for each in config.pbx
        if each.mode == "redirect"
    ]
    found += [
        Activity(
            f"Calls that {each.name} has recorded here",
            f"recorded as that system sends them (SIPREC). Announced by: {each.announced_by}",
            "people who are called, and the firm's own callers",
            "the audio that it sends; who it says they are, inside the sealed recording",
            "recordings",
        )
        for each in config.siprec
    ]
    found += [
        Activity(
            "Contact lists",
            "to tell before a call which numbers may be dialled",
            "people on the firm's own lists"
            + "".join(f"; kept apart, people on the list of {each.legal_name}" for each in config.instigator),
            "telephone number, the firm's own reference, result of the screening",
            "contact lists",
        ),
        Activity(
            "Requests of data subjects",
            "to answer access, erasure, objection, restriction and complaints in time",
            "people who ask, and those who act for them",
            _data(
                Term.REQUESTS,
                "what was asked and answered; of a proof of identity that it was seen, never the document",
            ),
            Term.REQUESTS.value,
        ),
        Activity(
            "Register of breaches",
            "to tell the authority, and people, of a breach in time, and to document it (UK GDPR Art 33 and 34)",
            "nobody: the people whom a breach concerns are counted",
            "facts, effects, remedial action, times, who was told",
            Term.REQUESTS.value,
        ),
        Activity(
            "Use of the gate",
            "to know who did what: every act has an actor",
            "the firm's own people who use the gate",
            "account name, act, time, and the reason that they gave",
            "evidence of calls",
        ),
    ]
    return found


def _recipients(config: Config, recipients: Iterable[Recipient]) -> dict[str, str]:
    roles = Counter(each.role for each in recipients)
    holders = ", ".join(f"{count} {role}" for role, count in sorted(roles.items())) or "nobody yet"
    carriers = ", ".join(each.name for each in config.trunk)
    texts = {
        "Carrier": f"the telecommunications carrier ({carriers}): the number dialled, and the call itself",
        "Those who can open recordings": f"{holders} (by their private keys)" if config.recording.enabled else "none",
        "Object storage": f"sealed recordings, without keys: {config.bucket.where}" if config.bucket.name else "none",
        "Auditors": "bundles of evidence, where the firm hands them out",
        "The person": "their own data, on request",
        "Supervisory authority": "where a request is refused: reasons, as the firm's policy asks",
    }
    if config.privacy.recipients:
        texts["Others"] = "; ".join(config.privacy.recipients)
    if config.mail.host:
        texts["Mail server"] = "letters about requests pass through it"
    if config.emergency.trunk:
        texts["Emergency route"] = "the number dialled and the call itself"
    return texts


def _terms(config: Config) -> dict[str, str]:
    retention = config.retention
    why = {name: f" ({reason})" if reason else " (reason not said)" for name, reason in retention.reasons.items()}
    longer = ", ".join(f"{name}: {years} years{why[name]}" for name, years in sorted(retention.years.items()))
    recordings = f"{retention.months} calendar months from the call, erased by the end of that day"
    return {
        "recordings": f"{recordings}; longer: {longer}" if longer else recordings,
        "backups of recordings": f"at most {retention.backup_days} days; unreadable once the key is shredded",
        Term.CALLS.value: f"{retention.calls_months} calendar months from the call, {retention.refused_months} "
        "where it was refused; with a recording as long as that; then the value goes and the leaf stays, on request "
        "sooner",
        "registers": "until a newer one is in force; none is relied on after 27 days",
        Term.STAYS.value: f"as long as they hold, and {retention.lists_months} calendar months after a consent has "
        "ended or an objection was taken back; of an erased person a keyed hash of the number stays, so "
        "that nobody calls again",
        "contact lists": f"{retention.contacts_months} calendar months after they were imported or called last, until "
        "a newer list takes their place, or the person is erased",
        Term.REQUESTS.value: f"{retention.requests_months} calendar months after they are over; names and words then "
        "go, their course stays",
        "exports": "a bundle is taken out of the data folder at once; one that nobody fetched, after two days",
        "logs of the gate": "as long as the machine's journal keeps them; they hold no telephone number",
        "memory journal": "keyed hashes of numbers and random ids, as long as the objections that they speak of",
        "holds": "recordings under a hold or a restriction are kept until it is released",
    }


def _security(config: Config) -> dict[str, str]:
    copies = "signed heads of the log are copied to a second place" if config.storage.checkpoints_copy else ""
    accounts = {name: getattr(config.roles, name) for name in config.roles.__struct_fields__}
    roles = {role: len(names) for role, names in accounts.items() if isinstance(names, tuple)}
    texts = {
        "Confidentiality of recordings": "sealed while they arrive, AES-256-GCM with a key for each recording, wrapped "
        "to public keys with HPKE (ML-KEM-768 with X25519); the gate holds no private key",
        "Erasure": "the recording's keys are shredded, then its file is removed, then a receipt is logged",
        "Integrity": "every act is a leaf of an append-only log (RFC 9162), signed each minute while it grows"
        + (f"; {copies}" if copies else ""),
        "Access": "by account and role, decided in the gate; accounts or groups named: "
        + ", ".join(f"{role} {count}" for role, count in roles.items()),
        "Numbers": "hidden in part; shown in full for a reason that is logged first",
        "Availability": "no evidence, no call: whatever fails, a marketing call is refused and never let through",
        "In transit": "SIP and audio as the carrier takes them; the control socket is local",
        "Review": f"policy version {config.firm.policy_version}, reviewed on {config.firm.policy_reviewed}",
    }
    if config.recording.two_person:
        texts["Two people"] = "a recording opens with the keys of two people only"
    return texts
