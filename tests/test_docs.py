"""The documentation says what is so: commands, options, keys, reason codes, files, the diagrams, the maps, docstrings.

``tests/test_manual.py`` has what is asked of the manual as such.
"""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from gate import manual
from gate.calls.metrics import Metrics
from gate.cli.main import cli
from gate.config.load import fields
from gate.config.schema import Config
from gate.control import endpoint
from gate.core import calls, requests
from gate.core.abandoned import Why
from gate.core.call_words import ENDS, State
from gate.core.facts.calls import Abandoned, OutcomeReported
from gate.core.facts.gate import ManyAbandoned
from gate.core.retention import HoldGround
from gate.core.terms import Reason, Topic, Verdict
from gate.operations.calls.campaigns import CallsOutcome
from gate.operations.calls.screening import Decide, Decided
from gate.operations.catalogue import OPERATIONS
from gate.operations.ingest.ingesting import RecordingIngest, RecordingIngested
from gate.operations.lists.objections import ObjectionAdd
from gate.operations.status.trunk_tests import Outcome
from tests.support.commands import ROOT, dialgate
from tests.support.documents import Document, document, documents, page
from tests.support.transitions import diagram

EVERY = documents()
every_document = pytest.mark.parametrize("read", EVERY, ids=[each.path.stem for each in EVERY])
SPANS = [span for each in EVERY for span in each.spans]
BLOCKS = [block for each in EVERY for block in each.blocks]


# --- the command line ---------------------------------------------------------------------------------------------


def typed(text: str) -> Iterator[str]:
    """The ``dialgate …`` lines of a text, continued ones joined."""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if found := re.match(r"\s*(?:\S*ExecStart=)?(?:\S*/)?(dialgate(?: .*)?)$", line):
            yield found[1]


def understand(line: str, *, whole: bool) -> None:
    """Fail where ``line`` is no command with these options; ``whole``: all that it needs must be given."""
    words = shlex.split(line, comments=True)[1:]
    words = words[: min((words.index(mark) for mark in "<>|" if mark in words), default=len(words))]
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(click.Context(command), words[0])
        assert inner is not None, f"there is no command {words[0]!r}: {line}"
        command, words = inner, words[1:]
    context = click.Context(command, info_name=line)
    try:
        values, rest, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        pytest.fail(f"{line}: {error.format_message()}")
    if "--help" in words:
        return
    assert not rest, f"{line}: {rest} is more than it takes"
    for parameter in command.get_params(context):
        value = values.get(parameter.name or "")
        given = bool(value) if isinstance(value, list | tuple) else isinstance(value, str)
        if isinstance(value, str) and isinstance(parameter.type, click.Choice):
            parameter.type.convert(value, parameter, context)
        assert given or not whole or not parameter.required, f"{line}: {parameter.name} is missing"


@every_document
def test_commands_in_code_blocks_exist_with_their_options(read: Document) -> None:
    for block in read.blocks:
        for line in typed(block.text):
            understand(line, whole=True)


def test_most_commands_are_shown_in_a_code_block() -> None:
    assert len({line for block in BLOCKS for line in typed(block.text)}) > 60


@every_document
def test_commands_in_the_prose_exist(read: Document) -> None:
    for span in read.spans:
        if re.match(r"dialgate [a-z]", span):
            understand(span.replace("|", " ").replace("…", ""), whole=False)


@pytest.mark.parametrize("line", ["dialgate dance", "dialgate serve --fast", "dialgate key new", "dialgate check 1 2"])
def test_what_is_no_command_is_seen(line: str) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        understand(line, whole=True)


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"\bmake ([a-z-]+)\b", "\n".join([*(block.text for block in BLOCKS), *SPANS])))
    assert named >= {"demo", "test"}
    for target in named:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


# --- configuration ------------------------------------------------------------------------------------------------


def keys() -> dict[str, set[str]]:
    """Section -> its keys, as they stand in a configuration file."""
    sections = {}
    for name, field in fields(Config).items():
        kind: Any = getattr(field.type, "__args__", (field.type,))[0]
        sections[name] = set(fields(kind))
    return sections


def test_configuration_keys_exist() -> None:
    known = keys()
    anywhere = set().union(*known.values())
    seen = 0
    for span in SPANS:
        if dotted := re.fullmatch(r"([a-z]+)\.([a-z0-9_]+)(?: = .+)?", span):
            if dotted[1] in known and dotted[2] not in ("db", "key", "toml", "wav", "sock"):
                assert dotted[2] in known[dotted[1]], span
                seen += 1
        elif bracketed := re.fullmatch(r"\[{1,2}([a-z0-9_]+)\]{1,2}(?: ([a-z0-9_]+))?", span):
            assert bracketed[1] in known, span
            assert bracketed[2] is None or bracketed[2] in known[bracketed[1]], span
            seen += 1
        elif bare := re.fullmatch(r"([a-z0-9_]+) = .+", span):
            assert bare[1] in anywhere, span
        elif re.fullmatch(r"[a-z]+_[a-z0-9_]+", span):
            assert span in anywhere | _words(), f"`{span}` is neither a key, a reason, a metric nor a field of HTTP"
    assert seen


REFUSALS = ("no_such_call", "recorded_already", "other_number")
"""Of recordings that are handed in."""
TESTS = tuple(Outcome)
"""What a test of a phone system comes to."""
SESSIONS = ("recording_closed", "recording_paused", "recording_resumed", "recorder_failed", "ended_by")
"""Of recording sessions, in the log."""


def _words() -> set[str]:
    """What else has an underscore: reasons, ends of calls, operations, metrics, fields of a decision over HTTP."""
    families = list(Metrics().registry.collect())
    metrics = {each.name + {"counter": "_total", "info": "_info"}.get(each.type, "") for each in families}
    structs = (Decide, Decided, CallsOutcome, RecordingIngest, RecordingIngested, ObjectionAdd, Abandoned)
    fields = {name for each in structs for name in each.__struct_fields__}
    return {
        *Reason,
        *Topic,
        *ENDS,
        *OPERATIONS,
        *metrics,
        *fields,
        *REFUSALS,
        *HoldGround,
        *Why,
        *("not_played", "no_name", "no_number"),
        *(ManyAbandoned.kind, OutcomeReported.kind),
        *SESSIONS,
        *TESTS,
        "recording_opened",
        "called_against_refusal",
        "called_against_refusal_at",
        "shown_from",
        "to_be_shown_by",
    }


def test_configuration_in_code_blocks_has_keys_that_exist() -> None:
    known = keys()
    for block in BLOCKS:
        if block.language == "toml":
            for name, value in tomllib.loads(block.text).items():
                for table in value if isinstance(value, list) else [value]:
                    assert table.keys() <= known[name], name


# --- reason codes -------------------------------------------------------------------------------------------------


def test_the_table_of_reason_codes_is_complete() -> None:
    rows = re.findall(r"^\| (`.+?) \|", page("reason-codes").prose, re.MULTILINE)
    shown = [code for row in rows for code in re.findall(r"`([^`]+)`", row)]
    assert sorted(shown) == sorted([*(reason.value for reason in Reason), *ENDS])


# --- the first call -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "try-it"
    done = dialgate("init", str(folder), "--example")
    assert done.code == 0, done.err
    return folder


@pytest.mark.parametrize("read", [document(ROOT / "README.md"), page("getting-started")], ids=["README", "page"])
def test_the_numbers_to_dial_first_are_answered_as_told(example: Path, read: Document) -> None:
    rows = re.findall(r"^\| `([0-9 ]+)` \|(.+)\|$", read.text, re.MULTILINE)
    assert len(rows) >= 4
    for number, told in rows:
        answer = dialgate("check", number, "--json", "-c", str(example / "config.toml")).json
        codes = set(re.findall(r"[a-z_]+", told)) & {reason.value for reason in Reason}
        if codes:
            assert codes == {answer["reason"]}, number
        else:
            assert answer["verdict"] == Verdict.ALLOW, number


def test_the_service_runs_as_the_account_that_is_made_with_the_folder_that_is_its_own() -> None:
    read = page("deployment")
    made = " ".join(block.text for block in read.blocks)
    account = re.search(r"adduser --system .* (\w+)\n", made)
    folder = re.search(r"install -d -o (\w+) -g (\S+) -m 2750 (\S+)\n", made)
    assert account and folder and account[1] == folder[1]
    assert f"addgroup --system {folder[2]}\n" in made and f"adduser {account[1]} {folder[2]}\n" in made
    unit = manual.read_file("dialgate.service")
    assert f"/dialgate manual dialgate.service > /etc/systemd/system/{account[1]}.service\n" in made
    assert f"User={account[1]}\n" in unit and f"-c {folder[3]}/config.toml\n" in unit
    assert f"ReadWritePaths={folder[3]}/data\n" in unit
    assert f"enable --now {account[1]}\n" in made
    assert ROOT.joinpath("LICENSE").read_text(encoding="utf-8").split()[:4] == ["GNU", "GENERAL", "PUBLIC", "LICENSE"]


def test_the_files_named_of_the_example_are_made(example: Path) -> None:
    named = {word for each in EVERY for word in re.findall(r"try-it/[\w./-]+\w", each.text)}
    assert named
    for path in named:
        assert (example.parent / path).exists(), path


# --- pictures, files, names ---------------------------------------------------------------------------------------


def test_the_diagrams_are_the_tables() -> None:
    drawn = [block.text.strip() for block in BLOCKS if block.language == "mermaid"]
    of_calls = diagram(calls.TABLE, State.SCREENING, [State.ENDED])
    of_requests = diagram(requests.TABLE, requests.State.RECEIVED, [requests.State.DONE, requests.State.CLOSED])
    assert drawn == [of_calls, of_requests], "paste what is drawn here"


@every_document
def test_links_lead_somewhere(read: Document) -> None:
    for target in read.links:
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (read.path.parent / path).resolve() if path else read.path
        assert linked.is_file(), target
        assert not anchor or anchor in document(linked).anchors, target


def test_files_and_names_of_the_code_exist() -> None:
    for span in SPANS:
        if re.fullmatch(r"(?:gate|console|tests|sample_lists|\.ci|\.github)/[\w./*-]*", span):
            assert list(ROOT.glob(span.rstrip("/"))), span
        elif re.fullmatch(r"gate(?:\.[A-Za-z_]+)+", span) and span.rpartition(".")[2] not in ("db", "key", "lock"):
            assert _named(span), span


@pytest.mark.parametrize(
    ("title", "most"),
    [
        ("A refused call, file by file", 10),
        ("An operation, from the key to the row", 8),
        ("An erasure, file by file", 12),
    ],
)
def test_few_files_are_opened_to_understand_one_thing(title: str, most: int) -> None:
    text = document(ROOT / ".github" / "CONTRIBUTING.md").text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    steps = dict(re.findall(r"^\d+\. `([\w/]+\.py)`: (.*(?:\n   .*)*)", text, re.MULTILINE))
    assert 5 < len(steps) <= most and len(re.findall(r"^\d+\. ", text, re.MULTILINE)) == len(steps)
    for step, does in steps.items():
        source = (ROOT / step).read_text(encoding="utf-8")
        for name in re.findall(r"`([A-Z]\w+)`", does):
            assert re.search(rf"\b{name}\b", source), f"{step} has no {name}"


def _named(dotted: str) -> bool:
    try:
        importlib.import_module(dotted)
    except ModuleNotFoundError:
        module, _, name = dotted.rpartition(".")
        return hasattr(importlib.import_module(module), name)
    return True


def test_http_paths_exist() -> None:
    never: Any = None
    app = endpoint.endpoint_app(never, [], "127.0.0.1", never, never, never, never, never)
    there = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    named = {found for each in EVERY for found in re.findall(r"`(GET|POST) (/[\w/]+)`", each.text)}
    named.remove(("POST", "/v1/op/NAME"))  # of the control socket: tests/control/test_openapi.py
    assert len(named) >= 8
    assert named <= there


def test_the_version_has_an_entry_in_the_list_of_changes() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert re.search(rf"^## \[{re.escape(version)}\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


# --- the code's own documentation ---------------------------------------------------------------------------------

SOURCES = sorted(path for room in ("gate", "console") for path in (ROOT / room).rglob("*.py"))


PACKAGES = [str(path.parent.relative_to(ROOT)) for path in SOURCES if path.name == "__init__.py"]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_packages_docstring_is_its_map(name: str) -> None:
    package = ROOT / name
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    named = set(re.findall(r"``(?:[\w.]*\.)?(\w+)(?:\.\w+)?``", text)) | set(re.findall(r"``(\w+)\.", text))
    modules = {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}
    modules |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert modules <= named, f"not in the map of {name}: {sorted(modules - named)}"


def undocumented(node: ast.Module | ast.ClassDef, name: str) -> Iterator[str]:
    """Public modules, classes and functions without a docstring."""
    if ast.get_docstring(node) is None:
        yield name
    for inner in node.body:
        if not isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or inner.name.startswith("_"):
            continue
        if isinstance(inner, ast.ClassDef):
            yield from undocumented(inner, f"{name}:{inner.name}")
        elif ast.get_docstring(inner) is None:
            yield f"{name}:{inner.name}"


def test_everything_public_has_a_docstring() -> None:
    without = [
        found
        for path in SOURCES
        for found in undocumented(ast.parse(path.read_text(encoding="utf-8")), str(path.relative_to(ROOT)))
    ]
    assert not without, "\n".join(without)
