"""A day of each role in the console, in tmux at one real gate, under an account of its own, counted in keys; nothing of
it needs the command line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gate.config.write import amend
from gate.core.days import LONDON
from gate.core.terms import ALLOWING, Reason
from gate.operations.contacts.list_import import ContactsImport
from gate.operations.data_folder import DataFolder
from gate.operations.operation import ADMIN, AUDITOR, COMPLIANCE, MANAGER
from gate.ports import Fact
from gate.vault.keyfile import generate, save_private
from tests.support.accounts import NEEDS_ROOT, accounts
from tests.support.asking import ask
from tests.support.commands import PROGRAM
from tests.support.commands import dialgate as command
from tests.support.evidence import decision
from tests.support.keeping import plant
from tests.support.phones import Phones
from tests.support.requesting import key_of, opened, sound
from tests.support.running_gate import ROOT, RunningGate, dialgate
from tests.support.tmux import Tmux, need_tmux
from tests.support.waiting import PATIENCE

pytestmark = [
    NEEDS_ROOT,
    pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not here: no console under another account"),
]
PERSON, DUE, LIVE = "+442079460123", "+441632960111", "01134960520"
"""Whom the call of yesterday was to, the call that is erased, the call that goes on."""
SECRET = "a passphrase of the auditor"
CONTACTS = 50_000
_READS = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
"""So that an account can run a program that lies where it may not look."""


class Counted(Tmux):
    """Counts what a person presses: each key, and each text that is typed as one."""

    pressed = 0

    def __exit__(self, *error: object) -> None:
        print(f"{self.pressed} keys were pressed")
        super().__exit__(*error)

    def press(self, *keys: str) -> None:
        self.pressed += len(keys)
        super().press(*keys)

    def write(self, text: str, *then: str) -> None:
        self.pressed += 1
        super().write(text, *then)

    def fill(self, *values: str) -> None:
        """The fields of a dialog, one after the other; an empty one is passed by."""
        for value in values:
            self.write(value, "Enter") if value else self.press("Enter")

    def instead(self, old: str, new: str) -> None:
        """Another value in the field that the cursor is in."""
        self.press("C-u")
        self.wait(gone=old)
        self.fill(new)

    def act(self, task: str, most: int, since: int) -> None:
        """What began after ``since`` keys took no more than ``most``; how many is printed."""
        print(f"{task}: {self.pressed - since} keys, of {most}")
        assert self.pressed - since <= most, f"{self.pressed - since} keys\n{self.text}"


@dataclass(frozen=True)
class Firm:
    """The gate, and its accounts by role."""

    gate: RunningGate
    place: Path
    names: Mapping[str, str]

    def console(self, role: str) -> Counted:
        """The console as somebody of this role has it, with a key that opens recordings."""
        name = self.names[role]
        become = ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups"]
        if subprocess.run([*become, "--", *PROGRAM, "--version"], capture_output=True).returncode:
            become += _READS
        become.append("--")
        if name == "root":
            become = []
        command = [*become, *PROGRAM, "console", "-c", str(self.gate.config), "-k", "own.key"]
        folder = self.place / role
        if not folder.exists():
            folder.mkdir()
            shutil.copy(self.gate.folder / "keys" / "first.key", folder / "own.key")
            for path in (folder, folder / "own.key"):
                shutil.chown(path, name)
        return Counted(command, cwd=folder, PYTHONPATH=str(ROOT), HOME=str(folder))


@pytest.fixture(scope="module")
def firm() -> Iterator[Firm]:
    need_tmux()
    place = Path(tempfile.mkdtemp(prefix="dialgate-days-"))
    place.chmod(0o755)
    try:
        with accounts(dict.fromkeys((COMPLIANCE, AUDITOR, MANAGER), ("desk",))) as made:
            names = {**made, ADMIN: "root"}
            gate = RunningGate(place / "gate", announcement=0.6)
            gate.folder.chmod(0o755)
            gate.add_pbx()
            now = datetime.now(UTC)
            with opened(gate.folder) as data:
                recipient, folder = key_of(gate.folder).recipient, data.config.data / "recordings"
                for name, number, ago in (("yesterday", PERSON, 1), ("long-ago", DUE, 400)):
                    plant(
                        data.store, data.keys, folder, recipient, name, now - timedelta(days=ago), number, sound=sound()
                    )
                busy_days(data, now)
            private, auditor = generate("Auditor", "auditor", SECRET, now)
            save_private(place / "auditor.key", private)
            (place / "auditor.recipient").write_text(auditor.to_text())
            (place / "heard").touch()
            (place / "heard").chmod(0o666)
            roles = {role: [names[role]] for role in (ADMIN, COMPLIANCE, AUDITOR, MANAGER)}
            amend(
                gate.config,
                {
                    "control": {"socket": str(place / "run" / "gate.sock"), "group": names["@desk"]},
                    "roles": roles,
                    "console": {"player": f"dd of={place / 'heard'} conv=notrunc status=none"},
                },
            )
            gate.config.chmod(0o644)
            gate.socket = place / "run" / "gate.sock"
            try:
                gate.start()
                words = ("--exports-only", "--purpose", "regulator")
                dialgate("key", "add", str(place / "auditor.recipient"), *words, config=gate.config)
                yield Firm(gate, place, names)
                gate.verified()
            finally:
                gate.stop()
    finally:
        shutil.rmtree(place)


def busy_days(data: DataFolder, now: datetime) -> None:
    """Nine days of a floor with six agents, 249 calls beside those that the days are about; and the CRM's list."""
    facts = []
    for n in range(249):
        at = now - timedelta(days=n % 9, minutes=7 * n % 480)
        call, reason = f"floor-{n:03}", list(Reason)[n % 7] if n % 3 == 0 else Reason.NOT_LISTED
        facts.append(decision(call, f"+441632960{200 + n}", at=at, reason=reason, claimed_by=f"account:agent{n % 6}"))
        if reason in ALLOWING:
            ended = {"by": "callee", "cause": "hung_up", "code": 200, "seconds": 30.0 + n, "bridged": True}
            facts.append(Fact("connected", call, at + timedelta(seconds=9), "gate", {"recorded": False}))
            facts.append(Fact("ended", call, at + timedelta(seconds=39 + n), "gate", ended))
    data.store.call(lambda tx: [tx.append(fact) for fact in sorted(facts, key=lambda fact: fact.at)])
    crm = data.config.data.parent / "crm.csv"
    crm.write_text("id,phone\n" + "".join(f"C-{n},0114{4960000 + n}\n" for n in range(CONTACTS)))
    ask(data, ContactsImport(path=str(crm), columns=("phone",), reference="id"), "user:root(0)")


def secret(firm: Firm) -> str:
    return (firm.gate.folder / "keys" / "first.passphrase").read_text().strip()


def by(firm: Firm, kind: str, role: str) -> list[dict[str, object]]:
    """Facts of a kind that this role's account has made."""
    rows = firm.gate.rows("SELECT actor, subject, body FROM facts WHERE kind = ? ORDER BY leaf_index", kind)
    return [row for row in rows if row["actor"].startswith(f"user:{firm.names[role]}(")]


def heard_yesterdays_call(firm: Firm, screen: Counted) -> None:
    """From today to the sound, eight keys at most, beside the words that are typed."""
    began = screen.pressed
    screen.press("F")
    screen.wait("A day, a time")
    screen.fill("yesterday 020 79** **23")
    screen.wait("[calls]", "020 79** **23")
    screen.press("Enter")
    screen.wait("Call call-yesterday")
    screen.press("o")
    screen.wait("Recording yesterday")
    screen.press("p")
    screen.wait("Passphrase of the key")
    screen.fill("complaint 17", secret(firm))
    screen.wait("announcement", "pauses: 0, length")
    screen.wait("Played to its end")
    typed = 3
    screen.act("hear yesterday's call", 8 + typed, began)


def opened_request(screen: Counted, asks: str, number: str) -> str:
    """A request of a person who is known, opened and searched for; its reference."""
    screen.press("7")
    screen.wait("[board]")
    screen.press("n")
    screen.wait("erasure", "restriction", "complaint")
    screen.press(*["j"] * ("access", "erasure").index(asks), "Enter")
    screen.wait("email", "in person")
    screen.press("j", "Enter")
    screen.wait("Who asks", "E-mail or postal address")
    screen.fill("Pat Person", "pat@example.org", number, "", "", "")
    found = re.search(r"Request (DSR-\d{4}-\d{4})", screen.wait("Request DSR-", "What may be done now"))
    assert found
    screen.press("v")
    screen.wait("What was checked")
    screen.fill("passport seen in person", "", "")
    screen.wait("passport seen in person", gone="What was checked")
    screen.press("s")
    screen.wait("More numbers of theirs")
    screen.fill("", "", "", "", "")
    screen.wait("found 1 call")
    screen.press("Escape")
    screen.wait(f"Request {found[1]}")
    return found[1]


def handed_out_a_bundle(screen: Counted) -> None:
    """Three days of the log for the auditor, with the keys that are open."""
    today, began = datetime.now(LONDON), screen.pressed
    screen.press("8")
    screen.wait("[leaves]")
    screen.press("e")
    screen.wait("Whom is the bundle for?", "Auditor")
    screen.press("Enter")
    screen.wait("Export a bundle", "For Auditor")
    month = today.replace(day=1) - timedelta(days=1)
    screen.press("BTab", "BTab")
    screen.instead(f"01/{month:%m/%Y}", f"{today - timedelta(days=2):%d %b %Y}")  # not as the other field has it
    screen.instead(f"{month:%d/%m/%Y}", f"{today:%d/%m/%Y %H:%M:%S}")
    screen.fill("annual audit", "", "")
    screen.wait("Written:", "recordings: 1 of 1")
    screen.act("hand out a bundle", 16, began)


def test_the_admins_day(firm: Firm) -> None:
    with firm.console(ADMIN) as screen:
        screen.wait("Today", "SWEEP WAITS")
        heard_yesterdays_call(firm, screen)
        began = screen.pressed
        screen.press("6")
        screen.wait("[calendar]")
        screen.press("s")
        screen.wait("Type: erase 1", "Now → then")
        screen.press("NPage", "NPage")
        screen.wait("The log will say", "erased recordings that were due")
        screen.fill("erase 1")
        screen.wait(" erase 1 ", "Reason, kept in the log")
        screen.fill("the term is over")
        screen.wait("1 recording erased")
        screen.act("sweep", 8, began)
    assert [row["subject"] for row in by(firm, "exported", ADMIN)] == ["yesterday"]
    (swept,) = by(firm, "retention_swept", ADMIN)
    assert json.loads(str(swept["body"]))["erased"] == 1
    heard = (firm.place / "heard").read_bytes()
    assert len(heard) > 8000 and any(heard)
    (row,) = firm.gate.rows("SELECT state FROM recordings WHERE recording_id = 'long-ago'")
    assert row["state"] == "erased"


def test_the_compliance_officers_day(firm: Firm) -> None:
    with firm.console(COMPLIANCE) as screen:
        screen.wait("Today", "none")
        began = screen.pressed
        reference = opened_request(screen, "access", "020 7946 0123")
        screen.press("+")
        screen.wait("A remark for the letter", "Grant")
        screen.fill("", "")
        screen.wait("make the pack", gone="A remark for the letter")
        screen.press("f")
        screen.wait("Passphrase")
        screen.fill(secret(firm))
        screen.wait(f"Pack of {reference}")
        screen.fill("")
        screen.wait("The pack is written", "Shown only now")
        screen.press("Tab", "Enter")
        screen.wait(f"Request {reference}", gone="Shown only now")
        screen.press("l")
        screen.wait("which letter?", "response")
        screen.press("Enter")
        screen.wait(f"{reference}: response", "pat@example.org")
        screen.press("S")
        screen.wait("Save as .txt, .html and .eml")
        screen.fill("")
        screen.wait("Written:")
        screen.press("Escape")
        screen.wait(f"Request {reference}")
        screen.press("t")
        screen.wait("The day it happened")
        screen.fill("")
        screen.wait(f"Request {reference}: done", gone="The day it happened")
        screen.press("Escape")
        screen.wait("[board]")
        screen.act("answer an access request", 44, began)
        course = ("request_opened", "request_identity_proven", "request_searched", "request_granted", "letter_made")
        assert {kind: len(by(firm, kind, COMPLIANCE)) for kind in course} == dict.fromkeys(course, 1)
        assert len(by(firm, "request_fulfilled", COMPLIANCE)) == 1
        began = screen.pressed
        reference = opened_request(screen, "erasure", "020 7946 0123")
        screen.press("-")
        screen.wait("legal claims", "rights of others")
        screen.press("j", "Enter")
        screen.wait("Reasons, in words")
        screen.fill("your claim is not settled", "")
        screen.wait(f"{reference}: refusal (1 of 2", "To")
        screen.press("S")
        screen.wait("Save as .txt, .html and .eml")
        screen.fill("")
        screen.wait("Written:")
        screen.press("Escape")
        for key, fields in (("t", ("",)), ("T", ("IC-301234-X9Y8", "", ""))):
            screen.wait(f"Request {reference}", gone="The day it happened")
            screen.press(key)
            screen.wait("The day it happened")
            screen.fill(*fields)
        screen.wait("closed", gone="The day it happened")
        screen.act("refuse an erasure", 44, began)
    assert len(by(firm, "request_refused", COMPLIANCE)) == len(by(firm, "request_authority_told", COMPLIANCE)) == 1
    assert not by(firm, "request_carried", COMPLIANCE)


def test_the_auditors_day(firm: Firm) -> None:
    today = datetime.now(LONDON)
    with firm.console(AUDITOR) as screen:
        screen.wait("Today")
        heard_yesterdays_call(firm, screen)
        began = screen.pressed
        screen.press("8")
        screen.wait("[leaves]")
        screen.press("v")
        screen.wait("Verify the log?")
        screen.fill("")
        screen.wait("Verification", "holds")
        screen.press("Escape")
        screen.wait("[leaves]")
        screen.act("verify the log", 5, began)
        (verified,) = by(firm, "log_verified", AUDITOR)
        assert json.loads(str(verified["body"]))["ok"] is True
        month = today.replace(day=1) - timedelta(days=1)
        began = screen.pressed
        screen.press("R")
        screen.wait("the figures of a month")
        screen.press("Enter")
        screen.wait("The figures of a month")
        screen.wait(f"{month:%m/%Y}")
        screen.fill("", "")
        screen.wait("Written:", "Attempts")
        screen.act("write a month's report", 6, began)
        assert [path.suffix for path in (firm.place / AUDITOR).iterdir() if "report" in path.name] == [".html"]
        screen.press("Escape")
        screen.wait("[leaves]")
        handed_out_a_bundle(screen)
    (signed,) = by(firm, "bundle_signed", AUDITOR)
    assert not (firm.gate.data / "exports" / str(signed["subject"])).exists()
    (bundle,) = (firm.place / AUDITOR).glob("*.bundle")
    (firm.place / "words").write_text(SECRET)
    (firm.place / "words").chmod(0o600)
    key = ("--key", str(firm.place / "auditor.key"), "--passphrase-file", str(firm.place / "words"))
    checked = command("audit", "open", str(bundle), *key, "--json")
    print(checked)
    # This firm kept a call of 400 days ago among today's entries, as a clock that was set back does: that is told,
    # and nothing else is wrong.
    (fault,) = (check for check in checked.json["checks"] if not check["holds"])
    assert fault["check"] == "complete" and "The gate's clock was set back" in fault["text"]


def test_the_floor_managers_day(firm: Firm) -> None:
    with firm.console(MANAGER) as screen, Phones(port=firm.gate.trunk_port):
        screen.wait("Today")
        with Phones(to=firm.gate.address) as near:
            near.wait([near.dial(LIVE)], "up", PATIENCE)
            screen.press("1")
            screen.wait("1 call in hand", "talking", "0113 4** **20", "rec ")
            began = screen.pressed
            screen.press("R")
            screen.wait("Pause the recording of this call?")
            screen.fill("a bank card is read out", "")
            screen.wait("paused by user:", "s left", "░")
            screen.press("R")
            screen.wait("Record again?", "of 60 are left")
            screen.fill("paid", "")
            screen.wait("rec ", gone="paused by")
            screen.act("pause for a card, and resume", 8, began)
            screen.press("R")
            screen.wait("Pause the recording of this call?")
            screen.fill("another card")
            screen.instead("60", "2")
            screen.wait("paused by user:")
            screen.wait("rec ", gone="paused by")
            began = screen.pressed
            screen.press("Tab")
            screen.wait("[agents]", "In a row", "agent0")
            screen.press("BTab")
            screen.wait("[calls]", "0113 4** **20")
            screen.press("H")
            screen.wait("Hang up this call?")
            screen.fill("shouting")
            screen.wait("0 calls in hand")
            screen.act("look at the agents, and hang up", 6, began)
        began = screen.pressed
        screen.press("BTab")
        screen.wait("[trend]")
        screen.press("Tab")
        screen.wait("[calls]")
        screen.act("see the trend", 2, began)
        screen.press("F")
        screen.wait("A day, a time")
        screen.fill("yesterday 020 79** **23")
        screen.wait("[calls]", "020 79** **23")
        screen.press("Enter")
        screen.wait("Call call-yesterday")
        screen.press("o")
        screen.wait("Recording yesterday")
        screen.press("p")
        screen.wait("An account that is manager may not")
    (ended,) = by(firm, "hang_up_asked", MANAGER)
    assert json.loads(str(ended["body"]))["why"] == "shouting"
    assert not by(firm, "exported", MANAGER)
    assert (len(by(firm, "recording_paused", MANAGER)), len(by(firm, "recording_resumed", MANAGER))) == (2, 1)
    itself = firm.gate.rows("SELECT body FROM facts WHERE kind = 'recording_resumed' AND actor = 'gate'")
    assert [json.loads(row["body"])["why"] for row in itself] == ["the 2 seconds of the pause are over"]
