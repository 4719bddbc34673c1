"""``dialgate letters``: the wording of the letters about requests."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Final

import click

from gate.cli.asking import ask
from gate.cli.asking import asks as asked_for
from gate.cli.command import FOLDER, make
from gate.cli.output import View, narrate
from gate.client.files import output_file
from gate.clock import today
from gate.config import authority_due
from gate.core.evidence import leaf_name
from gate.core.request_words import Asks, LetterKind
from gate.errors import UsageError
from gate.exports.letter_samples import NOW, faults, samples
from gate.exports.letters import WORDING, firm_of, note, outdated, render, shipped_wording, templates_of
from gate.operations.requests.letters import ExplainLetter, Reasoned, Rendered, RestsOn
from gate.showing import local, many

HINT: Final = (
    "These sentences of yours do not say what the new wording says. Compare: dialgate letters copy NEW-DIR, then "
    "dialgate letters check --compared"
)


@click.group("letters")
def command() -> None:
    """Letters about data-subject requests are made of sentences, each of which rests on facts in the log. The firm can
    word each sentence anew. A letter is sent by dialgate request, or printed.
    """


@make(
    "show", group=command, example="dialgate letters show refusal\ndialgate letters show response --asks access --html"
)
@click.argument("kind", type=click.Choice([kind.value for kind in LetterKind]), metavar="KIND")
@click.option("--asks", type=click.Choice([asks.value for asks in Asks]), help="As the answer to this sort of request.")
@click.option("--html", is_flag=True, help="The HTML form.")
def show(view: View, kind: str, asks: str | None, html: bool) -> None:
    """A letter to a person who does not exist, in your wording and under your name.

    KIND is one of acknowledgement, writing, identity, clarification, extension, progress, response, confirmation,
    refusal, authority, recipient and withdrawal: the last of a consent.
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


FORMS = ("txt", "html", "eml")


def show_letter(view: View, made: Rendered, output: Path | None) -> None:
    """A letter as a new file in the form that its name says, or else its text. Raises ``UsageError``."""
    if output is not None:
        if output.suffix.removeprefix(".") not in FORMS:
            raise UsageError(f"{output}: a letter is .txt, .html or .eml", hint="name the file so")
        write_letter(made, output)
    if view.json:
        view.data(made)
    elif output is None and not made.sent:
        click.echo(made.text)


def write_letter(made: Rendered, path: Path) -> None:
    """A letter as a file in the form that its name says."""
    form = path.suffix.removeprefix(".")
    data = base64.b64decode(made.eml) if form == "eml" else (made.html if form == "html" else made.text).encode()
    with output_file(path) as file:
        file.write(data)


@make("explain", group=command, example="dialgate letters explain DSR-2026-0007")
@asked_for(ExplainLetter, "letter")
def explain(view: View, asked: ExplainLetter) -> None:
    """What each sentence of a letter rests on: leaves of the log, laws, settings.

    ID is a request (its letters, oldest first), or the SHA-256 of a letter's file, as sha256sum prints it.
    """
    found = ask(view, asked)
    if view.json:
        view.data(found)
        return
    for each in found.letters:
        click.echo(f"{each.kind}, {each.reference}, made {local(each.at)} (leaf {leaf_name(each.index)})")
        for sentence in each.sentences:
            _show(sentence)
        click.echo("")
    if not found.letters:
        narrate("No letter was made yet.")


def _show(sentence: Reasoned) -> None:
    click.echo(f"  {sentence.text or sentence.name}")
    for rest in sentence.rests:
        click.echo(f"      {_rest(rest)}")


def _rest(rest: RestsOn) -> str:
    return rest.source if rest.index is None else f"leaf {leaf_name(rest.index)}: {rest.kind}, {local(rest.at)}"


@make("copy", group=command, example="dialgate letters copy wording")
@click.argument("folder", metavar="DIR", type=FOLDER)
def copy(view: View, folder: Path) -> None:
    """Write all sentences as they are shipped to DIR/wording.toml, for you to edit. What exists is not changed."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / WORDING
    made = not target.exists()
    if made:
        with output_file(target, 0o644) as file:  # cut off, it would be taken for the firm's own
            file.write(shipped_wording().encode())
        note(folder)
    view.data({"file": str(target), "written": made})
    narrate(
        "Edit it, take away what you do not change, and set [letters] templates to the folder (from config.toml's)."
    )


@make("check", group=command, example="dialgate letters check")
@click.option("--compared", is_flag=True, help="Note that you have compared your wording with today's shipped one.")
def check(view: View, compared: bool) -> None:
    """Make every letter with your wording, and report what is wrong with it. Exit code 1 where something is.

    It also reports which of your sentences replace one that a newer version of Dialgate has changed.
    """
    templates = templates_of(view.config)
    if compared and templates:
        note(templates)
    found = faults(firm_of(view.config, today()), templates)
    old = [] if found else outdated(templates)
    value = {"templates": str(templates) if templates else "", "letters": len(samples()), "faults": found}
    view.data(value | {"outdated": old}, text=lambda _: found)
    for each in old:
        narrate(f"Note: {each} replaces a sentence that has changed since.")
    if old:
        narrate(HINT)
    if due := authority_due(view.config, today()):
        narrate(f"Note: {due}.")
    if found:
        narrate(f"{many(len(found), 'fault')}: no letter is made with a faulty wording.")
        sys.exit(1)
    narrate(f"All letters come out, with {templates / WORDING if templates else 'the shipped wording'}.")
