"""The pack of an access request: what is held comes from the gate, recordings are opened here, one file is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from gate.client.files import must_be_new
from gate.client.gate import Gate, copy_of, written
from gate.client.recordings import open_taken, who
from gate.clock import today
from gate.core.days import LONDON, spoken_day
from gate.core.pack_words import (
    PackCall,
    PackContents,
    PackNotice,
    PackRecording,
    PackTable,
    length,
    reason_words,
    standard_notice,
)
from gate.core.rows import Row
from gate.core.rows.audit import CopyKind
from gate.core.rows.requests import HeldCall, HeldObjection
from gate.core.terms import many
from gate.errors import RefusedError, UsageError
from gate.exports.audio import MEDIA_TYPE, export_flac
from gate.exports.letters import firm_of
from gate.exports.pack import build_pack, new_passphrase
from gate.operations.calls.recordings import RecordingTake, RecordingTaken
from gate.operations.requests.searching import Contents, ContentsOf, PackMade
from gate.showing import local, spoken_number

if TYPE_CHECKING:
    from gate.config import Config

_HELD = ("closed", "interrupted")
"""States of a recording that can be opened."""
_LEFT_OUT = "Showing it would harm somebody else (Article 15(4) of the UK GDPR)."
_OF_OTHERS = "Showing them would harm somebody else (Article 15(4) of the UK GDPR)."


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that was written, and what opens it."""

    path: Path
    sha256: str
    passphrase: str
    calls: int
    recordings: int
    left_out: int


def held_of(gate: Gate, reference: str) -> Contents:
    """All that is held for an access request."""
    return gate.ask(ContentsOf(request=reference))


def anything(held: Contents) -> bool:
    """Whether there is anything to put into a pack."""
    return any((held.calls, held.objections, held.consents, held.subscribers, held.contacts, held.holds, held.requests))


def recordings_in(held: Contents) -> list[HeldCall]:
    """The calls whose recordings have to be opened."""
    return [call for call in held.calls if call.recording in _HELD]


def write_pack(
    config: Config,
    gate: Gate,
    held: Contents,
    privates: Sequence[Any],
    output: Path,
    leave_out: Sequence[str] = (),
    progress: Callable[[float, str], None] | None = None,
) -> Pack:
    """Write the pack of what is ``held`` (the answer to ``request_contents``), and tell the gate.

    Raises what the gate, the vault and the export raise: ``UsageError`` where ``output`` exists or cannot be
    written.
    """
    must_be_new(output)
    held, entries = _without(held, leave_out)
    there = recordings_in(held)
    taken, left_out = _take(gate, there, held.reference, who(privates), leave_out)
    contents = contents_of(config, held, left_out, today(), entries)
    passphrase = new_passphrase()
    with written(gate, copy_of(CopyKind.PACK, output, f"to answer {held.reference}", of=held.reference)):
        made = build_pack(
            contents,
            _opened(config.data, gate, there, taken, privates),
            passphrase,
            output,
            progress=(lambda done, title: progress(done / max(1, len(taken)), title)) if progress else None,
        )
    gate.ask(
        PackMade(
            request=held.reference,
            sha256=made.sha256,
            calls=len(held.calls),
            recordings=made.recordings,
            left_out=len(left_out) + entries,
            why=" ".join(contents.held_back),
        )
    )
    return Pack(output, made.sha256, passphrase, len(held.calls), made.recordings, len(left_out))


def _without(held: Contents, leave_out: Sequence[str]) -> tuple[Contents, int]:
    """What is held, but for the entries that are left out, and how many these are, requests of others among
    them. A hold that
    is left out is not told of: to say that there is one may harm what it is for (DPA 2018, Schedule 2).

    Raises ``UsageError`` for an id of nothing: what somebody meant to leave out would be shown.
    """
    known = {call.recording_id for call in held.calls} | {each.id for each in held.consents}
    known |= {each.id for each in held.objections} | {each.id for each in held.holds}
    if unknown := [each for each in leave_out if each not in known]:
        raise UsageError(
            f"{held.reference}: nothing that is held of this person has the id {unknown[0]}",
            hint=f"dialgate request search {held.reference} shows recordings and entries with their ids",
        )
    consents = [each for each in held.consents if each.id not in leave_out]
    objections = [each for each in held.objections if each.id not in leave_out]
    holds = [each for each in held.holds if each.id not in leave_out]
    left = len(held.consents) - len(consents) + len(held.objections) - len(objections)
    kept = replace(held, consents=consents, objections=objections, holds=holds)
    return kept, left + held.requests_of_others + held.entries_of_others


def _take(
    gate: Gate, calls: Sequence[HeldCall], reference: str, recipient: str, leave_out: Sequence[str]
) -> tuple[dict[str, RecordingTaken], dict[str, str]]:
    """What the gate gives out of these recordings, each logged before; and why it gives the others not."""
    taken: dict[str, RecordingTaken] = {}
    left_out: dict[str, str] = {}
    for call in calls:
        recording_id = call.recording_id or ""
        if recording_id in leave_out:
            left_out[recording_id] = _LEFT_OUT
            continue
        try:
            taken[recording_id] = gate.ask(
                RecordingTake(recording_id=recording_id, purpose=f"access request {reference}", recipient=recipient)
            )
        except RefusedError as refused:
            if refused.reason != "restricted":
                raise
            left_out[recording_id] = "Its use is restricted (Article 18 of the UK GDPR)."
    return taken, left_out


def _opened(
    data: Path, gate: Gate, calls: Sequence[HeldCall], taken: dict[str, RecordingTaken], privates: Sequence[Any]
) -> Iterator[PackRecording]:
    """One at a time: a recording's audio is in memory only while it is encrypted again."""
    for call in calls:
        recording_id = call.recording_id or ""
        if recording_id not in taken:
            continue
        chunks, announcement = open_taken(gate, data, recording_id, taken[recording_id], privates)
        audio, report = export_flac(chunks, announcement=announcement)
        at = _when(call)
        yield PackRecording(
            recording_id=recording_id,
            call_id=call.call_id,
            at=at,
            seconds=report.seconds,
            title=f"Call of {spoken_day(at.astimezone(LONDON).date())}",
            audio=audio,
            media_type=MEDIA_TYPE,
            notes=tuple(f"{note}." for note in report.notes),
        )


def notice_of(config: Config) -> PackNotice:
    """What the law lets a person know (Art 15(1)), as configured."""
    return standard_notice(
        purpose=config.recording.purpose,
        months=config.retention.months,
        calls_months=config.retention.calls_months,
        refused_months=config.retention.refused_months,
        requests_months=config.retention.requests_months,
        lists_months=config.retention.lists_months,
        contacts_months=config.retention.contacts_months,
        recorded=config.recording.enabled,
        bases=config.privacy.legal_bases,
        recipients=config.privacy.recipients,
        longer=tuple(
            f"Recordings of {name.replace(':', ' ')}: {years} years." for name, years in config.retention.years.items()
        ),
    )


def contents_of(
    config: Config, held: Contents, left_out: dict[str, str], made_on: date, entries: int = 0
) -> PackContents:
    """All of a pack but the audio, from what the gate holds; ``entries``: how many of the lists are left out."""
    reasons = sorted(set(left_out.values()))
    return PackContents(
        firm=firm_of(config, made_on),
        reference=held.reference,
        made_on=made_on,
        numbers=tuple(held.lines),
        notice=notice_of(config),
        name=held.name or "",
        calls=tuple(_call(call, left_out) for call in held.calls),
        held=tuple(_tables(held)),
        statements=tuple(_statements(held)),
        held_back=(
            *(
                f"We left out {many(list(left_out.values()).count(reason), 'recording')}. {reason}"
                for reason in reasons
            ),
            *([f"We left out entries of our lists: {entries}. {_OF_OTHERS}"] if entries else []),
        ),
    )


def _call(call: HeldCall, left_out: dict[str, str]) -> PackCall:
    return PackCall(
        call_id=call.call_id,
        at=_when(call),
        # Whom they were transferred to, and why that number could be called, is that person's own (Article 15(4)).
        number="" if call.by_transfer else call.number or "",
        decision="" if call.by_transfer else reason_words(call.reason or ""),
        purpose=_purpose(call),
        outcome=call.outcome,
        recording=_recording(call, left_out),
    )


def _when(call: HeldCall) -> datetime:
    """A call that was made against a refusal, or without a question, was when its recording began: the decision may
    have come with the recording, days later."""
    return datetime.fromisoformat(call.recorded_at if call.verdict != "allow" and call.recorded_at else call.at)


def _purpose(call: HeldCall) -> str:
    if not call.purpose:
        return ""
    about = call.topic if call.topic not in (None, "general") else ""
    for_whom = f" on behalf of {call.on_behalf_of}" if call.on_behalf_of else ""
    return f"{call.purpose} call{f' about {about}' if about else ''}{for_whom}"


def _recording(call: HeldCall, left_out: dict[str, str]) -> str:
    if why := left_out.get(call.recording_id or ""):
        return f"not in this file: {why}"
    if call.recording in _HELD:
        return f"in this file, {length(call.recorded_seconds or 0.0)}"
    if call.erased_at and call.recording == "erased":
        return f"erased on {local(call.erased_at)}"
    return {None: "not recorded", "erasing": "being erased"}.get(call.recording, "being recorded")


_PLAIN = {
    "told": "you, or somebody for you, told us",
    "keypad": "a key that was pressed in a call",
    "request": "your request",
    "import": "a list of ours",
    "withdrawal": "your withdrawal of a consent",
    "memory": "our second copy of objections",
}
"""Where an objection came from, in words; what the firm wrote itself stays as it is."""
_SCOPE = ("evidence", "purpose", "topics", "caller", "holds_until")


_LINES = {"individual": "a person's", "corporate": "a company's", "unknown": "we do not know"}


def _stopped(objection: HeldObjection) -> str:
    calls = "all calls" if objection.scope == "all" else "marketing calls"
    return f"{calls} on behalf of {objection.on_behalf_of}" if objection.on_behalf_of else calls


def _tables(held: Contents) -> Iterator[PackTable]:
    """The entries of every list, and what is kept of earlier requests."""
    yield PackTable(
        "Objections to our calls",
        ("Number", "Made", "How it came", "Note", "To", "Taken back", "Why"),
        tuple(
            (*row[:4], _stopped(each), *row[4:])
            for each, row in zip(
                held.objections,
                _rows(held.objections, "number", "made_at", "source", "note", "removed_at", "removed_why"),
                strict=True,
            )
        ),
        note="For as long as an objection stands you are not called for marketing.",
    )
    yield PackTable(
        "Consents to our calls",
        (
            "Number",
            "Given",
            "How",
            "What was agreed",
            "By",
            "Evidence",
            "For",
            "About",
            "Firm",
            "Until",
            "Withdrawn",
            "Why",
        ),
        _rows(
            [replace(each, caller=each.caller or each.on_behalf_of) for each in held.consents],
            "number",
            "given_at",
            "how",
            "wording",
            "who",
            *_SCOPE,
            "withdrawn_at",
            "withdrawn_why",
        ),
    )
    yield PackTable(
        "Whose line it is, as we noted it",
        ("Number", "Noted", "A person's or a company's", "Yours since", "How we know"),
        tuple(
            (number, noted, _LINES.get(each.kind, each.kind), since, source)
            for each, (number, noted, since, source) in zip(
                held.subscribers, _rows(held.subscribers, "number", "noted_at", "since", "source"), strict=True
            )
        ),
        note="No consent from before the line was yours counts for us.",
    )
    yield PackTable(
        "Entries of our contact lists",
        ("Number", "Reference", "Could it be called, when we looked last", "List"),
        tuple(
            (
                spoken_number(each.number),
                each.reference,
                reason_words(each.reason),
                f"of {each.on_behalf_of}, for whom we call" if each.on_behalf_of else "ours",
            )
            for each in held.contacts
        ),
    )
    yield PackTable(
        "Requests you made before",
        ("Reference", "For", "Received", "State"),
        _rows(held.requests, "reference", "asks", "received", "state"),
    )
    yield PackTable(
        "What was put right",
        ("What", "When", "What is right", "Your request"),
        tuple((f"{each.record} {each.id}", local(each.at), each.statement, each.request) for each in held.statements),
    )
    yield PackTable("Receipts of calls", ("Call", "Code"), tuple((local(each.at), each.code) for each in held.receipts))
    yield PackTable(
        "Who was given recordings or records of you",
        ("To whom, what and when",),
        tuple((each,) for each in held.given),
        none="Our log knows of nobody.",
    )
    yield PackTable(
        "When we looked",
        ("When", "What"),
        tuple((local(each.at), each.what) for each in held.looked),
        note="Who of our staff it was is not told: it is their data.",
    )
    yield PackTable(
        "What keeps data from being erased",
        ("Kind", "Since"),
        _rows(held.holds, "kind", "made_at"),
        note="A hold keeps recordings for a legal claim or an inquiry; a restriction closes them as well.",
    )


def _rows(entries: Sequence[Row], *names: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(_cell(entry, name) for name in names) for entry in entries)


def _cell(entry: Row, name: str) -> str:
    value = getattr(entry, name)
    if value is None:
        return ""
    if name == "number":
        return spoken_number(str(value))
    if name in ("state", "source"):
        return _PLAIN.get(str(value), str(value).replace("_", " "))
    return local(str(value)) if name.endswith("_at") else str(value)


def _statements(held: Contents) -> Iterator[str]:
    erased = sum(call.recording == "erased" for call in held.calls)
    if erased:
        yield f"Recordings of calls with you that are erased and cannot be read again: {erased}."
    if not held.whole:
        yield "This file is about the calls that you asked for; we may hold more."
