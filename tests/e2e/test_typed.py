"""Every command of the manual, typed as it stands by an account that is not root, in the folder of an example.

What the pages tell of is there: files, requests under their references, a recording. A command ends with exit code 0,
or as ``REFUSED`` says: with that code and those words, because the page's own story has what the example has not.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from gate.config.write import amend
from gate.operations.calls.screening import Decide, decide
from gate.operations.operation import Caller
from tests.support.accounts import NEEDS_ROOT, accounts
from tests.support.documents import documents
from tests.support.requesting import opened
from tests.test_docs import typed

ROOT = Path(__file__).parents[2]
ELSEWHERE = {
    "dialgate serve": "runs until it is stopped: typed in test_newcomer",
    "dialgate console": "draws on a terminal: tests/console",
    "dialgate init": "makes what is there already: tests/cli/test_guided.py, test_newcomer",
    "dialgate manual": "writes to /etc: tests/test_manual.py",
    "dialgate register watch drop$": "runs until it is stopped: tests/e2e/test_contacts.py",
}
"""Commands that are not typed here, and why not: how they begin, or all of them before ``$``."""
FIRST = ("contacts", "recordings-from-elsewhere", "requests")
"""Pages whose story the others go on with; the rest come in their order."""
TERMINAL = "the passphrase cannot be asked for without a terminal"
RUNNING = "is asked of a running gate, and none runs here"
REFUSED: dict[str, tuple[int, str]] = {
    # What the page says it refuses.
    'check "020 7946 0123"': (3, "^$"),
    "register import tps tps_ns.txt --as-of 2026-03-02": (1, "is older than the one in force"),
    # What is asked of a running gate, or of what only one has.
    "calls (pause|resume|hang-up) ID": (1, RUNNING),
    "nodes (drain|resume) 2": (2, "no gate 2 runs"),
    "nodes leave 2": (2, "this gate shares its store with no other"),
    "campaign release ID": (2, "no stop ID stands"),
    'hold release 6f2c9e… --reason "settled" --dry-run': (2, "no hold 6f2c9e… is in force"),
    "request fulfil DSR-2026-0007 --dry-run": (2, "there is no request DSR-2026-0007"),
    "proposal (confirm|withdraw) ID": (2, "nothing of id ID waits for a second person"),
    "receipt ": (2, "there is no receipt with this code"),
    "audit leaf 4211": (2, "there is no leaf 4211"),
    'audit moment "25/11 14:00"': (2, "the log knows nothing of"),
    'calls list --as-of "25/11 14:00"': (2, "the log knows nothing of"),
    r"objection list --as-of 2026-11-25T14:00\+00:00": (2, "the log knows nothing of"),
    "doctor": (1, r"failed, \d+ warned"),
    "status": (1, "^$"),
    # What is asked at a terminal, and what would follow.
    "request fulfil DSR-2026-0001": (2, "it has to be confirmed"),
    "request told DSR-2026-0001": (3, "it is granted, but not done yet"),
    "key new": (2, TERMINAL),
    "key (passphrase|prove)": (2, TERMINAL),
    "key rotate": (2, "bob.recipient is empty"),  # it was not made
    "audit export": (2, TERMINAL),
    "recording export ID -k ann.key": (2, TERMINAL),
    # What the configuration or the machine of the example has not.
    "edge config": (2, "edge.address is not set"),
    "contacts import acme": (2, "'acme.csv' does not exist"),
    "contacts changes --since yesterday --on-behalf-of": (2, "is no firm that this one calls for"),
    "contacts drop acme": (2, "is no firm that this one calls for"),
    "memory renew": (2, "no second place is configured"),
    "objection undo --trunk main": (2, "there is no trunk 'main'"),
    "trunk-test office": (2, "there is no phone system office"),
    "webhook (retry|drop) crm": (2, "there is no webhook crm"),
    "backup /mnt": (1, "the set /mnt/backup/[a-z0-9-]+ could not be made"),
    "store move --to postgresql": (2, "secrets/store.password does not exist"),
    "store move --to sqlite": (2, "the evidence is in SQLite already"),
    "restore /mnt": (2, "'compliance.key' does not exist"),
    "receipts publish /srv": (1, "/srv/www: Permission denied"),
    "audit tiles": (1, "cannot write to /srv/log: Permission denied"),
    "recording ingest call.wav --call-id": (3, "the gate made no decision on this call"),
    "recording ingest /var": (2, "'/var/spool/asterisk/monitor' does not exist"),
    "screen .*--via": (2, "is no provider of the configuration"),
    "audit (clock|restore)": (2, "there is nothing to accept"),
    "audit open march.bundle": (2, "'february.checkpoint' does not exist"),
    "audit verify --vkey .* --checkpoint FILE": (2, "'FILE' does not exist"),
    "key add (ico|bob).recipient": (2, ".recipient"),
    "key drop ANN-ID": (2, "there is no recipient BOB-ID"),
    "copies add bundle --of BUNDLE": (2, "BUNDLE is no bundle of this gate"),
    "retention sweep --execute DIGEST": (3, "what is due is not what dry run DIGEST showed"),
}
"""How a command begins, its exit code, and what it says (``re.search``)."""
PAGES = {read.path.stem: read for read in documents()}
LINES = list(
    dict.fromkeys(
        line for name in dict.fromkeys((*FIRST, *PAGES)) for block in PAGES[name].blocks for line in typed(block.text)
    )
)
CALLS = "call.wav"


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="dialgate-typed-", dir="/var/lib"))
    yield folder
    shutil.rmtree(folder)


def story(place: Path) -> None:
    """The files that the pages name."""
    (place / "crm.csv").write_text("id,phone\n1,020 7946 0123\n2,07700 900123\n")
    (place / "old.csv").write_text("number\n07700 900456\n")
    form = {"name": "Ann Lee", "number": "07700 900321", "about": "You rang at night."}
    (place / "form-8812.json").write_text(json.dumps(form))
    (place / "mail.eml").write_text("From: Ann Lee <ann@example.org>\nSubject: Complaint\n\nYou rang again.\n")
    (place / "drop").mkdir()
    for name in ("tps_ns.txt", "ctps_ns.txt"):
        shutil.copy(ROOT / "sample_lists" / name, place)
    (place / "shredded.log").write_text("shred: done\n")
    with wave.open(str(place / CALLS), "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(4 * 8000))
    amend(place / "try-it/config.toml", {"ingest": {"unbound": "keep"}})
    with opened(place / "try-it") as folder:
        decide(folder, Decide(number="020 7946 0123", account="alice"), Caller("http:dialler@127.0.0.1"))
    for name in ("ann.key", "bob.key", "ico.key"):
        shutil.copy(place / "try-it/keys/first.key", place / name)


@NEEDS_ROOT
@pytest.mark.deep
@pytest.mark.timeout(900)
def test_each_command_does_what_its_page_says(place: Path) -> None:
    (place / "dialgate").write_text(f'#!/bin/sh\nexec {sys.executable} -m gate.cli.main "$@"\n')
    (place / "dialgate").chmod(0o755)
    environment = {"PATH": f"{place}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(place)}
    environment |= {"DIALGATE_CONFIG": str(place / "try-it/config.toml"), "LC_ALL": "C.UTF-8"}
    wrong, needed = [], set()
    with accounts({"reader": ()}) as names:
        shutil.chown(place, names["reader"], names["reader"])

        def types(line: str) -> subprocess.CompletedProcess[str]:
            ids = (f"--reuid={names['reader']}", f"--regid={names['reader']}", "--clear-groups")
            return subprocess.run(
                ["setpriv", *ids, "sh", "-c", line],
                cwd=place,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120,
            )

        def newest(what: str, field: str) -> str:
            items = json.loads(types(f"dialgate {what} list --json").stdout)["items"]
            return str(items[0][field]) if items else "none"

        def real(line: str) -> str:
            """With the ids that a reader puts in, the references of this year, and a day to come."""
            line = re.sub(r"forecast --day \S+", f"forecast --day {date.today() + timedelta(days=1)}", line)
            line = re.sub(r"\b(DSR|BR)-2026-", rf"\g<1>-{date.today().year}-", line)
            if re.search(r"(recording export|--recording) ID", line):
                return line.replace(" ID", f" {newest('recording', 'recording_id')}", 1)
            if re.search(r"(calls (show|ladder)|reveal call|--call|--record) ID", line):
                return line.replace(" ID", f" {newest('calls', 'call_id')}", 1)
            if " HOLD" in line:
                return line.replace(" HOLD", f" {newest('hold', 'id')}", 1)
            return line.replace(" COPY", f" {newest('copies', 'id')}", 1) if " COPY" in line else line

        made = types("dialgate init try-it --example")
        assert made.returncode == 0, made.stderr
        story(place)
        for path in (place, *place.rglob("*")):
            shutil.chown(path, names["reader"], names["reader"])
        for line in LINES:
            if any(re.match(each, line) for each in ELSEWHERE):
                continue
            if line.startswith("dialgate complaint import"):  # the eighth request is the complaint of the page
                for _ in range(5):
                    assert types("dialgate request open access --by email --name Pat").returncode == 0
            expected = next((each for each in REFUSED if re.match(f"dialgate {each}", line)), None)
            code, words = REFUSED[expected] if expected else (0, "")
            if line.endswith(f"-o {CALLS}") or f"-o {CALLS} " in line:
                (place / CALLS).unlink(missing_ok=True)
            done = types(real(line))
            if done.returncode == code and re.search(words, done.stderr) and "Traceback" not in done.stderr:
                needed |= {expected}
            else:
                wrong.append(f"{line}\n    {done.returncode}, not {code}: {done.stderr.strip()[-1500:]}")
    assert not wrong, "\n".join(wrong)
    assert set(REFUSED) <= needed, f"rows that no page needs: {sorted(set(REFUSED) - needed)}"
    assert all(any(re.match(each, line) for line in LINES) for each in ELSEWHERE), "a row that no page needs"
