"""Real accounts of this machine, made for a test and taken away after it; and asking the gate as one of them."""

from __future__ import annotations

import importlib
import json
import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

NEEDS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("useradd") is None, reason="makes accounts: needs root and useradd"
)

ME = f"user:{pwd.getpwuid(os.getuid()).pw_name}({os.getuid()})"
"""Whom the gate sees when a test asks it."""

_LOADED_LATE = (
    "gate.control.exchange",
    "gate.control.files",
    "gate.control.exchange",
    "encodings.idna",
    "http.client",
    "json",
)
"""Modules that the client loads when it is used: another account may not be able to read them then."""


@contextmanager
def accounts(members: Mapping[str, tuple[str, ...]]) -> Iterator[Mapping[str, str]]:
    """Accounts by a word each, in groups by a word each; yields word -> name on this machine, groups as ``@word``."""
    token = f"dg{secrets.token_hex(3)}"
    names = {word: f"{token}{word[:12]}" for word in members}
    groups = {f"@{word}": f"{token}-{word[:12]}" for each in members.values() for word in each}
    made: list[list[str]] = []
    try:
        for group in groups.values():
            subprocess.run(["groupadd", group], check=True)
            made.append(["groupdel", group])
        for word, name in names.items():
            extra = ",".join(groups[f"@{each}"] for each in members[word])
            command = ["useradd", "--no-create-home", "--shell", "/usr/sbin/nologin"]
            subprocess.run([*command, *(["-G", extra] if extra else []), name], check=True, capture_output=True)
            made.append(["userdel", name])
        yield names | groups
    finally:
        for command in reversed(made):
            subprocess.run(command, check=False, capture_output=True)


def as_account(name: str, work: Callable[[], Any]) -> Any:
    """What ``work`` returns (JSON) in a process that has become the account, with its groups."""
    for module in _LOADED_LATE:
        importlib.import_module(module)
    account = pwd.getpwnam(name)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.initgroups(name, account.pw_gid)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            answer = {"done": work()}
        except BaseException as error:  # noqa: BLE001 - told to the test's process
            answer = {"failed": repr(error)}
        with os.fdopen(writer, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = json.load(pipe)
    os.waitpid(child, 0)
    assert "failed" not in answer, answer
    return answer["done"]
