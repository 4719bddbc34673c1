"""``dialgate audit status|leaves|leaf|checkpoints``: the log as it lies, page by page."""

from __future__ import annotations

from gate.cli.asking import asks
from gate.cli.command import make
from gate.cli.output import View
from gate.cli.reach import ask
from gate.operations.audit.checkpoints import CheckpointsList
from gate.operations.audit.leaves import AuditLeaf, AuditLeaves, AuditStatus


@make("status", example="dialgate audit status --json")
def status(view: View) -> None:
    """How long the log is, when it was signed and verified last, and whether it held."""
    view.data(ask(view, AuditStatus()))


@make("leaves", example="dialgate audit leaves --kind number_shown\ndialgate audit leaves --before end --json")
@asks(AuditLeaves)
def leaves(view: View, asked: AuditLeaves) -> None:
    """The entries of the log, newest first. What happened, to what, by whom, and the hash of its leaf."""
    page = ask(view, asked)
    columns = [
        ("index", "Leaf"),
        ("at", "At"),
        ("kind", "What"),
        ("subject", "Of"),
        ("actor", "By"),
        ("hash", "Hash"),
    ]
    view.rows(page, "items", columns, none="There is no entry.")


@make("leaf", numbers=True, example="dialgate audit leaf 4211\ndialgate audit leaf 4211 --show-numbers --json")
@asks(AuditLeaf, "index")
def leaf(view: View, asked: AuditLeaf) -> None:
    """One entry with what its leaf commits to. The fact, the leaf and its hash, the first checkpoint over it."""
    view.data(ask(view, asked))


@make("checkpoints", example="dialgate audit checkpoints --limit 5")
@asks(CheckpointsList)
def checkpoints(view: View, asked: CheckpointsList) -> None:
    """The signed heads of the log, newest first."""
    signed = ask(view, asked)
    columns = [("size", "Entries"), ("at", "Signed"), ("root", "Root"), ("copies", "Files")]
    view.rows(signed, "items", columns, none="There is none yet.")


COMMANDS = (status, leaves, leaf, checkpoints)
