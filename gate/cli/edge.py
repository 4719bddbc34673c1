"""``dialgate edge``: Kamailio and rtpengine in front of the gate."""

from __future__ import annotations

from pathlib import Path

import click

from gate.cli.command import FOLDER, make
from gate.cli.output import View, say
from gate.client.files import output_file
from gate.edge import HOME, files


@click.group("edge")
def command() -> None:
    """An edge takes phones by WSS, TLS, TCP and UDP, from behind NAT and with encrypted audio, and speaks plain SIP and
    RTP with the gate behind it.
    """


@make("config", group=command, example="dialgate edge config edge\ndialgate edge config edge --at /etc/kamailio")
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
