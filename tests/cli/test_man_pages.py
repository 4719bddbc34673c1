"""Pages for man(1): one for each command, with every option of it, which groff takes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import click
import pytest

from gate.cli.main import COMMANDS, cli
from tests.support.running_gate import DIALGATE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("man") / "man1"
    done = subprocess.run([*DIALGATE, "manual", "--man", str(place)], capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split()) == sorted(str(path) for path in place.iterdir())
    return place


def test_every_command_has_a_page_with_all_its_options(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"dialgate.1", *(f"dialgate-{name}.1" for name in COMMANDS)}
    top = click.Context(cli, info_name="dialgate")
    found = 0
    for name in COMMANDS:
        text = (folder / f"dialgate-{name}.1").read_text().replace("\\-", "-")
        command = cli.get_command(top, name)
        assert command is not None
        inner = command.commands.values() if isinstance(command, click.Group) else [command]
        for each in inner:
            options = [
                option for one in each.params if isinstance(one, click.Option) and not one.hidden for option in one.opts
            ]
            assert all(option in text for option in options), name
            assert getattr(each, "example", "").partition("\n")[0].replace("\\", "\\e") in text
            found += len(options)
    assert found > 300


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not here")
def test_groff_takes_them(folder: Path) -> None:
    pages = [str(folder / name) for name in ("dialgate.1", "dialgate-calls.1", "dialgate-request.1")]
    done = subprocess.run(
        ["groff", "-Kutf8", "-Tutf8", "-ww", "-rLL=100n", "-man", *pages], capture_output=True, text=True, check=True
    )
    assert "dialgate calls pause" in done.stdout and "Examples".upper() in done.stdout
    assert not [line for line in done.stderr.splitlines() if "adjust" not in line], done.stderr
