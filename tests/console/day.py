"""A day at a gate, made up from drama numbers: what the console's tests and pictures are fed with.

``python -m tests.console.day`` writes ``day.json`` beside this file, always the same: the facts of the evidence log in
their order, and the calls in hand at ``NOW``. The tests put the facts into a real store behind a real control socket.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("day.json")
NOW = datetime(2026, 7, 15, 13, 32, 10, tzinfo=UTC)
"""14:32:10 in London, a Wednesday."""
OPENED = datetime(2026, 7, 15, 7, 0, tzinfo=UTC)
AGENTS = ("account:alice", "account:bilal", "account:carys", "trunk:pbx1")
OWN = {"account:alice": "+442079460000", "account:bilal": "+442079460000", "account:carys": "+441632960100"}
CALLS = 180
REASONS = (
    *("not_listed",) * 62,
    *("listed_tps",) * 14,
    *("listed_ctps",) * 5,
    *("objected",) * 5,
    *("consented",) * 6,
    *("service_call",) * 4,
    *("redial_too_soon",) * 2,
    *("number_invalid", "consent_withdrawn"),
)
EXPLAINED = {
    "not_listed": "Neither TPS nor CTPS lists this number, and nobody has objected: it may be called.",
    "listed_tps": "This number is on the TPS (list of 14 July 2026) and we hold no consent: do not call it.",
    "listed_ctps": "This number is on the CTPS (list of 13 July 2026) and we hold no consent: do not call it.",
    "objected": "This person told us not to call again.",
    "consented": "A live consent of this number to this firm allows the call.",
    "service_call": "Claimed to be no marketing: registers, consents and hours do not apply.",
    "redial_too_soon": "They lately answered a call of ours and found nobody there: call after 17 July 2026 10:12.",
    "number_invalid": "This is no UK number in any reading.",
    "consent_withdrawn": "Their consent was taken back.",
}
ALLOWED = frozenset({"not_listed", "consented", "service_call"})
SHA = {"tps": "5b1f" + "c3" * 30, "ctps": "9e07" + "a1" * 30}

Made = dict[str, Any]


class Day:
    """Makes the facts, in no order; ``facts`` gives them in that of time."""

    def __init__(self) -> None:
        self._chance = random.Random(20260715)
        self._made: list[Made] = []
        self.live: list[Made] = []

    def ident(self) -> str:
        """A random id of 128 bits, the same on every run."""
        return f"{self._chance.getrandbits(128):032x}"

    def put(self, kind: str, subject: str, at: datetime, actor: str, /, **body: Any) -> None:
        """One fact."""
        self._made.append({"kind": kind, "subject": subject, "at": at.isoformat(), "actor": actor, "body": body})

    def facts(self) -> list[Made]:
        """All, in the order of time."""
        return sorted(self._made, key=lambda fact: fact["at"])

    def number(self) -> str:
        """A drama number."""
        start, count = self._chance.choice((("+442079460", 3), ("+441632960", 3), ("+447700900", 3), ("+441134960", 3)))
        return f"{start}{self._chance.randrange(10**count):03}"

    # --- what a day has -------------------------------------------------------------------------------------------

    def whole(self) -> None:
        """A day from eight in the morning until ``NOW``."""
        self._registers()
        self._lists()
        span = (NOW - OPENED).total_seconds()
        for place in range(CALLS):
            at = OPENED + timedelta(seconds=span * (place + self._chance.random()) / CALLS)
            if at < NOW - timedelta(seconds=200):
                self._call(at)
        self._calls_now()
        self._holds()
        self._put_proof()

    def _registers(self) -> None:
        for name, day, count, more, less in (("tps", 14, 340, 31, 9), ("ctps", 13, 255, 4, 1)):
            self.put(
                "register_imported",
                self.ident(),
                datetime(2026, 7, day, 5, 31, tzinfo=UTC),
                "user:dialgate(990)",
                name=name,
                as_of=f"2026-07-{day}",
                sha256=SHA[name],
                count=count,
                coverage=["full"],
                added=more,
                removed=less,
                source_name=f"{name}_ns.txt",
                accepted_shrink=False,
            )

    def _lists(self) -> None:
        notes = ("asked on the phone", "by letter of 3 July", "[bold]do not[/bold] call: angry", "email", "")
        for place in range(14):
            at = datetime(2026, 6, 2, 9, tzinfo=UTC) + timedelta(days=3 * place, minutes=self._chance.randrange(400))
            at = min(at, NOW - timedelta(hours=3))
            source = self._chance.choice(("told", "letter", "email"))
            self.put(
                "objection",
                self.ident(),
                at,
                "user:ann(1001)",
                number=self.number(),
                source=source,
                note=notes[place % len(notes)],
                made_at=at.isoformat(),
                call_id=None,
            )
        for place in range(9):
            at = datetime(2026, 5, 4, 10, tzinfo=UTC) + timedelta(days=7 * place)
            consent = self.ident()
            self.put(
                "consent",
                consent,
                at,
                "user:ann(1001)",
                number=self.number(),
                given_at=at.isoformat(),
                how=self._chance.choice(("web form", "phone", "paper")),
                wording="You may call me about your offers on this number.",
                who=f"{self._chance.choice(('A.', 'B.', 'C.'))} Example",
                evidence=f"form 2026/{place + 31}",
            )
            if place % 4 == 3:
                gone = at + timedelta(days=2)
                self.put("consent_withdrawn", consent, gone, "user:ann(1001)", at=gone.isoformat(), reason="by email")

    def _decision(self, call: str, at: datetime, agent: str, number: str, reason: str) -> None:
        listed = {"listed_tps": "tps", "listed_ctps": "ctps"}.get(reason)
        self.put(
            "decision",
            call,
            at,
            agent,
            number="" if reason == "number_invalid" else number,
            raw="0207946" if reason == "number_invalid" else "0" + number[3:],
            verdict="allow" if reason in ALLOWED else "block",
            reason=reason,
            explanation=EXPLAINED[reason],
            registers=[
                {"name": name, "as_of": day, "sha256": SHA[name], "count": count, "state": "ok"}
                | {"covered": True, "listed": name == listed}
                for name, day, count in (("tps", "2026-07-14", 340), ("ctps", "2026-07-13", 255))
            ],
            consent_id=self.ident() if reason == "consented" else None,
            objection_id=self.ident() if reason == "objected" else None,
            purpose="service" if reason == "service_call" else "marketing",
            topic="general",
            presentation=OWN.get(agent, "+442079460000"),
            claimed_by=agent,
            source="192.0.2.15:5062",
            codecs=["PCMU", "PCMA"],
        )

    def _call(self, at: datetime) -> None:
        call, agent, reason = self.ident(), self._chance.choice(AGENTS), self._chance.choice(REASONS)
        number = self.number()
        self._decision(call, at, agent, number, reason)
        if reason not in ALLOWED:
            return
        if self._chance.random() < 0.3:
            end = at + timedelta(seconds=self._chance.randrange(8, 40))
            cause, code = self._chance.choice((("no_answer", 480), ("busy", 486), ("hung_up", 487)))
            self.put("ended", call, end, "gate", by="callee", cause=cause, code=code, seconds=0.0, bridged=False)
            return
        answered = at + timedelta(seconds=self._chance.randrange(4, 15))
        connected = answered + timedelta(seconds=8.4)
        self._answered(call, answered, connected)
        talk = self._chance.randrange(12, 170)
        end = min(connected + timedelta(seconds=talk), NOW - timedelta(seconds=2))
        recording = self._recording(call, connected)
        seconds = (end - connected).total_seconds()
        gap = seconds > 90 and self._chance.random() < 0.4
        self.put(
            "recording_closed",
            recording,
            end,
            "gate",
            call_id=call,
            sha256=f"{self._chance.getrandbits(256):064x}",
            size=int(seconds * 17_300) + 1400,
            seconds=seconds,
            chunks=int(seconds) + 1,
            gaps=[[30.0, 52.5]] if gap else [],
            packets={"caller": int(seconds * 50), "callee": int(seconds * 50)},
            interrupted=False,
            cause="",
        )
        by = self._chance.choice(("caller", "callee"))
        self.put("ended", call, end, "gate", by=by, cause="hung_up", code=200, seconds=seconds, bridged=True)

    def _answered(self, call: str, answered: datetime, connected: datetime) -> None:
        self.put("answered", call, answered, "gate", codec="PCMU")
        self.put("announced", call, connected, "gate", announcement="notice", version="3", completed=True)
        self.put("connected", call, connected, "gate", recorded=True)

    def _recording(self, call: str, at: datetime) -> str:
        recording = self.ident()
        self.put(
            "recording_opened",
            recording,
            at,
            "gate",
            call_id=call,
            key_id=self.ident(),
            path=f"2026/07/15/{recording}.dgr",
            recipients=["a1b2c3d4e5f60718"],
            purpose="quality and training; protection of both parties",
        )
        return recording

    def _calls_now(self) -> None:
        for agent, state, ago, notice, reason in (
            ("account:alice", "talking", 154.2, "played", "not_listed"),
            ("trunk:pbx1", "talking", 71.9, "played", "service_call"),
            ("account:bilal", "announcing", 13.0, "playing", "consented"),
            ("account:carys", "ringing", 6.4, "", "not_listed"),
        ):
            call, number, at = self.ident(), self.number(), NOW - timedelta(seconds=ago)
            self._decision(call, at, agent, number, reason)
            talking = state == "talking"
            if talking:
                self._answered(call, at + timedelta(seconds=7), at + timedelta(seconds=15.4))
                self._recording(call, at + timedelta(seconds=15.4))
            elif state == "announcing":
                self.put("answered", call, at + timedelta(seconds=7), "gate", codec="PCMU")
            self.live.append(
                {
                    "call_id": call,
                    "at": at.isoformat(),
                    "number": number,
                    "claimed_by": agent,
                    "purpose": "service" if reason == "service_call" else "marketing",
                    "topic": "general",
                    "state": state,
                    "announcement": notice,
                    "recording": talking,
                    "paused": False,
                    "paused_by": "",
                    "seconds": ago,
                    "levels": [88, 61] if talking and agent == "account:alice" else [21, 104] if talking else [0, 0],
                }
            )

    def _holds(self) -> None:
        closed = [fact for fact in self.facts() if fact["kind"] == "recording_closed"]
        for fact, kind, reference in ((closed[4], "hold", "claim 17/2026"), (closed[9], "restriction", "request R-9")):
            self.put(
                "hold",
                self.ident(),
                NOW - timedelta(hours=2, minutes=len(reference)),
                "user:ann(1001)",
                kind=kind,
                target="recording",
                recording_id=fact["subject"],
                call_id=fact["body"]["call_id"],
                number=None,
                reason="a customer's claim" if kind == "hold" else "accuracy disputed",
                reference=reference,
                **({"ground": "claim"} if kind == "hold" else {}),
            )

    def _put_proof(self) -> None:
        self.put(
            "log_verified",
            "log",
            datetime(2026, 7, 15, 8, 3, tzinfo=UTC),
            "user:eve(1003)",
            ok=True,
            size=31,
            root="cm9vdA==",
            first_fault=None,
        )


def made() -> dict[str, Any]:
    """The whole file."""
    day = Day()
    day.whole()
    return {"now": NOW.isoformat(), "facts": day.facts(), "live": day.live}


def lines(value: dict[str, Any]) -> Iterator[str]:
    """The file's text: a fact a line, so that a change shows as one."""
    for name, items in value.items():
        if isinstance(items, str):
            yield f'{{"{name}": {json.dumps(items)},\n'
        else:
            rows = ",\n".join(json.dumps(item, ensure_ascii=False) for item in items)
            yield f'"{name}": [\n{rows}\n]{"}" if name == "live" else ","}\n'


if __name__ == "__main__":
    FILE.write_text("".join(lines(made())), encoding="utf-8")
