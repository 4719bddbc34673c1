"""``dialgate serve``: run the gate."""

from __future__ import annotations

import sys

from gate.cli.command import command as make
from gate.cli.output import View, say
from gate.clock import SystemClock
from gate.config import load, review_due
from gate.daemon import serve


@make("serve", example="dialgate serve -c /etc/dialgate/config.toml")
def command(view: View) -> None:
    """Run the gate until it is told to stop (TERM or Ctrl-C): then no new calls, and running ones may end."""
    config = load(view.path)
    if due := review_due(config, SystemClock().now().date()):
        say(f"Reminder: {due}.")

    sys.exit(serve(config))
