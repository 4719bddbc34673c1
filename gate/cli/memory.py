"""``dialgate memory``: the second place that remembers objections and erasures when the data folder is put back."""

from __future__ import annotations

import sys

import click

from gate.cli.asking import only_asks
from gate.cli.command import make
from gate.cli.output import View, say
from gate.cli.reach import ask
from gate.operations.memory.place import MemoryRenew, MemoryStatus


@click.group("memory")
def command() -> None:
    """A signed journal in a second place (storage.memory) of what must outlive a restore of the data folder.

    That is objections, withdrawals, holds and restrictions, erasures of people, and recordings erased. What the store
    lacks of it is kept anew when the gate starts.
    """


@make("status", group=command, example="dialgate memory status\ndialgate memory status --json")
def status(view: View) -> None:
    """Whether the second place holds what the store does, and what waits for it; exit code 1 where it does not."""
    now = ask(view, MemoryStatus())
    view.data(now)
    for each in now.warnings:
        say(each)
    if now.warnings:
        sys.exit(1)


only_asks(
    "renew",
    MemoryRenew,
    group=command,
    help="""Begin a new journal where the old one is lost or damaged. Only where marketing is refused as
    memory_unavailable.

    All that the store holds goes into it; what only the old one held is lost. The old file stays beside it under
    another name. It needs the role admin.
    """,
    example="dialgate memory renew --reason 'the disk of the second place died'",
)
