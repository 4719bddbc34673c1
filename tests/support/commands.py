"""Running ``dialgate`` in a test: in this process, or as a program of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from click.testing import CliRunner

from gate.cli.main import cli
from tests.support import programs

PROGRAM = [sys.executable, "-P", "-m", "gate.cli.main"]
ROOT = Path(__file__).parents[2]


class Done(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, as JSON."""
        return json.loads(self.out)


def dialgate(*arguments: str, stdin: str | None = None) -> Done:
    """In this process; standard input is no terminal."""
    result = CliRunner().invoke(cli, list(arguments), input=stdin, prog_name="dialgate")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def program(*arguments: str, env: dict[str, str] | None = None, stdin: str = "") -> Done:
    """As a program of its own."""
    done = programs.run("gate.cli.main", *arguments, env=env, input=stdin)
    return Done(done.returncode, done.stdout, done.stderr)
