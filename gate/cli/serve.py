"""``dialgate serve``: run the gate."""

from __future__ import annotations

import sys

from gate.cli.command import make
from gate.cli.output import View, narrate
from gate.clock import today
from gate.config import load, reminders, undecided
from gate.daemon.running import serve


@make("serve", example="dialgate serve -c /etc/dialgate/config.toml")
def command(view: View) -> None:
    """Run the gate until TERM or Ctrl-C. Then it takes no new calls, and lets the running ones end."""
    config = load(view.path, today=today())
    for each in (*reminders(config, today()), *undecided(config)):
        narrate(f"Reminder: {each}.")

    sys.exit(serve(config))
