"""``dialgate serve``: run the gate, or several from one configuration."""

from __future__ import annotations

import os
import sys

import click

from gate.cli.command import make
from gate.cli.output import View, narrate
from gate.clock import today
from gate.config import load, reminders, undecided
from gate.config.load import MOST_NODES, NODE
from gate.daemon.nodes import serve_nodes
from gate.daemon.running import serve
from gate.errors import UsageError


@make("serve", example="dialgate serve -c /etc/dialgate/config.toml\ndialgate serve --nodes 3")
@click.option(
    "--nodes",
    type=click.IntRange(1, MOST_NODES),
    default=1,
    metavar="COUNT",
    help="Run so many gates on one database, each with a folder, a log and ports of its own.",
)
def command(view: View, nodes: int) -> None:
    """Run the gate until TERM or Ctrl-C. Then it takes no new calls, and lets the running ones end."""
    if nodes > 1:
        if os.environ.get(NODE):
            raise UsageError(f"{NODE} names one gate, and --nodes starts several", hint="leave one of them out")
        sys.exit(serve_nodes(view.path, nodes, today()))
    config = load(view.path, today=today())
    for each in (*reminders(config, today()), *undecided(config)):
        narrate(f"Reminder: {each}.")
    sys.exit(serve(config))
