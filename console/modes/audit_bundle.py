"""A bundle for an auditor: whom it is for, which days, why, into which file; made with the keys that are open here."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console import words
from console.feed import on_thread
from console.modes import audit_shown as shown
from console.modes.request_forms import filled
from console.theme import PLAIN
from console.widgets.ask import NO, YES, Field
from console.widgets.pick import Pick
from console.widgets.rows import Column
from console.widgets.working import worked
from gate.core.days import HOW_WITH_TIME, LONDON, moment_of
from gate.core.rows.audit import ALONE
from gate.core.rows.keys import RecipientWorth
from gate.errors import StoppedError, UsageError
from gate.operations.audit.exporting import AuditExport, Exportable
from gate.operations.keys.recipients import KeyList
from gate.showing import clean

if TYPE_CHECKING:
    from console.modes.base import GateScreen
    from gate.client.opening import KeyOpener
    from gate.types import Progress

RECIPIENTS: Sequence[Column[RecipientWorth]] = (
    Column("Name", 18, lambda row: words.text(row.name), grows=True),
    Column("Role", 11, lambda row: words.text(row.role)),
    Column("Exports for", 14, shown.purpose),
    Column("Recordings", 12, shown.sealed_to),
    Column("Alone", 13, shown.sole, rank=1),
)


async def recipient(screen: GateScreen) -> RecipientWorth | None:
    """Somebody from the register of recipients, picked; None where it was left."""
    register = await screen.ask(KeyList())
    if register is None:
        return None
    picked: RecipientWorth | None = await screen.app.push_screen_wait(
        Pick(
            "Whom is the bundle for?",
            RECIPIENTS,
            sorted((row for row in register.recipients if row.purpose), key=lambda row: row.name),
            key_of="id",
            said="Those of the register of recipients whom exports may go to.",
            none="Nobody: dialgate key add FILE --purpose …",
        )
    )
    return picked


async def export(screen: GateScreen, opener: KeyOpener, who: RecipientWorth) -> Mapping[str, Any] | None:
    """Ask for the rest, and make it; what it is, or None. The form stays, with what was wrong in it."""

    unlocked: set[str] = set()

    async def send(told: Mapping[str, str]) -> Mapping[str, Any]:
        since, until = period(told["since"], told["until"])
        if (key := told["key"].strip()) and key not in unlocked:
            await _unlock(screen, opener, Path(key))
            unlocked.add(key)
        alone = await _evidence_only(screen, await on_thread(partial(opener.exportable, since, until, who.id)), who)
        stop, output = threading.Event(), Path(told["output"].strip())

        async def act(progress: Progress) -> Any:
            heed = partial(screen.app.call_from_thread, progress)
            make = partial(opener.bundle, evidence_only=alone)
            return await on_thread(partial(make, since, until, who.id, told["purpose"].strip(), output, stop, heed))

        async def end() -> None:
            stop.set()

        made: Mapping[str, Any] = await worked(screen.app, f"Exporting to {clean(str(output))}", act, end)
        return made

    said = f"For {clean(who.name)}, {shown.purpose(who)[0].replace('_', ' ')}."
    if opener.holder():
        said += f"\nKeys open now: {clean(opener.holder())}."
    fields = _fields(screen)
    made: Mapping[str, Any] | None = await filled(screen, "Export a bundle", fields, send, said=said, act="Export")
    return made


def _fields(screen: GateScreen) -> Sequence[Field]:
    """The month before this one is offered."""
    last = screen.feed.now().astimezone(LONDON).date().replace(day=1) - timedelta(days=1)
    return (
        Field.from_request(AuditExport, "since", f"{last.replace(day=1):%d/%m/%Y}"),
        Field.from_request(AuditExport, "until", f"{last:%d/%m/%Y}"),
        Field.from_request(AuditExport, "purpose"),
        Field("output", "File", str(screen.app.setup.exports / f"{last:%Y-%m}.bundle")),
        Field("key", "Private key, for recordings not sealed to the recipient", needed=False,
              hint="empty: none, or those that are open"),
    )  # fmt: skip


def period(since: str, until: str) -> tuple[datetime, datetime]:
    """What was typed, as ``[since, until)``: a day to its end, London. Raises ``UsageError``."""
    return _moment(since, 0), _moment(until, 1)


def _moment(text: str, days: int) -> datetime:
    try:
        return moment_of(text, words.today(), end=bool(days))
    except (ValueError, OverflowError):
        raise UsageError(f"{text.strip()!r} is no day and no time", hint=HOW_WITH_TIME) from None


async def _evidence_only(screen: GateScreen, found: Exportable, who: RecipientWorth) -> bool:
    """Whether the recordings are to be left out, asked where there are some that nobody could open: what is offered
    first is evidence alone where that is so of all. Raises ``StoppedError`` where it was left."""
    if not found.closed:
        return False
    those = f"{found.closed:,} of {words.many(found.recordings, 'recording')}"
    offered = Field.from_request(
        AuditExport, "evidence_only", YES if found.closed == found.recordings else NO, needed=False
    )

    async def send(told: Mapping[str, str]) -> str:
        if told["evidence_only"] != YES:
            raise UsageError(f"{those} cannot be opened", hint="Leave this, and give a private key that opens them.")
        return YES

    said = f"{those} of the period cannot be opened by the key of {clean(who.name)}, nor by those that are open here."
    title = "Evidence alone?"
    if await filled(screen, title, (offered,), send, said=said, act="Export") is None:
        raise StoppedError(f"{those} cannot be opened", hint="Give a private key that opens them, or evidence alone.")
    return True


async def _unlock(screen: GateScreen, opener: KeyOpener, key: Path) -> None:
    """The key's passphrase goes from the field to the opener, and nowhere else. Raises ``GateError``."""

    async def send(told: Mapping[str, str]) -> str:
        return await on_thread(partial(opener.unlock, key, told["passphrase"]))

    field = Field("passphrase", f"Passphrase of {clean(key.name)}", secret=True)
    said = "The key is opened in this console. Neither it nor its passphrase goes to the gate."
    if await filled(screen, "Open with a private key", (field,), send, said=said, act="Open") is None:
        raise StoppedError(f"{key} was not opened", hint="Type its passphrase, or leave the field empty.")


def written(answer: Mapping[str, Any]) -> tuple[words.Shown, ...]:
    """What was made, in words."""
    counts = answer.get("counts") or {}
    went = f"{counts.get('included', 0):,} of {counts.get('recordings', 0):,}"
    lines = [
        f"Written: {clean(str(answer.get('file')))}",
        f"{words.many(counts.get('calls', 0), 'call')}, recordings: {went}.",
        *([ALONE] if answer.get("evidence_only") else []),
        "Give the verifier key (K) separately from the bundle.",
    ]
    lines += [
        f"Recording {clean(str(each))} is not as the log says; it went out as it is." for each in answer["damaged"]
    ]
    return tuple((line, PLAIN) for line in lines)
