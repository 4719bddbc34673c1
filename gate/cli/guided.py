"""The questions of ``dialgate init`` on a terminal: firm, numbers, trunk, phones, announcement, key, registers.

Every answer is judged at once by the rules that the file is judged by when it is read, so what is written is what
would have been written by hand. Nothing is made before the last question: an interrupted set-up leaves nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import click

from gate.cli.output import clean, say
from gate.config import Announcement
from gate.config.faults import Fault
from gate.config.load import read
from gate.config.rules import faults_of
from gate.config.write import document
from gate.core import numbers
from gate.errors import GateError

PLAYERS = (
    ("aplay", "-q"),
    ("paplay",),
    ("pw-play",),
    ("play", "-q"),
    ("ffplay", "-nodisp", "-autoexit", "-v", "error"),
)
"""Programs that play a WAV, the likeliest first; none of them is required."""
NOTICE = (
    "Hello. This is {name}, calling about {about}. This call is recorded for training and for the protection of both "
    "of us. If you do not want us to call you again, press {digit} now or at any time."
)


@dataclass
class Guided:
    """What was answered."""

    values: dict[str, Any] = field(default_factory=dict)
    """Section -> key -> value, as in the configuration file; ``account`` and ``pbx`` are lists."""
    key_name: str = "Compliance"
    trunk_password: str = ""
    registers: dict[str, tuple[Path, date | None]] = field(default_factory=dict)
    """Register -> its file and as-of day (None: taken from the file)."""

    def take_wav(self) -> Path | None:
        """The firm's own recording, which is from now on to lie beside the configuration; None where there is none."""
        spoken = self.values["announcement"]
        source = spoken.get("wav")
        if not source:
            return None
        spoken["wav"] = "announcement.wav"
        return Path(source)


def guide(folder: Path, today: str) -> Guided:
    """Ask; raises ``click.Abort`` where the operator leaves or says no at the end."""
    asking = _Asking(folder, today)
    for step in (_firm, _calling, _trunk, _phones, _announcement, _key, _registers):
        step(asking)
    _summary(asking.given)
    click.confirm(f"Write {folder / 'config.toml'}?", default=True, abort=True, err=True)
    return asking.given


class _Asking:
    """The answers so far, and the ways to ask for another."""

    def __init__(self, folder: Path, today: str) -> None:
        self.folder = folder
        self.given = Guided()
        self._today = today
        self._blank = document(example=False, today=today).unwrap()

    def fault(self, section: str, key: str, value: Any) -> str:
        """What would be wrong with this value of a key, given the answers so far; empty where nothing is."""
        values = {**self._blank, **self.given.values}
        values[section] = {**self._blank.get(section, {}), **self.given.values.get(section, {}), key: value}
        readable, faults = read(values)
        faults += faults_of(readable, self.folder, secrets=False)
        return next((each.text for each in faults if _speaks_of(each, section, key)), "")

    def set(self, section: str, **values: Any) -> None:
        """Keep answers."""
        self.given.values.setdefault(section, {}).update(values)

    def text(self, section: str, key: str, question: str, *, default: str = "", why: str = "") -> str:
        """A text that the rules accept; an empty one where they do."""
        if why:
            say(why)
        while True:
            answer: str = click.prompt(question, default=default, show_default=bool(default), err=True).strip()
            if fault := self.fault(section, key, answer):
                say(f"  {fault}")
                continue
            self.set(section, **{key: answer})
            return answer

    def until(self, question: str, read_one: Callable[[str], Any], *, default: str | None = None) -> Any:
        """What ``read_one`` makes of an answer; where it raises ``ValueError`` its text is shown, and asked again."""
        while True:
            answer: str = click.prompt(question, default=default, show_default=bool(default), err=True).strip()
            try:
                return read_one(answer)
            except ValueError as error:
                say(f"  {error}")


def _speaks_of(fault: Fault, section: str, key: str) -> bool:
    return fault.key[:2] == (section, key)


def _head(title: str, why: str) -> None:
    click.secho(f"\n{title}", bold=True, err=True)
    say(why)


def _firm(asking: _Asking) -> None:
    _head("The firm", "Who calls has to be said on every call (PECR reg 24).")
    legal = asking.text("firm", "legal_name", "Legal name, as registered")
    asking.text("firm", "trading_name", "Trading name: what callees see and hear", default=legal)
    asking.text("firm", "address", "Address, on one line")
    asking.text("firm", "freephone", "Freephone number, if there is one (Enter: none)")
    asking.text("firm", "contact_email", "E-mail address for requests about data (Enter: none)")
    asking.text("firm", "policy_version", "Version of the calling policy", default="1")


def _calling(asking: _Asking) -> None:
    live = click.confirm(
        "Will this gate call real people? (no: it dials the numbers reserved for drama)", True, err=True
    )
    asking.set("calling", live=live)
    _head("The firm's own numbers", "Numbers it owns and answers: nothing else is ever presented to a callee.")

    def read_numbers(answer: str) -> list[str]:
        found = [_e164(each) for each in answer.split(",") if each.strip()]
        if fault := asking.fault("firm", "numbers", found):
            raise ValueError(fault)
        return found

    asking.set("firm", numbers=asking.until("Numbers, with commas", read_numbers))


def _e164(text: str) -> str:
    try:
        return numbers.parse(text.strip()).e164
    except numbers.NumberRefused:
        raise ValueError(f"{text.strip()} is not a UK number") from None


def _trunk(asking: _Asking) -> None:
    _head("The carrier", "Where calls go that may be dialled, and where phones reach the gate.")
    asking.text("trunk", "address", "The carrier's SIP address, host:port")
    if click.confirm("Does the carrier ask for a name and a password?", False, err=True):
        name: str = click.prompt("Name", err=True).strip()
        password: str = click.prompt("Password", hide_input=True, err=True)
        asking.given.trunk_password = password
        asking.set("trunk", username=name, password_file="secrets/trunk.password")  # noqa: S106 - a file's name
    listen = asking.text("sip", "listen", "Address and port where phones reach the gate", default="127.0.0.1:5060")
    asking.text(
        "media", "address", "The address that phones and carrier send audio to", default=listen.rpartition(":")[0]
    )


def _phones(asking: _Asking) -> None:
    _head("Phones", "A softphone signs in by name and password; a PBX is known by its address. At least one of them.")
    accounts: list[dict[str, Any]] = []
    pbxs: list[dict[str, Any]] = []
    while True:
        kind = click.prompt(
            "Add a softphone, a PBX, or go on",
            type=click.Choice(["softphone", "pbx", "go on"]),
            default="go on" if accounts or pbxs else "softphone",
            err=True,
        )
        if kind == "go on" and (accounts or pbxs):
            break
        if kind == "softphone":
            accounts.append(_softphone(asking, accounts))
        elif kind == "pbx":
            pbxs.append(_pbx(asking, pbxs))
        else:
            say("  Nobody could call: add a softphone or a PBX.")
    asking.given.values |= {"account": accounts, **({"pbx": pbxs} if pbxs else {})}


def _softphone(asking: _Asking, others: Sequence[dict[str, Any]]) -> dict[str, Any]:
    own = asking.given.values["firm"]["numbers"]
    made = {"username": "agent", "password_file": "secrets/agent.password", "presentation": own[0]}
    name = asking.until("Its name", _judge(asking, "account", others, made, "username"))
    made |= {"username": name, "password_file": f"secrets/{name}.password"}
    return _who_calls(asking, "account", others, made)


def _pbx(asking: _Asking, others: Sequence[dict[str, Any]]) -> dict[str, Any]:
    own = asking.given.values["firm"]["numbers"]
    made = {"name": "pbx", "addresses": ["127.0.0.1"], "presentation": own[0]}
    made["name"] = asking.until("Its name", _judge(asking, "pbx", others, made, "name"))
    judge = _judge(asking, "pbx", others, made, "addresses")
    made["addresses"] = asking.until(
        "Addresses or networks it calls from, with commas",
        lambda answer: judge([each.strip() for each in answer.split(",") if each.strip()]),
    )
    return _who_calls(asking, "pbx", others, made)


def _judge(
    asking: _Asking, kind: str, others: Sequence[dict[str, Any]], made: dict[str, Any], key: str
) -> Callable[[Any], Any]:
    """A reader that accepts what the rules accept as this key of one more caller."""

    def judged(value: Any) -> Any:
        values = {**asking.given.values, kind: [*others, {**made, key: value}]}
        readable, faults = read(values)
        faults += faults_of(readable, asking.folder, secrets=False)
        for fault in faults:
            if fault.key[:3] == (kind, len(others), key):
                raise ValueError(fault.text)
        return value

    return judged


def _who_calls(asking: _Asking, kind: str, others: Sequence[dict[str, Any]], made: dict[str, Any]) -> dict[str, Any]:
    """The number it shows and what its calls are for."""
    own = asking.given.values["firm"]["numbers"]
    if len(own) > 1:
        judge = _judge(asking, kind, others, made, "presentation")
        made["presentation"] = asking.until(
            f"The number its calls show ({', '.join(own)})", lambda answer: judge(_e164(answer)), default=own[0]
        )
    made["purpose"] = click.prompt(
        "What its calls are for", type=click.Choice(["marketing", "service"]), default="marketing", err=True
    )
    return made


def _announcement(asking: _Asking) -> None:
    _head(
        "The announcement",
        "The callee hears it first: who calls, why, that the call is recorded, how to opt out. No marketing in it.",
    )
    name = asking.given.values["firm"]["trading_name"]
    default = ""
    while True:
        kind = click.prompt(
            "Have it spoken from a text, or give a recording",
            type=click.Choice(["text", "wav"]),
            default="text",
            err=True,
        )
        if kind == "wav":
            values = {"wav": str(asking.until("WAV file", _existing)), "text": ""}
        else:
            if not default:
                about: str = click.prompt("What do you call people about?", default="your web site", err=True)
                default = NOTICE.format(name=name, about=about.strip(), digit=9)
            default = click.prompt("Text", default=default, err=True).strip()
            values = {"text": default, "wav": ""}
        if not _listen(asking, values) or click.confirm("Is it right?", True, err=True):
            asking.set("announcement", **{key: value for key, value in values.items() if value or key == "text"})
            return


def _existing(answer: str) -> Path:
    path = Path(answer).expanduser()
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    return path.resolve()


def _listen(asking: _Asking, values: dict[str, str]) -> bool:
    """Make the announcement as callees will hear it and play it; False where it cannot be made yet, which is told."""
    from gate.media.prompts import prepare  # numpy and libsndfile, for this step alone

    with tempfile.TemporaryDirectory(prefix="dialgate-") as place:
        try:
            made = prepare(Path(place), Announcement(**values), asking.folder)
        except GateError as error:
            say(f"  {error.message}: {error.hint}")
            return False
        wav = made.path("announcement.wav")
        say(f"  {made.seconds:.1f} seconds.")
        player = next((each for each in PLAYERS if shutil.which(each[0])), None)
        if player is None:
            say("  There is no program here to play it (aplay, paplay, play, ffplay).")
        elif click.confirm("Listen to it?", True, err=True):
            played = subprocess.run([*player, str(wav)], stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if played.returncode:
                why = (played.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
                say(f"  {player[0]} could not play it: {clean(why)[:200]}")
    return True


def _key(asking: _Asking) -> None:
    _head(
        "The first key", "Recordings are sealed to it. Its private half is for whoever answers requests, not the gate."
    )
    asking.given.key_name = asking.until("Whose it is", _filled, default="Compliance")


def _filled(answer: str) -> str:
    if not answer:
        raise ValueError("a name, please")
    return answer


def _registers(asking: _Asking) -> None:
    _head("The registers", "The licensee's full files. Marketing calls are refused until both are in force.")
    for name in ("tps", "ctps"):
        path = asking.until(f"{name.upper()} file (Enter: later)", lambda a: _existing(a) if a else None, default="")
        if path is None:
            continue
        as_of = asking.until(
            "As of which day, YYYY-MM-DD (Enter: the file's own date)",
            _day,
            default="",
        )
        asking.given.registers[name] = (path, as_of)


def _day(answer: str) -> date | None:
    try:
        return date.fromisoformat(answer) if answer else None
    except ValueError:
        raise ValueError(f"{answer} is not a date; write YYYY-MM-DD") from None


def _summary(given: Guided) -> None:
    values = given.values
    callers = [each["username"] for each in values["account"]] + [each["name"] for each in values.get("pbx", [])]
    _head("In short", f"{values['firm']['trading_name']} calls from {', '.join(values['firm']['numbers'])}")
    say(f"through {values['trunk']['address']}; who may call: {', '.join(callers)}; key of {given.key_name};")
    live = "live" if values["calling"]["live"] else "not live"
    say(f"registers: {', '.join(given.registers) or 'to be imported'}; {live}.")
