"""Who was given what is erased, locked or put right, and is to be told of it (Art 19 UK GDPR).

The grant of a restriction (``request_granted``), the receipt of an erasure (``request_carried``) and a statement of
what is right (``request_rectified``) name each of them with what they were given, by ids alone: the letter to them is
made from it, also when the request has forgotten the person. After an erasure of what a hold had kept it names those of
whose recordings and records more is erased. A bundle of evidence is known by its period: it holds calls that were
refused or not recorded, too, and entries of the lists. The person's own packs are not told of here: the confirmation
says it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from gate.core.days import spoken_day
from gate.core.facts import requests as kinds
from gate.core.rows.calls import FactRow
from gate.core.rows.requests import Given, Handed
from gate.errors import UsageError
from gate.operations.erasure.plan import GONE, MOST
from gate.operations.requests.standing import last
from gate.operations.requests.steps import Whose
from gate.store import erasure
from gate.store import requests as book
from gate.store.handed_out import handed_out, in_bundles, leaves_about, purposes_of
from gate.store.transaction import StoreTransaction

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

_HINT: Final = "Give one of these with --recipient; dialgate key list says who they are."


ToTell = dict[str, list[Given]]
"""Recipient -> what they were given."""


def to_tell(tx: StoreTransaction, course: list[FactRow], erased: Collection[str], leaves: Collection[int]) -> ToTell:
    """Recipients of recordings that are erased now, or of facts that are (``leaves``), and of which they have not been
    named, each with all that they were given and is erased."""
    handed = _with_bundles(_handed(tx, handed_of(last(course, kinds.Carrying)), erased), in_bundles(tx, leaves))
    named = {recipient: _named(course, recipient) for recipient in handed}
    return {
        recipient: given
        for recipient, given in handed.items()
        if {name for each in given for name in _names(each)} - named[recipient]
    }


def to_tell_of_restriction(tx: StoreTransaction, numbers: list[str], of: Whose | None = None) -> ToTell:
    """Recipients of what is held of these numbers, each with what they were given: recordings that are not erased,
    records of calls, entries of the lists; ``of``: but for what is somebody else's."""
    of = of or Whose()
    calls = book.calls_of(tx, numbers, of.since, of.until, limit=MOST) if numbers else []
    others = {each.id for each in of.entries_of_others(tx, numbers)}
    there = [each.recording_id for each in calls if each.recording_id and each.recording not in GONE]
    leaves = leaves_about(tx, [each.call_id for each in calls], numbers, whole=True, but=others)
    return _with_bundles(_handed(tx, handed_out(tx, there, []), there), in_bundles(tx, leaves))


def to_tell_of_rectification(
    tx: StoreTransaction, course: list[FactRow], calls: list[str], entries: list[str]
) -> ToTell:
    """Recipients of what is put right: recordings and records of these calls, entries of the lists by their ids; with
    those who were named before."""
    there = [each.recording_id for each in book.calls(tx, calls) if each.recording_id and each.recording not in GONE]
    leaves = [*leaves_about(tx, calls, (), whole=False), *erasure.leaves_of(tx, entries)]
    found = _with_bundles(_handed(tx, handed_out(tx, there, []), there), in_bundles(tx, leaves))
    for tell in _receipts(course):
        for recipient in found.keys() & tell.keys():
            found[recipient] = [*(each for each in tell[recipient] if each not in found[recipient]), *found[recipient]]
    return found


def _with_bundles(found: ToTell, bundles: list[Handed]) -> ToTell:
    """With what went out in bundles besides recordings."""
    for each in bundles:
        given = Given(bundle=each.bundle, on=each.on, calls=each.calls, entries=each.entries)
        found.setdefault(each.recipient, []).append(given)
    return dict(sorted(found.items()))


def _handed(tx: StoreTransaction, handed: list[Handed], among: Collection[str]) -> ToTell:
    """Whoever else was given these recordings, and what of them.

    A key of the firm's own, to which no export may go, opens recordings inside it and receives nothing.
    """
    found: ToTell = {}
    for each in handed:
        for recipient in each.recipient.split():
            if each.what == "bundle" or (each.what == "recording" and _outside(tx, recipient)):
                mine = sorted((each.recordings or {}).items())
                given = [Given(recording=name, on=how.on, bundles=how.bundles) for name, how in mine if name in among]
                found.setdefault(recipient, []).extend(given)
    return {recipient: given for recipient, given in sorted(found.items()) if given}


def given_to(course: list[FactRow], recipient: str) -> tuple[str, ...]:
    """What a recipient was given and is erased or locked, a line each, from the newest fact that names them."""
    given = next((tell[recipient] for tell in reversed(_receipts(course)) if recipient in tell), [])
    return tuple(line for each in given for line in _lines(each))


def who_got(folder: DataFolder, handed: Sequence[Handed]) -> tuple[str, ...]:
    """Whom something was given to (``handed_out``, ``in_bundles``), what and when, a line each: to whom exports may go.

    A key of the firm's own, to which none may, opens recordings inside it and receives nothing.
    """
    known = folder.keyring().ever()
    # a bundle is told of once, by the most that it holds
    recorded = {
        (each.recipient, name)
        for each in handed
        for recording in (each.recordings or {}).values()
        for name in recording.bundles
    }
    lines = []
    for each in handed:
        day = spoken_day(date.fromisoformat(each.on))
        if each.what == "pack":
            continue
        if each.bundle and (each.recipient, each.bundle) in recorded:
            continue
        for key in each.recipient.split() or ["?"]:
            who = known.get(key)
            purpose = who.purpose if who else ""
            if each.what == "recording" and not purpose:
                continue
            purpose = purpose or "no longer on our register"
            lines.append(f"{who.name if who else key} ({purpose}): {_went(each)}, on {day}")
    return tuple(dict.fromkeys(lines))


def own_copies(handed: Sequence[Handed]) -> tuple[str, ...]:
    """The packs among it, which went to the person, or to whoever acted for them."""
    packs = [each for each in handed if each.what == "pack"]
    days = [spoken_day(date.fromisoformat(each.on)) for each in packs]
    return tuple(f"the file that answered {each.recipient}, on {day}" for each, day in zip(packs, days, strict=True))


def _went(handed: Handed) -> str:
    if handed.what == "recording":
        return "a recording"
    if not handed.bundle:
        return "a bundle of evidence with recordings"
    return f"a bundle of evidence with {'records of calls' if handed.calls else 'other records of you'}"


def handed_of(carrying: kinds.Carrying | None) -> list[Handed]:
    """What went to whom, as it was known when an erasure was decided."""
    return (carrying.recipients or []) if carrying else []


def chosen(recipients: Collection[str], untold: Collection[str], named: str) -> str:
    """The recipient who is meant: the one that is named, else the only one. Raises ``UsageError``."""
    if named in recipients:
        return named
    left = sorted(untold or recipients)
    if named or len(left) != 1:
        what = f"{named} was given nothing of this" if named else "which recipient?"
        raise UsageError(f"{what}: {', '.join(left)}", hint=_HINT)
    return left[0]


def _outside(tx: StoreTransaction, recipient: str) -> bool:
    return bool(purposes_of(tx, [recipient]).get(recipient))


_NAMING: Final = {each.kind: each for each in (kinds.Carried, kinds.Granted, kinds.Rectified)}
"""The facts that name recipients."""


def _receipts(course: list[FactRow]) -> list[ToTell]:
    """List what the receipts of erasures say, oldest first."""
    return [_NAMING[fact.kind].read(fact.body).tell or {} for fact in course if fact.kind in _NAMING and fact.body]


def _named(course: list[FactRow], recipient: str) -> set[str]:
    return {name for tell in _receipts(course) for each in tell.get(recipient, ()) for name in _names(each)}


def _names(given: Given) -> list[str]:
    """List what somebody was given, each by a name of its own."""
    if given.recording:
        return [f"recording {given.recording}"]
    return [f"{given.bundle} {name}" for name in (*(given.calls or ()), *(given.entries or ()))]


def _lines(given: Given) -> list[str]:
    day = spoken_day(date.fromisoformat(given.on))
    if given.recording:
        bundles = [f", in the bundle of evidence {name}" for name in given.bundles or ()] or [""]
        return [f"recording {given.recording}{bundle}, on {day}" for bundle in bundles]
    records = [*(f"records of call {name}" for name in given.calls or ()), *(given.entries or ())]
    return [f"{record}, in the bundle of evidence {given.bundle}, on {day}" for record in records]
