"""What the command palette offers: what the keys offer here, then what they offer in every other mode, by its word. The
jobs of the console are found by everyday words, whatever the action is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from textual.app import SystemCommand
from textual.command import Hit, Hits
from textual.screen import Screen
from textual.system_commands import SystemCommandsProvider

from console import keys
from console.attention import Place
from console.late import late, open_detail
from gate import manual
from gate.errors import GateError

if TYPE_CHECKING:
    from console.app import ConsoleApp


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
    Job(
        "What is wrong, and what mends it: the doctor",
        Place("audit", 0, "reports"),
        "problem broken doctor webhook check",
    ),
    Job(
        "A month in figures: reports",
        Place("audit", 0, "reports"),
        "statistics numbers how many print article 30 development",
    ),
    Job("What is erased on the days to come: the calendar", Place("retention"), "forecast future tomorrow next week"),
    Job("Who may be called tomorrow: the forecast", Place("audit", 0, "reports"), "contacts predict plan"),
    Job("Who speaks now, and for how long", Place("live"), "calls in hand"),
    Job("Hang up a call: put the cursor on it, then H", Place("live"), "end stop cut disconnect"),
    Job("How each agent is doing today", Place("live", 1), "floor team wallboard streak refused agents tiles"),
    Job("The trend of day and week, by agent and reason", Place("live", 3), "trends curve development statistics"),
)
PAGES: Final = {
    "configuration": "hours bank holiday christmas easter sunday closed opening times settings agent account trunk "
    "presentation caller id config",
    "emergency-calls": "999 112 ambulance police fire",
    "operations": "backup restore disk full metrics alert prometheus upgrade update restart stop start service",
    "troubleshooting": "problem broken error wrong no audio silence trunk down not running help",
    "phone-systems": "pbx softphone agent phone register",
    "recordings-and-keys": "rotate rotation lost stolen key passphrase password two people",
    "accounts": "role permission add new user colleague may not log in rights",
    "retention": "how long kept erase delete months",
    "console": "key shortcut search sort",
}
"""Page of the manual -> what is looked for there."""


def jobs(typed: str) -> Iterator[tuple[str, str, Place | str]]:
    """What it is called, about what it is, and where: of jobs, then of pages of the manual, that fit."""
    for job in JOBS:
        if fits(typed, f"{job.said} {job.words}"):
            yield job.said, job.place.mode, job.place
    titles = {page.name: f"manual {page.title} {PAGES.get(page.name, '')}" for page in manual.pages()}
    found = [page for page in manual.pages() if fits(typed, f"{titles[page.name]} {page.about}")]
    for page in sorted(
        found, key=lambda each: not fits(typed, titles[each.name])
    ):  # what it is called before what it says
        yield f"Manual: {page.title}", page.about, page.name


def fits(typed: str, text: str) -> bool:
    """Whether each word that was typed begins a word of a text."""
    words = [word.strip(":,.()") for word in text.casefold().split()]
    return all(any(word.startswith(each) for word in words) for each in typed.casefold().split())


FOUND_IN = {
    "calls": Place("calls"),
    "recordings": Place("recordings"),
    "requests": Place("requests"),
    "contacts": Place("contacts"),
    "retention": Place("retention"),
    "objections": Place("registers", 2),
    "consents": Place("registers", 3),
    "audit": Place("audit"),
}
"""Where is looked for what was typed, by the name that is shown."""
_SKIPPED = ("table.", "report.", "board.")
"""Moving about needs no palette."""


def commands(app: ConsoleApp, screen: Screen[Any]) -> Iterable[SystemCommand]:
    """One for each binding in force, those of the screen first."""
    seen: set[str] = set()
    for active in screen.active_bindings.values():
        binding = active.binding
        ident = binding.id or ""
        if not ident or ident in seen or ident.startswith(_SKIPPED) or not active.enabled or ident == "app.palette":
            continue
        seen.add(ident)
        said = binding.tooltip or binding.description
        words = said[:1].upper() + said[1:]
        key = app.get_key_display(binding)
        run = partial(app.run_action, binding.action, active.node)
        yield SystemCommand(words, f"key {key} · {ident}", run)
    for mode in keys.MODES:
        for binding in getattr(keys, mode.upper(), ()):
            ident = binding.id or ""
            if not ident.startswith(f"{mode}.") or ident in seen or binding.action.startswith("app."):
                continue
            seen.add(ident)
            words = binding.tooltip or binding.description
            place = Place(mode, action=binding.action)
            yield SystemCommand(f"{mode.capitalize()}: {words}", ident, partial(go, app, place))


def go(app: ConsoleApp, place: Place, find: str = "") -> None:
    """To a place, in a worker."""
    app.run_worker(app.go(place, find), group="quit", exclusive=True)


_REQUEST: Final = re.compile(r"DSR-\d{4}-\d+", re.IGNORECASE).fullmatch
_ID: Final = re.compile(r"[0-9a-f]{6,32}").fullmatch
_NUMBER: Final = re.compile(r"\+?[\d ()-]{4,}").fullmatch


Thing = tuple[str, str, Callable[[], object]]
"""What it is, about what it is, and how it is opened."""


async def things(app: ConsoleApp, screen: Screen[Any], typed: str) -> list[Thing]:
    """What a reference, an id or a number names. Raises ``GateError``."""
    found: list[Thing] = []
    if _REQUEST(typed) and app.feed.session.may("request_list"):
        asked = late("gate.operations.requests.listing:ListOf")(text=typed, everything=True, limit=1, masked=True)
        found += [
            (
                f"Open {row.reference}",
                f"{row.asks}, {row.state}",
                partial(open_detail, screen, "request", "requests", row.id, row),
            )
            for row in (await app.feed.ask(asked)).items
        ]
    if _ID(typed):
        ids = partial(late("gate.operations.parsing:IdFind"), beginning=typed)
        calls, recordings = await app.feed.ask(ids(kind="call")), await app.feed.ask(ids(kind="recording"))
        found += [
            (f"Open call {ident}", "its decision and facts", partial(open_detail, screen, "call", "calls", ident, None))
            for ident in calls.ids
        ]
        found += [
            (f"Recording {ident}", "Enter opens it", partial(go, app, Place("recordings"), ident))
            for ident in recordings.ids
        ]
    if _NUMBER(typed):
        found.append((f"Calls to {typed}", "each attempt, newest first", partial(go, app, Place("calls"), typed)))
    return found


class Offered(SystemCommandsProvider):
    """What fits what was typed, in one order: jobs, actions, and at last where it can be looked for. (Textual keeps the
    cursor on what came first.)"""

    async def search(self, query: str) -> Hits:
        """Each word that was typed begins one of a job, an action, a page."""
        app: Any = self.app
        text = " ".join(query.split())
        enough = len(text) >= 3
        with suppress(GateError):
            for said, about, opened in await things(app, self.screen, text):
                yield Hit(4.0, said, opened, help=about)
        for said, about, place in jobs(text) if enough else ():
            run = partial(go, app, place) if isinstance(place, Place) else partial(app.read, place)
            yield Hit(3.0, said, run, help=about)
        for said, about, run_command, _ in app.get_system_commands(self.screen):
            if fits(text, f"{said} {about}"):
                yield Hit(2.0, said, run_command, help=about)
        for number, (name, place) in enumerate(FOUND_IN.items() if enough else ()):
            yield Hit(
                0.01 - number * 0.001,
                f"Find in {name}: {text}",
                partial(go, app, place, text),
                help="by number, reference, id, day or name",
            )
