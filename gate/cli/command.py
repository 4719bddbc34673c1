"""What every command has: ``-c/--config``, ``--json``, ``--debug``, help with an example, a ``View`` to write to."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from gate.cli.output import View

CONFIG = "config.toml"
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
"""A file that is there."""
NEW_FILE = click.Path(dir_okay=False, path_type=Path)
FILE_OR_DASH = click.Path(dir_okay=False, path_type=Path, allow_dash=True)
"""A file, or ``-`` for standard input or output."""
FOLDER = click.Path(file_okay=False, path_type=Path)
Body = Callable[..., Any]


class Completed(click.ParamType[str]):
    """A value that may be typed in part; the gate completes it."""

    def whole(self, view: View, typed: str) -> str:
        """The whole value. Raises ``GateError``."""
        raise NotImplementedError


class Group(click.Group):
    """A group some of whose commands are in modules that are loaded when they are used, or listed."""

    def __init__(self, *args: Any, later: Mapping[str, Sequence[str]] | None = None, **extra: Any) -> None:
        """``later``: module -> names of the commands that it puts into this group."""
        super().__init__(*args, **extra)
        self._later = {name: module for module, names in (later or {}).items() for name in names}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, sorted."""
        return sorted({*self.commands, *self._later})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, its module imported now."""
        if cmd_name in self._later:
            importlib.import_module(self._later[cmd_name])
        return super().get_command(ctx, cmd_name)


class Command(click.Command):
    """A command whose help ends with an example."""

    def __init__(self, *args: Any, example: str = "", **extra: Any) -> None:
        super().__init__(*args, **extra)
        self.example = example

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first sentence, whole: in a list of commands it goes over lines where it must."""
        return super().get_short_help_str(max(limit, 200))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Describe the arguments, where the fields that they fill in have words, and the options."""
        if arguments := arguments_of(self, ctx):
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        super().format_options(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The example, under the options."""
        lines = self.example.strip().splitlines()
        with formatter.section("Example" if len(lines) == 1 else "Examples"):
            for line in lines:
                formatter.write(f"{' ' * formatter.current_indent}{line.strip()}\n")


def arguments_of(command: click.Command, ctx: click.Context) -> list[tuple[str, str]]:
    """The arguments that say what they are: (metavar, words)."""
    given = ((each, getattr(each, "about", "")) for each in command.get_params(ctx) if isinstance(each, click.Argument))
    return [(each.make_metavar(ctx).strip("[]{}"), about) for each, about in given if about]


def make(
    name: str, *, example: str, group: click.Group | None = None, numbers: bool = False, config: bool = True
) -> Callable[[Body], click.Command]:
    """A command from a function whose first argument is the ``View``.

    ``numbers``: its output holds telephone numbers, hidden in part unless ``--show-numbers`` is given.
    ``config``: it takes ``-c/--config``.
    """

    def made(body: Body) -> click.Command:
        @functools.wraps(body)
        def run(json: bool, debug: bool, **values: Any) -> Any:
            path = values.pop("config", None)
            show = values.pop("show_numbers", not numbers)
            view = View(json=json, show_numbers=show, debug=debug, path=path or Path(CONFIG))
            return body(view, **_completed(view, made_command.params, values))

        decorated: Callable[..., Any] = run
        for option in reversed(_options(numbers, config)):
            decorated = option(decorated)
        made_command = click.command(name, cls=Command, example=example)(decorated)
        if group is not None:
            group.add_command(made_command)
        return made_command

    return made


def _options(numbers: bool, config: bool) -> list[Callable[[Body], Body]]:
    options: list[Callable[[Body], Body]] = []
    if config:
        options.append(
            click.option(
                "-c",
                "--config",
                type=NEW_FILE,
                envvar="DIALGATE_CONFIG",
                metavar="FILE",
                help=f"The configuration (else $DIALGATE_CONFIG, else ./{CONFIG}).",
            )
        )
    if numbers:
        options.append(click.option("--show-numbers", is_flag=True, help="Show telephone numbers in full."))
    options.append(click.option("--json", is_flag=True, help="Write JSON."))
    options.append(click.option("--debug", is_flag=True, help="Show the details of an unexpected error."))
    return options


def _completed(view: View, parameters: Sequence[click.Parameter], values: dict[str, Any]) -> dict[str, Any]:
    for each in parameters:
        if isinstance(each.type, Completed) and (typed := values.get(each.name or "")):
            one = each.type.whole
            values[each.name or ""] = tuple(one(view, id_) for id_ in typed) if each.multiple else one(view, typed)
    return values
