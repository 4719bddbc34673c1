"""``dialgate request fulfil``: what was granted is done: an erasure carried out, or a pack made of all that is held."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import click

from gate.cli import passphrase as asked
from gate.cli.asking import DRY_RUN, argument, reach
from gate.cli.command import FILE, FOLDER, NEW_FILE, make
from gate.cli.output import View, narrate
from gate.cli.request import command, show, write_letters
from gate.client.files import must_be_new
from gate.client.gate import Gate
from gate.client.packs import anything, held_of, recordings_in, write_pack
from gate.core.days import spoken_day
from gate.core.request_words import Asks, LetterKind, State
from gate.errors import RefusedError, UsageError
from gate.exports.bundle import many
from gate.operations.erasure.eraser import CarryOut
from gate.operations.erasure.plan import Carried
from gate.operations.rehearsal import in_lines, rehearsal_of
from gate.operations.requests.course import AnswerSent
from gate.operations.requests.listing import Show
from gate.operations.requests.standing import Standing
from gate.showing import local


@make(
    "fulfil",
    group=command,
    numbers=True,
    example=(
        "dialgate request fulfil DSR-2026-0007 --letters out\n"
        "dialgate request fulfil DSR-2026-0008 --key compliance.key -o pack.html --letters out"
    ),
)
@argument(Show, "request")
@click.option(
    "-k",
    "--key",
    "keys",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="For a pack: the private key that opens recordings; twice where they take two people.",
)
@click.option("-o", "--output", type=NEW_FILE, metavar="FILE", help="The pack to write (.html).")
@click.option(
    "--leave-out",
    multiple=True,
    metavar="ID",
    help="A recording, consent, objection or hold to leave out, where showing it harms somebody else; repeat for more.",
)
@click.option("--letters", type=FOLDER, metavar="DIR", help="Write the letter there.")
@click.option("--told", is_flag=True, help="The person has the letter: the request is over.")
@click.option("--yes", is_flag=True, help="Erase without asking again.")
@click.option("--dry-run", is_flag=True, help=DRY_RUN)
@asked.many
def fulfil(
    view: View,
    request: str,
    keys: tuple[Path, ...],
    output: Path | None,
    leave_out: tuple[str, ...],
    letters: Path | None,
    told: bool,
    yes: bool,
    dry_run: bool,
    passphrase_files: tuple[Path, ...],
) -> None:
    """Do what was granted, and write the letter about it.

    An erasure is shown first: what would go, and what a hold keeps. It goes on where it stopped, whatever happened in
    between; what a hold kept goes with the same command once the hold has ended. For an access request recordings are
    opened here, with the private key, and everything goes into one file that a passphrase opens: the passphrase is
    shown once, and goes to the person separately.
    """
    with reach(view.config) as gate:
        standing: Standing = gate.ask(Show(request=request))
        if standing.state not in (State.GRANTED, State.PARTLY_DONE):
            raise RefusedError(
                f"{standing.reference} is {standing.state}: only what is granted can be done",
                reason="request_not_ready",
                hint="; ".join(standing.next),
            )
        if dry_run:
            if standing.asks is not Asks.ERASURE:
                raise UsageError(f"{standing.reference} erases nothing", hint="only an erasure is rehearsed")
            _show(view, gate, standing.reference)
            return
        pack = ""
        if standing.asks is Asks.ERASURE:
            _erase(view, gate, standing, yes)
        if standing.asks is Asks.ACCESS:
            pack = _make_pack(view, gate, standing.reference, keys, passphrase_files, output, leave_out)
        if letters is not None:
            answer = standing.asks in (Asks.ACCESS, Asks.COMPLAINT)
            kinds = [LetterKind.RESPONSE if answer else LetterKind.CONFIRMATION]
            if gate.ask(Show(request=request)).state is State.PARTLY_DONE:
                kinds.append(LetterKind.AUTHORITY)
            proof = "" if standing.asks is Asks.COMPLAINT else f"{standing.reference}-proof.html"
            write_letters(gate, standing.reference, kinds, letters, pack, proof)
        standing = gate.ask(AnswerSent(request=request)) if told else gate.ask(Show(request=request))
    show(view, standing)


def _erase(view: View, gate: Gate, standing: Standing, yes: bool) -> None:
    reference = standing.reference
    if standing.carried_out and standing.state is not State.PARTLY_DONE:
        return
    if standing.carried_out and not standing.freed:
        raise RefusedError(
            f"{reference}: what is left is still held by {', '.join(standing.carried_out.held_by)}",
            reason="held",
            hint="dialgate request list shows when a hold has ended",
        )
    plan = gate.ask(CarryOut(request=reference))
    for line in _plan(plan):
        narrate(line)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("nothing was erased: it has to be confirmed", hint="give --yes, or run it on a terminal")
        if not click.confirm("Erase this for good?", err=True):
            raise click.Abort
    with view.progress("erasing") as progress:
        done = gate.ask(CarryOut(request=reference, execute=True, digest=plan.digest or ""), progress=progress)
    if waits := done.waits:
        raise RefusedError(
            f"nothing is erased yet: another person confirms {reference} until {local(waits.until)}",
            reason="second_person_needed",
            hint=f"dialgate proposal confirm {waits.id}; then again: dialgate request fulfil {reference}",
        )


def _show(view: View, gate: Gate, reference: str) -> None:
    """What the erasure would do now."""
    plan = gate.ask(CarryOut(request=reference))
    for line in _plan(plan):
        narrate(line)
    act = CarryOut(request=reference, execute=True, digest=plan.digest or "")
    question = rehearsal_of(act, "request_carry_out", masked=not view.show_numbers)
    view.data(gate.ask(question), text=in_lines)


def _plan(plan: Carried) -> Iterator[str]:
    scope = "all that is held in connection with the numbers" if plan.whole else "only the calls that were found"
    yield f"To be erased: {many(plan.calls, 'call')}, {many(plan.recordings, 'recording')}; {scope}."
    if plan.shared:
        yield f"Another person is heard in {many(plan.shared, 'recording')} of these."
    if plan.held_calls:
        yield f"Kept: {many(plan.held_calls, 'call')}."
    for name in plan.held_by:
        yield f"Held by: {name}"
    for each in plan.copies:
        until = spoken_day(date.fromisoformat(each.until))
        made = f"made on {local(each.made_at)} by {each.actor}, to be destroyed by {until}"
        yield f"Not reached: a copy in clear ({each.what}) at {each.place}, {made}."
        yield f"    Then: dialgate copies destroyed {each.id[:8]} --how …"


def _make_pack(
    view: View,
    gate: Gate,
    reference: str,
    keys: Sequence[Path],
    passphrase_files: Sequence[Path],
    output: Path | None,
    leave_out: Sequence[str] = (),
) -> str:
    """Write the pack, tell the gate, show the passphrase; returns the pack's name, empty where nothing is held.

    Raises ``UsageError`` where a key or the output is missing, and what the gate, the vault and the export raise.
    """
    held = held_of(gate, reference)
    if not anything(held):
        narrate("Nothing is held: the letter states that, and there is no pack to make.")
        return ""
    if output is None:
        raise UsageError("the pack needs a file", hint=f"-o {reference}.html")
    must_be_new(output)
    there = recordings_in(held)
    if there and not keys:
        raise UsageError(
            f"{many(len(there), 'recording', 'has')} to be opened", hint="give the private key: --key FILE"
        )
    privates = asked.private_keys(keys, passphrase_files) if there else []
    with view.progress("recordings") as progress:
        made = write_pack(view.config, gate, held, privates, output, leave_out, progress)
    narrate(f"Pack: {output}, SHA-256 {made.sha256}")
    narrate(f"Passphrase, shown only now; send it separately, by other means: {made.passphrase}")
    return output.name
