"""What a data-subject pack has in it: everything that Art 15 UK GDPR asks for, in words that a person reads (LAW 4.4).

Texts here may come from people and are not trusted: the page shows them as text, never as markup.

What became of a call is told in words that the person who was called reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from gate.core.letters import LetterFirm
from gate.core.rows.requests import HeldAttempt
from gate.core.terms import Reason, opt_in

RIGHTS: Final = (
    "You can object to our marketing calls at any time; we then stop, whatever the reason, and it costs you nothing.",
    "You can take back a consent at any time; calls that were made before stay lawful.",
    "You can have wrong data about you corrected, and have data erased or its use restricted; we keep what the law "
    "makes us keep, and tell you so.",
    "You can have what you gave us yourself in a form that machines read.",
    "You can complain to us; we acknowledge it within 30 days and tell you what came of it.",
    "You can complain to the supervisory authority below at any time, and you can go to a court.",
)
"""Art 12 to 22, 77 and 79 UK GDPR, DPA 2018 s.164A, in plain words."""


@dataclass(frozen=True, slots=True)
class PackCall:
    """A call or an attempt, as it is told to the person who was called."""

    call_id: str
    at: datetime
    """Aware; shown in London time."""
    number: str
    """The person's line, E.164."""
    decision: str
    """What the gate decided, in words (``told``)."""
    purpose: str = ""
    """``marketing call``, ``service call``."""
    outcome: str = ""
    """What became of it, in words: ``answered, 3 min 5 s``; ``nobody answered``; ``not dialled``."""
    recording: str = ""
    """In words: ``in this file``; ``not recorded``; ``erased on 3 March 2026``; ``not in this file: …``."""


@dataclass(frozen=True, slots=True)
class PackTable:
    """One kind of thing that is held: consents, objections, contact rows, holds."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """Texts, as many as ``columns`` in each; no row: ``none`` is said instead."""
    none: str = "None."
    note: str = ""
    """A sentence under the title."""


@dataclass(frozen=True, slots=True)
class PackNotice:
    """Art 15(1): why, what, who, how long, where from."""

    purposes: tuple[str, ...]
    categories: tuple[str, ...]
    recipients: tuple[str, ...]
    retention: tuple[str, ...]
    source: tuple[str, ...]
    automated: tuple[str, ...] = (
        "Whether a number may be called is decided by fixed rules (registers, objections, consents, hours). No profile "
        "of you is made, and nothing with a legal or similar effect on you is decided by a machine alone.",
    )


@dataclass(frozen=True, slots=True)
class PackContents:
    """All of a pack except the audio."""

    firm: LetterFirm
    reference: str
    """The request's id as people see it; with the firm's trading name the only thing that is readable without the
    passphrase."""
    made_on: date
    numbers: tuple[str, ...]
    """The person's lines, E.164."""
    notice: PackNotice
    name: str = ""
    calls: tuple[PackCall, ...] = ()
    held: tuple[PackTable, ...] = ()
    statements: tuple[str, ...] = ()
    """Plain sentences that come first: ``One recording was erased on 3 March 2026, at the end of its term.``"""
    rights: tuple[str, ...] = RIGHTS
    held_back: tuple[str, ...] = ()
    """What is held but not in the pack, and why (Art 15(4), DPA 2018 Sch 2)."""

    @property
    def nothing_held(self) -> bool:
        """Neither a call nor an entry of any list."""
        return not self.calls and not any(table.rows for table in self.held)


@dataclass(frozen=True, slots=True)
class PackRecording:
    """A recording, opened: one at a time is in memory."""

    recording_id: str
    call_id: str
    at: datetime
    """Aware; shown in London time."""
    seconds: float
    title: str
    audio: bytes
    """A whole file in a format that browsers play (``gate.exports.audio`` makes FLAC)."""
    media_type: str = "audio/flac"
    notes: tuple[str, ...] = ()
    """Sentences: pauses, a recording that was cut off."""


def standard_notice(
    *,
    purpose: str,
    months: int,
    calls_months: int,
    refused_months: int,
    requests_months: int,
    lists_months: int,
    contacts_months: int,
    recorded: bool = True,
    longer: tuple[str, ...] = (),
    bases: tuple[str, ...] = (),
    recipients: tuple[str, ...] = (),
) -> PackNotice:
    """The notice of a gate that works as shipped; a firm that does more with the data says more.

    ``purpose``: of recording, from the configuration; ``months``: the term of recordings, and the others those of what
    else is kept (Art 15(1)(d)); ``longer``: sentences on what is kept for longer and why; ``bases`` and ``recipients``:
    the firm's own sentences on its legal bases, and on who receives data besides.
    """
    recording = f"Recording of calls: {purpose}." if recorded else "Calls are not recorded."
    return PackNotice(
        purposes=(
            "Calling you, where the law and your choices allow it: direct marketing (our legitimate interest, or your "
            "consent where we need it) and service calls (our contract with you, or our legitimate interest).",
            recording + (" Our legitimate interest; you were told before the recording began." if recorded else ""),
            "Keeping evidence of each call: that we looked at registers and objections before we dialled. Our "
            "legitimate interest: to show that we keep to the Privacy and Electronic Communications Regulations 2003.",
            "Keeping your objection, so that we do not call you again for marketing. The law obliges us to respect it "
            "(regulation 21 of the same regulations).",
            *bases,
        ),
        categories=(
            "Telephone numbers; times, length and outcome of calls; why a call was allowed or refused.",
            "Recordings of your voice and of our agent's voice." if recorded else "No recordings.",
            "Objections and consents, with their dates and how they were given; entries of our contact lists; requests "
            "that you made.",
        ),
        recipients=(
            *(recipients or ("Nobody outside this firm, except the telephone carrier that connects the calls.",)),
            "A regulator, a court or an auditor, where the law asks for it; each such export is kept in our log.",
            "It is kept in the United Kingdom.",
        ),
        retention=(
            f"Recordings: {months} months from the call; then they are erased and cannot be read again.",
            "Objections: for as long as you may not be called; after an erasure only a keyed hash of your number.",
            f"Consents: {lists_months} months after they have ended, to prove that we could call you.",
            f"Records of calls: {calls_months} months from the call; of calls that were not made, {refused_months} "
            "months. Then what names you goes; that there was an entry stays.",
            f"Entries of our contact lists: {contacts_months} months after they were last imported or called.",
            f"Your requests: {requests_months} months after they are over.",
            *longer,
        ),
        source=(
            "You, on our calls and in what you wrote to us.",
            "Our contact lists, where your number is in them.",
            "The licensed files of the Telephone Preference Service and the corporate one: whether you are on them.",
        ),
    )


_TOLD: Final = {
    Reason.NOT_LISTED: "Yes: your number was on neither register, and you had not objected.",
    Reason.CONSENTED: "Yes: you had agreed to our calls.",
    Reason.SERVICE_CALL: "Yes, as a service call, which must hold no marketing.",
    Reason.EMERGENCY_CALL: "Yes, as an emergency call.",
    Reason.LISTED_TPS: "No: your number was on the Telephone Preference Service.",
    Reason.CALL_IN: "Yes: it was a call to us.",
    Reason.LISTED_CTPS: "No: your number was on the Corporate Telephone Preference Service.",
    Reason.OBJECTED: "No: you had asked us not to call.",
    Reason.CONSENT_WITHDRAWN: "No: you had taken back your consent to our calls.",
    Reason.REQUEST_PENDING: "No: you had asked us to erase your data or not to call, and we were seeing to it.",
    Reason.RESTRICTED: "No: the use of your data was restricted.",
    Reason.CONSENT_EXPIRED: "No: your consent to our calls was too old to rely on.",
    Reason.PENSIONS_NOT_AUTHORISED: "No: we are not authorised to call about pensions.",
    Reason.TOPIC_NOT_AUTHORISED: "No: we are not authorised to call about this.",
    Reason.TOPIC_NEEDS_CONSENT: f"No: calls about {opt_in()} need your consent first, and we held none.",
    Reason.REGISTER_MISSING: "No: we could not look whether your number was on a register.",
    Reason.REGISTER_STALE: "No: our copy of a register was too old to tell whether your number was on it.",
    Reason.REGISTER_DAMAGED: "No: we could not look whether your number was on a register.",
    Reason.OUTSIDE_COVERAGE: "No: we could not look whether your number was on a register.",
    Reason.OUTSIDE_HOURS: "No: it was outside our calling hours.",
    Reason.DESTINATION_NOT_ALLOWED: "No: we do not call numbers of this kind.",
    Reason.IDENTITY_WITHHELD: "No: the call would have hidden our number.",
    Reason.CLI_NOT_OWNED: "No: the call would have shown a number that is not ours.",
    Reason.NUMBER_INVALID: "No: it was no number that can be called.",
    Reason.NOT_ASKED: "No: the call was made without a look at registers and objections before it.",
    Reason.REDIAL_TOO_SOON: "No: shortly before, you had answered a call of ours and found nobody there.",
}
_OURS: Final = "No: something on our side was not ready for a call."


def reason_words(reason: str) -> str:
    """Whether a call was allowed, and why, as it is told to the person who was called; every reason code has words."""
    return _TOLD.get(Reason(reason), _OURS) if reason in set(Reason) else _OURS


def outcome(call: HeldAttempt) -> str:
    """``answered, 3 min 5 s``; of a call in ``a call to us: answered, …``."""
    said = _outcome(call)
    return f"a call to us: {said}" if call.reason == "call_in" else said


def _outcome(call: HeldAttempt) -> str:
    state = call.state
    if state == "called_against_refusal":  # by another way than the gate, which came to know of it by a recording
        length_of_it = f", {length(call.recorded_seconds)}" if call.recorded_seconds else ""
        refused = "without being checked first" if call.reason == "not_asked" else "although it had been refused"
        return f"called all the same, {refused}{length_of_it}"
    if state == "refused":
        return "not dialled"
    if state == "asked" or call.cause == "redirected":
        return "allowed to the phone system, which dials by itself"
    if state != "ended":
        return "in progress"
    if call.bridged:
        return f"answered, {length(call.seconds or 0.0)}"
    return "answered, ended before an agent was heard" if call.answered_at else "not answered"


def length(seconds: float) -> str:
    """Seconds as they are said: ``3 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
