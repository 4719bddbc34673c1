"""``dialgate request letter``: the letters of a request, as files or by mail."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

import click

from gate.cli.asking import asks
from gate.cli.command import NEW_FILE, make
from gate.cli.output import View, say
from gate.cli.reach import ask, reach
from gate.cli.request import command
from gate.client.files import output_file
from gate.client.gate import Gate
from gate.core.request_words import Asks, LetterKind
from gate.errors import UsageError
from gate.exports.letter_proof import page
from gate.operations.requests.letters import Rendered, WriteLetter
from gate.operations.requests.proving import Prove, RequestProof

FORMS = ("txt", "html", "eml")


@make(
    "letter",
    group=command,
    example=(
        "dialgate request letter DSR-2026-0007 acknowledgement -o letter.txt\n"
        "dialgate request letter DSR-2026-0007 refusal -o refusal.eml\n"
        "dialgate request letter DSR-2026-0007 refusal --send\n"
        "dialgate request letter DSR-2026-0007 recipient --recipient 3f0c… --to auditor@example.org --send"
    ),
)
@asks(WriteLetter, "request", "kind", names={"on": "--dated"}, without=["proof"])
@click.option(
    "-o",
    "--output",
    type=NEW_FILE,
    metavar="FILE",
    help="Write it there: .txt, .html, or .eml, a whole message (default: its text is shown).",
)
def letter(view: View, asked: WriteLetter, output: Path | None) -> None:
    """A letter of a request, in the firm's words. That one was made or sent is kept in the log, the letter is not.

    KIND is one of acknowledgement, writing, identity, clarification, extension, response, confirmation, refusal,
    authority and recipient: the last to somebody who was given what is erased.
    """
    if output is not None and output.suffix.removeprefix(".") not in FORMS:
        raise UsageError(f"{output}: a letter is .txt, .html or .eml", hint="name the file so")
    made, kind = ask(view, asked), asked.kind
    if output is not None:
        _write(made, output)
    if view.json:
        view.data(made)
    elif output is None and not asked.send:
        click.echo(made.text)
    if asked.send:
        say(f"Sent to {made.to}.")
    who = "authority --reference REFERENCE" if kind == LetterKind.AUTHORITY else "person"
    if kind == LetterKind.RECIPIENT:
        say(f"When it has gone out: dialgate request told {made.reference} recipient --recipient ID --how mail|post|…")
    if kind in (LetterKind.REFUSAL, LetterKind.AUTHORITY, LetterKind.RESPONSE, LetterKind.CONFIRMATION):
        say(f"When it has gone out: dialgate request told {made.reference} {who}")
    if kind == LetterKind.ACKNOWLEDGEMENT and made.asks is Asks.COMPLAINT:
        say(f"When it has gone out: dialgate request acknowledge {made.reference}")


@make("proof", group=command, example="dialgate request proof DSR-2026-0007 -o DSR-2026-0007-proof.html")
@asks(Prove, "request")
@click.option("-o", "--output", type=NEW_FILE, required=True, metavar="FILE", help="The page to write (.html).")
def proof(view: View, asked: Prove, output: Path) -> None:
    """A page by which the person checks our letter: it shows, without a network, what the log has of their request.

    Nothing in it names anybody but the accounts that dealt with the request. The key of the log stands in the letter.
    """
    with reach(view.config) as gate:
        made = write_proof(gate, asked.request, output)
    view.data({"reference": made.reference, "file": str(output)})


def write_proof(gate: Gate, reference: str, path: Path) -> RequestProof:
    """The page of proofs of a request, as a file."""
    made = gate.ask(Prove(request=reference))
    with output_file(path) as file:
        file.write(page(made.firm, made.reference, made.id, made.evidence).encode())
    say(f"Proof: {path}")
    return made


def write_letters(
    gate: Gate, reference: str, kinds: Iterable[LetterKind], folder: Path, pack: str = "", proof: str = ""
) -> list[Path]:
    """Letters of a request in all three forms, as files of a folder that is made where it is missing; their paths.

    With ``proof``, the name of a page of proofs, the letters speak of it and it is written after them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind in kinds:
        named = proof if kind in (LetterKind.RESPONSE, LetterKind.CONFIRMATION) else ""
        made = gate.ask(WriteLetter(request=reference, kind=kind, pack=pack, proof=named))
        for form in FORMS:
            paths.append(folder / f"{reference}-{kind}.{form}")
            _write(made, paths[-1])
        say(f"Letter: {folder / f'{reference}-{kind}'}.txt, .html, .eml")
    if proof:
        write_proof(gate, reference, folder / proof)
    return paths


def _write(made: Rendered, path: Path) -> None:
    form = path.suffix.removeprefix(".")
    data = base64.b64decode(made.eml) if form == "eml" else (made.html if form == "html" else made.text).encode()
    with output_file(path) as file:
        file.write(data)
