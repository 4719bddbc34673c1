"""The command line as a whole: help, errors, exit codes, and what starting costs."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from gate.cli import main
from gate.cli.audit_bundles import Until
from gate.cli.command import Command
from gate.cli.main import COMMANDS, cli
from gate.cli.request import Clock
from gate.core.days import LONDON
from tests.support.commands import PROGRAM, ROOT, dialgate, program
from tests.support.example_answers import ExampleAnswers
from tests.support.waiting import PATIENCE

DESIGNED = {
    "demo": set(),
    "init": set(),
    "serve": set(),
    "status": set(),
    "check": set(),
    "edge": {"config"},
    "doctor": set(),
    "account": {"add", "password"},
    "token": {"add"},
    "trunk-test": set(),
    "webhook": {"list", "retry", "drop"},
    "nodes": {"list", "drain", "resume", "leave"},
    "screen": set(),
    "register": {"import", "status"},
    "objection": {"add", "remove", "list", "import", "export"},
    "consent": {"add", "withdraw", "list", "import", "export"},
    "subscriber": {"set", "list"},
    "calls": {"list", "show"},
    "campaign": {"list", "release"},
    "recording": {"list", "export", "verify"},
    "retention": {"status", "sweep", "forecast"},
    "hold": {"add", "release", "list"},
    "key": {"new", "list", "add", "change", "retire", "rotate", "passphrase"},
    "proposal": {"list", "confirm", "withdraw"},
    "audit": {"verify", "restore", "checkpoint", "tiles"},
    "contacts": {"import", "status", "list"},
    "request": {"open", "verify-identity", "clarify", "search", "decide", "fulfil", "list", "show"},
    "letters": {"show", "check"},
    "backup": set(),
    "store": {"move", "rewrite"},
    "restore": set(),
    "memory": {"status", "renew"},
    "report": set(),
    "receipt": set(),
    "receipts": {"publish"},
    "reveal": set(),
    "config": {"show"},
    "copies": {"add", "destroyed", "list"},
    "complaint": {"page", "import"},
    "breach": {"add", "update", "notify", "close", "show", "list", "export"},
    "console": set(),
    "manual": set(),
}


def present() -> list[str]:
    """The commands whose module is there."""
    places = {name: module.partition(":")[0].replace(".", "/") for name, (module, _) in COMMANDS.items()}
    return [name for name, place in places.items() if (ROOT / f"{place}.py").exists()]


def leaves() -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its full name."""
    context = click.Context(cli)
    for name in present():
        command = cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            for each in command.list_commands(context):
                inner = command.get_command(context, each)
                assert inner is not None and inner.name == each
                yield f"{name} {each}", inner
        else:
            yield name, command


LEAVES = dict(leaves())


def test_every_designed_command_is_there() -> None:
    assert set(COMMANDS) == set(DESIGNED)
    for name, inner in DESIGNED.items():
        if name in present():
            assert inner <= {leaf.partition(" ")[2] for leaf in LEAVES if leaf.split()[0] == name} | {""}
            assert bool(inner) == any(leaf.startswith(f"{name} ") for leaf in LEAVES)


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_has_json_help_and_an_example_of_itself(name: str) -> None:
    options = {option for parameter in LEAVES[name].params for option in parameter.opts}
    assert "--json" in options
    if name not in ("init", "key new", "key passphrase", "demo", "audit open", "manual"):
        assert {"-c", "--config"} <= options
    shown = dialgate(*name.split(), "--help")
    assert shown.code == 0
    assert "Example" in shown.out
    assert f"\n  dialgate {name}" in shown.out
    assert all(each.help for each in LEAVES[name].params if isinstance(each, click.Option) and not each.hidden)
    command = LEAVES[name]
    assert command.help
    if isinstance(command, Command):
        assert command.example


@pytest.mark.parametrize("name", LEAVES)
def test_every_example_is_one_that_the_command_takes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shlex

    command = LEAVES[name]
    if not isinstance(command, Command):
        pytest.skip("not made by gate.cli.command")
    monkeypatch.chdir(tmp_path)
    for line in command.example.splitlines():
        words = shlex.split(line.split(" > ")[0].split(" < ")[0])
        for word in words[1:]:
            if word.endswith(
                (".wav", ".txt", ".key", ".recipient", ".csv", ".checkpoint", ".bundle", ".pdf", ".json", ".eml")
            ):
                (tmp_path / word).touch()
            elif word == "drop":
                (tmp_path / word).mkdir(exist_ok=True)
        rest = words[1 + len(name.split()) :]
        command.make_context(name, rest, resilient_parsing=False)


def test_the_short_helps_are_those_of_the_commands() -> None:
    shown = " ".join(dialgate("--help").out.split())
    for name in present():
        assert COMMANDS[name][1] in shown
        command = cli.get_command(click.Context(cli), name)
        if isinstance(command, click.Group):
            assert command.short_help == COMMANDS[name][1]
            _, colon, listed = COMMANDS[name][1].rpartition(": ")
            if colon:  # a group of many commands is described
                assert set(listed.rstrip(".").split(", ")) == set(command.commands)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["chekc"], "No such command"),
        (["check"], "Missing argument 'NUMBER'"),
        (["check", "1", "--purpose", "fun"], "'fun' is not one of 'marketing', 'service'"),
        (["check", "1", "--at", "teatime"], '"teatime" is not a time (London): write 25/11/2026'),
        (["register", "import", "tps", "nowhere.txt"], "'nowhere.txt' does not exist"),
        (["register", "import", "tps", "pyproject.toml", "--as-of", "2026-02-30"], '"2026-02-30" is not a date'),
        (
            ["register", "import", "tps", "pyproject.toml", "--coverage", "0161,x"],
            "the coverage '0161,x' is wrong at 'x'",
        ),
        (["calls", "list", "--limit", "0"], "0 is not in the range"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_names_value_and_remedy(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    done = dialgate(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_without_a_configuration_the_ways_to_name_one_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIALGATE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    done = dialgate("calls", "list")
    assert done.code == 2
    assert done.err == (
        "dialgate: config.toml does not exist\n"
        "    hint: name one with -c FILE or DIALGATE_CONFIG, or make one: dialgate init DIR\n"
    )


def test_the_option_goes_before_the_variable_before_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "config.toml does not exist" in dialgate("key", "list").err
    monkeypatch.setenv("DIALGATE_CONFIG", "two.toml")
    assert "two.toml does not exist" in dialgate("key", "list").err
    assert "three.toml does not exist" in dialgate("key", "list", "-c", "three.toml").err


def test_faults_of_the_configuration_come_one_a_line(config_path: Path) -> None:
    config_path.write_text(config_path.read_text().replace("legal_name", "legal_nam").replace("live", "liv"))
    done = dialgate("key", "list", "--json")
    assert done.code == 2
    lines = done.err.splitlines()
    assert [line.split(": ")[-2] for line in lines[:2]] == ["firm.legal_name", "firm.legal_nam"]
    assert all(line.startswith(" ") for line in lines[1:])
    assert done.json["error"]["exit_code"] == 2
    assert "did you mean live?" in done.json["error"]["message"]


def test_an_error_with_json_is_json_on_standard_output_too(gate: ExampleAnswers, tmp_path: Path) -> None:
    done = dialgate("calls", "show", "x" * 300, "--json")
    assert done.code == 2
    assert done.json["error"]["exit_code"] == 2
    assert done.err.startswith("dialgate: calls_show: ")


def test_wrong_usage_with_json_is_json_on_standard_output_too(gate: ExampleAnswers) -> None:
    done = dialgate("calls", "list", "--reason", "lsited_tps", "--json")
    assert done.code == done.json["error"]["exit_code"] == 2
    assert "lsited_tps" in done.json["error"]["message"]
    assert "lsited_tps" in done.err
    assert gate.asked == []


def test_an_unexpected_error_is_two_lines_and_a_file(
    config_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.setattr("gate.cli.asking.reach", broken)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    done = dialgate("key", "list")
    assert done.code == 1
    first, second = done.err.splitlines()
    assert first.startswith("dialgate: unexpected ZeroDivisionError: one. Details are in ")
    assert "report" in second
    details = Path(first.rpartition(" are in ")[2].rstrip("."))
    assert "in broken" in details.read_text()
    assert details.stat().st_mode & 0o077 == 0
    debug = dialgate("key", "list", "--debug")
    assert "Traceback" in debug.err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "/etc/secret"), "dialgate: /etc/secret: Permission denied"),
        (OSError(28, "No space left on device"), "dialgate: No space left on device"),
    ],
)
def test_a_file_or_disk_that_does_not_let_us_is_no_fault_of_dialgate(
    error: OSError, said: str, config_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("gate.cli.asking.reach", broken)
    done = dialgate("key", "list", "--json")
    assert (done.code, done.json["error"]["exit_code"]) == (1, 1)
    assert done.err.splitlines()[0] == said
    assert "report" not in done.err


def test_interrupted_is_130(config_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gate.cli.asking.reach", interrupted)
    done = dialgate("key", "list")
    assert (done.code, done.err.strip()) == (130, "dialgate: interrupted")


def test_a_reader_that_goes_away_is_no_error(gate: ExampleAnswers, config_path: Path) -> None:
    environment = {**os.environ, "DIALGATE_CONFIG": str(config_path)}
    with subprocess.Popen(
        [*PROGRAM, "calls", "show", "k-1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=ROOT
    ) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE) == 1


def test_what_is_written_is_utf_8_whatever_the_locale(gate: ExampleAnswers, config_path: Path) -> None:
    environment = {**os.environ, "DIALGATE_CONFIG": str(config_path), "PYTHONIOENCODING": "ascii"}
    done = program("audit", "checkpoint", env=environment)
    assert (done.code, done.err) == (0, "")
    assert "— dialgate sig" in done.out


def test_what_was_typed_may_be_no_text(gate: ExampleAnswers, config_path: Path) -> None:
    environment = {**os.environ, "DIALGATE_CONFIG": str(config_path)}
    done = subprocess.run([*PROGRAM, "check", b"\xff\xfe"], capture_output=True, env=environment, cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr.startswith(b"dialgate: check: not UTF-8 text")


def test_serve_names_everything_that_is_wrong_before_it_starts(config_path: Path) -> None:
    config_path.write_text(
        config_path.read_text().replace("live = false", "live = 0").replace('"2026-01-15"', '"soon"')
    )
    done = program("serve", "-c", str(config_path))
    assert (done.code, done.out) == (2, "")
    assert "firm.policy_reviewed" in done.err
    assert "calling.live" in done.err
    assert not (config_path.parent / "data").exists()


def test_check_as_a_program_starts_fast_and_imports_little(gate: ExampleAnswers, config_path: Path) -> None:
    environment = {**os.environ, "DIALGATE_CONFIG": str(config_path)}
    code = (
        "import sys\n"
        "from gate.cli.main import cli\n"
        "try: cli.main(['check', '02079460001', '--json'])\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'textual', 'aiohttp', 'numpy', 'sippy', 'rtp', 'rich', 'cryptography', 'sqlite_utils', 'structlog'}\n"
        "print(sorted(heavy & set(sys.modules)), code, file=sys.stderr)\n"
    )
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([PROGRAM[0], "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert done.stderr == "[] 3\n"
    assert json.loads(done.stdout)["reason"] == "listed_tps"
    # 0.3 s on a machine that has nothing else to do; processor time, so that a busy one does not count against it.
    assert min(spent) < 0.5


def test_the_program_says_its_version_and_its_exit_code(config_path: Path) -> None:
    assert program("--version").out.startswith("dialgate, version ")
    assert program("check").code == 2
    assert main.COMMANDS["check"][1] in program("-h").out


def test_a_command_that_crashes_leaves_no_core_dump(config_path: Path) -> None:
    """Private keys are opened in it."""
    code = (
        "import resource\n"
        "from gate.cli import main\n"
        "main.cli.main = lambda **_: print(resource.getrlimit(resource.RLIMIT_CORE))\n"
        "main.main()\n"
    )
    most = ["bash", "-c", 'ulimit -c "$(ulimit -H -c)" && exec "$@"', "bash"]
    done = subprocess.run([*most, PROGRAM[0], "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "(0, 0)\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["calls", "list", "--reason", "lsted_tps"], "there is no 'lsted_tps'. Did you mean 'listed_tps' or "),
        (["calls", "list", "--reason", "zebra"], "is not one of 'listed_tps', "),
        (["register", "import", "tsp", "x"], "there is no 'tsp'. Did you mean 'tps'?"),
        (["request", "verify", "DSR-2026-0001"], "No such command 'verify'. Did you mean 'verify-identity'?"),
        (["calls", "lst"], "No such command 'lst'. Did you mean 'list'?"),
        (["calls", "zebra"], "No such command 'zebra'."),
        (["objection", "add"], 'hint: dialgate objection add --help. Example: dialgate objection add "020 7946 0123"'),
        (["consent", "add", "1"], "Example: dialgate consent add 02079460123 --how"),
        (["register", "import", "tps", "zebra"], "'zebra' does not exist in {folder}.\n"),
        (["register", "import", "tps", "tps_n.txt"], "does not exist in {folder}. Did you mean 'tps_ns.txt'?"),
        (
            ["register", "import", "tps", "tps", "list.txt"],
            "A name with spaces is put in quotes: 'tps list.txt'",
        ),
        (["register", "import", "tps", "../zebra"], "'../zebra' does not exist in {folder.parent}.\n"),
        (["register", "import", "tps", "no/tps.txt"], "does not exist: there is no folder {folder}/no"),
    ],
)
def test_a_slip_is_told_the_word_that_was_meant_the_place_or_an_example(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("tps_ns.txt", "tps list.txt"):
        (tmp_path / name).touch()
    done = dialgate(*arguments)
    assert done.code == 2
    assert said.format(folder=tmp_path) in done.err


@pytest.mark.parametrize(
    ("typed", "end"),
    [
        ("2026-03-31", "2026-04-01T00:00:00+01:00"),
        ("31/03/2026", "2026-04-01T00:00:00+01:00"),
        ("31/3/2026", "2026-04-01T00:00:00+01:00"),
        ("31 Mar 2026", "2026-04-01T00:00:00+01:00"),
        ("20260331", "2026-04-01T00:00:00+01:00"),
        ("25 October 2026", "2026-10-26T00:00:00+00:00"),
        ("31/3/2026 14:30", "2026-03-31T14:30:00+01:00"),
        ("2026-03-31 14:30", "2026-03-31T14:30:00+01:00"),
        ("2026-03-31T14:30:00Z", "2026-03-31T14:30:00+00:00"),
    ],
)
def test_the_last_day_of_a_bundle_is_in_it_however_it_is_written(typed: str, end: str) -> None:
    assert Until().convert(typed, None, None).isoformat() == end


def test_today_is_the_last_day_too() -> None:
    assert Until().convert("today", None, None) > datetime.now(UTC)
    assert Until().convert(f"{datetime.now(LONDON):%d/%m}", None, None) > datetime.now(UTC)


@pytest.mark.parametrize(
    ("command", "name"),
    [("check", "at"), ("screen", "at"), ("contacts forecast", "day"), ("retention forecast", "day")],
)
def test_a_day_of_what_is_to_come_is_the_next_one(command: str, name: str) -> None:
    found: click.Command = cli
    for word in command.split():
        assert isinstance(found, click.Group)
        got = found.get_command(click.Context(found), word)
        assert got is not None
        found = got
    kind = next(each.type for each in found.params if each.name == name)
    now = datetime.now(LONDON)
    for days in (1, 40, 300):
        day = now + timedelta(days=days)
        said = kind.convert(f"{day:%d/%m}", None, None)
        assert (said.date() if isinstance(said, datetime) else said) == day.date()


@pytest.mark.parametrize(
    ("typed", "meant"), [("14:30", "14:30"), ("2pm", "14:00"), ("2.30pm", "14:30"), ("14.30", "14:30"), ("14", "14:00")]
)
def test_the_time_of_a_call_is_typed_as_people_say_it(typed: str, meant: str) -> None:
    assert f"{Clock().convert(typed, None, None):%H:%M}" == meant
