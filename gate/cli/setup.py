"""``dialgate init``: a new configuration, data folders and first keys."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from gate.cli import passphrase as asked
from gate.cli.command import FOLDER, make
from gate.cli.guided import CARRIER_SECRET, Guided, guide
from gate.cli.output import View, narrate
from gate.client.files import read_file
from gate.client.gate import FolderHere, Gate
from gate.client.own_list_files import read_list, send_list
from gate.clock import SystemClock
from gate.config import Config, load
from gate.config.write import new_file, write_new
from gate.core.days import LONDON
from gate.daemon.opening import OWN_FILES, open_data_folder
from gate.errors import GateError, UsageError
from gate.media.prompts import example_wavs, prepare_all
from gate.operations.keys.recipients import KeyAdd
from gate.operations.lists.entries import ConsentEntry, Entry
from gate.operations.registers.importing import REGISTERS, RegisterImport, RegisterName
from gate.vault import keyfile
from gate.vault.signing import CheckpointKey

_BESIDE = Path(__file__).parents[2] / "sample_lists"
SAMPLE_LISTS = _BESIDE if _BESIDE.is_dir() else Path(__file__).parents[1] / "sample_lists"
"""Where the sample lists are: beside the packages in a checkout, inside ``gate`` in an installed wheel."""
WAVS = ("announcement.wav", "goodbye.wav")
"""The example's sounds, in its folder."""
_FOLDERS = ("data", "secrets", "keys")
"""What a set-up fills."""
_NEW = ("config.toml", "data/gate.key", "keys/first.key", "keys/first.recipient")
"""What a guided one makes whatever is answered: where one of them is there, nothing is asked."""
_SECOND = (
    "Make a second key, for a second person: with a lost only key every recording is lost (dialgate key new, key add)."
)


@make("init", config=False, example="dialgate init /etc/dialgate\ndialgate init try-it --example")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option("--example", is_flag=True, help="Drama numbers, an example firm, sample lists; not live.")
@click.option("--blank", is_flag=True, help="Ask nothing: config.toml has blanks to fill in.")
@click.option("--name", "holder", default="Compliance", show_default=True, help="Who holds the first key.")
@asked.option
def command(view: View, folder: Path, example: bool, blank: bool, holder: str, passphrase_file: Path | None) -> None:
    """Make DIR with config.toml, data folders, account passwords and the first key that opens recordings.

    Nothing that exists is changed. On a terminal it asks for what the configuration needs, lets you hear the
    announcement, and imports the registers; with --example the gate can be started at once; else config.toml has
    blanks to fill in, and dialgate config show names each.
    """
    os.umask(OWN_FILES)
    now = SystemClock().now()
    if not (example or blank or view.json) and sys.stdin.isatty() and sys.stderr.isatty():
        _guided(view, folder, now, passphrase_file)
        return
    # Asked for before anything is made: an interrupted prompt leaves nothing behind.
    words = _passphrase(passphrase_file, holder, example)
    with _whole_or_nothing(folder):
        result = _make(folder, holder, words, now, example=example, keep_words=example and passphrase_file is None)
    view.data(result)
    for line in _next_steps(result, example):
        narrate(line)


def _guided(view: View, folder: Path, now: datetime, passphrase_file: Path | None) -> None:
    """Ask, then make all that was asked for; what cannot be put in force at once is told, and left to a command."""
    if there := next((folder / name for name in (*_NEW, CARRIER_SECRET) if (folder / name).exists()), None):
        hint = "or edit the file" if there.name == "config.toml" else "or move it away"
        raise UsageError(f"{there} exists", hint=f"name another folder, {hint}")
    given = guide(folder, _today(now))
    words = _new_passphrase(passphrase_file, given.key_name)
    with _whole_or_nothing(folder):
        result = _make(folder, given.key_name, words, now, given=given)
        config = load(Path(result["config"]))
    left = _put_in_force(view, given, config, result)
    view.data(result)
    for line in _last_steps(result, given, left):
        narrate(line)


def _new_passphrase(file: Path | None, name: str) -> str:
    """One that a key can be closed with: what was answered so far is not lost over one that is too short."""
    while True:
        try:
            words = asked.passphrase(file, f"Passphrase for the key of {name}", new=True)
            keyfile.generate(name, "compliance", words, SystemClock().now())
            return words
        except UsageError as error:
            narrate(f"{error.message}: {error.hint}")
            file = None  # a person is here, and types another


@contextmanager
def _whole_or_nothing(folder: Path) -> Iterator[None]:
    """What is made in the block goes again where it fails; what was there before stays."""
    before = _there(folder)
    try:
        yield
    except BaseException:
        for path in sorted(_there(folder) - before, reverse=True):  # what is in a folder goes before it
            with suppress(OSError):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        raise


def _there(folder: Path) -> set[Path]:
    """What there is of ``folder``, the way to it, and the files and folders that a set-up makes in it."""
    made = [*folder.glob("announcement*.wav"), *(folder / name for name in ("config.toml", *WAVS, *_FOLDERS))]
    inside = (path for name in _FOLDERS for path in (folder / name).rglob("*"))
    return {path for path in (folder, *folder.parents, *made, *inside) if path.exists() or path.is_symlink()}


def _put_in_force(view: View, given: Guided, config: Config, result: dict[str, Any]) -> list[str]:
    """The key, the prompts and the registers of a guided set-up; returns the commands that are still to be given."""
    left = []
    try:
        prepare_all(config.data / "prompts", config)
    except GateError as error:
        narrate(f"The announcement is not prepared: {error.message} ({error.hint}).")
    with open_data_folder(config) as folder:
        gate = FolderHere(folder)
        gate.ask(KeyAdd(text=Path(result["recipient"]).read_text()))
        for name in REGISTERS:
            try:
                if name in given.registers:
                    result[name] = _import(view, gate, name, *given.registers[name])
                    continue
            except GateError as error:
                narrate(f"{name.upper()} is not in force: {error.message} ({error.hint}).")
            left.append(f"dialgate register import {name} FILE -c {result['config']}")
    return left


def _import(view: View, gate: Gate, name: RegisterName, file: Path, as_of: date | None) -> int:
    with view.progress(f"Importing {name.upper()}") as progress:
        return gate.ask(RegisterImport(name=name, path=str(file), as_of=as_of), progress=progress).count


def _today(now: datetime) -> str:
    return now.astimezone(LONDON).date().isoformat()


def _make(
    folder: Path,
    name: str,
    words: str,
    now: datetime,
    *,
    example: bool = False,
    keep_words: bool = False,
    given: Guided | None = None,
) -> dict[str, Any]:
    today = _today(now)
    sound = given.take_wav(folder) if given else None
    wavs, answers = WAVS if example else ("", ""), given.values if given else {}
    path = write_new(folder, example=example, today=today, wavs=wavs, answers=answers)
    if given and sound:
        shutil.copyfile(sound, folder / given.values["announcement"]["wav"])
    if given and given.trunk_password:
        new_file(folder / given.values["trunk"]["password_file"], given.trunk_password + "\n")
    signer = CheckpointKey.create(folder / "data" / "gate.key", f"dialgate-{secrets.token_hex(4)}")
    result: dict[str, Any] = {"config": str(path), "data": str(folder / "data"), "verifier": signer.vkey}
    if words:
        result |= _first_key(folder, name, words, now, keep_words=keep_words)
    if example:
        _copy_wavs(folder)
        result |= _example(load(path), Path(result["recipient"]), today)
    return result


def _passphrase(file: Path | None, name: str, example: bool) -> str:
    if example and file is None:
        return secrets.token_urlsafe(18)
    if file is None and not sys.stdin.isatty():
        return ""
    return asked.passphrase(file, f"Passphrase for the key of {name}", new=True)


def _copy_wavs(folder: Path) -> None:
    """The example firm's announcement and goodbye."""
    for source, name in zip(example_wavs(), WAVS, strict=True):
        if not (folder / name).exists():
            shutil.copyfile(source, folder / name)


def _first_key(folder: Path, name: str, words: str, now: datetime, *, keep_words: bool) -> dict[str, Any]:
    """A private key and its recipient under ``keys/``; the example's passphrase lies beside it."""
    keys = folder / "keys"
    private, recipient = keyfile.generate(name, "compliance", words, now)
    keyfile.save_private(keys / "first.key", private)
    new_file(keys / "first.recipient", recipient.to_text())
    made = {"key": str(keys / "first.key"), "recipient": str(keys / "first.recipient")}
    if keep_words:
        new_file(keys / "first.passphrase", words + "\n")
        made["passphrase_file"] = str(keys / "first.passphrase")
    return made


def _example(config: Config, recipient: Path, today: str) -> dict[str, Any]:
    """Prompts, the key put in force, and the sample lists: what a first call needs."""
    prepare_all(config.data / "prompts", config)
    with open_data_folder(config) as folder:
        gate = FolderHere(folder)
        gate.ask(KeyAdd(text=recipient.read_text()))
        return import_samples(gate, today)


def import_samples(gate: Gate, today: str) -> dict[str, int]:
    """Put the sample lists in force, as of ``today``; returns how many entries each has (nothing without them)."""
    counts: dict[str, int] = {}
    if not SAMPLE_LISTS.is_dir():
        return counts
    for name in REGISTERS:
        path = str(SAMPLE_LISTS / f"{name}_ns.txt")
        counts[name] = gate.ask(RegisterImport(name=name, path=path, as_of=date.fromisoformat(today))).count
    now = SystemClock().now()
    for own in ("objections", "consents"):
        found = read_list(own, read_file(SAMPLE_LISTS / f"{own}.csv"), f"{own}.csv", now)
        found.entries = [_lately(entry, now) for entry in found.entries]
        counts[own] = send_list(gate, found, skip_bad=False)["imported"]
    return counts


def _lately(entry: Entry, now: datetime) -> Entry:
    """A sample consent as one that holds, in whatever year the example is made."""
    if not isinstance(entry, ConsentEntry):
        return entry
    given = entry.given_at
    while now - given > timedelta(days=600):
        given += timedelta(days=365)
    return msgspec.structs.replace(entry, given_at=given)


def _next_steps(result: dict[str, Any], example: bool) -> list[str]:
    path = result["config"]
    if example:
        steps = [f"Start it: dialgate serve -c {path}"]
        if "tps" not in result:
            steps.append("The sample lists are not part of this installation: dialgate register import tps FILE")
        return steps
    steps = [f"Fill in {path}: dialgate config show -c {path} names what is missing."]
    if "key" not in result:
        steps.append("Make a key, away from the gate: dialgate key new NAME -o FILE.key > FILE")
    steps += [
        f"Let the key in: dialgate key add {result.get('recipient', 'FILE')} -c {path}",
        _SECOND,
        f"Import the registers: dialgate register import tps FILE -c {path} (and ctps)",
        f"Start it: dialgate serve -c {path}",
    ]
    if "key" in result:
        steps.append(f"Move {result['key']} off this machine: the gate needs no private key.")
    return [f"{number}. {step}" for number, step in enumerate(steps, start=1)]


def _last_steps(result: dict[str, Any], given: Guided, left: list[str]) -> list[str]:
    """What is left to do after a guided set-up."""
    folder = Path(result["config"]).parent
    steps = [
        f"Phone {each['username']}: its password is in {folder / each['password_file']}"
        for each in given.values["account"]
    ]
    steps += left
    steps += [
        f"Start it: dialgate serve -c {result['config']}",
        f"Move {result['key']} off this machine: the gate needs no private key.",
        _SECOND,
        "Keep the line verifier somewhere else: it is what the log's signatures are checked against.",
    ]
    return [f"{number}. {step}" for number, step in enumerate(steps, start=1)]
