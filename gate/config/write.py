"""A new configuration: ``config.toml`` with comments, the data folders, and passwords of its first accounts.

Everything is made with the permissions it is to have: folders 0700, files 0600, and the configuration, which holds no
secret, 0640: a group that its folder is open to reads it. Nothing that exists is touched.
Answers of a guided set-up stand where an operator would fill in the blanks, under the same comments.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit
from tomlkit.items import AoT, Table

from gate.config.load import judged
from gate.durable import whole_file
from gate.errors import UsageError

FOLDERS = ("", "recordings", "registers", "prompts", "recipients", "checkpoints")
"""Under ``data/``."""

Rows = tuple[tuple[str, Any, str], ...]
"""Key, value, comment (empty for none); an empty value is for the operator to fill in."""

NOTICE = "This is {name}, calling about {about}. We record this call. Press {digit} at any time to stop our calls."
"""Spoken in under seven seconds: who listens longer has hung up."""
_GOODBYE = "Sorry, we cannot continue this call. Goodbye."


Answers = Mapping[str, Any]
"""Section -> key -> value, and ``account`` -> a list of such; as the file would be read."""
NO_ANSWERS: Answers = {}


class Secret(NamedTuple):
    """A file for one, relative to the configuration, and its first line."""

    file: str
    text: str


def write_new(
    folder: Path, *, example: bool, today: str, wavs: tuple[str, str] = ("", ""), answers: Answers = NO_ANSWERS
) -> Path:
    """Make ``folder/config.toml`` and what it names; returns its path.

    ``example``: drama numbers and not live, ready to run; else the firm's own facts are left empty for the operator,
    and ``load`` names each. ``today`` (``YYYY-MM-DD``) dates the policy's review. ``wavs``: the announcement and the
    goodbye, relative to ``folder``. ``answers`` stand in for blanks and defaults; each account gets a password file of
    its own. Raises ``UsageError`` where the configuration exists or a folder cannot be made.
    """
    path = folder / "config.toml"
    try:
        if path.exists():
            raise UsageError(f"{path} exists", hint="name another folder, or edit the file")
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
        for name in FOLDERS:
            (folder / "data" / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / "data" / name).chmod(0o700)
        (folder / "secrets").mkdir(mode=0o700, exist_ok=True)
        file = document(example=example, today=today, wavs=wavs, answers=answers)
        for account in file.unwrap().get("account", []):
            new_file(folder / account["password_file"], secrets.token_urlsafe(18) + "\n")
        new_file(path, tomlkit.dumps(file), mode=0o640)
    except OSError as error:
        raise UsageError(
            f"{error.filename or folder}: {error.strerror}", hint="name a folder that can be made"
        ) from None
    return path


def new_file(path: Path, text: str, *, mode: int = 0o600) -> None:
    """A new file, by default for its owner alone; raises ``FileExistsError`` where there is one."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask is
        file.write(text)


def document(
    *, example: bool, today: str, wavs: tuple[str, str] = ("", ""), answers: Answers = NO_ANSWERS
) -> tomlkit.TOMLDocument:
    """The text of a new configuration, as tomlkit has it."""
    file = tomlkit.document()
    file.add(tomlkit.comment("Dialgate. Every key and its default: dialgate config show"))
    file.add(tomlkit.comment("Secrets are never in here: password_file names a file, or env:NAME a variable."))
    for name, blank in _sections(example, today, wavs).items():
        rows = _answered(blank, answers.get(name))
        if not rows:
            continue
        file.add(tomlkit.nl())
        if isinstance(rows, list):
            array = tomlkit.aot()
            for element in rows:
                array.append(_table(element))
            file.add(name, array)
        else:
            file.add(name, _table(rows))
    return file


def _answered(rows: Rows | list[Rows], given: Any) -> Rows | list[Rows]:
    """The rows with their answers, under their own comments; what is answered besides follows them."""
    if given is None:
        return rows
    if isinstance(rows, list):
        return [_with(rows[0] if rows else (), each) for each in given]
    return _with(rows, given)


def _with(rows: Rows, given: Mapping[str, Any]) -> Rows:
    known = {key for key, _, _ in rows}
    return (
        *((key, given.get(key, value), comment) for key, value, comment in rows),
        *((key, value, "") for key, value in given.items() if key not in known),
    )


def _table(rows: Rows) -> Table:
    table = tomlkit.table()
    for key, value, comment in rows:
        item = tomlkit.item(value)
        if comment:
            item.comment(comment)
        table.add(key, item)
    return table


def _sections(example: bool, today: str, wavs: tuple[str, str]) -> Mapping[str, Rows | list[Rows]]:
    own = ["+442079460000", "+441632960100"] if example else []
    return {
        "firm": (
            ("legal_name", "Webeo Example Ltd" if example else "", "as registered"),
            ("trading_name", "Webeo" if example else "", "what callees see and hear"),
            ("address", "Building 3000, Lakeside, North Harbour, Portsmouth, PO6 3EN" if example else "", ""),
            ("contact_email", "datacompliance@example.invalid" if example else "", ""),
            ("numbers", own, "E.164; numbers the firm owns and answers: nothing else is ever presented"),
            ("policy_version", "1", "of the calling policy"),
            ("policy_reviewed", today, "the gate reminds when this is a year old"),
        ),
        "storage": (("data", "data", ""), ("country", "GB", "evidence and recordings stay in the UK")),
        "sip": (("listen", "127.0.0.1:5060", "where softphones and the PBX send calls, UDP"),),
        "media": (("address", "127.0.0.1", "where phones send audio"),),
        "trunk": (
            ("address", "127.0.0.1:5070" if example else "", "the carrier, host:port"),
            ("name", "carrier", ""),
        ),
        "emergency": (
            ("trunk", "", "where 999 and 112 go, host:port; or elsewhere = true: phones dial them on another line"),
        ),
        "account": _accounts(example, own),
        "pbx": [],
        "announcement": (
            ("id", "notice", ""),
            ("version", "1", "another text or recording is another version"),
            *_spoken(example, wavs),
            ("opt_out_digit", "9", ""),
        ),
        "recording": (("enabled", True, ""), ("on_failure", "refuse", "or unrecorded: go on, and log why")),
        "calling": (
            ("live", not example, "false: may dial the numbers reserved for drama, for tests"),
            ("hours", "always" if example else "strict", "strict: the hours below, never on Sundays and holidays"),
            ("weekdays", "08:00-21:00", ""),
            ("saturday", "09:00-21:00", ""),
            ("sunday", "", ""),
            ("closed_dates", [], '"YYYY-MM-DD": extra days without calls'),
        ),
        "log": (("level", "info", ""), ("format", "console" if example else "json", "")),
    }


def _accounts(example: bool, own: list[str]) -> list[Rows]:
    names = [("alice", own[0], "marketing"), ("bob", own[1], "service")] if example else [("agent", "", "marketing")]
    return [
        (
            ("username", name, ""),
            ("password_file", f"secrets/{name}.password", "first line; readable by the gate's account only"),
            ("presentation", number, "one of firm.numbers"),
            ("purpose", purpose, "marketing; or service where nothing is sold: registers and hours are then skipped"),
        )
        for name, number, purpose in names
    ]


def _spoken(example: bool, wavs: tuple[str, str]) -> Rows:
    if wavs[0]:
        return (("wav", wavs[0], "the firm's own recording"), ("goodbye_wav", wavs[1], ""))
    text = NOTICE.format(name="Webeo", about="your web site", digit=9)
    return (
        ("text", text if example else "", "who calls, why, that it is recorded, how to opt out; no marketing"),
        ("goodbye_text", _GOODBYE, "played where recording fails"),
    )


def add_caller(path: Path, array: str, values: Mapping[str, Any], secret: Secret) -> None:
    """Add ``[[array]]`` with ``values`` to an existing configuration, and the file with its secret beside it.

    The whole is judged as when it is read: where there is a fault nothing is changed. Both files belong to whom the
    configuration does. Raises ``ConfigError`` and ``UsageError``.
    """
    whole = tomlkit.parse(path.read_text(encoding="utf-8"))
    if array not in whole:
        whole.add(tomlkit.nl())
    aot = whole.setdefault(array, tomlkit.aot())
    if not isinstance(aot, AoT):
        raise UsageError(f"{path} has {array} in one line", hint=f"write each as a section [[{array}]] first")
    aot.append(_table(tuple((key, value, "") for key, value in values.items())))
    text = tomlkit.dumps(whole)
    owner = path.stat()
    place = path.parent / secret.file
    with suppress(FileExistsError):
        place.parent.mkdir(mode=0o700)
        os.chown(place.parent, owner.st_uid, owner.st_gid)
    try:
        new_file(place, secret.text + "\n")
    except FileExistsError:
        raise UsageError(f"{place} exists", hint="take another name, or move it away") from None
    try:
        os.chown(place, owner.st_uid, owner.st_gid)
        judged(text, path)
        put_text(path, text)
    except BaseException:
        place.unlink()
        raise


def put_text(path: Path, text: str) -> None:
    """Another text in the configuration ``path``, which keeps its owner and its rights. Raises ``OSError``."""
    owner = path.stat()
    with whole_file(path, mode=stat.S_IMODE(owner.st_mode)) as file:
        os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(text.encode())


def replace_secret(path: Path, file: str, text: str) -> None:
    """Another secret in the file that the configuration in ``path`` names. Raises ``OSError``."""
    place = path.parent / file
    owner = place.stat()
    with whole_file(place) as new:
        os.fchown(new.fileno(), owner.st_uid, owner.st_gid)
        new.write(text.encode() + b"\n")


def amend(path: Path, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Set keys of sections in an existing configuration, keeping its comments; what results is not judged here."""
    path.write_text(amended(path, changes), encoding="utf-8")


def amended(path: Path, changes: Mapping[str, Mapping[str, Any]]) -> str:
    """The text of the configuration in ``path`` with these keys of sections; a section of none is left out."""
    whole = tomlkit.parse(path.read_text(encoding="utf-8"))
    for section, values in changes.items():
        if not values:
            whole.pop(section, None)
            continue
        table = whole.setdefault(section, tomlkit.table())
        for key, value in values.items():
            table[key] = value
    return tomlkit.dumps(whole)
