"""How late the line is, and what share of new calls it lets in.

Six queues are measured: datagrams (from their arrival in the kernel to their turn), those inside a call by themselves,
for they come first, timers (from when they are due), decisions (``Backlog``), openings of recordings (what the oldest
has waited beyond what each may), media (the oldest command to the relay). Each counts with the least that anything in
it has waited lately. A queue that is long for a moment is a burst and drains, and nobody is sent away for it; one that
has been late for a while stands, and grows.

From then on a share of new calls is let in, and the rest is sent away before anything is done for it. The share is
steered by the delay as in RFC 8033 (PIE): it falls while the delay grows, and while it is above its goal; it rises
while the delay falls, and while it is below. It is multiplied, never stepped, so the same numbers serve at a little
above the capacity and at eight times that. So the line stays busy with as many calls as it can carry in time. Where
nothing waits any more it opens within half a second.

What rules and registers refuse in any case costs a tenth of what is carried, and is worth its leaf: it goes on to its
decision though no more calls are let in. A share of it is sent away only where hardly any call is let in, and where it
weighs more than those.

What is let in is shared out by caller (an account, a PBX, a carrier; who has proven nothing is one of them), as in
max-min fairness: each is let in up to the same number of calls, and what one does not need is the others'. So who calls
as ever is let in, and whoever calls more than anybody else is sent away first.

Whoever is sent away is refused by the reason of the queue that is late: the line itself, decisions, the recorder, or
the media relay. So a call is let in while the recorder will open its recording in time, and not announced an apology.

An INVITE in its usual form, read as far as is needed to send it away.

Where more calls come than the line can carry, most of what it does is to send calls away, so that must cost next to
nothing: no body, no number, no caller. What is read here is less than ``gate.sip.message.parse`` reads and never
something else: where this takes an INVITE, ``parse`` finds the same in it, and nothing is wrong with it. Whatever is in
the least unusual is not taken, and is read in full.

New calls that are sent away because there are too many: judged once each, and as cheaply as can be.

An emergency call is never one of them. What was dialled decides which it is: where the digits of an INVITE could hide
an emergency number, whatever prefix or area code belongs to them, it is read in full first.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from math import exp
from typing import TYPE_CHECKING

import structlog

from gate.core.terms import Attempt, Purpose, Reason, Topic
from gate.sip.admission import number_of
from gate.sip.header_fields import SPACE, ambiguous, parameters
from gate.sip.identity import raw_number
from gate.sip.message import Address, SipMessage
from gate.sip.peers import Endpoint
from gate.sip.pending import Pending

if TYPE_CHECKING:
    from gate.sip.ingress import Ingress

_log = structlog.get_logger()

LATE = 0.25
"""Seconds that nothing should wait: half of T1, after which peers send again (RFC 3261 17.1.1.1)."""
STANDS = 0.3
"""So many seconds everything was late: the queue stands."""
GOAL = LATE / 2
"""Seconds of delay that are steered for: enough that the line never runs dry, and calls are answered in time."""
SPAN = 0.05
"""Seconds between two looks at the delay."""
LONGEST = 5 * SPAN
"""Seconds that a look counts for, where the line did not get to the next one in time."""
BY_GROWTH, BY_EXCESS = 6.0, 6.0
"""How strongly the share answers: to the growth of the delay, per second; to what is above the goal, per second of it
and second that it lasts. The two together settle within about a second and do not swing."""
NOTHING = 0.02
"""Seconds of delay at which nothing waits: the share grows by ``OPENS`` a look."""
OPENS = 1.5
REMEMBERED = 2.0
"""Seconds over which it is counted how often somebody calls."""
LEAST = 0.05
"""Share that is always let in: by these it is seen that there is room again."""
REFUSAL = 0.1
"""What a refusal costs, as a part of a call that is carried; in truth a little less."""
RETRY_SECONDS = 5
"""When a caller who was sent away may come again."""
_LINE = ("datagrams", "inside", "timers")
"""Queues that wait for the line's thread."""
LINE_LATE = Reason.TOO_MANY_CALLS, "The gate has more calls than it can carry in time."
_LATE = {
    "decisions": (Reason.DECISION_LATE, "Decisions take too long: the store of the gate is slow."),
    "recorder": (Reason.RECORDER_UNAVAILABLE, "The recorder opens recordings too late."),
    "media": (Reason.MEDIA_UNAVAILABLE, "The media relay answers too late."),
}
"""By the queue that is late: the reason of a refusal, and its words."""


class Share:
    """What share of some calls is let in, and whose."""

    def __init__(self) -> None:
        self.share = 1.0
        self._asked: dict[str, int] = {}
        """New calls since the last look, by caller."""
        self._often: dict[str, float] = {}
        """How often each has called lately; the numbers mean something beside each other alone."""
        self._fair = 0.0
        """As often anybody is let in."""
        self.due: dict[str, float] = {}
        """What is owed to the next call of a caller: at one whole it is let in. So the first one always is."""

    @property
    def often(self) -> float:
        """How often they all have called lately."""
        return sum(self._often.values())

    def look(self, elapsed: float) -> None:
        """Share it out anew, so many seconds after the last time."""
        kept = exp(-elapsed / REMEMBERED)
        often = {who: self._often.get(who, 0.0) * kept + self._asked.get(who, 0) for who in self._often | self._asked}
        self._often = {who: times for who, times in often.items() if times >= NOTHING}
        self._asked.clear()
        room, left = self.share * self.often, len(self._often)
        for times in sorted(self._often.values()):
            self._fair = room / left
            if times > self._fair:
                break
            room, left = room - times, left - 1

    def lets_in(self, caller: str) -> bool:
        """Whether the next one of this caller is."""
        self._asked[caller] = self._asked.get(caller, 0) + 1
        if self.share >= 1.0:
            self.due.clear()
            return True
        times = self._often.get(caller, 0.0)
        share = min(1.0, self._fair / times) if times else 1.0 if self._often else self.share
        due = self.due.get(caller, 1.0 - share) + share
        self.due[caller] = due - (due >= 1.0)
        return due >= 1.0


class OverloadControl:
    """The measures of one line; on its thread."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._least: dict[str, float] = {}
        """By queue, since the last look."""
        self._looked = monotonic()
        self._late_since: float | None = None
        self.line = 0.0
        """Seconds that the line itself was late at the last look."""
        self._late = "line"
        self._before = 0.0
        """The delay at the last look."""
        self._carried, self._refused = Share(), Share()
        """Of calls that would be carried; and of those that rules and registers refuse whatever else is so."""
        self.shed = 0
        """Calls sent away since the start."""

    def note(self, queue: str, late: float) -> None:
        """Something of a queue has waited ``late`` seconds."""
        least = self._least.get(queue)
        if least is None or late < least:
            self._least[queue] = late
        now = self._monotonic()
        if now - self._looked >= SPAN:
            self._look(now)

    def _look(self, now: float) -> None:
        queue = max(self._least, key=self._least.__getitem__)
        late = self._least[queue]
        if line := [self._least[each] for each in _LINE if each in self._least]:
            self.line = max(line)
        if late >= NOTHING:  # what waits for the line waits in the other queues too: half of theirs has to be their own
            self._late = queue if self.line < late / 2 else "line"
        elapsed, grown = min(now - self._looked, LONGEST), late - self._before
        self._looked, self._before = now, late
        self._least.clear()
        if late < LATE:
            self._late_since = None
        elif self._late_since is None:
            self._late_since = now
        stands = self._late_since is not None and now - self._late_since >= STANDS
        if stands or self.sheds:
            change = OPENS if late < NOTHING else exp(-BY_GROWTH * grown - BY_EXCESS * (late - GOAL) * elapsed)
            if not self.sheds and change < 1.0:
                _log.warning("calls_refused_late", reason=self.why[0].value, late=round(late, 3))
            self._steer(change)
        self._carried.look(elapsed)
        self._refused.look(elapsed)

    def _steer(self, change: float) -> None:
        """Less of refusals is let in once hardly any call is, and where they weigh more than those; more, before any;
        where nothing waits, more of both."""
        weigh = self._refused.often * REFUSAL > self._carried.often * LEAST
        of_refusals = self._refused.share < 1.0 if change > 1.0 else weigh and self._carried.share <= LEAST
        shares = (
            (self._carried, self._refused) if change == OPENS else (self._refused if of_refusals else self._carried,)
        )
        for each in shares:
            each.share = min(1.0, max(LEAST, each.share * change))

    @property
    def sheds(self) -> bool:
        """True while some new calls are sent away."""
        return self._carried.share < 1.0

    @property
    def why(self) -> tuple[Reason, str]:
        """The reason for which calls are sent away, and its words: by the queue that was late at the last look at
        which anything was."""
        return _LATE.get(self._late, LINE_LATE)

    def lets_in(self, caller: str = "") -> bool:
        """Whether the next new call of a caller is: of any number of them, its share, evenly."""
        return self._carried.lets_in(caller)

    def lets_refuse(self, caller: str) -> bool:
        """The same of one that is not let in and would be refused by law: whether there is time for its reason, and its
        leaf."""
        return self._refused.lets_in(caller)


LONGEST_UNREAD = 4096
"""Bytes of what is taken."""
MOST_LINES = 64
"""The most lines of its head."""
MOST_HOPS = 8
# Each is written out whole, ports too: what a pattern costs is measured by its text in the source.
_START = re.compile(
    r"INVITE (sip:\+?[0-9]{1,32}@[A-Za-z0-9.:-]{1,255}(?:;transport=[A-Za-z]{2,4}|;user=phone)?) SIP/2\.0"
)
_VIA = re.compile(
    r"SIP/2\.0/UDP ([A-Za-z0-9.-]{1,255})(?::([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?"
    r"((?:;[A-Za-z]{1,16}(?:=[A-Za-z0-9.*+_-]{1,128})?){1,8})"
)
_ADDRESS = re.compile(
    r'(?:"[A-Za-z0-9 +.()_-]{0,64}" ?|[A-Za-z0-9_-]{1,64} )?<sip:(?:[A-Za-z0-9+._-]{1,64}@)?'
    r"[A-Za-z0-9.-]{1,255}(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?(?:;transport=[A-Za-z]{2,4}|;user=phone)?>"
    r"(?:;tag=([A-Za-z0-9.*+_-]{1,128}))?"
)
_CONTACT = re.compile(
    r"<sip:(?:[A-Za-z0-9+._-]{1,64}@)?[A-Za-z0-9.-]{1,255}(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?"
    r"(?:;transport=[A-Za-z]{2,4}|;user=phone)?>"
    r"|sip:(?:[A-Za-z0-9+._-]{1,64}@)?[A-Za-z0-9.-]{1,255}(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?"
)
_CALL_ID = re.compile(r"[A-Za-z0-9.@*+:_-]{1,255}")
_CSEQ = re.compile(r"([0-9]{1,9}) INVITE")
_HOPS = re.compile(r"[1-9][0-9]?")
_LENGTH = re.compile(r"[0-9]{1,4}")
_SDP = re.compile(r"application/sdp")
_SESSION = re.compile(r"[1-9][0-9]{2,4}(?:;refresher=ua[cs])?")
_USUAL = {
    "via": _VIA.fullmatch,
    "from": _ADDRESS.fullmatch,
    "to": _ADDRESS.fullmatch,
    "contact": _CONTACT.fullmatch,
    "call-id": _CALL_ID.fullmatch,
    "cseq": _CSEQ.fullmatch,
    "max-forwards": _HOPS.fullmatch,
    "content-type": _SDP.fullmatch,
    "content-length": _LENGTH.fullmatch,
    "session-expires": _SESSION.fullmatch,
}
_NEEDED = _USUAL.keys() - {"max-forwards", "session-expires"}
_WITHOUT_MEANING = frozenset(
    {"user-agent", "allow", "supported", "accept", "date", "server", "organization", "subject", "allow-events"}
    | {"p-asserted-identity", "p-preferred-identity", "remote-party-id", "privacy", "timestamp", "expires"}
    | {"min-se", "content-disposition"}
)
"""Headers that say nothing of whether an INVITE is well formed; and those that begin with ``X-``."""


def plain_invite(data: bytes) -> SipMessage | None:
    """A new INVITE for a number in digits, perhaps with a ``+``; None for anything that is not quite plain. Of the
    message there is what an answer and its transaction need, and what was dialled."""
    head, gap, body = data.partition(b"\r\n\r\n")
    text = head.decode("latin-1")
    lines = text.split("\r\n")
    start = _START.fullmatch(lines[0])
    if not (start and gap and len(lines) <= MOST_LINES and len(data) <= LONGEST_UNREAD):
        return None
    if not text.count("\n") == text.count("\r") == len(lines) - 1:
        return None
    vias: list[str] = []
    found: dict[str, re.Match[str]] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip(SPACE)
        usual = _USUAL.get(name)
        if usual is None:
            if colon and (name in _WITHOUT_MEANING or name.startswith("x-")):
                continue
            return None
        read = usual(value)
        if read is None or (name in found and name != "via"):
            return None
        found.setdefault(name, read)
        if name == "via":
            vias.append(value)
    if not found.keys() >= _NEEDED or len(vias) > MOST_HOPS or int(found["content-length"][0]) > len(body):
        return None
    top, tags = found["via"], (found["from"][1], found["to"][1])
    if not tags[0] or tags[1] or ambiguous(vias[0]):
        return None
    return SipMessage(
        "INVITE", start[1], 0, [(name, found[name][0]) for name in ("from", "to", "call-id", "cseq")], b"", vias,
        parameters(top[3]).get("branch") or "", (top[1], int(top[2] or 5060)), found["call-id"][0],
        tags[0], "", int(found["cseq"][1]),
    )  # fmt: skip


class SendingAway:
    """The part of the ingress that refuses what is too many, by the reason of the queue that is late."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress
        self._engine = ingress.engine
        self._for_help = ingress.engine.config.emergency.numbers if ingress.engine.trunks.emergency else ()
        self.judged: bool | None = None
        """What ``too_many`` has said of the message in hand."""
        self._in_time: bool | None = None
        """Whether there is time for its reason, where it is to be refused."""

    def too_many(self, caller: str) -> bool:
        """Whether the new call in hand has to be sent away, as ``caller`` has its share. One message is judged once."""
        if self.judged is None:
            self.judged = self._ingress.pending.full or not self._engine.overload.lets_in(caller)
            self._in_time = False if self._ingress.pending.full else None
        return self.judged

    def to_be_refused(self, attempt: Attempt) -> bool:
        """Whether a call that is too many is decided all the same: it is refused in any case, and there is time to say
        why."""
        if self._in_time is False or not self._engine.events.refuses(attempt):
            return False
        if self._in_time is None:
            self._in_time = self._engine.overload.lets_refuse(attempt.claimed_by)
        return self._in_time

    def send(self, pending: Pending) -> None:
        """Its answer: kept, for the same INVITE may be under way again, and a call that its caller has given up must
        never ring anybody."""
        reason, words = self.why
        self._engine.overload.shed += 1
        self._ingress.refuse(pending, reason, "", words, elsewhere=True)
        self._engine.events.shed(pending.claimed_by, reason)

    @property
    def why(self) -> tuple[Reason, str]:
        """As ``OverloadControl.why``; with as many calls as may wait for a decision, that it is late."""
        return _LATE["decisions"] if self._ingress.pending.full else self._engine.overload.why

    def _may_be_for_help(self, digits: str) -> bool:
        """True where any plan for dialling could find an emergency number in them."""
        return any(each in digits for each in self._for_help)

    def unread(self, data: bytes, source: Address, endpoint: Endpoint) -> bool:
        """True for a PBX's plain INVITE by UDP that has its answer now, before it is read in full: it is sent away, or
        was answered before. Looked for only while calls are sent away."""
        ingress, engine = self._ingress, self._engine
        if not (engine.overload.sheds or ingress.pending.full) or endpoint.transport != "udp":
            return False
        caller = ingress.auth.pbx_at(source, endpoint)
        if caller is None or source == engine.flood_filter.edge or (request := plain_invite(data)) is None:
            return False
        key = request.key
        if kept := ingress.responses.find(key):
            endpoint.send_to(*kept)
            return True
        if engine.orphans.asked(key) or engine.admitted(key) or engine.merged(key) or ingress.pending.merged(key):
            return False
        if self._may_be_for_help(raw_number(request)) or not self.too_many(caller.claimed_by):
            return False
        who = caller.who
        attempt = Attempt(
            number_of(request, caller), Purpose.MARKETING, Topic(who.topic), who.presentation, False, caller.claimed_by
        )
        if self.to_be_refused(attempt):
            return False
        refusal, overflow = ingress.refused_with(request, caller, source, endpoint), who.overflow
        self.send(Pending("", request, source, endpoint, caller.claimed_by, refusal, overflow))
        return True
