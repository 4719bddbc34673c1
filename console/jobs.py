"""The jobs of the console by everyday words, for the command palette: whatever the action is called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from console.attention import Place
from gate import manual


class Job(NamedTuple):
    """One job: what it is called here, where it is done, and what else it is called."""

    said: str
    place: Place
    words: str


JOBS: Final = (
    Job(
        "Somebody wants no more calls: add an objection",
        Place("registers", 2, "add"),
        "block stop never again do not dnc opt out unsubscribe suppress blacklist complained complaint remove me",
    ),
    Job(
        "Somebody agreed to be called: add a consent",
        Place("registers", 3, "add"),
        "allow agree agreement permission opt in whitelist yes",
    ),
    Job(
        "An objection was a mistake: remove it",
        Place("registers", 2),
        "unblock allow again wrong number typed wrongly delete undo",
    ),
    Job(
        "The month's TPS or CTPS file: import it",
        Place("registers", 0, "import"),
        "upload load new list update preference service licence stale old",
    ),
    Job("May a number be dialled: look it up", Place("registers", 0, "look_up"), "check test try is it listed allowed"),
    Job("Why a call was refused: find it, then Enter", Place("calls"), "rejected blocked declined denied failed"),
    Job("Listen to a recording: find it, Enter, then p", Place("recordings"), "play hear audio voice tape sound"),
    Job(
        "A court, a claim, the police: hold recordings against erasure",
        Place("retention", 1, "hold"),
        "legal solicitor lawyer dispute keep preserve freeze litigation evidence",
    ),
    Job(
        "Somebody asks what is held, or to be erased: enter a request",
        Place("requests", 0, "new"),
        "access subject sar dsar gdpr erase erasure delete forget right copy letter",
    ),
    Job(
        "A file for an auditor or the ICO: export a bundle",
        Place("audit", 0, "export"),
        "auditor regulator evidence proof inspection investigation",
    ),
    Job(
        "Who can open recordings: the keys",
        Place("audit", 2),
        "rotate rotation recipient stolen lost escrow leaver left passphrase password",
    ),
    Job("A month in figures: reports", Place("audit", 0, "reports"), "statistics numbers how many print article 30"),
)
PAGES: Final = {
    "configuration": "hours bank holiday christmas easter sunday closed opening times settings agent account trunk "
    "presentation caller id config",
    "emergency-calls": "999 112 ambulance police fire",
    "operations": "backup restore disk full metrics alert prometheus upgrade update restart stop start service",
    "troubleshooting": "problem broken error wrong no audio silence trunk down not running help",
    "phone-systems": "pbx softphone agent phone register",
    "recordings-and-keys": "rotate rotation lost stolen key passphrase password two people",
    "accounts": "role permission user may not log in rights",
    "retention": "how long kept erase delete months",
    "console": "key shortcut search sort",
}
"""Page of the manual -> what is looked for there."""


def jobs(typed: str) -> Iterator[tuple[str, str, Place | str]]:
    """What it is called, about what it is, and where: of jobs, then of pages of the manual, that fit."""
    for job in JOBS:
        if fits(typed, f"{job.said} {job.words}"):
            yield job.said, job.place.mode, job.place
    for page in manual.pages():
        if fits(typed, f"manual {page.title} {page.about} {PAGES.get(page.name, '')}"):
            yield f"Manual: {page.title}", page.about, page.name


def fits(typed: str, text: str) -> bool:
    """Whether each word that was typed begins a word of a text."""
    words = [word.strip(":,.()") for word in text.casefold().split()]
    return all(any(word.startswith(each) for word in words) for each in typed.casefold().split())
