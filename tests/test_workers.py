"""Workers that are forked (``tests.support.worker_server``) are what an interpreter of their own would be."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support import worker_server
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[1]
PROGRAM = (
    "import os, sys; print(sys.stdin.readline().strip(), sys.argv, os.environ['DIALGATE_ONE'], __name__,"
    " any(name.endswith('test_masking') for name in sys.modules)); print('said', file=sys.stderr); sys.exit(7)"
)


@pytest.mark.deep
@pytest.mark.parametrize(("collected", "forked"), [("tests/core/test_masking.py", True), ("tests/not_there.py", False)])
def test_a_worker_has_all_tests_imported_or_is_an_interpreter_of_its_own(collected: str, forked: bool) -> None:
    config: Any = SimpleNamespace(rootpath=ROOT, invocation_params=SimpleNamespace(dir=ROOT, args=(collected,)))
    spec = SimpleNamespace(python="")
    worker_server.start(config, [spec])
    for word in ("first", "second"):
        done = subprocess.run(
            [*shlex.split(spec.python), "-u", "-c", PROGRAM],
            input=f"{word}\n", capture_output=True, text=True, timeout=PATIENCE, cwd=ROOT,
            env={**os.environ, "DIALGATE_ONE": "1"},
        )  # fmt: skip
        assert (done.stdout, done.returncode) == (f"{word} ['-c'] 1 __main__ {forked}\n", 7), done.stderr
        assert done.stderr.endswith("said\n")
