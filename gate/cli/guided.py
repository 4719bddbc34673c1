"""The questions of ``dialgate init`` on a terminal: firm, numbers, trunk, phones, announcement, key, registers.

Every answer is judged at once by the rules that the file is judged by when it is read, alone and beside the answers
before it, and all of them once more at the end: what is written can be loaded. Nothing is made before the last
question: an interrupted set-up leaves nothing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import click

from gate.cli.output import clean, narrate, typed
from gate.config import Announcement
from gate.config.faults import Fault, Key
from gate.config.load import read, spelled
from gate.config.rules import faults_of
from gate.config.write import NOTICE, document
from gate.converting import convert
from gate.core import numbers
from gate.core.terms import Purpose
from gate.errors import GateError, UsageError
from gate.media.prompts import prepare
from gate.vault.publickey import MAX_NAME

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
                narrate(f"  {fault}")
                continue
            self.set(section, **{key: answer})
            return answer

    def address(self, section: str, key: str, question: str, *, default: str = "") -> str:
        """Host and port; without a port that of SIP."""
        return self.text(section, key, question, default=default, whole=_with_port)

    def until(self, question: str, read_one: Callable[[str], Any], *, default: str | None = None) -> Any:
        """What ``read_one`` makes of an answer; where it raises ``ValueError`` its text is shown, and asked again."""
        while True:
            answer: str = click.prompt(question, default=default or "", show_default=bool(default), err=True).strip()
            try:
                return read_one(answer)
            except ValueError as error:
                narrate(f"  {error}")


def _with_port(host: str) -> str:
    if not re.fullmatch(r"\[[^\[\]]+\]|[^\[\]:]+", host):
        return host
    narrate("  Port 5060, as no other is named.")
    return f"{host}:5060"


PHONE_SYSTEMS = {"freepbx": 600, "fusionpbx": 486, "3cx": 486, "other": 600}
"""Phone systems, and the refusal upon which each gives up (manual, Phone systems)."""
PLAYERS = (
    ("aplay", "-q"),
    ("paplay",),
    ("pw-play",),
    ("play", "-q"),
    ("ffplay", "-nodisp", "-autoexit", "-v", "error"),
)
"""Programs that play a WAV, the likeliest first; none of them is required."""


def guide(folder: Path, today: str) -> Guided:
    """Ask; raises ``click.Abort`` where the operator leaves or says no at the end."""
    asking = Asking(folder, today)
    for step in (_firm, _calling, _carrier, _emergency, _reached, _phones, _announcement, _key, _registers):
        step(asking)
    while faults := asking.faults(asking.whole()):
        _mend(asking, faults[0])
    _summary(asking.given)
    click.confirm(f"Write {folder / 'config.toml'}?", default=True, abort=True, err=True)
    return asking.given


def _head(title: str, why: str) -> None:
    click.secho(f"\n{title}", bold=True, err=True)
    narrate(why)


def _firm(asking: Asking) -> None:
    _head("The firm", "Every call must say who calls (PECR reg 24).")
    legal = asking.text("firm", "legal_name", "Legal name, as registered")
    asking.text("firm", "trading_name", "Trading name: what callees see and hear", default=legal)
    asking.text("firm", "address", "Address, on one line")
    asking.text("firm", "freephone", "Freephone number, if there is one (Enter: none)")
    asking.text("firm", "contact_email", "E-mail address for requests about data (Enter: none)")
    asking.text("firm", "policy_version", "Version of the calling policy", default="1")


def _calling(asking: Asking) -> None:
    live = click.confirm(
        "Will this gate call real people? (no: it dials the numbers reserved for drama)", True, err=True
    )
    asking.set("calling", live=live)
    _head("The firm's own numbers", "Numbers it owns and answers: nothing else is ever presented to a callee.")

    def read_numbers(answer: str) -> list[str]:
        found = [_e164(each) for each in answer.split(",") if each.strip()]
        if fault := asking.wrong("firm", numbers=found):
            raise ValueError(fault)
        return found

    asking.set("firm", numbers=asking.until("Numbers, with commas", read_numbers))


def _e164(text: str) -> str:
    try:
        return numbers.parse(text.strip()).e164
    except numbers.NumberRefused:
        raise ValueError(f"{text.strip()} is not a UK number") from None


def _carrier(asking: Asking) -> None:
    _head("The carrier", "Where calls go that may be dialled.")
    before = asking.given.values.pop("trunk", {})
    asking.given.trunk_password = ""
    asking.address("trunk", "address", "The carrier's SIP address, host:port", default=before.get("address", ""))
    if not click.confirm("Does the carrier ask for a name and a password?", False, err=True):
        return

    def read_name(answer: str) -> str:
        if not answer:
            raise ValueError("a name, please")
        if fault := asking.wrong("trunk", username=answer, password_file=CARRIER_SECRET):
            raise ValueError(fault)
        return answer

    asking.set("trunk", username=asking.until("Name", read_name), password_file=CARRIER_SECRET)
    asking.given.trunk_password = _password()


def _emergency(asking: Asking) -> None:
    _head(
        "Emergency calls",
        "How do 999 and 112 leave here? By the gate, at once and to the carrier; or every phone dials them on another "
        "line. Until that is decided the gate refuses them, and dialgate status asks.",
    )
    trunk = asking.given.values["trunk"]
    way = click.prompt(
        "Emergency calls go",
        type=click.Choice(["carrier", "another line", "later"]),
        default=asking.given.emergency or "later",
        err=True,
    )
    asking.given.emergency = way
    asking.given.values.pop("emergency", None)
    if way == "carrier":
        asking.set("emergency", trunk=trunk["address"])
        asking.set("emergency", **{key: trunk[key] for key in ("username", "password_file") if key in trunk})
    elif way == "another line":
        asking.set("emergency", elsewhere=True)


def _password() -> str:
    """Typed unseen; one that can be read back from the first line of a file."""
    while True:
        answer = typed("Password", hidden=True)
        if answer.strip() and answer.isprintable():
            return answer
        narrate("  more than blanks, please, and printable text only")


def _reached(asking: Asking) -> None:
    _head("The gate", "Where phones reach it.")
    listen = asking.address("sip", "listen", "Address and port where phones reach the gate", default="127.0.0.1:5060")
    asking.text(
        "media", "address", "The address that phones and carrier send audio to", default=listen.rpartition(":")[0]
    )


def _phones(asking: Asking) -> None:
    _head("Phones", "A softphone signs in by name and password; a PBX is known by its address. At least one of them.")
    values = asking.given.values
    values |= {"account": [], "pbx": []}
    while True:
        known = values["account"] or values["pbx"]
        kind = click.prompt(
            "Add a softphone (or a phone system that signs in), a PBX, or go on",
            type=click.Choice(["softphone", "pbx", "go on"]),
            default="go on" if known else "softphone",
            err=True,
        )
        if kind == "go on" and known:
            break
        if kind == "softphone":
            values["account"].append(_softphone(asking))
        elif kind == "pbx":
            values["pbx"].append(_pbx(asking))
        else:
            narrate("  Nobody could call: add a softphone or a PBX.")


def _softphone(asking: Asking) -> dict[str, Any]:
    own = asking.given.values["firm"]["numbers"]
    made = {"username": "agent", "password_file": "secrets/agent.password", "presentation": own[0]}
    judge = _judge(asking, "account", made, "username")

    def read_name(answer: str) -> str:
        made["password_file"] = f"secrets/{answer}.password"
        name: str = judge(answer)
        if (asking.folder / made["password_file"]).exists():
            raise ValueError(f"{asking.folder / made['password_file']} exists: another name, or move it away")
        return name

    made["username"] = asking.until("Its name", read_name)
    if click.confirm("Is it a phone system, which may have another trunk?", False, err=True):
        made |= {"phone_system": True, "refusal": _refusal()}
    return _who_calls(asking, "account", made)


def _pbx(asking: Asking) -> dict[str, Any]:
    own = asking.given.values["firm"]["numbers"]
    made: dict[str, Any] = {"name": "pbx", "addresses": ["127.0.0.1"], "presentation": own[0]}
    made["name"] = asking.until("Its name", _judge(asking, "pbx", made, "name"))
    judge = _judge(asking, "pbx", made, "addresses")
    made["addresses"] = asking.until(
        "Addresses or networks it calls from, with commas",
        lambda answer: judge([each.strip() for each in answer.split(",") if each.strip()]),
    )
    made["refusal"] = _refusal()
    return _who_calls(asking, "pbx", made)


def _refusal() -> int:
    """The code that the calls of a phone system are refused with."""
    system: str = click.prompt(
        "Which phone system is it (Asterisk is freepbx, FreeSWITCH is fusionpbx)",
        type=click.Choice(list(PHONE_SYSTEMS)),
        default="other",
        err=True,
    )
    narrate(f"  Refused calls get {PHONE_SYSTEMS[system]}, upon which it should give up. Test it: dialgate trunk-test")
    return PHONE_SYSTEMS[system]


def _judge(asking: Asking, kind: str, made: dict[str, Any], key: str) -> Callable[[Any], Any]:
    """A reader that accepts what the rules accept as this key of one more caller."""

    def judged(value: Any) -> Any:
        others = asking.given.values[kind]
        if fault := asking.fault(kind, [*others, {**made, key: value}], (kind, len(others), key)):
            raise ValueError(fault)
        return value

    return judged


def _who_calls(asking: Asking, kind: str, made: dict[str, Any]) -> dict[str, Any]:
    """The number it shows and what its calls are for."""
    own = asking.given.values["firm"]["numbers"]
    if len(own) > 1:
        judge = _judge(asking, kind, made, "presentation")
        made["presentation"] = asking.until(
            f"The number its calls show ({', '.join(own)})", lambda answer: judge(_e164(answer)), default=own[0]
        )
    made["purpose"] = click.prompt(
        "What its calls are for", type=click.Choice([each.value for each in Purpose]), default="marketing", err=True
    )
    return made


_ABOUT = "your web site"


def _announcement(asking: Asking) -> None:
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
                about: str = click.prompt("What do you call people about?", default=_ABOUT, err=True)
                default = NOTICE.format(name=name, about=about.strip() or _ABOUT, digit=9)
            default = click.prompt("Text", default=default, err=True).strip()
            values = {"text": default, "wav": ""}
        if fault := asking.wrong("announcement", **values):
            narrate(f"  {fault}")
            default = ""
            continue
        if not _listen(asking, values) or click.confirm("Is it right?", True, err=True):
            kept = {key: value for key, value in values.items() if value or key == "text"}
            asking.given.values["announcement"] = kept
            return


def _existing(answer: str) -> Path:
    if not answer:
        raise ValueError("the name of a file, please")
    path = Path(answer).expanduser()
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    return path.resolve()


def _listen(asking: Asking, values: dict[str, str]) -> bool:
    """Make the announcement as callees will hear it and play it; False where it cannot be made yet, which is told."""
    with tempfile.TemporaryDirectory(prefix="dialgate-") as place:
        try:
            made = prepare(Path(place), convert(values, Announcement), asking.folder)
        except GateError as error:
            narrate(f"  {error.message}: {error.hint}")
            return False
        wav = made.path("announcement.wav")
        narrate(f"  {made.seconds:.1f} seconds.")
        player = next((each for each in PLAYERS if shutil.which(each[0])), None)
        if player is None:
            narrate("  There is no program here to play it (aplay, paplay, play, ffplay).")
        elif click.confirm("Listen to it?", True, err=True):
            played = subprocess.run([*player, str(wav)], stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if played.returncode:
                why = (played.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
                narrate(f"  {player[0]} could not play it: {clean(why)[:200]}")
    return True


def _key(asking: Asking) -> None:
    _head(
        "The first key", "Recordings are sealed to it. Its private half is for whoever answers requests, not the gate."
    )
    asking.given.key_name = asking.until("Whose it is", _named, default="Compliance")


def _named(answer: str) -> str:
    if not answer or len(answer) > MAX_NAME or not answer.isprintable():
        raise ValueError(f"a name of 1 to {MAX_NAME} printable characters, please")
    return answer


def _registers(asking: Asking) -> None:
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


_ASKED = {
    "firm": _firm,
    "calling": _calling,
    "trunk": _carrier,
    "emergency": _emergency,
    "sip": _reached,
    "media": _reached,
    "account": _phones,
    "pbx": _phones,
    "announcement": _announcement,
}
"""Section -> where it is asked about."""


def _mend(asking: Asking, fault: Fault) -> None:
    """Ask again for what came to be wrong since it was answered (a file that has gone)."""
    step = _ASKED.get(str(fault.key[0])) if fault.key else _phones
    if step is None:
        raise UsageError(f"{spelled(fault.key)}: {fault.text}", hint="make it with --blank, and fill it in by hand")
    narrate(f"\n{spelled(fault.key)}: {fault.text}")
    step(asking)


def _summary(given: Guided) -> None:
    values = given.values
    callers = [each["username"] for each in values["account"]] + [each["name"] for each in values.get("pbx", [])]
    _head("In short", f"{values['firm']['trading_name']} calls from {', '.join(values['firm']['numbers'])}")
    narrate(f"through {values['trunk']['address']}; who may call: {', '.join(callers)}; key of {given.key_name};")
    live = "live" if values["calling"]["live"] else "not live"
    narrate(f"registers: {', '.join(given.registers) or 'to be imported'}; {live}.")
