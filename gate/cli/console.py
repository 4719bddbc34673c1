"""``dialgate console``: the console in this terminal."""

from __future__ import annotations

import importlib
import importlib.util
import sys

from gate.cli.command import command as make
from gate.cli.output import View
from gate.errors import GateError, UsageError


@make("console", example="dialgate console -c /etc/dialgate/config.toml")
def command(view: View) -> None:
    """Open the console: what the gate does now, its lists, calls and recordings."""
    if importlib.util.find_spec("console.app") is None:
        raise GateError(
            "the console is not part of this version", hint="every command works without it: dialgate --help"
        )
    if view.json or not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError(
            "the console needs a terminal", hint="in scripts: dialgate register status, dialgate calls list, …"
        )
    importlib.import_module("console.app").run(view.config.control_socket)
