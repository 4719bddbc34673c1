"""``dialgate receipts``: the page that the firm hosts."""

from __future__ import annotations

from pathlib import Path

import click

from gate.cli.command import FOLDER, make
from gate.cli.output import View, say
from gate.cli.reach import reach
from gate.client.publishing import HOST_IT, publish_into


@click.group("receipts")
def command() -> None:
    """Callees who were told the code of a receipt look it up on a page that the firm hosts."""


@make("publish", group=command, example="dialgate receipts publish /srv/www/receipts")
@click.argument("folder", metavar="DIR", type=FOLDER)
def publish(view: View, folder: Path) -> None:
    """Write the page of receipts into DIR: index.html, and a sealed file for each receipt.

    No telephone number that was called is in it, and without its code no receipt can be read. Publish again each day:
    receipts that are no longer kept go first. Every file is replaced whole: whatever ends this, the page works.
    """
    with reach(view.config) as gate:
        view.data(publish_into(gate, view.config.firm.trading_name, folder))
    if not view.json:
        say(HOST_IT)
