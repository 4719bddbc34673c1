"""A slip on the command line, told with the word that was meant, the place, an example."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

import click


def told(error: click.ClickException) -> tuple[str, str]:
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
