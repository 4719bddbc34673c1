"""The entry point. Commands are named here and loaded when they are used, so that ``dialgate check`` starts fast.

What goes wrong becomes one line and an exit code; a mistyped command line is answered with the word that was meant,
the place, an example.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import resource
import sys
import tempfile
import traceback
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import click

from gate.cli.output import complain, complain_as_json
from gate.errors import GateError, UsageError


def usage_fault(error: click.ClickException) -> tuple[str, str]:
    """What is wrong with a command line, and what to do."""
    context = getattr(error, "ctx", None)
    hint = f"{context.command_path} --help" if context else ""
    message = error.format_message()
    if isinstance(error, click.exceptions.NoSuchCommand) and context:
        near = _near(error.command_name, context.command.list_commands(context))
        message = f"No such command '{error.command_name}'.{_meant(near)}"
    elif isinstance(error, click.MissingParameter):
        example = getattr(context.command, "example", "").strip().splitlines() if context else []
        hint += f". Example: {example[0].strip()}" if example else ""
    elif isinstance(error, click.BadParameter) and error.param:
        kind, value = error.param.type, error.message.partition("'")[2].partition("'")[0]
        if isinstance(kind, click.Choice):
            near = _near(value, map(str, kind.choices))
            if near:
                message = message.replace(error.message, f"there is no '{value}'.{_meant(near)}")
        elif isinstance(kind, click.Path) and "does not exist" in error.message:
            message = f"{message.removesuffix('.')}{_whereabouts(Path(value))}"
    return message, hint


def _near(typed: str, names: Iterable[str]) -> list[str]:
    """Names that begin so, else those that are written alike."""
    known = list(names)
    return [name for name in known if name.startswith(typed.casefold())] or get_close_matches(typed, known, 3, 0.6)


def _meant(near: list[str]) -> str:
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


def _whereabouts(path: Path) -> str:
    """Where a file was looked for, and what is there."""
    folder = path.resolve().parent
    if not folder.is_dir():
        return f": there is no folder {folder}"
    names = sorted(each.name for each in folder.iterdir())
    with_spaces = [name for name in names if name.startswith(f"{path.name} ")]
    if with_spaces:
        return f" in {folder}. A name with spaces is put in quotes: '{path.parent / with_spaces[0]}'"
    near = get_close_matches(path.name, names, 1, 0.6)
    return f" in {folder}.{_meant([str(path.parent / each) for each in near])}"


COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("gate.cli.demo", "Show the whole job on loopback, with real SIP, RTP and files."),
    "init": ("gate.cli.setup", "Make a configuration, data folders and first keys."),
    "serve": ("gate.cli.serve", "Run the gate."),
    "doctor": ("gate.cli.doctor", "Check the machine and the gate, and name the command that mends each fault."),
    "status": ("gate.cli.status", "The gate at a glance; exit code 1 where something needs attention."),
    "check": ("gate.cli.check", "May this number be dialled?"),
    "screen": ("gate.cli.screen", "A whole CRM file: which numbers may be dialled?"),
    "contacts": (
        "gate.cli.contacts",
        "The CRM's numbers: import, status, forecast, rescreen, list, changes, drop, forget.",
    ),
    "register": ("gate.cli.register", "TPS and CTPS: import, watch, status."),
    "objection": (
        "gate.cli.lists:objection",
        "The firm's own do-not-call list: add, remove, undo, list, import, export.",
    ),
    "consent": ("gate.cli.lists:consent", "Consents to calls: add, withdraw, letter, list, import, export."),
    "subscriber": ("gate.cli.lists:subscriber", "Who has a line, and since when: set, list."),
    "calls": (
        "gate.cli.calls",
        "Attempts and calls: list, show, ladder, reasons, trend, agents, hang-up, pause, resume, acknowledge.",
    ),
    "campaign": ("gate.cli.calls:campaign", "Abandoned calls by campaign, and stops: list, release."),
    "receipt": ("gate.cli.pages:receipt", "A callee's receipt, shown by its code."),
    "receipts": ("gate.cli.pages:receipts", "The page of receipts that the firm hosts: publish."),
    "reveal": ("gate.cli.calls:reveal", "A telephone number in full, for a reason that is logged."),
    "recording": ("gate.cli.recordings", "Sealed recordings: list, export, verify, ingest."),
    "retention": ("gate.cli.retention", "What is erased when: status, sweep, forecast, terms."),
    "request": ("gate.cli.request", "Data-subject requests, from the day they come to the letter that ends them."),
    "letters": ("gate.cli.letters", "The letters about requests: show, explain, copy, check."),
    "hold": ("gate.cli.retention:hold", "What may not be erased: add, ground, release, list."),
    "copies": ("gate.cli.retention:copies", "Copies in clear: list, add, destroyed."),
    "complaint": ("gate.cli.complaints:complaint", "Complaints: page, import."),
    "breach": ("gate.cli.complaints", "Breaches of personal data: add, update, notify, close, show, list, export."),
    "key": (
        "gate.cli.keys",
        "Who can open recordings: new, list, add, change, retire, rotate, prove, drop, passphrase.",
    ),
    "proposal": ("gate.cli.proposals", "Proposals that wait for a second person: list, confirm, withdraw."),
    "report": ("gate.cli.pages:report", "A month in figures, or the record of processing, as one page."),
    "audit": (
        "gate.cli.audit",
        "The log: verify, witnesses, restore, clock, status, leaves, leaf, moment, checkpoint, checkpoints, tiles,"
        " key, export, open.",
    ),
    "memory": ("gate.cli.backups:memory", "The second place that outlives a restore: status, renew."),
    "backup": ("gate.cli.backups:backup", "Data and configuration into one set, wrapped keys into another."),
    "restore": ("gate.cli.backups:restore", "A backup put back whole, and what was erased since erased again."),
    "store": ("gate.cli.store", "Where the evidence is, SQLite or PostgreSQL: move, rewrite."),
    "config": ("gate.cli.settings", "The configuration: show."),
    "account": ("gate.cli.credentials:account", "Softphones and their passwords: add, password."),
    "token": ("gate.cli.credentials:token", "Programs that ask over HTTP: add."),
    "nodes": ("gate.cli.settings:nodes", "The gates that share a database: list, drain, resume, leave."),
    "webhook": ("gate.cli.settings:webhook", "Other programs that the gate notifies of events: list, retry, drop."),
    "trunk-test": ("gate.cli.trunk_test", "Does a phone system obey a refusal, or does its next trunk ring?"),
    "edge": ("gate.cli.settings:edge", "Kamailio and rtpengine in front of the gate: config."),
    "console": ("gate.cli.console", "The console, in this terminal."),
    "manual": ("gate.cli.manual", "The manual, page by page."),
}
"""Name -> module with its ``command``, or ``module:name``, and the line shown in ``dialgate --help``."""
_EXTRAS = {
    **dict.fromkeys(("textual", "textual_serve", "aiohttp_jinja2"), "console"),
    **dict.fromkeys(("pyVoIP", "audioop"), "softphone"),
    "opentelemetry": "otel",
    "psycopg": "postgresql",
}
"""Package -> the extra of ``pyproject.toml`` that brings it."""


class Root(click.Group):
    """The commands by name, and the one handler of everything that can go wrong."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of ``COMMANDS``."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, its module imported now."""
        if cmd_name not in COMMANDS:
            if near := get_close_matches(cmd_name, COMMANDS, 1, 0.6):
                ctx.fail(f"No such command '{cmd_name}'. Did you mean '{near[0]}'?")
            return None
        place, text = COMMANDS[cmd_name]
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name or "command")
        if isinstance(command, click.Group):
            command.short_help = text
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and lines from ``COMMANDS``, no module imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        """Run, say what went wrong in one line, and exit with the code that fits."""
        arguments = list(sys.argv[1:] if args is None else args)
        _open_streams()
        sys.exit(_run(super().main, arguments, "--json" in arguments, rest, extra))


def _open_streams() -> None:
    """A standard stream that is closed leads nowhere: else its number would be that of the next file that is opened,
    evidence perhaps, and what is written to it would go there."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest free number
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - as long as the process


def _run(run: Any, arguments: list[str], json: bool, rest: tuple[Any, ...], extra: dict[str, Any]) -> int:
    try:
        code = run(arguments, *rest, **{**extra, "standalone_mode": False})
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        message, hint = usage_fault(error)
        complain((UsageError if error.exit_code == 2 else GateError)(message, hint=hint), json=json)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt, EOFError):
        click.echo("dialgate: interrupted", err=True)
        if json:
            complain_as_json("interrupted", "", 130)
        return 130
    except GateError as error:
        complain(error, json=json)
        return error.exit_code
    except OSError as error:
        if error.errno == errno.EPIPE:
            return _reader_gone()
        if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return _unexpected(error, arguments, json=json)
        place = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        complain(GateError(f"{place}{error.strerror}", hint="check the path, its permissions and the disk"), json=json)
        return 1
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            return _unexpected(error, arguments, json=json)
        missing = UsageError(
            f"{package} is not installed, which this needs", hint=f'pip install "dialgate[{_EXTRAS[package]}]"'
        )
        complain(missing, json=json)
        return missing.exit_code
    except Exception as error:  # noqa: BLE001 - the last boundary: a user sees one line, the details go to a file
        return _unexpected(error, arguments, json=json)
    return code if isinstance(code, int) else 0


def _reader_gone() -> int:
    """Standard output was closed by its reader (``| head``): end quietly, the interpreter's own last flush included."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _unexpected(error: Exception, arguments: list[str], *, json: bool) -> int:
    details = traceback.format_exc()
    place = ""
    if "--debug" in arguments:
        click.echo(details, err=True)
    else:
        try:
            with tempfile.NamedTemporaryFile("w", prefix="dialgate-error-", suffix=".txt", delete=False) as file:
                file.write(details)
            place = f" Details are in {file.name}."
        except OSError as no_room:
            place = f" The details could not be written ({no_room.strerror}): they are told with --debug."
    message = f"unexpected {type(error).__name__}: {_first_line(error)}.{place}"
    hint = "This is a fault of Dialgate: please report it with the details."
    click.echo(f"dialgate: {message}", err=True)
    click.echo(hint, err=True)
    if json:
        complain_as_json(message, hint, 1)
    return 1


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200].rstrip(".")


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="dialgate", prog_name="dialgate")
def cli() -> None:
    """Dialgate stands between a firm's phones and its carrier: it screens every call against TPS, CTPS and the firm's
    own lists, announces who is calling, seals what it records, and can prove all of it.

    Try it: dialgate demo
    """


def main() -> NoReturn:
    """The program. What it writes is UTF-8 whatever the locale: signed notes and JSON are no other. It leaves no core
    dump: private keys and opened recordings are in its memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    cli.main(prog_name="dialgate")


if __name__ == "__main__":
    main()
