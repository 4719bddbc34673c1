"""A bundle for an auditor: whom it is for, which days, why, into which file; made with the keys that are open here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console import words
from console.feed import on_thread
from console.modes import audit_shown as shown
from console.theme import PLAIN
from console.widgets.ask import Ask, Field
from console.widgets.pick import Pick
from console.widgets.rows import Column
from console.widgets.working import Working
from gate.core.days import HOW_WITH_TIME, LONDON, moment_of
from gate.core.rows.keys import RecipientWorth
from gate.errors import GateError, RefusedError, StoppedError, UsageError
from gate.operations.audit.exporting import AuditExport
from gate.operations.keys.recipients import KeyList
from gate.showing import clean

if TYPE_CHECKING:
    from console.modes.base import GateScreen
    from gate.client.opening import KeyOpener

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
            sorted(register.recipients, key=lambda row: (not row.purpose, row.name)),
            key_of="id",
            said="The register of recipients. Exports go to those with a purpose; the gate refuses others.",
            none="Nobody: dialgate key add FILE --purpose …",
        )
    )
    return picked


async def export(screen: GateScreen, opener: KeyOpener, who: RecipientWorth) -> Mapping[str, Any] | None:
    """Ask for the rest, and make it; what it is, or None. The form comes back with what was wrong in it."""
    values, said = _begin(screen), f"For {clean(who.name)}, {shown.purpose(who)[0].replace('_', ' ')}."
    wrong = ""
    while True:
        keys = f"Keys open now: {clean(opener.holder())}." if opener.holder() else ""
        form = await screen.app.push_screen_wait(_form(values, "\n".join(filter(None, (said, keys, wrong)))))
        if form is None:
            return None
        values = dict(form)
        try:
            since, until = period(form["since"], form["until"])
            if form["key"].strip() and not await _unlocked(screen, opener, Path(form["key"].strip())):
                continue
            values["key"] = ""  # it is open now
            answer: Any = await _made(screen, opener, who, (since, until), form)
        except GateError as error:
            answer = error
        if isinstance(answer, RefusedError | StoppedError):
            _say(screen, answer)
            return None
        if isinstance(answer, GateError):
            wrong = f"{answer.message}\n{answer.hint}".strip()
        else:
            made: Mapping[str, Any] | None = answer
            return made


def _say(screen: GateScreen, error: GateError) -> None:
    if isinstance(error, StoppedError):
        screen.notify(f"{error.message}: {error.hint}", timeout=6, markup=False)
    else:
        screen.complain(error)


def _begin(screen: GateScreen) -> dict[str, str]:
    """The month before this one."""
    last = screen.feed.now().astimezone(LONDON).date().replace(day=1) - timedelta(days=1)
    file = screen.app.setup.exports / f"{last:%Y-%m}.bundle"
    return {
        "since": f"{last.replace(day=1):%d/%m/%Y}",
        "until": f"{last:%d/%m/%Y}",
        "purpose": "",
        "output": str(file),
        "key": "",
    }


def _form(values: Mapping[str, str], said: str) -> Ask:
    return Ask(
        "Export a bundle",
        (
            *(Field.from_request(AuditExport, name, values[name]) for name in ("since", "until", "purpose")),
            Field("output", "File", values["output"]),
            Field("key", "Private key, for recordings not sealed to the recipient", values["key"], needed=False,
                  hint="empty: none, or those that are open"),
        ),
        said=said,
        act="Export",
    )  # fmt: skip


def period(since: str, until: str) -> tuple[datetime, datetime]:
    """What was typed, as ``[since, until)``: a day to its end, London. Raises ``UsageError``."""
    return _moment(since, 0), _moment(until, 1)


def _moment(text: str, days: int) -> datetime:
    try:
        return moment_of(text, words.today(), end=bool(days))
    except (ValueError, OverflowError):
        raise UsageError(f"{text.strip()!r} is no day and no time", hint=HOW_WITH_TIME) from None


async def _unlocked(screen: GateScreen, opener: KeyOpener, key: Path) -> bool:
    """The key's passphrase goes from the field to the opener, and nowhere else."""
    form = await screen.app.push_screen_wait(
        Ask(
            "Open with a private key",
            (Field("passphrase", f"Passphrase of {clean(key.name)}", secret=True),),
            said="The key is opened in this console. Neither it nor its passphrase goes to the gate.",
            act="Open",
        )
    )
    if form is None:
        return False
    await on_thread(partial(opener.unlock, key, form["passphrase"]))
    return True


async def _made(
    screen: GateScreen,
    opener: KeyOpener,
    who: RecipientWorth,
    between: tuple[datetime, datetime],
    form: Mapping[str, str],
) -> Any:
    """What was made, or the error."""
    stop, output = threading.Event(), Path(form["output"].strip())

    async def act(progress: Callable[[float, str], None]) -> Any:
        heed = partial(screen.app.call_from_thread, progress)
        work = partial(opener.bundle, *between, who.id, form["purpose"].strip(), output, stop, heed)
        return await on_thread(work)

    async def end() -> None:
        stop.set()

    return await screen.app.push_screen_wait(Working(f"Exporting to {clean(str(output))}", act, end))


def written(answer: Mapping[str, Any]) -> tuple[words.Shown, ...]:
    """What was made, in words."""
    counts = answer.get("counts") or {}
    went = f"{counts.get('included', 0):,} of {counts.get('recordings', 0):,}"
    lines = [
        f"Written: {clean(str(answer.get('file')))}",
        f"{counts.get('calls', 0):,} calls, recordings: {went}.",
        "Give the verifier key (K) by another way than the bundle.",
    ]
    lines += [
        f"Recording {clean(str(each))} is not as the log says; it went out as it is." for each in answer["damaged"]
    ]
    return tuple((line, PLAIN) for line in lines)
