"""Data-subject requests as a compliance officer works them: opened, proven, clarified, decided, told (LAW section 4).

Each step is a fact, taken inside the store's transaction through ``gate.core.requests.handle``. What a grant keeps the
person safe by (an objection, a restriction) is kept in the same transaction as the grant; erasing is ``fulfil``'s.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime

from gate.core import request_words as events
from gate.core.request_words import Asks, Ground, State
from gate.core.requests import Request
from gate.errors import RefusedError, UsageError
from gate.operations.requests.request_base import READY, RequestBase, counted, numbers_of, open_standings, shown, undone
from gate.operations.requests.request_facts import OPENED, PACK, PERSON, last, replay
from gate.ports import Fact
from gate.store.queries import Source
from gate.store.transaction import StoreTransaction
from gate.types import Row

CHANNELS = ("phone", "email", "post", "in_person", "web")
_WRITTEN = ("email", "post", "web")
_DOCUMENT = re.compile(r"\d(?:[ -]?\d){5}|\S@\S")
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "mx", "dr"})
_PROOFS = frozenset({"bill", "card", "in", "letter", "licence", "passport", "person", "seen", "signed"})
"""Words that say the kind of a proof, whatever somebody is called."""
_CALLED = (Asks.OBJECTION, Asks.RESTRICTION)
"""What is granted by number: there must be one."""
MOST_NUMBERS = 50


class Requests(RequestBase):
    """The course of a request, step by step."""

    def request_open(
        self,
        *,
        asks: str,
        channel: str,
        name: str = "",
        contact: str = "",
        numbers: Sequence[str] = (),
        about: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        received: date | None = None,
        written: bool | None = None,
        actor: str,
    ) -> Row:
        """A request came. An objection to marketing holds from the next call and is granted at once (Art 21(3)).

        ``since`` and ``until`` are the span of the call that it is about; ``received`` is the day it came, today where
        None. Nothing is searched and nothing is shown.
        """
        wanted, lines = Asks(asks), numbers_of(numbers)
        day = self._day(received)
        _complete(wanted, channel, name, lines, since, until)
        said = channel in _WRITTEN if written is None else written
        request_id = self._new_id()
        times = {"since": since.isoformat() if since else None, "until": until.isoformat() if until else None}
        person: Row = {
            "name": name.strip(),
            "contact": contact.strip(),
            "lines": lines,
            "about": about.strip(),
            **times,
        }

        def work(tx: StoreTransaction) -> Row:
            reference = self._book.next_reference(tx, day.year)
            body = {"reference": reference, "asks": wanted.value, "channel": channel, "received": day.isoformat()}
            tx.append(self._fact(OPENED, actor, body | {"written": said}, request_id))
            tx.append(self._fact(PERSON, actor, person, request_id))
            if wanted is Asks.OBJECTION:
                row, _, request = self._load(tx, request_id)
                self._keep_objections(tx, row, actor)
                self._take(tx, row, request, events.Granted(self._today()), actor)
            return self._shown(tx, request_id)

        opened: Row = self._store.call(work)
        return opened

    def request_ask_identity(self, *, request: str, note: str = "", on: date | None = None, actor: str) -> Row:
        """There is reasonable doubt who asks: the clock starts when the proof arrives (Art 12(6))."""
        return self._step(request, on, actor, events.IdentityAsked, words={"proof": note})

    def request_verify_identity(
        self, *, request: str, checked: str, numbers: Sequence[str] = (), on: date | None = None, actor: str
    ) -> Row:
        """Who asks is known. ``checked`` says what was looked at, never what stood in it (LAW 4.3); ``on`` is the day
        on which the proof arrived. ``numbers``: lines that are proven to be theirs."""
        if not checked.strip():
            raise UsageError(
                "say what was checked", hint="Example: --checked 'passport seen, answers to two questions'"
            )
        if _DOCUMENT.search(checked):
            raise UsageError(
                "what was checked is kept, never the document: there is a number or an address in it",
                hint="Say the kind of proof only: 'passport seen in person'.",
            )
        lines = numbers_of(numbers)

        def work(tx: StoreTransaction) -> Row:
            row, course, before = self._load(tx, request)
            _nameless(checked, row["name"] or "")
            event = events.IdentityProven(self._day(on, before))
            self._take(tx, row, before, event, actor, checked=checked.strip())
            self._amend(tx, row, course, actor, lines, last(course, PERSON).get("chosen", []))
            return self._shown(tx, row["id"])

        proven: Row = self._store.call(work)
        return proven

    def request_clarify(self, *, request: str, question: str, on: date | None = None, actor: str) -> Row:
        """Ask what is meant: the clock stands still until the answer (Art 12A)."""
        _needs(question, "a question", "--question 'Which of our calls do you mean?'")
        return self._step(request, on, actor, events.ClarificationAsked, words={"question": question})

    def request_clarified(
        self, *, request: str, answer: str, numbers: Sequence[str] = (), on: date | None = None, actor: str
    ) -> Row:
        """The answer came: the clock goes on, and what is held is searched for again."""
        lines = numbers_of(numbers)

        def work(tx: StoreTransaction) -> Row:
            row, course, before = self._load(tx, request)
            self._take(tx, row, before, events.Clarified(self._day(on, before)), actor)
            self._say(tx, row, actor, "answer", answer)
            self._amend(tx, row, course, actor, lines, last(course, PERSON).get("chosen", []))
            return self._shown(tx, row["id"])

        clarified: Row = self._store.call(work)
        return clarified

    def request_extend(self, *, request: str, reasons: str, on: date | None = None, actor: str) -> Row:
        """Three months in total, told with the reasons within the first (Art 12(3))."""
        _needs(reasons, "reasons", "--reasons 'forty recordings have to be heard'")
        return self._step(request, on, actor, events.Extended, words={"extension": reasons})

    def request_acknowledge(self, *, request: str, on: date | None = None, actor: str) -> Row:
        """The acknowledgement of a complaint was sent (DPA 2018 s.164A)."""
        return self._step(request, on, actor, events.Acknowledged, words={})

    def request_decide(
        self,
        *,
        request: str,
        grant: bool,
        ground: str | None = None,
        reasons: str = "",
        on: date | None = None,
        actor: str,
    ) -> Row:
        """Grant, or refuse on a ground from the list with reasons. A grant of an erasure or objection makes the
        person's numbers uncallable, one of a restriction closes their recordings, in the same transaction."""
        if grant == (ground is not None):
            raise UsageError("a request is granted, or refused on a ground", hint=f"grounds: {', '.join(Ground)}")
        if ground is not None:
            _needs(reasons, "reasons", "--reasons 'why, in words that the person understands'")

        def work(tx: StoreTransaction) -> Row:
            row, _, before = self._load(tx, request)
            day = self._day(on, before)
            if ground is not None:
                self._take(tx, row, before, events.Refused(day, Ground(ground)), actor)
                self._say(tx, row, actor, "reasons", reasons)
                return self._shown(tx, row["id"])
            self._take(tx, row, before, events.Granted(day), actor)
            self._say(tx, row, actor, "remark", reasons)
            self._grant(tx, row, before.asks, actor)
            return self._shown(tx, row["id"])

        decided: Row = self._store.call(work)
        return decided

    def _grant(self, tx: StoreTransaction, row: Row, asks: Asks, actor: str) -> None:
        if asks in _CALLED and not row["numbers"]:
            raise UsageError(
                f"{row['reference']}: which number is it about?",
                hint=f"dialgate request verify-identity {row['reference']} --number … --checked …",
            )
        if asks in (Asks.ERASURE, Asks.OBJECTION):
            self._keep_objections(tx, row, actor)
        if asks is Asks.RESTRICTION:
            for place, number in enumerate(row["numbers"]):
                body = {"kind": "restriction", "target": "number", "recording_id": None, "call_id": None}
                body |= {"number": number, "reason": "asked for by the person", "reference": row["reference"]}
                tx.append(Fact("hold", f"{row['id']}-r{place}", self._clock.now(), actor, body))

    def request_told(self, *, request: str, who: str = "person", on: date | None = None, actor: str) -> Row:
        """The answer went out: to the person, or a refusal to the supervisory ``authority``.

        What was granted is over with it. When a person has been told of their erasure, the request forgets them too,
        and so does one that was open while another erased them: reference, dates, decision and receipts stay.
        """
        if who not in ("person", "authority"):
            raise UsageError(f"{who!r} is nobody to tell", hint="person or authority")

        def work(tx: StoreTransaction) -> tuple[Row, bool]:
            row, course, before = self._load(tx, request)
            day = self._day(on, before)
            event: events.Event
            if before.state is State.REFUSED or who == "authority":
                event = events.PersonTold(day) if who == "person" else events.AuthorityTold(day)
            else:
                _done(row, course, before)
                event = events.Fulfilled(day)
            after = self._take(tx, row, before, event, actor)
            forgotten = self._let_go(tx, row, after, actor)
            return self._shown(tx, row["id"]), forgotten

        told, forgotten = self._store.call(work)
        self._cut_log(forgotten)
        return dict(told)

    def request_pack_made(
        self, *, request: str, sha256: str, calls: int, recordings: int, left_out: int, why: str = "", actor: str
    ) -> Row:
        """A pack was made for an access request: its digest, and what is in it; ``why`` recordings were left out."""

        def work(tx: StoreTransaction) -> Row:
            row, _, before = self._load(tx, request)
            _for_pack(row, before)
            body = {"sha256": sha256, "calls": calls, "recordings": recordings, "left_out": left_out}
            tx.append(self._fact(PACK, actor, body, row["id"]))
            self._say(tx, row, actor, "left_out", why)
            return self._shown(tx, row["id"])

        made: Row = self._store.call(work)
        return made

    def request_withdraw(self, *, request: str, reason: str = "", on: date | None = None, actor: str) -> Row:
        """The person takes it back."""
        return self._step(request, on, actor, events.Withdrawn, words={"withdrawal": reason})

    def request_list(
        self,
        *,
        text: str | None = None,
        after: str | None = None,
        limit: int = 50,
        state: str | None = None,
        everything: bool = False,
        actor: str,
    ) -> Row:
        """Requests that are not over, the one due first at the top; or ``everything``, newest first, or one state.
        ``text``: only those in whose reference, kind, state, name or number it stands."""
        today, words = self._today(), (text or "").strip()

        def work(tx: StoreTransaction) -> Row:
            if everything or state is not None:
                rows, following = self._book.page(tx, after, limit, state, words)
                return {"items": [self._brief(tx, row, today) for row in rows], "next": following}
            standing = open_standings(self._book, tx, today, words)
            return {"items": standing, "next": None}

        found: Row = self._store.call(work)
        return found

    def _brief(self, tx: StoreTransaction, row: Row, today: date) -> Row:
        course = self._book.course(tx, row["id"])
        return shown(row, course, replay(course), today)

    def request_show(self, *, request: str, actor: str) -> Row:
        """One request: how it stands, and every fact of its course."""

        def work(tx: StoreTransaction) -> Row:
            row, course, before = self._load(tx, request)
            facts = [{key: fact[key] for key in ("leaf_index", "kind", "at", "actor", "body")} for fact in course]
            return shown(row, course, before, self._today()) | {"facts": facts}

        found: Row = self._store.call(work)
        return found

    def _requests_now(self, tx: Source) -> Row:
        return counted(open_standings(self._book, tx, self._today()))


def _complete(
    asks: Asks, channel: str, name: str, lines: Sequence[str], since: datetime | None, until: datetime | None
) -> None:
    if channel not in CHANNELS:
        raise UsageError(f"{channel!r} is no channel", hint=f"one of: {', '.join(CHANNELS)}")
    if not name.strip() and not lines:
        raise UsageError("a request comes from somebody", hint="Give a name (--name), a number (--number), or both.")
    if asks is Asks.OBJECTION and not lines:
        raise UsageError(
            "an objection is kept by number", hint="Ask for the number that is not to be called: --number."
        )
    if len(lines) > MOST_NUMBERS:
        raise UsageError(f"{len(lines)} numbers are not one person's", hint=f"at most {MOST_NUMBERS}")
    if since and until and until <= since:
        raise UsageError("the span ends before it begins", hint="check the times")


def _needs(text: str, what: str, example: str) -> None:
    if not text.strip():
        raise UsageError(f"this needs {what}", hint=f"Example: {example}")


def _nameless(checked: str, name: str) -> None:
    """Raise where what was checked names who asks: it stays when the request forgets them."""
    if (_words(name) & _words(checked)) - _TITLES - _PROOFS:
        raise UsageError(
            "what was checked is kept, also when the person is forgotten: their name is in it",
            hint="Say the kind of proof only: 'passport seen in person'.",
        )


def _words(text: str) -> set[str]:
    """Its words, without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(each for each in plain if not unicodedata.combining(each))
    return set(re.findall(r"[^\W\d_]{2,}", letters))


def _for_pack(row: Row, request: Request) -> None:
    if request.asks is not Asks.ACCESS or request.state is not State.GRANTED:
        raise RefusedError(
            f"{row['reference']}: a pack is made for an access request that is granted; this one is for "
            f"{request.asks} and {request.state}",
            reason=READY,
            hint=f"See: dialgate request show {row['reference']}",
        )


def _done(row: Row, course: list[Row], request: Request) -> None:
    """Raise where what was granted is not done yet: nobody is told of what has not happened."""
    if request.state is not State.GRANTED:
        return  # the rules say what is wrong
    if undone(row, request, course):
        raise RefusedError(
            f"{row['reference']}: it is granted, but not done yet",
            reason=READY,
            hint=f"dialgate request fulfil {row['reference']}",
        )
