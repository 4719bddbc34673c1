"""A call as a ladder: phones, gate and carrier as three lines, and between them what the evidence log has of the call.

Each rung is made of one fact, and names its leaf. What no fact proves is not drawn: the log has no ringing, no ACK, and
no INVITE that the gate has sent; it has the INVITE that was decided on, the answer, the refusal, the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from gate.core.evidence import leaf_name
from gate.core.facts import calls, lists, recordings
from gate.core.rows import Row
from gate.core.rows.audit import LogProof
from gate.core.rows.calls import FactRow

PHONES, GATE, CARRIER = "phones", "gate", "carrier"
COLUMNS: Final = (PHONES, GATE, CARRIER)
SIP, RTP, ACT, HTTP = "SIP", "RTP", "act", "HTTP"
WITHHELD: Final = "what it says is erased; its leaf stays"
LEAST: Final = 22
"""Cells between two lines, at least."""
_NO_INVITE: Final = ("ask", "ingest", "siprec")
_ENDS: Final = {"cancelled": "CANCEL", "hung_up": "BYE"}
"""Causes of an end that a party's request says."""
_FINAL: Final = 300
"""The lowest code of a final response that refuses (RFC 3261 section 7.2)."""


class Rung(Row, frozen=True, kw_only=True):
    """One step of the ladder. Where ``source`` is ``target`` it is an act at that line."""

    leaf_index: int
    at: str
    kind: str
    """Of its fact."""
    actor: str
    source: str
    target: str
    protocol: str
    """``SIP``, ``RTP``, ``HTTP``, ``act``."""
    label: str
    both: bool = False
    """It goes both ways."""
    band: bool = False
    """It lasts: the announcement."""


class Ladder(Row, frozen=True, kw_only=True):
    """The ladder of a call with the proof of each of its leaves."""

    call_id: str
    firm: str
    rungs: list[Rung]
    evidence: LogProof
    numbers: bool
    """Its values hold the number in full: it was asked for with a reason."""


def rungs(facts: Sequence[FactRow]) -> list[Rung]:
    """The rungs of a call's facts, in their order."""
    inward = any(fact.kind == calls.CallIn.kind for fact in facts)
    return [rung for fact in facts for rung in _rungs(fact, inward)]


def _rungs(fact: FactRow, inward: bool) -> list[Rung]:
    caller, callee = (CARRIER, PHONES) if inward else (PHONES, CARRIER)

    def rung(source: str, target: str, protocol: str, label: str, **more: bool) -> Rung:
        return Rung(
            leaf_index=fact.leaf_index, at=fact.at, kind=fact.kind, actor=fact.actor or "", source=source,
            target=target, protocol=protocol, label=label, **more,
        )  # fmt: skip

    def act(label: str) -> list[Rung]:
        return [rung(GATE, GATE, ACT, label)]

    body, words = fact.body, fact.kind.replace("_", " ")
    if body is None:
        return act(f"{words}: {WITHHELD}")
    if fact.kind in (calls.Decision.kind, calls.CallIn.kind):
        allowed = body.get("verdict") == "allow"
        decided = rung(GATE, GATE, ACT, f"{'allowed' if allowed else 'REFUSED'}: {_words(body.get('reason'))}")
        source = str(body.get("source") or "")
        if source == "ask":
            return [rung(caller, GATE, HTTP, "may it be called?"), decided]
        if source in _NO_INVITE or not source:
            return [decided]
        return [rung(caller, GATE, SIP, "INVITE"), decided]
    if fact.kind == calls.Answered.kind:
        return [rung(callee, GATE, SIP, f"200 OK {body.get('codec') or ''}".strip())]
    if fact.kind == calls.Announced.kind:
        target = caller if body.get("to") == "caller" else callee
        return [rung(GATE, target, RTP, _announced(body), band=True)]
    if fact.kind == calls.Connected.kind:
        return [
            rung(caller, callee, RTP, f"joined, {'recorded' if body.get('recorded') else 'not recorded'}", both=True)
        ]
    if fact.kind == calls.Ended.kind:
        return [_ended(body, rung, caller, callee)]
    if fact.kind == lists.Objection.kind and body.get("source") == "keypad":
        return [rung(callee, GATE, RTP, "key: no more calls")]
    if fact.kind in (recordings.RecordingPaused.kind, recordings.RecordingResumed.kind):
        words += f", {body['seconds']} s at most" if body.get("seconds") else ""
        words += f" after {body['paused']:.1f} s" if body.get("paused") else ""
        return [rung(GATE, GATE, ACT, words) if "why" in body else rung(caller, GATE, RTP, f"keys: {words}")]
    return act(_LABELS[fact.kind](body) if fact.kind in _LABELS else words)


def _ended(body: Mapping[str, Any], rung: Callable[..., Rung], caller: str, callee: str) -> Rung:
    cause, code = str(body.get("cause") or ""), int(body.get("code") or 0)
    side = {"caller": caller, "callee": callee, "trunk": callee}.get(str(body.get("by")), GATE)
    if side != GATE and cause in _ENDS and code < _FINAL:
        return rung(side, GATE, SIP, _ENDS[cause])
    if side != GATE and code >= _FINAL:
        return rung(side, GATE, SIP, f"{code} {_words(cause)}".strip())
    return rung(GATE, GATE, ACT, f"ended by {body.get('by')}: {_words(cause)}")


def _announced(body: Mapping[str, Any]) -> str:
    lasted = ""
    if body.get("started") and body.get("ended"):
        seconds = datetime.fromisoformat(body["ended"]) - datetime.fromisoformat(body["started"])
        lasted = f" {seconds.total_seconds():.1f} s"
    return f"announcement{lasted}" + ("" if body.get("completed") else " CUT SHORT")


def _closed(body: Mapping[str, Any]) -> str:
    paused = sum(end - start for start, end in body.get("gaps") or ())
    return f"recording closed: {body.get('seconds') or 0:.1f} s" + (f", {paused:.1f} s paused" if paused else "")


def _words(code: object) -> str:
    return str(code or "").replace("_", " ")


_LABELS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    calls.LookedAgain.kind: lambda body: f"looked again, next trunk {body.get('trunk')}: {_words(body.get('verdict'))}",
    calls.OneSided.kind: lambda body: f"nothing came from the {body.get('side')}",
    calls.Unrecorded.kind: lambda body: f"not recorded: {_words(body.get('why'))}",
    calls.Transferred.kind: lambda body: f"transferred to {str(body.get('to'))[:12]}",
    calls.Abandoned.kind: lambda body: f"abandoned: {_words(body.get('why'))}",
    calls.OutcomeReported.kind: lambda body: f"reported: {_words(body.get('outcome'))}",
    recordings.RecordingClosed.kind: _closed,
}


# --- drawn ------------------------------------------------------------------------------------------------------------


def heading(room: int) -> str:
    """The names of the three lines, over ``room`` cells between two of them."""
    return f"{PHONES:<{room - 1}}{GATE:^5}{CARRIER:>{room - 1}}"


def line(rung: Rung, room: int) -> str:
    """A rung as text of ``2 * room + 3`` cells; what has no room ends in ``…``."""
    first, last = sorted((COLUMNS.index(rung.source), COLUMNS.index(rung.target)))
    if first == last:
        text = _cut(f" {rung.label}", 2 * room + 1 if first == 0 else room)
        gaps = [" " * room, " " * room]
        gaps[min(first, 1)] = text.ljust(room)
        marks = ["●" if each == first else "│" for each in range(3)]
        return f"{marks[0]}{gaps[0]}{marks[1]}{gaps[1]}{marks[2]}"
    width = room * (last - first) + (last - first - 1)
    stroke = "▒" if rung.band else "─"
    arrow = _cut(f" {rung.label} ", width - 2).center(width - 2, stroke)
    forward = COLUMNS.index(rung.source) == first
    start, end = ("◄" if rung.both or not forward else stroke), ("►" if rung.both or forward else stroke)
    drawn = f"{start}{arrow}{end}"
    if last - first == 2:
        return f"│{drawn}│"
    return f"│{drawn}│{' ' * room}│" if first == 0 else f"│{' ' * room}│{drawn}│"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def text(ladder: Ladder) -> str:
    """The ladder as a capture is listed: a line for each rung, with its leaf. No body of a fact is in it."""
    note = ladder.evidence.checkpoint.split("\n")
    shown = [
        f"# Call {ladder.call_id}, {ladder.firm}",
        f"# Checkpoint {note[0]}, {note[1]} leaves, root {note[2]}, key {ladder.evidence.vkey}",
        f"{'No.':>4} {'Time':<27} {'Source':<8} {'Target':<8} {'Proto':<5} {'Leaf':>9} Info",
    ]
    shown += [
        f"{number:>4} {each.at:<27} {each.source:<8} {each.target:<8} {each.protocol:<5}"
        f" {leaf_name(each.leaf_index):>9} {each.label}"
        for number, each in enumerate(ladder.rungs, 1)
    ]
    return "\n".join(shown) + "\n"
