"""A firm's year of requests: a real data folder, a clock that is moved, stories that are told side by side.

A story is a generator: it does what a compliance officer does with ``dialgate request``, and yields the day (and hour,
London's) until which nothing happens in it. ``Year.run`` tells all of them in the order of their days. Each keeps what
was done and every letter, as it will stand in its golden file.
"""

from __future__ import annotations

import heapq
import inspect
import re
import shlex
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from gate.clock import SystemClock
from gate.config import load
from gate.core.days import LONDON
from gate.daemon.opening import open_folder
from gate.operations.data_folder import DataFolder
from gate.vault.keyfile import save_private
from gate.vault.signing import CheckpointKey
from tests.support.commands import Done, dialgate
from tests.support.evidence import decision
from tests.support.keeping import plant
from tests.support.requesting import ANN, sound
from tests.support.settings import VALID, write
from tests.support.vault import PASSPHRASE, add_recipient, private_key
from tests.support.written import written

Days = Iterator[str]
BEGINS: Final = "2027-11-01"
_FIRM: Final = """
[authority]
checked = "2027-10-01"
[privacy]
dpo = "D. Officer, dpo@webeo.invalid"
[letters]
signed = "C. Officer, Data compliance"
"""
COMPLAIN: Final = "If you are unhappy with this"
_COMPLAIN: Final = (
    "If you are unhappy with this ---------------------------- Please tell us first, at the address above. You can "
    "also reach our data protection officer: D. Officer, dpo@webeo.invalid. You can also complain to the Information "
    "Commissioner's Office at any time, and you can go to court: Information Commissioner's Office Wycliffe House "
    "Water Lane Wilmslow Cheshire SK9 5AF 0303 123 1113 https://ico.org.uk/make-a-complaint/"
)
STANDARD: Final = "[how to complain: to us, the supervisory authority, a court]"


class Story:
    """One request, from its arrival to its end."""

    def __init__(self, year: Year, number: int, telling: Callable[[Story], Days]) -> None:
        self.year = year
        self.number = number
        self.name = telling.__name__
        self.about = inspect.cleandoc(telling.__doc__ or "")
        self.reference = ""
        self.lines: list[str] = []
        """What was done, and the letters."""
        self.letters: list[str] = []
        """The letters alone, each whole."""
        self.people: list[str] = []
        """Who asks, and where they live: texts that name them."""
        self.days = telling(self)

    # --- what an officer does

    def open(self, asks: str, by: str, *more: str, name: str = "", contact: str = "", number: str = "") -> Done:
        """A request comes."""
        given = {"--name": name, "--contact": contact, "--number": number}
        self.people = [text for text in (name, *contact.split("\n")) if text]
        options = [part for option, value in given.items() if value for part in (option, value)]
        done = self._run("open", asks, "--by", by, *options, *more)
        self.reference = re.findall(r"DSR-\d{4}-\d{4}", done.out)[0]
        return done

    def do(self, command: str, *more: str, code: int = 0) -> Done:
        """``dialgate request COMMAND REFERENCE …``; letters that it writes are read."""
        return self._run(command, self.reference, *more, code=code)

    def search(self, *more: str) -> Done:
        return self.do("search", *more)

    def proven(self, *more: str) -> None:
        """Who asks is known, and what is held of them looked for."""
        self.do("verify-identity", "--checked", "answers to two questions about our calls", *more)
        self.search()

    def letter(self, kind: str, *more: str) -> str:
        """A letter goes out."""
        done = self._run("letter", self.reference, kind, *more)
        self._keep(done.out)
        return " ".join(done.out.split())

    def fulfil(self, *more: str) -> None:
        """What was granted is done, with its letters; a pack where one is made."""
        key = ("--key", str(self.year.key), "--passphrase-file", str(self.year.words))
        pack = (*key, "-o", f"{self.reference}.html") if "--pack" in more else ()
        rest = tuple(each for each in more if each != "--pack")
        self._with_letters("fulfil", *rest, hidden=pack)

    def refuse(self, ground: str, reasons: str, *more: str) -> None:
        """It is refused, with both letters."""
        self._with_letters("decide", "--refuse", ground, "--reasons", reasons, *more)

    def hold(self, *options: str) -> str:
        """Something is put on hold; the hold's id."""
        self._note("hold add", *options)
        ground = () if "--restriction" in options else ("--ground", "claim")
        done = dialgate("hold", "add", *ground, *options, "--json")
        assert done.code == 0, done.err
        return str(done.json["id"])

    def release(self, hold: str) -> None:
        """A hold ends."""
        self._note("hold release")
        assert dialgate("hold", "release", hold, "--reason", "settled").code == 0

    def _with_letters(self, command: str, *more: str, hidden: Sequence[str] = ()) -> None:
        folder = self.year.folder / f"letters-{self.number}-{len(self.lines)}"
        self._run(command, self.reference, *more, hidden=(*hidden, "--letters", str(folder)))
        for path in sorted(folder.glob("*.txt"), key=lambda each: (each.stat().st_mtime_ns, each.name)):
            self._keep(path.read_text(encoding="utf-8"))

    def _run(self, *arguments: str, code: int = 0, hidden: Sequence[str] = ()) -> Done:
        done = dialgate("request", *arguments, *hidden)
        assert done.code == code, f"{self.name}: {arguments}: exit code {done.code}\n{done.out}{done.err}"
        if arguments[0] not in ("show", "letter"):
            self._note(*arguments)
            if code:
                self.lines.append(f"            refused: {_reason(done.err)}")
        return done

    def _note(self, command: str, *arguments: str) -> None:
        """A command, as it stands between the letters."""
        shown = shlex.join(each.replace("\n", ", ") for each in arguments if each != self.reference)
        words = f"{self.year.today}  {command} {shown}".rstrip()
        self.lines += textwrap.wrap(words, 110, subsequent_indent=" " * 14, break_on_hyphens=False)

    def _keep(self, text: str) -> None:
        """A letter, but for what is the same on every one: the head of the paper, and how to complain."""
        assert text.startswith(self.year.paper), text[:400]
        self.letters.append(text.rstrip("\n") + "\n")
        body = text.removeprefix(self.year.paper).strip("\n")
        body = body.replace(self.year.log_key, "[the key of the log]")
        begin, end = body.find(COMPLAIN), body.rfind("\n\n\nYours ")
        if begin >= 0:
            said = " ".join(body[begin:end].split())
            assert said == self.year.complain, said
            body = body[:begin] + STANDARD + body[end:]
        self.lines += ["", *(f"    | {line}".rstrip() for line in body.splitlines()), ""]

    def golden(self) -> str:
        """The whole of it, as it is kept."""
        return "\n".join([f"{self.number:02}. {self.about}", "", *self.lines]).rstrip() + "\n"


class Year:
    """The firm: its folder, its clock, its stories."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.time = _london(BEGINS)
        patch.setattr(SystemClock, "now", lambda _: self.time)
        self.config = load(write(folder, VALID + _FIRM))
        patch.setenv("DIALGATE_CONFIG", str(folder / "config.toml"))
        patch.chdir(folder)
        self.config.data.mkdir()
        self.log_key = CheckpointKey.create(self.config.data / "gate.key", "dialgate-year").vkey
        private = private_key()
        self.key, self.words = folder / "firm.key", folder / "firm.passphrase"
        save_private(self.key, private)
        self.words.touch(mode=0o600)
        self.words.write_text(PASSPHRASE + "\n")
        self.recipient = add_recipient(self.config.data / "recipients", private.recipient.to_text())
        self.auditor = add_recipient(
            self.config.data / "recipients",
            private_key("A. Uditor", "auditor").recipient.to_text(),
            purpose="regulator",
            exports_only=True,
        )
        self.paper = "\n".join(["Webeo Example Ltd", "trading as Webeo", "Building 3000, Lakeside, Portsmouth"])
        self.complain = _COMPLAIN
        self._sound = sound()

    @property
    def today(self) -> str:
        """The day in London."""
        return f"{self.time.astimezone(LONDON):%Y-%m-%d}"

    def move(self, moment: str) -> None:
        """It is later."""
        self.time = _london(moment)

    def named(self, stories: Sequence[Story], name: str) -> Story:
        """A story by its name."""
        return next(story for story in stories if story.name == name)

    @contextmanager
    def opened(self) -> Iterator[DataFolder]:
        """The data folder, as a command opens it."""
        with ExitStack() as stack:
            yield open_folder(load(self.folder / "config.toml"), stack)

    def recorded(self, data: DataFolder, name: str, at: str, number: str) -> None:
        """A call to a number at this time, answered and recorded."""
        place = data.config.data / "recordings"
        plant(data.store, data.keys, place, self.recipient, name, _london(at), number, sound=self._sound)

    def refused(self, data: DataFolder, name: str, at: str, number: str, reason: str = "listed_tps") -> None:
        """An attempt that was not dialled."""
        fact = decision(name, number, at=_london(at), reason=reason)
        data.store.call(lambda tx: tx.append(fact))

    def given(self, data: DataFolder, recording: str, bundle: str) -> None:
        """A recording went to the auditor in a bundle."""
        body = {"call_id": f"call-{recording}", "purpose": "yearly audit", "recipient": self.auditor.id}
        written(data, "exported", recording, ANN, body | {"bundle": bundle})

    def run(self, tellings: Sequence[Callable[[Story], Days]]) -> list[Story]:
        """All stories, told day by day."""
        stories = [Story(self, n, telling) for n, telling in enumerate(tellings, 1)]
        waiting = [(_london(next(story.days)), story.number) for story in stories]
        heapq.heapify(waiting)
        while waiting:
            self.time, number = heapq.heappop(waiting)
            story = stories[number - 1]
            until = next(story.days, None)
            if until is not None:
                assert _london(until) >= self.time, f"{story.name}: {until} has passed"
                heapq.heappush(waiting, (_london(until), number))
        return stories


def _london(moment: str) -> datetime:
    """A day (ten in the morning) or a day and a time, of London."""
    text = moment if " " in moment else f"{moment} 10:00"
    fold, text = ("second" in text), text.removesuffix(" second")
    return datetime.fromisoformat(text).replace(tzinfo=LONDON, fold=int(fold)).astimezone(UTC)


def _reason(said: str) -> str:
    return (re.findall(r"\(([a-z]\w+)\)\n", said) or re.findall(r"dialgate: (.*)", said) or [said.strip()])[0]
