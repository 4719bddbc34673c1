"""The manual: what its index lists is there, is linked, is read in a terminal and in a pipe."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path
from typing import get_args

import click
import pytest
from click.shell_completion import ShellComplete
from textual.binding import Binding

from console import keys
from gate import errors, manual
from gate.cli.main import cli
from gate.config import load
from gate.config.faults import CallTopic
from gate.config.load import fields
from gate.config.schema import Config, Firm
from gate.core.terms import TOPICS, Topic, date_text
from gate.operations.catalogue import OPERATIONS
from gate.operations.operation import ROLES
from tests.support.commands import PROGRAM, ROOT, dialgate
from tests.support.documents import HEADING, README, Document, document, documents, page

NAMES = [each.name for each in manual.pages()]


# --- the pages ----------------------------------------------------------------------------------------------------


def test_the_index_lists_every_page_once() -> None:
    files = {path.stem for path in manual.FOLDER.glob("*.md")} - {manual.INDEX}
    assert sorted(NAMES) == sorted(files)


def test_the_index_and_readme_link_every_page() -> None:
    for name in NAMES:
        assert f"{name}.md" in page(manual.INDEX).links, name
        linked = any(link.startswith(f"gate/manual/{name}.md") for link in document(README).links)
        assert linked, f"{name} is not linked from the README"


@pytest.mark.parametrize("read", documents(), ids=[each.path.stem for each in documents()])
def test_a_page_has_one_title_and_is_read_in_one_sitting(read: Document) -> None:
    levels = [len(marks) for marks, _ in HEADING.findall(read.prose)]
    assert levels.count(1) == 1 and levels[0] == 1
    assert len(read.text.splitlines()) < (250 if read.path == README else 300)
    assert max(map(len, read.text.splitlines())) < 400
    titles = [title for _, title in HEADING.findall(read.prose)]
    assert len(titles) == len(set(titles)), "two headings with one anchor"


@pytest.mark.parametrize("name", NAMES)
def test_a_page_begins_with_who_it_is_for_and_what_they_will_have(name: str) -> None:
    opening = page(name).text.split("\n\n")[1]
    assert re.fullmatch(r"\*For [^.]+\. At its end [^.]+\.\*", opening), opening


MOST_WORDS = 30


def sentences(text: str) -> list[str]:
    """Those of a page's prose: no headings, tables or code; what is marked as code is one word, a link its text."""
    found = []
    for part in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )|\n(?=#)|\n(?=\|)", text):
        if not part.startswith(("|", "#")):
            plain = re.sub(r"`[^`]*`", "X", " ".join(part.split()))
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", plain)
            found += re.split(r"(?<=[.!?:])[)\"*]*\s+(?=[A-Z\"(*0-9])", plain)
    return found


@pytest.mark.parametrize("name", [manual.INDEX, *NAMES])
def test_a_sentence_is_short(name: str) -> None:
    """A colon before a capital ends one, as a full stop does."""
    long = [each for each in sentences(page(name).prose) if len(re.findall(r"\b[\w'’-]+", each)) > MOST_WORDS]
    assert not long, "\n".join(long)


def test_the_figures_are_one_screen() -> None:
    assert len(page("figures").text.splitlines()) <= 50
    assert page("figures").links.count("measuring.md") == 1 and not re.findall(r"^## ", page("figures").text, re.M)


def test_a_link_between_pages_is_a_file_name() -> None:
    """Textual's viewer and ``for_terminal`` follow those alone."""
    for name in [manual.INDEX, *NAMES]:
        for link in page(name).links:
            assert re.fullmatch(r"[a-z0-9-]+\.md(#[\w-]+)?", link), f"{name}: {link}"


# --- tables -------------------------------------------------------------------------------------------------------


def rows(name: str, first: str) -> list[list[str]]:
    """The cells of the table of a page whose heading begins with ``first``."""
    lines = page(name).prose.partition(f"\n| {first}")[2].partition("\n\n")[0].splitlines()[2:]
    assert lines, f"no table of {first} in {name}"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_exit_codes_are_those_of_the_errors() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.GateError)]
    assert {int(row[0]) for row in rows("command-line", "code")} == {0, 130, *(kind.exit_code for kind in kinds)}


def test_options_that_all_commands_share_are_those_of_a_command() -> None:
    listed = {option for row in rows("command-line", "option") for option in re.findall(r"`(--[a-z-]+)", row[0])}
    shared = {option for each in (cli.get_command(click.Context(cli), "calls"),) for option in _options(each)}
    assert listed and listed <= shared


def _options(command: click.Command | None) -> set[str]:
    assert isinstance(command, click.Group)
    return {option for each in command.commands["list"].params for option in each.opts}


def test_variables_of_the_environment_are_read() -> None:
    listed = re.findall(r"`(DIALGATE_[A-Z_]+)`", page("command-line").text)
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "gate").rglob("*.py"))
    assert sorted(set(listed)) == sorted(set(re.findall(r"""["'](DIALGATE_[A-Z_]+)["']""", source)))


def test_roles_are_those_of_the_gate() -> None:
    assert tuple(row[0].strip("`") for row in rows("accounts", "role")) == ROLES


def test_modes_and_keys_are_those_of_the_console() -> None:
    modes = {cells[0]: cells[1] for cells in rows("console", "key | mode")}
    assert sorted(modes) == [str(at) for at in range(len(keys.MODES))]
    typed = {"/": "slash", "?": "question_mark", "^p": "ctrl+p", "Enter": "enter", "Esc": "escape", "Tab": "tab"}
    typed |= {"!": "exclamation_mark", "@": "at", ":": "colon", "^t": "ctrl+t"}
    groups = (keys.APP, keys.SCREEN, keys.TABLE, keys.LIST)
    bound = {key for group in groups for each in group if isinstance(each, Binding) for key in each.key.split(",")}
    named = {key for row in rows("console", "key | does") for key in re.findall(r"[^\s,`]+", row[0])}
    assert {typed.get(key, key) for key in named} <= bound


def test_fields_of_a_decision_over_http_are_those_of_the_operation() -> None:
    assert [row[0].strip("`") for row in rows("http-api", "field")] == [
        name for name in OPERATIONS["decide"].request.__struct_fields__ if name not in ("refused_claim", "again")
    ]


# --- configuration ------------------------------------------------------------------------------------------------


def test_the_configuration_page_has_every_key_with_its_default() -> None:
    pages = (
        "configuration",
        "calls",
        "configuration-storage",
        "calls-in",
        "edge",
        "phone-systems",
        "carriers",
        "http-api",
        "recordings-from-elsewhere",
        "registers-and-lists",
        "second-trunks",
        "siprec",
    )
    text = "".join(page(each).text for each in pages)
    shown = re.findall(r"^\| `([a-z0-9_]+\.[a-z0-9_]+)` \| (.+?) \|", text, re.MULTILINE)
    wanted = []
    for name, section in fields(Config).items():
        element = getattr(section.type, "__args__", (section.type,))[0]
        for key, field in fields(element).items():
            wanted.append((f"{name}.{key}", "–" if field.required else f"`{_toml(field.default)}`"))
    assert sorted(shown) == sorted(wanted)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"'{value}'" if '"' in value else f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return "{}" if not isinstance(value, int | float) else str(value)


def _snippets() -> list[tuple[str, str]]:
    return [(each.path.stem, block.text) for each in documents() for block in each.blocks if block.language == "toml"]


@pytest.mark.parametrize("text", [text for _, text in _snippets()], ids=[name for name, _ in _snippets()])
def test_a_configuration_snippet_loads(text: str, tmp_path: Path) -> None:
    """With the sections that it leaves out, and secrets beside it."""
    file = tmp_path / "config.toml"
    whole = next(each for name, each in _snippets() if name == "configuration")
    if text != whole:
        named = set(re.findall(r"^\[+([a-z_]+)\]+$", text, re.MULTILINE))
        parts = re.split(r"^(?=\[)", whole, flags=re.MULTILINE)
        rest = [part for part in parts if re.match(r"\[+(\w+)", part) and re.match(r"\[+(\w+)", part)[1] not in named]  # type: ignore[index]
        text = "".join(rest) + "\n" + text
    if "account:alice" in text:
        text += '\n[[account]]\nusername = "alice"\npassword_file = "secrets/alice"\npresentation = "+442079460000"\n'
    (tmp_path / "secrets").mkdir()
    for secret in re.findall(r'"(secrets/[\w.]+)"', text):
        (tmp_path / secret).write_text(f"{secret}, long enough for a secret\n")
        (tmp_path / secret).chmod(0o600)
    file.write_text(text)
    load(file)


def test_the_table_of_roles_is_that_of_the_operations() -> None:
    rows = [
        f"| `{name}` | {' | '.join('yes' if role in OPERATIONS[name].roles else '' for role in ROLES)} |"
        for name in sorted(OPERATIONS)
    ]
    part = page("accounts").text.partition("## What each operation needs")[2]
    assert [line for line in part.splitlines() if line.startswith("| `")] == rows, "paste:\n" + "\n".join(rows)


# --- the command --------------------------------------------------------------------------------------------------


def test_the_shell_completes_a_page() -> None:
    completed = ShellComplete(cli, {}, "dialgate", "_DIALGATE_COMPLETE").get_completions(["manual"], "re")
    assert [each.value for each in completed] == [name for name in NAMES if name.startswith("re")]


def test_without_a_page_the_pages_are_listed() -> None:
    assert [line.split("\t")[0] for line in dialgate("manual").out.splitlines()] == ["name", *NAMES]
    assert [each["name"] for each in dialgate("manual", "--json").json["pages"]] == NAMES
    assert all(each["about"] for each in dialgate("manual", "--json").json["pages"])


@pytest.mark.parametrize("name", [manual.INDEX, *NAMES])
def test_in_a_pipe_a_page_is_its_markdown(name: str) -> None:
    done = dialgate("manual", name)
    assert (done.code, done.out) == (0, page(name).text)
    assert dialgate("manual", name, "--json").json == {"page": name, "text": page(name).text}


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("retentoin", "retention"), ("Reason Codes", "reason-codes"), ("backup", "operations"), ("threat", "security")],
)
def test_a_page_that_is_none_is_answered_with_the_nearest(asked: str, meant: str) -> None:
    done = dialgate("manual", asked)
    assert done.code == 2
    assert f"dialgate manual {meant}\n" in done.err


def test_a_page_that_is_like_none_is_answered_with_the_list() -> None:
    done = dialgate("manual", "xyzzy")
    assert done.code == 2
    assert "dialgate manual lists the pages" in done.err


def test_in_a_terminal_a_page_goes_through_the_pager(tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text(f"#!/bin/sh\ncat > {tmp_path}/shown\n")
    pager.chmod(0o700)
    ours, theirs = pty.openpty()
    env = {**os.environ, "PAGER": str(pager), "TERM": "xterm-256color", "COLUMNS": "80"}
    subprocess.run(
        [*PROGRAM, "manual", "retention"], stdin=theirs, stdout=theirs, env=env, timeout=60, check=True, cwd=ROOT
    )
    os.close(theirs)
    os.close(ours)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", (tmp_path / "shown").read_text())
    assert "Retention" in shown and "# Retention" not in shown and "```" not in shown
    assert "dialgate manual accounts" in " ".join(shown.split()), "a link says what is typed to follow it"


@pytest.mark.parametrize("name", manual.FILES)
def test_a_file_beside_the_pages_is_written_as_it_is(name: str) -> None:
    assert dialgate("manual", name).out == (manual.FOLDER / name).read_text(encoding="utf-8")


def test_the_table_of_topics_is_that_of_the_rules() -> None:
    rows = [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in (manual.FOLDER / "registers-and-lists.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `") and line.count("|") == 7
    ]
    assert rows == [
        [
            f"`{row.topic}`",
            row.title,
            "yes" if row.consent else "no",
            f"{row.caller} (`firm.{row.key}`)" if row.key else "any firm",
            row.law,
            date_text(row.since),
        ]
        for row in TOPICS
    ]
    assert set(get_args(CallTopic)) == set(Topic), "what the configuration takes"
    assert all(row.key in Firm.__struct_fields__ for row in TOPICS if row.key)
