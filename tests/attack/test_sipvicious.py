"""SIPVicious, the tool that strangers on the Internet use: it learns no account's name, and guesses no password."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.running_gate import RunningGate

pytestmark = pytest.mark.peer

ACCOUNTS = ("alice", "bob")
OTHERS = ("admin", "carol", "100", "1001")


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    if not shutil.which("svwar"):
        assert not os.environ.get("CI"), "sipvicious must be installed"
        pytest.skip("sipvicious is not installed")
    gate = RunningGate(tmp_path_factory.mktemp("sipvicious") / "gate")
    text = gate.config.read_text()
    for account in ACCOUNTS:  # all that it can compute
        text = text.replace(f'username = "{account}"', f'username = "{account}"\ndigest = "md5"')
    gate.config.write_text(text)
    gate.start()
    yield gate
    gate.stop()


def run(folder: Path, tool: str, words: list[str], *arguments: str, server: tuple[str, int], seconds: int = 2) -> str:
    """What the tool prints; ``words`` are its dictionary. It gives up ``seconds`` after the last answer."""
    (folder / "words").write_text("\n".join(words) + "\n")
    done = subprocess.run(
        [tool, "-d", str(folder / "words"), "-p", str(server[1]), f"--maximumtime={seconds}", *arguments, server[0]],
        capture_output=True, text=True, timeout=120, check=False, cwd=folder, env={**os.environ, "HOME": str(folder)},
    )  # fmt: skip
    return done.stdout + done.stderr


def names(printed: str) -> set[str]:
    """The extensions in its table."""
    return set(re.findall(r"^\| (\w+) +\| \w+", printed, re.MULTILINE)) - {"Extension"}


@contextmanager
def registrar_that_tells() -> Iterator[tuple[str, int]]:
    """A registrar as many are: 401 for a name that it knows, 404 for any other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def serve() -> None:
            while (got := sock.recvfrom(4096))[0]:
                text = got[0].decode()
                known = re.search(r"^To:.*sip:(\w+)@", text, re.MULTILINE)[1] in ACCOUNTS
                kept = re.findall(r"^(?:Via|From|To|Call-ID|CSeq):.*\r\n", text, re.MULTILINE)
                challenge = 'WWW-Authenticate: Digest realm="r", nonce="n"\r\n' if known else ""
                status = "401 Unauthorized" if known else "404 Not Found"
                answer = f"SIP/2.0 {status}\r\n{''.join(kept)}{challenge}Content-Length: 0\r\n\r\n"
                sock.sendto(answer.encode(), got[1])

        thread = threading.Thread(target=serve)
        thread.start()
        yield sock.getsockname()
        sock.sendto(b"", sock.getsockname())
        thread.join()


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS"])
def test_it_cannot_tell_an_account_from_a_name_that_is_none(gate: RunningGate, tmp_path: Path, method: str) -> None:
    found = run(tmp_path, "svwar", [*ACCOUNTS, *OTHERS], "-m", method, "--force", server=gate.address)
    assert "found nothing" in found and not names(found)


def test_it_finds_them_at_a_registrar_that_tells(tmp_path: Path, gate: RunningGate) -> None:
    with registrar_that_tells() as server:
        assert names(run(tmp_path, "svwar", [*OTHERS, *ACCOUNTS], server=server)) == set(ACCOUNTS)


def test_it_knows_a_right_password_but_does_not_come_to_it(gate: RunningGate, tmp_path: Path) -> None:
    right, own = gate.password("bob"), gate.password()
    assert right in run(tmp_path, "svcrack", [right], "-u", "bob", server=gate.address)
    found = run(tmp_path, "svcrack", [*map(str, range(40)), own], "-u", "alice", server=gate.address)
    assert "found nothing" in found and own not in found
    assert '"event": "wrong_password"' in (gate.folder / "gate.log").read_text()
