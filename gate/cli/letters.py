"""``dialgate letters``: the wording of the letters about requests."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from gate.cli.command import FOLDER, make
from gate.cli.output import View, say
from gate.client.files import output_file
from gate.clock import today
from gate.config import authority_due
from gate.core.request_words import Asks, LetterKind
from gate.errors import UsageError
from gate.exports.letter_copies import SHIPPED, note, outdated
from gate.exports.letter_samples import NOW, faults, samples
from gate.exports.letters import firm_of, render, templates_of

HINT: Final = (
    "Your letters do not say what the new wording says. Compare: dialgate letters copy NEW-DIR, then dialgate letters "
    "check --compared"
)


@click.group("letters")
def command() -> None:
    """Letters about data-subject requests are made from templates that the firm can edit. A letter is sent by
    dialgate request, or printed.
    """


@make(
    "show", group=command, example="dialgate letters show refusal\ndialgate letters show response --asks access --html"
)
@click.argument("kind", type=click.Choice([kind.value for kind in LetterKind]), metavar="KIND")
@click.option("--asks", type=click.Choice([asks.value for asks in Asks]), help="As the answer to this sort of request.")
@click.option("--html", is_flag=True, help="The HTML form.")
def show(view: View, kind: str, asks: str | None, html: bool) -> None:
    """A letter to a person who does not exist, in your wording and under your name.

    KIND is one of acknowledgement, writing, identity, clarification, extension, response, confirmation, refusal,
    authority and recipient.
    """
    fitting = [facts for facts in samples() if facts.kind == kind and asks in (None, facts.asks)]
    if not fitting:
        known = ", ".join(dict.fromkeys(facts.asks.value for facts in samples() if facts.kind == kind))
        raise UsageError(f"there is no {kind} to a request of {asks}", hint=f"it answers: {known}")
    letter = render(fitting[0], firm_of(view.config, today()), templates_of(view.config), now=NOW)
    if view.json:
        view.data({"kind": kind, "subject": letter.subject, "text": letter.text, "html": letter.html})
    else:
        click.echo(letter.html if html else letter.text)


@make("copy", group=command, example="dialgate letters copy wording")
@click.argument("folder", metavar="DIR", type=FOLDER)
def copy(view: View, folder: Path) -> None:
    """Copy the shipped templates to DIR, for you to edit. A README.txt says how; nothing that exists is changed."""
    folder.mkdir(parents=True, exist_ok=True)
    made, kept = [], []
    for source in sorted(SHIPPED.iterdir()):
        target = folder / source.name
        if target.exists():
            kept.append(target.name)
        else:
            with output_file(target, 0o644) as file:  # cut off, it would be taken for the firm's own
                file.write(source.read_bytes())
            made.append(target.name)
    note(folder, made)
    view.data({"folder": str(folder), "copied": made, "kept": kept})
    say("Edit them, take away what you do not change, and set [letters] templates to the folder (from config.toml's).")


@make("check", group=command, example="dialgate letters check")
@click.option("--compared", is_flag=True, help="Note that you have compared your templates with today's shipped ones.")
def check(view: View, compared: bool) -> None:
    """Make every letter from your templates, and say what is wrong with them. Exit code 1 where something is.

    It tells, too, which of them were copied from wording that has changed since, in a newer version of Dialgate.
    """
    templates = templates_of(view.config)
    if compared and templates:
        note(templates)
    found, old = faults(firm_of(view.config, today()), templates), outdated(templates)
    value = {"templates": str(templates) if templates else "", "letters": len(samples()), "faults": found}
    view.data(value | {"outdated": old}, text=lambda shown: shown["faults"])
    for each in old:
        say(f"Note: {each} was copied from wording that has changed since.")
    if old:
        say(HINT)
    if due := authority_due(view.config, today()):
        say(f"Note: {due}.")
    if found:
        say(f"{len(found)} faults: no letter is made from a faulty template.")
        sys.exit(1)
    say(f"All letters come out, from {templates or 'the shipped templates'}.")
