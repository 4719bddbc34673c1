"""``dialgate config`` and ``dialgate edge``: the configuration as it is, and that of Kamailio and rtpengine in front
of the gate.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gate.cli.command import FOLDER, make
from gate.cli.output import View, say
from gate.client.files import output_file
from gate.clock import today
from gate.config import departures, load, origins, review_due
from gate.edge import HOME, files


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


@click.group("edge")
def edge() -> None:
    """An edge takes phones by WSS, TLS, TCP and UDP, from behind NAT and with encrypted audio, and speaks plain SIP and
    RTP with the gate behind it.
    """


@make("config", group=edge, example="dialgate edge config edge\ndialgate edge config edge --at /etc/kamailio")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--at", "home", default=HOME, show_default=True, metavar="FOLDER", help="Where they lie on the edge.")
def config(view: View, folder: Path, home: str) -> None:
    """Write kamailio.cfg, dispatcher.list, tls.cfg and rtpengine.conf from [edge] into DIR. Files of these names are
    replaced."""
    texts = files(view.config, home)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        with output_file(folder / name) as file:
            file.write(text.encode())
    view.data({"folder": str(folder), "files": list(texts)})
    say(f"On the edge: all but rtpengine.conf into {home}, rtpengine.conf into /etc/rtpengine. Then start both.")
