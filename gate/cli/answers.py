"""The answers of a guided ``dialgate init`` so far, and how the next one is judged: alone, and beside the others."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import click

from gate.cli.output import say
from gate.config.faults import Fault, Key
from gate.config.load import read, spelled
from gate.config.rules import faults_of
from gate.config.write import document

CARRIER_SECRET = "secrets/carrier"  # noqa: S105 - a file's name
"""Where the carrier's password lies: what an account's file is called ends in ``.password``, whatever its name."""


@dataclass
class Guided:
    """What was answered."""

    values: dict[str, Any] = field(default_factory=dict)
    """Section -> key -> value, as in the configuration file; ``account`` and ``pbx`` are lists."""
    key_name: str = "Compliance"
    trunk_password: str = ""
    emergency: str = ""
    """How emergency calls go, as it was answered."""
    registers: dict[str, tuple[Path, date | None]] = field(default_factory=dict)
    """Register -> its file and as-of day (None: taken from the file)."""

    def take_wav(self, folder: Path) -> Path | None:
        """The firm's own recording, which is from now on to lie beside the configuration in ``folder``.

        None where there is nothing to copy: no recording, or it lies there already. Another one that does is kept.
        """
        spoken = self.values["announcement"]
        if not spoken.get("wav"):
            return None
        source = Path(spoken["wav"])
        names = (f"announcement{f'-{number}' if number > 1 else ''}.wav" for number in count(1))
        for name in names:
            spoken["wav"], place = name, folder / name
            if not place.exists():
                return source
            if place.samefile(source):
                return None
        raise AssertionError("there is always another name")


class Asking:
    """The answers so far, and the ways to ask for another."""

    def __init__(self, folder: Path, today: str) -> None:
        self.folder = folder
        self.given = Guided()
        self._today = today

    def whole(self) -> dict[str, Any]:
        """The file as it would be written now; who may call is in it once that was asked."""
        values: dict[str, Any] = document(example=False, today=self._today, answers=self.given.values).unwrap()
        if "account" not in self.given.values:
            del values["account"]
        return values

    def faults(self, values: dict[str, Any]) -> list[Fault]:
        """What is wrong with a file like this, but for the secrets that are yet to be made."""
        readable, faults = read(values)
        return faults + faults_of(readable, self.folder, secrets=False)

    def fault(self, section: str, value: Any, *own: Key) -> str:
        """What would be wrong if the section were this; empty where nothing is.

        A fault counts where it is one of the keys in ``own``, or was not there before: then two answers do not go
        together.
        """
        whole = self.whole()
        before = self.faults(whole)
        for each in self.faults({**whole, section: value}):
            if any(each.key[: len(key)] == key for key in own):
                return each.text
            if each not in before:
                return f"{spelled(each.key)}: {each.text}"
        return ""

    def wrong(self, section: str, **values: Any) -> str:
        """What would be wrong with these values of its keys."""
        return self.fault(section, {**self.whole().get(section, {}), **values}, *((section, key) for key in values))

    def set(self, section: str, **values: Any) -> None:
        """Keep answers."""
        self.given.values.setdefault(section, {}).update(values)

    def text(
        self, section: str, key: str, question: str, *, default: str = "", whole: Callable[[str], str] = str
    ) -> str:
        """A text that the rules accept, by default what was answered before; an empty one where they do. ``whole``
        makes what is meant of an answer."""
        default = str(self.given.values.get(section, {}).get(key, "")) or default
        while True:
            answer = click.prompt(question, default=default, show_default=bool(default), err=True).strip()
            answer = whole(answer)
            if fault := self.wrong(section, **{key: answer}):
                say(f"  {fault}")
                continue
            self.set(section, **{key: answer})
            return answer

    def address(self, section: str, key: str, question: str, *, default: str = "") -> str:
        """Host and port; without a port that of SIP."""
        return self.text(section, key, question, default=default, whole=_with_port)

    def until(self, question: str, read_one: Callable[[str], Any], *, default: str | None = None) -> Any:
        """What ``read_one`` makes of an answer; where it raises ``ValueError`` its text is shown, and asked again."""
        while True:
            answer: str = click.prompt(question, default=default, show_default=bool(default), err=True).strip()
            try:
                return read_one(answer)
            except ValueError as error:
                say(f"  {error}")


def _with_port(host: str) -> str:
    if not re.fullmatch(r"\[[^\[\]]+\]|[^\[\]:]+", host):
        return host
    say("  Port 5060, as no other is named.")
    return f"{host}:5060"
