"""``dialgate console``: the console in this terminal, or in a browser on this machine."""

from __future__ import annotations

import gc
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from console.late import late
from gate.cli.command import NEW_FILE, make
from gate.cli.output import View, narrate
from gate.errors import UsageError

MODES = ("today", "live", "registers", "contacts", "calls", "recordings", "retention", "requests", "audit")


@make(
    "console",
    example="dialgate console\ndialgate console -k ann.key --mode live\ndialgate console --web",
)
@click.option(
    "-k",
    "--key",
    "keys",
    multiple=True,
    type=NEW_FILE,
    metavar="FILE",
    help="A private key to offer when a recording is to be opened; its passphrase is asked for then.",
)
@click.option(
    "--theme",
    type=click.Choice(["dialgate", "dialgate-light", "dialgate-contrast"]),
    help="Colours (else console.theme); NO_COLOR counts.",
)
@click.option("--mode", type=click.Choice(MODES), metavar="NAME", help="The mode that it begins with (default: today).")
@click.option(
    "--web", is_flag=True, help="Serve it to a browser on this machine; the address that is printed signs in once."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="Port of --web; any free one otherwise."
)
@click.option(
    "--training",
    is_flag=True,
    help="On a gate of its own with made-up data, which cannot reach yours and goes at the end.",
)
@click.option("--read-only", is_flag=True, help="Only look: write, sign, open and end nothing.")
@click.option("--served", is_flag=True, hidden=True)
@click.option("--in-training", default="", hidden=True)
def command(
    view: View,
    keys: tuple[Path, ...],
    theme: str | None,
    mode: str | None,
    web: bool,
    port: int,
    training: bool,
    read_only: bool,
    served: bool,
    in_training: str,
) -> None:
    """Open the console: what the gate does now, its lists, calls, recordings, requests and proof.

    It asks the running gate, and shows what your account may see and do there. Press ? for the keys.
    """
    if training:
        if read_only:
            raise UsageError("a training is for trying what writes", hint="leave out --read-only")
        if web or keys:
            raise UsageError("a training has a gate and keys of its own", hint="leave out --web, --port and --key")
        _need_terminal(view)
        chosen = [*(("--theme", theme) if theme else ()), *(("--mode", mode) if mode else ())]
        sys.exit(late("gate.cli.training:train")(chosen))
    if web:
        _web(view, keys, theme, mode, port, ["--read-only"] if read_only else [])
        return
    served = served and _fed()
    if not served:
        _need_terminal(view)
    gc.disable()  # loading makes objects by the ten thousand that all stay: ``console.app.run`` enables it
    from gate.cli.console_start import start  # with all of Textual: not for --help

    start(view, keys, theme, mode or "", served=served, training=in_training, read_only=read_only)


def _need_terminal(view: View) -> None:
    if view.json or not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError(
            "the console needs a terminal", hint="in scripts: dialgate register status, dialgate calls list, …"
        )


def _fed() -> bool:
    """Standard input is a pipe or a socket, as the server of the browser gives it."""
    mode = os.fstat(0).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _web(
    view: View, keys: tuple[Path, ...], theme: str | None, mode: str | None, port: int, more: Sequence[str]
) -> None:
    """Each browser window is a console process of this account's."""
    from console.web import serve

    child = [sys.executable, "-P", "-m", "gate.cli.main", "console", "--served", "-c", str(view.path.resolve())]
    child += more
    for key in keys:
        child += ["-k", str(key.resolve())]
    if theme:
        child += ["--theme", theme]
    if mode:
        child += ["--mode", mode]
    view.config  # noqa: B018 - a faulty configuration is told here rather than in the browser
    serve(child, port, lambda address: _show_address(view, address))


def _show_address(view: View, address: str) -> None:
    view.data({"address": address}, text=lambda shown: [shown["address"]])
    sys.stdout.flush()
    narrate("Open this address in a browser on this machine; it signs in once. Ctrl+C ends it.")
