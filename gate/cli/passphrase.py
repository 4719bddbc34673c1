"""Passphrases of private keys: from a file, the environment, or typed unseen; never on the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gate.config import read_secret
from gate.errors import UsageError

VARIABLE = "DIALGATE_PASSPHRASE_FILE"

option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--passphrase-file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar=VARIABLE,
    metavar="FILE",
    help=f"File with the passphrase on its first line (else ${VARIABLE}, else it is asked for).",
)


def passphrase(file: Path | None, prompt: str, *, new: bool = False) -> str:
    """The passphrase in ``file``, or typed (twice where ``new``).

    Raises ``ConfigError`` for a file that is missing, empty or open to others; ``UsageError`` where there is neither a
    file nor a terminal.
    """
    if file is not None:
        return read_secret(Path.cwd(), str(file))
    if not sys.stdin.isatty():
        raise UsageError("the passphrase cannot be asked for without a terminal", hint="give --passphrase-file FILE")
    typed: str = click.prompt(prompt, hide_input=True, confirmation_prompt=new, err=True)
    return typed
