"""Every command of the manual, typed as it stands by an account that is not root, in the folder of an example."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.accounts import NEEDS_ROOT, accounts
from tests.support.documents import documents
from tests.test_docs import typed

ROOT = Path(__file__).parents[2]
ELSEWHERE = {
    "dialgate serve": "runs until it is stopped: typed in test_newcomer",
    "dialgate console": "draws on a terminal: tests/console",
    "dialgate init": "makes what is there already: tests/cli/test_guided.py, test_newcomer",
    "dialgate manual": "writes to /etc: tests/test_manual.py",
}
"""Commands that are not typed here, and why not."""
MISUSE = re.compile(
    r"no such (option|command)|missing (option|argument|parameter)|unexpected|requires an argument", re.I
)
"""What a wrong command is told. An id or a file of the page's story, which the example has not, is told otherwise."""
LINES = sorted({line for read in documents() for block in read.blocks for line in typed(block.text)})


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="dialgate-typed-", dir="/var/lib"))
    yield folder
    shutil.rmtree(folder)


@NEEDS_ROOT
@pytest.mark.deep
@pytest.mark.timeout(900)
def test_each_command_is_understood_and_answers_without_a_traceback(place: Path) -> None:
    assert all(any(line.startswith(each) for line in LINES) for each in ELSEWHERE), "a row that no page needs"
    (place / "dialgate").write_text(f'#!/bin/sh\nexec {sys.executable} -m gate.cli.main "$@"\n')
    (place / "dialgate").chmod(0o755)
    environment = {"PATH": f"{place}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(place)}
    environment |= {"DIALGATE_CONFIG": str(place / "try-it/config.toml"), "LC_ALL": "C.UTF-8"}
    wrong = []
    with accounts({"reader": ()}) as names:
        shutil.chown(place, names["reader"], names["reader"])

        def types(line: str) -> subprocess.CompletedProcess[str]:
            command = [
                "setpriv",
                f"--reuid={names['reader']}",
                f"--regid={names['reader']}",
                "--clear-groups",
                "sh",
                "-c",
                line,
            ]
            return subprocess.run(
                command,
                cwd=place,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120,
            )

        made = types("dialgate init try-it --example")
        assert made.returncode == 0, made.stderr
        for line in LINES:
            if any(line.startswith(each) for each in ELSEWHERE):
                continue
            done = types(line)
            told = done.returncode in (0, 1, 3) or re.search(r"^(dialgate|sh): ", done.stderr, re.MULTILINE)
            if not told or MISUSE.search(done.stderr) or "Traceback" in done.stderr:
                wrong.append(f"{line}\n    {done.returncode}: {done.stderr.strip()[-1500:]}")
    assert not wrong, "\n".join(wrong)
