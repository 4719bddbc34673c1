"""Passphrases of private keys: from a file, the environment, or typed unseen; never on the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from gate.cli.command import NEW_FILE
from gate.cli.output import narrate, typed
from gate.config import read_secret
from gate.errors import UsageError

VARIABLE = "DIALGATE_PASSPHRASE_FILE"

option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--passphrase-file",
    type=NEW_FILE,
    envvar=VARIABLE,
    metavar="FILE",
    help=f"File with the passphrase on its first line (else ${VARIABLE}, else it is asked for).",
)

many: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--passphrase-file",
    "passphrase_files",
    multiple=True,
    type=NEW_FILE,
    envvar=VARIABLE,
    metavar="FILE",
    help=f"File with the passphrase on its first line, one for each --key (else ${VARIABLE}, else it is asked for).",
)
"""For a command that takes several keys; in the environment the files are separated by colons."""


def private_keys(keys: Sequence[Path], files: Sequence[Path]) -> list[Any]:
    """The private keys in these files, opened: each with the passphrase file of its place, else the one that is typed.

    Raises ``UsageError`` where there are more passphrases than keys, or one key twice; what ``passphrase`` and
    ``gate.vault.keyfile.load_private`` raise.
    """
    from gate.vault.keyfile import load_private  # with cryptography: where a key is opened

    if len(files) > len(keys):
        raise UsageError(f"{len(files)} passphrase files for {len(keys)} keys", hint="give one for each --key")
    opened = []
    for place, key in enumerate(keys):
        file = files[place] if place < len(files) else None
        opened.append(load_private(key, passphrase(file, f"Passphrase of {key}")))
    if len({private.id for private in opened}) < len(opened):
        raise UsageError("the same key is given twice", hint="a recording that takes two people needs two keys")
    return opened


def passphrase(file: Path | None, prompt: str, *, new: bool = False) -> str:
    """The passphrase in ``file``, or typed (twice where ``new``).

    Raises ``ConfigError`` for a file that is missing, empty or open to others; ``UsageError`` where there is neither a
    file nor a terminal.
    """
    if file is not None:
        return read_secret(Path.cwd(), str(file))
    if not sys.stdin.isatty():
        raise UsageError("the passphrase cannot be asked for without a terminal", hint="give --passphrase-file FILE")
    while True:
        words = typed(prompt, hidden=True)
        if not new or words == typed("Repeat for confirmation", hidden=True):
            return words
        narrate("  The second is not the same as the first: type both again.")
