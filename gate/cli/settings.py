"""``dialgate config``, ``dialgate edge``, ``dialgate nodes`` and ``dialgate webhook``: the configuration as it is, that
of Kamailio and rtpengine in front of the gate, the gates that share a database, and the programs that are told what
happens.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gate.cli.asking import ask, asks, only_asks
from gate.cli.command import FOLDER, make
from gate.cli.output import View, narrate
from gate.client.files import output_file
from gate.clock import today
from gate.config import departures, load, origins, review_due
from gate.edge import HOME, files
from gate.operations.nodes import Node, NodeDrain, NodeLeave, NodeList, NodeResume, Nodes
from gate.operations.webhooks import WebhookDrop, WebhookList, WebhookRetry, WebhookStanding, WebhookTaken
from gate.showing import local, many


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
        narrate(f"Reminder: {each}.")


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
    narrate(f"On the edge: all but rtpengine.conf into {home}, rtpengine.conf into /etc/rtpengine. Then start both.")


@click.group("nodes")
def nodes() -> None:
    """The gates that share a database ([store] dsn). A gate is named by the number of its log."""


def _nodes(view: View, found: Nodes) -> None:
    view.data(found, text=lambda shown: [_node(each) for each in shown.nodes] or ["No gate runs."])


def _node(row: Node) -> str:
    lost = f"lost, last heard of {local(row.seen_at.isoformat())}"
    state = {"open": "takes calls", "lost": lost}.get(row.state, row.state)
    calls = f", {many(row.calls, 'call')}" if row.calls or row.state in ("open", "drained", "leaving") else ""
    return f"{row.log}  {row.address}  {state}{calls}  {row.version}{'  (this gate)' if row.here else ''}"


only_asks(
    "list",
    NodeList,
    group=nodes,
    help="List the gates: where each takes calls, whether it does, how many it has in hand, and its version.",
    example="dialgate nodes list",
    show=_nodes,
)
only_asks(
    "drain",
    NodeDrain,
    "log",
    optional=["log"],
    group=nodes,
    help="Let the gate LOG take no new calls: the edge sends them to others after some 6 seconds, and then it refuses"
    " them. Calls in hand go on to their end. Emergency calls are taken. One that is started anew takes calls again.",
    example="dialgate nodes drain\ndialgate nodes drain 2",
    show=_nodes,
)
only_asks(
    "resume",
    NodeResume,
    "log",
    optional=["log"],
    group=nodes,
    help="Let the gate LOG take new calls again: the edge sends some after 2 seconds.",
    example="dialgate nodes resume 2",
    show=_nodes,
)
only_asks(
    "leave",
    NodeLeave,
    "log",
    optional=["log"],
    group=nodes,
    help="Drain the gate LOG, and stop it after its last call, its log signed to the end. The other gates list it as"
    " left, and not as lost. Its folder keeps its recordings and their keys: start it again, or keep its backup.",
    example="dialgate nodes leave 2",
    show=_nodes,
)


@click.group("webhook")
def webhook() -> None:
    """Other programs that the gate notifies of events ([[webhook]]). The gate puts aside an event that a receiver has
    refused for more than a day, and sends the later ones.
    """


@make("list", group=webhook, example="dialgate webhook list")
def webhooks(view: View) -> None:
    """Each webhook: whether its receiver takes its events, and which were put aside."""
    view.data(
        ask(view, WebhookList()),
        text=lambda shown: [line for each in shown.webhooks for line in _webhook(each)] or ["There is no [[webhook]]."],
    )


def _webhook(row: WebhookStanding) -> list[str]:
    state = f"not taken {row.tries} times ({row.answer or 'no answer'})" if row.tries else "takes what it is sent"
    again = f"; again at {local(row.again_at)}" if row.again_at else ""
    aside = [f"  {each.id}  {each.type}, {local(each.at)}: {each.answer}" for each in row.aside]
    return [f"{row.name}: {row.url} {state}{again}; {many(len(aside), 'event')} put aside", *aside]


@make("retry", group=webhook, example="dialgate webhook retry crm\ndialgate webhook retry crm leaf-1207")
@asks(WebhookRetry, "name", "event", optional=["event"])
def retry(view: View, asked: WebhookRetry) -> int:
    """Send again the events that the webhook NAME has put aside, in order, until its receiver does not take one.

    The exit code is 1 where the receiver does not take one.
    """
    with view.progress("Sent") as progress:
        done = ask(view, asked, progress=progress)
    _shown(view, done, "sent")
    return int(bool(done.answer) and not done.answer.startswith("2"))


@make("drop", group=webhook, example="dialgate webhook drop crm leaf-1207")
@asks(WebhookDrop, "name", "event", optional=["event"])
def drop(view: View, asked: WebhookDrop) -> None:
    """Drop events that the webhook NAME has put aside: they are never sent. The log keeps who dropped what."""
    _shown(view, ask(view, asked), "dropped")


def _shown(view: View, done: WebhookTaken, what: str) -> None:
    view.data(done)
    answer = f" Its receiver answered: {done.answer}." if done.answer else ""
    narrate(f"{many(len(done.ids), 'event')} {what}, {done.left} put aside still.{answer}")
