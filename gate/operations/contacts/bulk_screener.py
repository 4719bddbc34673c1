"""The decision of ``gate.core.screening.decide`` for columns of numbers.

Nothing is decided here. All that ``decide`` sees of a number, once the moment, the attempt and the rules are fixed, is
its sort (kind, place, refusal), what the registers say, and what the firm holds of it. Where the firm holds nothing,
numbers that agree in the other two get one decision, asked for once; a number of which something is held is asked for
by itself.

Many spellings of UK numbers are read at once (``NumberReader``): what ``gate.core.numbers.parse`` makes of them, in a
tenth of its time. Only what is plainly digits and separators, and of a length that nearly every UK number has, is read
here; whatever else there is says so, and is left to ``parse``. No rule stands here a second time: which numbers exist,
of what kind and where, is asked of ``parse`` once for every block of a hundred or a thousand numbers (its first seven
national digits), which is as far as it ever looks at a number of nine or ten digits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from gate.calls.trust import STEP
from gate.config import Config
from gate.core import cells
from gate.core.days import LONDON
from gate.core.hours import Hours
from gate.core.numbers import MAX_RAW, Kind, Number, NumberRefused, is_decimal, is_drama, parse
from gate.core.rules import Rules, named
from gate.core.screening import decide
from gate.core.terms import NOBODY_KNOWN, REGISTER_TITLES, Attempt, Objection, Purpose, Reason, RegisterView, Topic
from gate.errors import StoreError
from gate.operations.audit.signed_log import newest_entry, origin_of, standing
from gate.operations.data_folder import rules_of
from gate.operations.memory.place import behind
from gate.registers.fixed import FixedRegisters
from gate.store.own import Entries, OwnLists
from gate.store.queries import holds
from gate.store.reader import Reader, place_of
from gate.store.spool import NAME as SPOOL
from gate.store.spool import left_in

Integers = npt.NDArray[np.int64]

_WIDTH: Final = 16
"""The longest spelling read here, ``00440`` and ten digits, has 15 characters."""
_BLOCKS: Final = 10**7
_SEPARATORS: Final = b" -.("
"""Separators of ``gate.core.numbers``, without the closing bracket."""


class Sort(NamedTuple):
    """All that a decision can see of a number but for its own digits."""

    kind: Kind | None
    """None: refused, with code and explanation."""
    jurisdiction: str = ""
    drama: bool = False
    code: Reason | None = None
    explanation: str = ""
    named: str = ""
    """What ``calling.block`` calls it."""


def sort_of(number: Number | NumberRefused) -> Sort:
    """The sort of what ``parse`` returned or raised."""
    if isinstance(number, Number):
        return Sort(number.kind, number.jurisdiction, is_drama(number.e164), named=named(number))
    return Sort(None, code=number.code, explanation=number.explanation)


def read(raw: str) -> Number | NumberRefused:
    """``parse``, its refusal returned."""
    try:
        return parse(raw)
    except NumberRefused as refused:
        # A traceback holds its frames, and through them all that was in hand: a block of rows for every refusal.
        return refused.with_traceback(None)


class NumberReader:
    """Reads many, and remembers the sorts that it has met."""

    def __init__(self) -> None:
        self.sorts: list[Sort] = []
        """Sorts by their number in what ``read_many`` returns."""
        self._index: dict[Sort, int] = {}
        # By number of digits and first seven of them: 1 + number of the sort, 0 where it was not yet asked for. Virtual
        # memory: what is never met takes none.
        self._blocks = {digits: np.zeros(_BLOCKS, dtype=np.int32) for digits in (9, 10)}

    def read_many(self, raws: Sequence[str]) -> tuple[Integers, Integers]:
        """For each text the integer of its E.164 digits and the number of its sort; the latter -1 where the text is
        left to ``parse``."""
        national, digits = spelled(raws)
        sorts = np.full(len(raws), -1, dtype=np.int64)
        keys = np.zeros(len(raws), dtype=np.int64)
        for length, known in self._blocks.items():
            rows = np.flatnonzero(digits == length)
            numbers = national[rows]
            blocks = numbers // 10 ** (length - 7)
            new = known[blocks] == 0
            for number in dict(zip(blocks[new].tolist(), numbers[new].tolist(), strict=True)).values():
                known[number // 10 ** (length - 7)] = 1 + self.number_of(sort_of(read(f"0{number}")))
            sorts[rows] = known[blocks] - 1
            keys[rows] = numbers + 44 * 10**length
        return keys, sorts

    def number_of(self, sort: Sort) -> int:
        """The place of a sort in ``sorts``."""
        place = self._index.get(sort)
        if place is None:
            place = self._index[sort] = len(self.sorts)
            self.sorts.append(sort)
        return place


def spelled(raws: Sequence[str]) -> tuple[Integers, Integers]:
    """National number, without its 0, and how many digits it has (9 or 10; 0 where the text is not read here)."""
    table = _table(raws)
    values = table - np.uint8(ord("0"))
    is_digit = values < 10
    length = np.count_nonzero(table, axis=1)
    plus = table[:, 0] == ord("+")
    whole = np.zeros(len(raws), dtype=np.int64)
    for column in range(_WIDTH - 1):
        whole = np.where(is_digit[:, column], whole * 10 + values[:, column], whole)
    count = length - plus
    sound = (np.count_nonzero(is_digit, axis=1) == count) & (length < _WIDTH)
    zero = ~plus & (values[:, 0] == 0)
    zeros = zero & (values[:, 1] == 0)
    abroad = plus | (values[:, 0] == 4) | zeros
    count -= 2 * zeros  # 0044…: as if it were +44…

    ten, nine = whole % 10**10, whole % 10**9
    first, stray = whole // 10**10, whole // 10**9
    digits = np.zeros(len(raws), dtype=np.int64)
    at_home = sound & zero & ~zeros
    digits[at_home & (count == 11) & (whole >= 10**9)] = 10
    digits[at_home & (count == 10) & (whole >= 10**8)] = 9
    in_full = sound & abroad & ((values[:, 2] != 0) | ~zeros)
    long = ((count == 12) & (first == 44)) | ((count == 13) & (first == 440))
    short = ((count == 11) & (stray == 44)) | ((count == 12) & (stray == 440))
    digits[in_full & long & (ten >= 10**9)] = 10
    digits[in_full & short & (nine >= 10**8)] = 9
    return np.where(digits == 10, ten, nine), digits


def _table(raws: Sequence[str]) -> npt.NDArray[np.uint8]:
    """The texts without separators, each in a row of 16 bytes, zeros behind it; one that is not to be read here holds a
    byte that is no digit."""
    joined = "\n".join(raws)
    if joined.count("\n") != len(raws) - 1 or len(max(raws, key=len)) > MAX_RAW:
        joined = "\n".join("x" if "\n" in raw or len(raw) > MAX_RAW else raw for raw in raws)
    if ".0" in joined:
        joined = "\n".join("x" if is_decimal(raw.strip()) else raw for raw in joined.split("\n"))
    plain = joined.encode("ascii", "replace").translate(None, _SEPARATORS).replace(b"\0", b"x")
    if b")" in plain:
        # ``parse`` refuses a text that ends with a bracket; elsewhere brackets are separators.
        plain = (plain + b"\n").replace(b")\n", b"x\n").replace(b")", b"")[:-1]
    cells = np.array(plain.split(b"\n"), dtype=f"S{_WIDTH}")
    return cells.view(np.uint8).reshape(len(raws), _WIDTH)


NO_NUMBER = "no_number"
"""The reason of an empty field: there is nothing to be called."""
REMEMBERED = 10_000
"""Texts that are no plain UK number, and what became of them: the same ones come again and again."""


_PAUSES = (0.1, 0.3, 1.0)


class Outcome(NamedTuple):
    """The verdict and reason that are written beside a number."""

    verdict: str
    reason: str
    as_of: tuple[str, ...]
    """The day of each register that was asked, in the order of the rules; empty where it was not."""


@dataclass(frozen=True, slots=True)
class Answers:
    """A column's answers."""

    outcomes: Integers
    """Numbers of outcomes, a row each."""
    numbers: list[str]
    """E.164, empty where the text was refused."""


class BulkScreener:
    """Decides columns of texts, all as of one moment."""

    def __init__(self, registers: FixedRegisters, own: OwnLists, rules: Rules, attempt: Attempt, now: datetime) -> None:
        self.registers = registers
        self.rules = rules
        self.attempt = attempt
        self.now = now
        self.outcomes: list[Outcome] = []
        """Outcomes by their numbers."""
        self._own = own
        # where both registers are looked up anyhow, whose line it is changes a decision by its consents alone
        held = own.numbers if set(rules.registers) == REGISTER_TITLES.keys() else own.numbers | own.noted
        self._own_keys = np.array(sorted(int(number[1:]) for number in held), dtype=np.int64)
        self._numbers = NumberReader()
        self._index: dict[Outcome, int] = {}
        self._shared: dict[int, int] = {}
        self._remembered: dict[str, tuple[int, str]] = {}

    def screen(
        self, raws: Sequence[str], text_of: Callable[[str], str] = str, objecting: Sequence[int] = ()
    ) -> Answers:
        """The outcome of every text. ``text_of`` makes the text to be read of one that is not plain ASCII;
        ``objecting``: rows whose file says that they want no calls (``gate.core.cells``).

        Raises ``RegisterError`` where a snapshot was damaged during the run.
        """
        if not raws:
            return Answers(np.zeros(0, dtype=np.int64), [])
        keys, sorts = self._numbers.read_many(raws)
        refused = np.array([sort.kind is None for sort in self._numbers.sorts] + [True], dtype=np.bool_)
        plain = sorts >= 0
        numbered = plain & ~refused[sorts]
        codes = np.zeros(len(raws), dtype=np.int64)
        codes[numbered] = self.registers.look_up(keys[numbered])
        alone = ~plain | self._held(keys, numbered)
        alone[list(objecting)] = True
        objections = frozenset(objecting)
        outcomes = self._together(sorts, codes, keys, ~alone)
        numbers = [f"+{key}" for key in keys.tolist()]
        for row in np.flatnonzero(plain & ~numbered).tolist():
            numbers[row] = ""
        for row in np.flatnonzero(alone).tolist():
            raw = raws[row]
            text = cells.plain(raw if raw.isascii() else text_of(raw))
            outcomes[row], numbers[row] = self._objected(text) if row in objections else self._one(text)
        return Answers(outcomes, numbers)

    def _held(self, keys: Integers, numbered: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """The rows of whose number the firm holds something."""
        held = np.zeros(len(keys), dtype=np.bool_)
        if len(self._own_keys):
            place = np.minimum(np.searchsorted(self._own_keys, keys), len(self._own_keys) - 1)
            held = numbered & (self._own_keys[place] == keys)
        if self._own.has_erased:
            for row in np.flatnonzero(numbered & ~held).tolist():
                held[row] = self._own.is_erased(f"+{keys[row]}")
        return held

    def _together(
        self, sorts: Integers, codes: Integers, keys: Integers, rows: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """Outcomes of these rows: one decision for all that agree in sort and code."""
        groups = np.where(rows, sorts * self.registers.codes + codes, -1)
        known = np.full(len(self._numbers.sorts) * self.registers.codes + 1, -1, dtype=np.int64)
        for group, outcome in self._shared.items():
            known[group] = outcome
        for row in np.flatnonzero(rows & (known[groups] < 0)).tolist():
            group = int(groups[row])
            if known[group] < 0:
                key = int(keys[row])
                number = read(f"+{key}")
                views = self.registers.views(int(codes[row])) if isinstance(number, Number) else ()
                known[group] = self._shared[group] = self._decided(number, views, None)
        known[-1] = -1
        return known[groups]

    def _one(self, raw: str) -> tuple[int, str]:
        """Outcome and number of one text, by itself."""
        if (met := self._remembered.get(raw)) is not None:
            return met
        if not raw.strip():
            answer = self._number_of(Outcome("block", NO_NUMBER, ("",) * len(self.rules.registers))), ""
        else:
            answer = self._asked(read(raw), ())
        if len(self._remembered) < REMEMBERED:
            self._remembered[raw] = answer
        return answer

    def _objected(self, raw: str) -> tuple[int, str]:
        """The same of a text whose owner objects as of now: no consent is newer."""
        if not raw.strip():
            return self._one(raw)
        return self._asked(read(raw), (Objection("", self.now, sys.maxsize),))

    def _asked(self, number: Number | NumberRefused, objections: tuple[Objection, ...]) -> tuple[int, str]:
        if isinstance(number, NumberRefused):
            return self._decided(number, (), None), ""
        views, held = self.registers.view(number.e164), self._own.entries(number.e164)
        if objections:
            held = held._replace(objections=(*held.objections, *objections))
        return self._decided(number, views, held), number.e164

    def _decided(self, number: Number | NumberRefused, views: Sequence[RegisterView], held: Entries | None) -> int:
        decision = decide(
            self.attempt,
            number=number,
            registers=views,
            consents=held.consents if held else (),
            objections=held.objections if held else (),
            stops=held.stops if held else (),
            last_unattended=held.last_unattended if held else None,
            subscriber=held.subscriber if held else NOBODY_KNOWN,
            rules=self.rules,
            now=self.now,
        )
        days = {view.name: view.as_of.isoformat() for view in decision.registers if view.as_of}
        as_of = tuple(days.get(name, "") for name in self.rules.registers)
        return self._number_of(Outcome(decision.verdict.value, decision.reason.value, as_of))

    def _number_of(self, outcome: Outcome) -> int:
        place = self._index.get(outcome)
        if place is None:
            place = self._index[outcome] = len(self.outcomes)
            self.outcomes.append(outcome)
        return place


# --- of a data folder ----------------------------------------------------------------------------------------------


def bulk_screener(
    config: Config,
    *,
    purpose: str,
    topic: str,
    now: datetime,
    at: datetime | None,
    actor: str,
    on_behalf_of: str = "",
    compared: bool = False,
) -> BulkScreener:
    """Registers, own lists and rules as of this moment.

    Where ``at`` is None, calling hours and the redial pause are left out: they are asked of every call when it is made,
    and a list screened at night is dialled by day. Else everything is decided as if all were called then.
    ``on_behalf_of``: the instigator for whom the calls would be, by name; empty: the firm itself.
    ``compared``: where the evidence is older than what was signed, nothing is allowed (``evidence_rolled_back``),
    nor by a clock that is behind the log (``clock_behind``), nor while an objection waits for the store
    (``evidence_unavailable``).
    Raises ``StoreError`` where own lists cannot be read.
    """
    moment = at or now
    rules = replace(rules_of(config), emergency_numbers=frozenset())  # in a list they are faults
    if at is None:
        rules = replace(rules, hours=Hours.always(), redial=timedelta(0))
    path = config.data / "number.key"
    try:
        pepper = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read: {error.strerror}", hint="run as the gate's account; restore it where it is missing"
        ) from None
    with Reader(place_of(config)) as reader:
        own = OwnLists(reader, pepper)
        if compared and standing(config, reader).why:
            rules = replace(rules, evidence=Reason.EVIDENCE_ROLLED_BACK)
        elif compared and _forgets(config, pepper):
            rules = replace(rules, evidence=Reason.MEMORY_UNAVAILABLE)
        elif compared and (latest := newest_entry(reader)) and now < latest - STEP:
            rules = replace(rules, evidence=Reason.CLOCK_BEHIND)
        elif compared and _objection_waits(config):
            rules = replace(rules, evidence=Reason.EVIDENCE_UNAVAILABLE)
    today = moment.astimezone(LONDON).date()
    registers = FixedRegisters(config.data / "registers", tuple(REGISTER_TITLES), today, live=rules.live)
    asked = ("", Purpose(purpose), Topic(topic), config.firm.numbers[0], False, actor)
    attempt = Attempt(*asked, on_behalf_of=on_behalf_of)
    return BulkScreener(registers, own, rules, attempt, moment)


def _objection_waits(config: Config) -> bool:
    """Whether an objection is in the spool that the store lacks, or what may be one. A gate that is just keeping it is
    waited for."""
    for pause in _PAUSES:
        left = left_in(config.data / SPOOL, lambda: origin_of(config))
        waiting = [each for group in left.groups for each in group if each.objects]
        with Reader(place_of(config)) as reader:
            if not left.damaged and all(holds(reader, *each) for each in waiting):
                return False
        time.sleep(pause)
    return True


def _forgets(config: Config, pepper: bytes) -> bool:
    """Whether the store may lack what the journal in the second place holds. A gate that is just writing into it is
    waited for."""
    for pause in _PAUSES:
        with Reader(place_of(config)) as reader:
            if not behind(config, pepper, reader.connection):
                return False
        time.sleep(pause)
    return True
