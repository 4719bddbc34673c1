"""``dialgate audit``: the evidence log."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from gate.cli.command import command as make
from gate.cli.output import View, say
from gate.cli.reach import reach
from gate.errors import UsageError


@click.group("audit", short_help="The evidence log: verify, checkpoint.")
def command() -> None:
    """The log of everything that the gate did: append-only, and provably so (RFC 9162)."""


@make("verify", group=command, example="dialgate audit verify --json")
def verify(view: View) -> None:
    """Compute the log anew from its rows and compare. Exit code 1 where it does not hold."""
    with reach(view.config) as gate, view.progress("Verifying the log") as progress:
        answer = gate.call("audit_verify", progress=progress)
    view.data(answer)
    if not answer["ok"]:
        say(f"The log does not hold: {answer.get('first_fault')}")
        sys.exit(1)


@make("checkpoint", group=command, example="dialgate audit checkpoint -o 2026-03-02.checkpoint")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the note to a new file.",
)
def checkpoint(view: View, output: Path | None) -> None:
    """Sign the log as it is now. Keep the note somewhere else: whoever holds it can tell if the log was changed."""
    with reach(view.config) as gate:
        answer = gate.call("audit_checkpoint")
    if output:
        try:
            new_file(output, answer["note"].encode())
        except FileExistsError:
            raise UsageError(f"{output} exists", hint="name a new file") from None
        say(f"Wrote {output}: the log's first {answer['size']} entries, signed.")
    if view.json or not output:
        view.data(answer, text=lambda shown: shown["note"].splitlines())


def new_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """A new file, whole or not at all; raises ``FileExistsError`` where there is one."""
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(part)
    finally:
        part.unlink()
