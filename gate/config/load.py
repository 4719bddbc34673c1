"""Reading the configuration file: every fault of it in one error; where each value of it comes from.

Types come from the sections themselves (strictly: ``true`` is no number, ``"5"`` neither); what types cannot say is in
``gate.config.rules``, which judges the sections that were readable even where others were not.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin

import msgspec

from gate.config.faults import Fault, Key, Readable, Section, line_of, lines
from gate.config.rules import faults_of
from gate.config.schema import Config, MediaConfig, Sip, Storage
from gate.converting import convert
from gate.errors import ConfigError

_NOT_KEYS = {"base"}
"""Fields of ``Config`` that are not keys of the file."""
_ALONE = {"trunk"}
"""Arrays of tables whose only element may stand as a plain section, ``[trunk]``."""
_LARGEST = 1 << 20


def load(path: Path, *, secrets: bool = True, today: date | None = None, node: tuple[int, int] | None = None) -> Config:
    """The configuration in ``path``, with ``base`` set to its folder.

    ``secrets=False`` leaves the files of passwords and tokens unlooked at, for people who may ask the gate but not read
    them. ``today`` (in London): a review of the policy after it is a fault; None: that is not looked at.

    ``node``: which gate of how many reads it (``of_node``); None: as ``NODE`` in the environment says.

    Raises ``ConfigError`` with every fault of the file, one a line: ``FILE:LINE: KEY: what is wrong; what to do``.
    """
    return judged(_text(path), path, secrets=secrets, today=today, node=node or named_node())


def judged(
    text: str, path: Path, *, secrets: bool = True, today: date | None = None, node: tuple[int, int] = (0, 1)
) -> Config:
    """The configuration that ``text`` would be in ``path``, of this ``node``; raises as ``load``."""
    data = of_node(_table(path, text), *node)
    base = path.resolve().parent
    readable, faults = read(data)
    store = data.get("store", {})
    if node[1] > 1 and isinstance(store, dict) and not store.get("dsn"):
        faults.append(Fault(("store", "dsn"), "several gates share one database; name it: dialgate manual postgresql"))
    faults += faults_of(readable, base, secrets=secrets, today=today)
    if faults:
        raise _error(path, lines(text), faults)
    values: dict[str, Any] = {name: section for name, section in readable.sections.items() if section is not None}
    return Config(**values | readable.in_order, base=str(base))


NODE: Final = "DIALGATE_NODE"
"""A variable of the environment, ``1/3``: which of how many gates on this machine, from 0."""
MOST_NODES: Final = 64
_APART: Final = 10
"""Ports from one gate to the next."""


def named_node() -> tuple[int, int]:
    """Which gate ``NODE`` names, of how many; the only one where it names none. Raises ``ConfigError``."""
    if not (text := os.environ.get(NODE, "")):
        return 0, 1
    found = re.fullmatch(r"(\d{1,3})/(\d{1,3})", text)
    if not found or not int(found[1]) < int(found[2]) <= MOST_NODES:
        raise ConfigError(f"{NODE}={text} names no gate", hint="0/3 is the first of three")
    return int(found[1]), int(found[2])


def of_node(data: dict[str, Any], number: int, count: int) -> dict[str, Any]:
    """A parsed file as gate ``number`` of ``count`` on one machine reads it.

    The first has the folder, the log and the ports of the file; each further one a folder in ``nodes`` of the first's,
    the next log, and ports ``_APART`` higher. The ports for media are shared out. The first alone watches folders that
    somebody drops files into.
    """
    names = ("storage", "store", "sip", "control", "media", "edge", "registers", "ingest")
    if count == 1 or not all(isinstance(data.get(name, {}), dict) for name in names):
        return data
    made = {name: dict(data.get(name, {})) for name in names}
    sip, edge, media, by = made["sip"], made["edge"], made["media"], number * _APART
    listen = sip.get("listen", Sip().listen)
    if edge.get("address") and not edge.get("gates"):
        edge["gates"] = [_moved(edge.get("gate") or listen, each * _APART) for each in range(count)]
    sip["listen"] = _moved(listen, by)
    for section, name in (("sip", "tcp"), ("sip", "tls"), ("control", "http"), ("edge", "gate")):
        if made[section].get(name):
            made[section][name] = _moved(made[section][name], by)
    first, last = (media.get(name, getattr(MediaConfig(), name)) for name in ("port_min", "port_max"))
    if isinstance(first, int) and isinstance(last, int):
        each = (last - first + 1) // count // 2 * 2
        media |= {"port_min": first + number * each, "port_max": first + (number + 1) * each - 1}
    if number:
        storage, log = made["storage"], made["store"].get("log", 0)
        storage["data"] = f"{storage.get('data', Storage().data)}/nodes/{number}"
        for name in ("memory", "checkpoints_copy"):
            if storage.get(name):
                storage[name] = f"{storage[name]}/node-{number}"
        made["store"]["log"] = log + number if isinstance(log, int) else log
        if made["control"].get("socket"):
            made["control"]["socket"] += f".{number}"
        made["registers"]["watch"] = made["ingest"]["folder"] = ""
    return data | made


def _moved(address: Any, by: int) -> Any:
    """With a port that is so much higher; what is no address stays, and is a fault."""
    host, _, port = str(address).rpartition(":")
    return f"{host}:{int(port) + by}" if port.isascii() and port.isdigit() else address


def read(data: dict[str, Any]) -> tuple[Readable, list[Fault]]:
    """The sections of a parsed file that have the right keys and types, and the faults of those that do not."""
    faults: list[Fault] = []
    readable = Readable()
    known = fields(Config)
    _unknown(data, known, (), faults)
    for name, field in known.items():
        element = _element(field.type)
        if element is not None and (name in data or not field.required):
            readable.arrays[name] = _array(element, data.get(name, []), name, readable, faults)
        elif name in data:
            readable.sections[name] = _section(field.type, data[name], (name,), faults)
        elif field.required:
            needed = ", ".join(key for key, inner in fields(element or field.type).items() if inner.required)
            faults.append(Fault((), f"section [{name}] is missing; it needs at least {needed}"))
            if element is None:
                readable.sections[name] = None
        else:
            readable.sections[name] = field.default
    return readable, faults


@cache
def fields(kind: type[Section]) -> Mapping[str, msgspec.structs.FieldInfo]:
    """The keys of a section, as they stand in the file."""
    return {field.name: field for field in msgspec.structs.fields(kind) if field.name not in _NOT_KEYS}


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"{path} does not exist",
            hint="name one with -c FILE or DIALGATE_CONFIG, or make one: dialgate init DIR",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", hint="check the file and its permissions"
        ) from None
    if len(raw) > _LARGEST:
        raise ConfigError(
            f"{path} is larger than a configuration can be ({len(raw)} bytes)", hint="check the file name"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start})", hint="save it as UTF-8") from None


def _table(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\(at (?:line (\d+), column (\d+)|end of document)\)", str(error))
        place = f":{where[1]}" if where and where[1] else ""
        what = str(error).replace(where[0], "").rstrip() if where else str(error)
        raise ConfigError(f"{path}{place}: not TOML: {what}", hint="strings need quotes, lists need [ ]") from None


def _error(path: Path, found: dict[Key, int], faults: list[Fault]) -> ConfigError:
    placed = [(line_of(found, fault.key), fault) for fault in faults]
    placed.sort(key=lambda entry: entry[0] or 0)
    rows = []
    for line, fault in placed:
        place = f"{path}:{line}" if line else f"{path}"
        rows.append(_on_one_line(": ".join(part for part in (place, spelled(fault.key), fault.text) if part)))
    return ConfigError("\n".join(rows))


def _on_one_line(text: str) -> str:
    """Line breaks and control characters written out: what is quoted from the file must not look like another fault."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def spelled(key: Key) -> str:
    """A key path as it is read aloud: ``account[0].username``."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _element(kind: Any) -> type[Section] | None:
    """The section type of an array of tables, ``None`` for a plain section."""
    if get_origin(kind) is tuple and issubclass(get_args(kind)[0], Section):
        element: type[Section] = get_args(kind)[0]
        return element
    return None


def _array(kind: type[Section], value: Any, name: str, readable: Readable, faults: list[Fault]) -> dict[int, Section]:
    if name in _ALONE and isinstance(value, dict):
        readable.alone.add(name)
        value = [value]
    if not isinstance(value, list):
        faults.append(Fault((name,), f"write it as [[{name}]], once for each"))
        return {}
    read_ones = {}
    for index, element in enumerate(value):
        section = _section(kind, element, readable.key(name, index), faults)
        if section is not None:
            read_ones[index] = section
        else:
            readable.torn.add(name)
    return read_ones


def _section(kind: type[Section], value: Any, key: Key, faults: list[Fault]) -> Section | None:
    """One section, or ``None`` where a key of it has a fault (all of them are added to ``faults``)."""
    if not isinstance(value, dict):
        faults.append(Fault(key, f"expected a section [{spelled(key)}], not {_described(value)}"))
        return None
    before = len(faults)
    known = fields(kind)
    _unknown(value, known, key, faults)
    values = {}
    for name, field in known.items():
        if name not in value:
            if field.required:
                faults.append(Fault((*key, name), f"is missing from [{spelled(key)}]"))
            continue
        try:
            values[name] = convert(value[name], field.type)
        except msgspec.ValidationError as error:
            faults.append(_wrong_type((*key, name), field.type, value[name], str(error)))
    return None if len(faults) > before else kind(**values)


def _unknown(value: dict[str, Any], known: Mapping[str, Any], key: Key, faults: list[Fault]) -> None:
    for name in value:
        if name in known:
            continue
        text = "is not a key that Dialgate knows"
        if near := difflib.get_close_matches(name, known, n=1):
            text += f"; did you mean {near[0]}?"
        elif homes := [f"[{home}]" for home in _homes(name)]:
            text += f" here; it belongs in {' or '.join(homes)}"
        else:
            text += f"; known here: {', '.join(known)}"
        faults.append(Fault((*key, name), text))


def _homes(name: str) -> list[str]:
    """Sections that have a key of this name."""
    return [home for home, field in fields(Config).items() if name in fields(_element(field.type) or field.type)]


def _wrong_type(key: Key, kind: Any, value: Any, message: str) -> Fault:
    if inside := re.search(r"at `\$\[(\d+)\]`", message):
        index = int(inside[1])
        return Fault((*key, index), f"expected text in quotes, not {_described(value[index])}")
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        near = difflib.get_close_matches(str(value), choices, n=1)
        ask = f"; did you mean {near[0]}?" if near else ""
        return Fault(key, f"{_described(value)} is not one of {', '.join(choices)}{ask}")
    if isinstance(value, date | time) and kind is str:
        return Fault(key, f'put it in quotes: "{value}"')
    if get_origin(kind) is dict:
        return Fault(key, f"expected keys with texts in quotes, not {_described(value)}")
    wanted = {bool: "true or false", int: "a whole number", str: "text in quotes"}.get(kind, 'a list of texts: ["…"]')
    return Fault(key, f"expected {wanted}, not {_described(value)}")


def _described(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value[:40]}…"' if len(value) > 40 else f'"{value}"'
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, datetime | date | time):
        return f"the date or time {value}"
    return str(value)


class Origin(NamedTuple):
    """One value of the configuration."""

    key: str
    """``account[0].username``."""
    value: Any
    origin: str
    """``FILE:LINE``, or ``default``."""


def origins(config: Config, path: Path) -> list[Origin]:
    """Every value of ``config``, which was loaded from ``path``, in the order of the sections.

    Secrets are not among them: the configuration only names where they are.
    """
    text = path.read_text(encoding="utf-8-sig")
    found = lines(text)
    given = tomllib.loads(text)
    rows: list[Origin] = []
    for name in fields(Config):
        section = getattr(config, name)
        if isinstance(section, tuple):
            held = given.get(name, [])
            for index, element in enumerate(section):
                if isinstance(held, dict):  # the only one, as a plain section
                    _add(rows, element, (name,), held, found, path)
                else:
                    _add(rows, element, (name, index), held[index], found, path)
        else:
            _add(rows, section, (name,), given.get(name, {}), found, path)
    return rows


def _add(
    rows: list[Origin], section: Section, key: Key, given: dict[str, Any], found: dict[Key, int], path: Path
) -> None:
    for name in fields(type(section)):
        line = line_of(found, (*key, name))
        origin = (f"{path}:{line}" if line else str(path)) if name in given else "default"
        value = getattr(section, name)
        rows.append(Origin(spelled((*key, name)), list(value) if isinstance(value, tuple) else value, origin))


def authority_due(config: Config, today: date) -> str:
    """A reminder where nobody has checked the supervisory authority's address for a year, or ever; else empty."""
    what = f"the address of the {config.authority.on(today).name}"
    if not config.authority.checked:
        return f"{what} was never checked: look whether it is still so, and set authority.checked"
    checked = date.fromisoformat(config.authority.checked)
    if checked > today:
        return f"{what}: authority.checked, {checked}, lies in the future"
    if (today - checked).days >= 365:
        return f"{what} was last checked on {checked}: look whether it is still so, and set authority.checked"
    return ""
