"""``dialgate receipt`` and ``dialgate receipts publish``, by command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gate.client import pages
from gate.core.receipts import shown
from gate.core.terms import Decision, Reason, RegisterView, Verdict
from gate.operations.erasure.terms import RetentionTermsSweep
from tests.support.asking import ask
from tests.support.commands import ROOT, dialgate
from tests.support.receipts import code, receipted
from tests.support.requesting import ANN, opened, prepared
from tests.support.waiting import PATIENCE

NOW = datetime.now(UTC).replace(microsecond=0)
LONG_AGO = NOW - timedelta(days=3 * 365)
NUMBERS = [f"+4420794604{n:02}" for n in range(20)]
KILLED = """
import os, signal, sys
from pathlib import Path

real, done = Path.replace, [0]

def replace(self, target):
    if Path(target).is_relative_to(sys.argv[-1]):
        if done[0] == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        done[0] += 1
    return real(self, target)

Path.replace = replace
from gate.cli.main import cli
cli.main(sys.argv[2:], prog_name="dialgate")
"""
"""The program, killed when it is about to put its file of this number into its place."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = prepared(tmp_path / "gate", recordings=0)
    monkeypatch.setenv("DIALGATE_CONFIG", str(config))
    return tmp_path


def test_the_two_commands_with_like_names_lead_to_each_other() -> None:
    one, all_of_them = (" ".join(dialgate(name, "--help").out.split()) for name in ("receipt", "receipts"))
    assert "dialgate receipts publish DIR" in one and "dialgate receipt CODE" in all_of_them


def test_a_receipt_is_shown_in_lines_and_as_json(home: Path) -> None:
    with opened(home / "gate") as data:
        made = receipted(data.store, 1, NUMBERS[0], NOW)
    assert dialgate("receipts", "publish", str(home / "site")).code == 0
    lines = dialgate("receipt", shown(made).lower()).out
    for told in (shown(made), "Webeo", "edition of 2026-03-01", "To object: ", "in the signed log of", "not told"):
        assert told in lines, told
    found = dialgate("receipt", made, "--json").json
    assert found["said"]["code"] == made and found["proof"]["leaves"][1]["index"] == found["said"]["decision"]
    assert NUMBERS[0][3:] not in lines + json.dumps(found)
    wrong = dialgate("receipt", code(77))
    assert (wrong.code, "there is no receipt" in wrong.err) == (2, True)
    assert dialgate("receipt", "no code").code == 2


LISTED = RegisterView("tps", state="ok", as_of=date(2026, 3, 1), sha256="1b" * 32, covered=True, listed=True)
SERVICE = Decision(Verdict.ALLOW, Reason.SERVICE_CALL, NUMBERS[0], "", (LISTED,), objection_id="o-1")


def test_the_receipt_of_a_service_call_says_that_it_was_not_screened_and_what_speaks_against_it(home: Path) -> None:
    with opened(home / "gate") as data:
        made = receipted(data.store, 1, NUMBERS[0], NOW, decided=SERVICE)
        plain = receipted(data.store, 2, NUMBERS[0], NOW, decided=replace(SERVICE, registers=(), objection_id=None))
    lines = dialgate("receipt", made).out.splitlines()
    assert not [line for line in lines if line.startswith("Screened")]
    assert [line for line in lines if line.startswith("Found")] == [
        "Found: The firm stated that this call was about a service and was no marketing. Such a call is not screened: "
        "a register does not stop it.",
        "Found: The number was listed by the TPS, in its edition of 2026-03-01.",
        "Found: The number had objected to marketing calls from this firm.",
    ]
    assert dialgate("receipt", made, "--json").json["said"]["found"] == [line[7:] for line in lines if "Found" in line]
    assert len(dialgate("receipt", plain, "--json").json["said"]["found"]) == 1


def contents(site: Path, codes: list[str], vkey: str) -> dict[str, str]:
    """What each file of these receipts is: ``whole``, ``gone`` or ``absent``; anything else is a failure."""
    found = {}
    for made in codes:
        name, key = pages.place_and_key(made, vkey)
        path = site / "data" / name[:2] / name
        content = path.read_bytes() if path.exists() else None
        if content:
            told = json.loads(AESGCM(key).decrypt(content[:12], content[12:], None))
            assert json.loads(told["leaves"][0]["body"])["code"] == made
        found[made] = "absent" if content is None else "whole" if content else "gone"
    return found


def test_killed_in_the_middle_every_file_is_whole_and_the_erased_went_first(home: Path) -> None:
    site = home / "site"
    with opened(home / "gate") as data:
        vkey = data.bundles.vkey().vkey
        old = [receipted(data.store, n, NUMBERS[n], LONG_AGO) for n in range(3)]
        young = [receipted(data.store, n, NUMBERS[n], NOW) for n in range(3, 7)]
    assert dialgate("receipts", "publish", str(site)).code == 0
    page = (site / "index.html").read_bytes()
    assert set(contents(site, old + young, vkey).values()) == {"whole"}
    with opened(home / "gate") as data:
        new = [receipted(data.store, n, NUMBERS[n], NOW) for n in range(7, 10)]
        ask(data, RetentionTermsSweep(), ANN)
    for files in (0, 1, 3, 4, 7):  # the page, the first and last that went, in the midst of those that stay, the last
        program = [sys.executable, "-P", "-c", KILLED, str(files), "receipts", "publish", str(site)]
        done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == -signal.SIGKILL, (files, done.stderr)
        assert (site / "index.html").read_bytes() == page
        now = contents(site, old + young + new, vkey)
        assert {now[made] for made in young} == {"whole"}, files
        assert {now[made] for made in old} <= {"whole", "gone"} and {now[made] for made in new} <= {"whole", "absent"}
        if "whole" in (now[made] for made in new):
            assert {now[made] for made in old} == {"gone"}, "what was erased goes before anything new comes"
    assert list(site.rglob(".dialgate-*")), "the killed ones left what they had begun"
    done_at_last = dialgate("receipts", "publish", str(site), "--json").json
    assert done_at_last["receipts"] == len(young + new)
    now = contents(site, old + young + new, vkey)
    assert [now[made] for made in old] == ["gone"] * 3 and {now[made] for made in young + new} == {"whole"}
    assert not list(site.rglob(".dialgate-*"))


def test_a_folder_with_something_else_in_it_is_left_alone(home: Path) -> None:
    site = home / "site"
    site.mkdir()
    (site / "index.html").write_text("<p>our page")
    done = dialgate("receipts", "publish", str(site))
    assert done.code == 2 and "something else than receipts" in done.err
    assert [path.name for path in site.iterdir()] == ["index.html"]
    assert (site / "index.html").read_text() == "<p>our page"
