"""``dialgate config``: the configuration."""

from __future__ import annotations

import json
from typing import Any

import click

from gate.cli.command import make
from gate.cli.output import View, say
from gate.clock import today
from gate.config import departures, load, origins, review_due


@click.group("config")
def command() -> None:
    """The configuration, as the gate reads it."""


@make("show", group=command, example="dialgate config show\ndialgate config show -c /etc/dialgate/config.toml --json")
def show(view: View) -> None:
    """Every value with where it comes from: a line of the file, or the default. Faults are errors, all at once."""
    config = load(view.path, today=today())
    values = [entry._asdict() for entry in origins(config, view.path)]
    due, looser = review_due(config, today()), departures(config)
    if view.json:
        view.data({"file": str(view.path), "values": values, "reminder": due, "looser_than_policy": looser})
    else:
        view.data(
            values, text=lambda shown: [f"{row['key']} = {_toml(row['value'])}  # {row['origin']}" for row in shown]
        )
    for each in (*([due] if due else []), *looser):
        say(f"Reminder: {each}.")


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
