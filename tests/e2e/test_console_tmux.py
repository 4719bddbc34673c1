"""A day's work in the console, in tmux, at a real gate with real calls; and by the command line beside it, with the
same in the log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gate.vault.keyfile import save_private
from tests.support.commands import PROGRAM
from tests.support.phones import Phones
from tests.support.running_gate import ROOT, RunningGate, dialgate, running
from tests.support.tmux import Tmux
from tests.support.vault import new_key
from tests.support.waiting import PATIENCE

BY_HAND, BY_COMMAND = "01134960510", "01134960511"
"""Whom the call is to that the console works on, and the one of the command line."""
REASON, REFERENCE = "claim of a customer", "case 17/2026"
CHECKED, REASONS = "passport seen in person", "your claim of 3 March is not settled"
PURPOSE = "annual audit"
GROWS_WITH_THE_LOG = {"checkpoint", "manifest_size"}
_IDS = re.compile(r"(?<![+0-9a-f])[0-9a-f]{8,}(?![0-9a-f])|\d{4}-\d\d-\d\dT[0-9:.+Z-]+|DSR-\d{4}-\d{4}")


class Twins:
    """What the console did beside what the command line did, step by step, as the log has it."""

    def __init__(self, gate: RunningGate) -> None:
        self._gate = gate
        self.done: dict[str, list[list[dict[str, Any]]]] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """The facts that come in meanwhile, kept under the step's name."""
        (row,) = self._gate.rows("SELECT max(leaf_index) AS last FROM facts")
        yield
        sql = "SELECT kind, actor, body FROM facts WHERE leaf_index > ? ORDER BY leaf_index"
        facts = self._gate.rows(sql, row["last"])
        self.done.setdefault(name, []).append([plain(fact) for fact in facts])

    def agree(self, *names: str) -> None:
        """These steps were taken, twice each, with the same facts in the log."""
        assert set(names) == set(self.done)
        for name, (by_hand, by_command) in self.done.items():
            assert by_hand, f"{name}: nothing is in the log"
            assert by_hand == by_command, name


def plain(fact: dict[str, Any]) -> dict[str, Any]:
    """Kind, actor and body, without ids, times and references; the two numbers are one."""
    body = (fact["body"] or "{}").replace(BY_COMMAND[1:], BY_HAND[1:])
    told: dict[str, Any] = json.loads(_IDS.sub("*", body))
    grown: dict[str, Any] = dict.fromkeys(told.keys() & GROWS_WITH_THE_LOG, "*")
    if "rests" in told:  # of a letter: each sentence, and the leaves and rules that it rests on
        rests = {name: ["leaf" if isinstance(each, int) else each for each in on] for name, on in told["rests"].items()}
        grown["rests"] = rests
    return {"kind": fact["kind"], "actor": fact["actor"], "body": told | grown}


def test_a_days_work_in_the_console_and_by_the_command_line(tmp_path: Path) -> None:
    with running(tmp_path / "gate", announcement=0.6) as gate:
        auditor(gate)
        console = [*PROGRAM, "console", "--mode", "live", "-c", str(gate.config)]
        with Phones(port=gate.trunk_port), Tmux(console, cwd=tmp_path, PYTHONPATH=str(ROOT)) as screen:
            twins = Twins(gate)
            with Phones(to=gate.address) as near:
                near.wait([near.dial(BY_COMMAND), near.dial(BY_HAND)], "up", PATIENCE)
                screen.wait("2 calls in hand", "talking", "0113 4** **10", "rec ")
                assert BY_HAND[1:] not in screen.text.replace(" ", "")
                hold(screen, gate, twins)
            gate.wait(lambda: ended(gate) == 2, PATIENCE, "the calls are not over")
            refuse(screen, gate, twins, tmp_path)
            export(screen, gate, twins, tmp_path)
            screen.press("q")
            screen.wait("Leave the console?")
            screen.press("Enter")
            assert screen.ended() == 0
        twins.agree("hold", "request", "export")
        gate.verified()


def auditor(gate: RunningGate) -> None:
    """Somebody to whom bundles may go."""
    private, recipient = new_key("Auditor", "auditor", "a passphrase of the auditor", datetime.now(UTC))
    save_private(gate.folder / "auditor.key", private)
    text = gate.folder / "auditor.recipient"
    text.write_text(recipient.to_text())
    dialgate("key", "add", str(text), "--exports-only", "--purpose", "regulator", config=gate.config)


def recording_of(gate: RunningGate, number: str) -> str:
    """The recording of the call to a number."""
    sql = "SELECT recordings.recording_id FROM recordings JOIN calls USING (call_id) WHERE number = ?"
    rows = gate.wait(lambda: gate.rows(sql, f"+44{number[1:]}"), PATIENCE, "nothing is recorded")
    return str(rows[0]["recording_id"])


def ended(gate: RunningGate) -> int:
    """Calls that are over, their recordings closed."""
    (row,) = gate.rows("SELECT count(*) AS n FROM facts WHERE kind = 'recording_closed'")
    (calls,) = gate.rows("SELECT count(*) AS n FROM facts WHERE kind = 'ended'")
    return min(int(row["n"]), int(calls["n"]))


def fill(screen: Tmux, *values: str) -> None:
    """The fields of a dialog, one after the other."""
    for value in values:
        screen.write(value, "Enter") if value else screen.press("Enter")


def instead(screen: Tmux, old: str, new: str) -> None:
    """Another value in the field that the cursor is in."""
    screen.press("C-u")
    screen.wait(gone=old)
    fill(screen, new)


def hold(screen: Tmux, gate: RunningGate, twins: Twins) -> None:
    """The recording of the call that is going on, held; and the other one."""
    mine, other = recording_of(gate, BY_HAND), recording_of(gate, BY_COMMAND)
    screen.press("5")
    shown = screen.wait(mine[:8], other[:8])
    first = next(line for line in shown.splitlines() if mine[:8] in line or other[:8] in line)
    screen.press(*["j"] * (mine[:8] not in first), "Enter")
    screen.wait(f"Recording {mine}", "none on this recording")
    with twins.step("hold"):
        screen.press("h")
        screen.wait("Hold this recording")
        fill(screen, REASON, REFERENCE, "c", "")
        screen.wait(f"Held: {REFERENCE}", f"hold {REFERENCE}: {REASON}")
    with twins.step("hold"):
        words = ("--reason", REASON, "--reference", REFERENCE)
        dialgate("hold", "add", "--ground", "claim", "--recording", other, *words, config=gate.config)
    screen.press("Escape")
    screen.wait("[recordings]")


def refuse(screen: Tmux, gate: RunningGate, twins: Twins, folder: Path) -> None:
    """An erasure asked for, and refused on the ground of the claim, with letters to the person and the authority."""
    letters = folder / "letters"
    with twins.step("request"):
        by_hand = refused_by_hand(screen, letters)
    with twins.step("request"):
        by_command = refused_by_command(gate, letters)
    for name in (by_hand, by_command):
        row = gate.client.call("request_show", request=name)
        assert (row["state"], row["ground"], sorted(row["told"])) == ("closed", "legal_claims", ["authority", "person"])
    for kind in ("refusal", "authority"):
        mine, other = ((letters / f"{name}-{kind}.txt").read_text() for name in (by_hand, by_command))
        assert REASONS in mine
        words = (" ".join(each.split()) for each in (mine.replace(by_hand, by_command), other))  # lines break anywhere
        assert next(words) == next(words).replace(" 496 0511", " 496 0510")
        for form in ("html", "eml"):
            assert (letters / f"{by_hand}-{kind}.{form}").stat().st_size > len(mine)


def refused_by_hand(screen: Tmux, letters: Path) -> str:
    """In the console; its reference."""
    screen.press("7")
    screen.wait("[board]")
    screen.press("n")
    screen.wait("erasure", "restriction", "complaint")
    screen.press("j", "Enter")
    screen.wait("email", "in person")
    screen.press("j", "Enter")
    screen.wait("Who asks", "E-mail or postal address")
    fill(screen, "Pat Person", "pat@example.org", BY_HAND, "", "", "")
    found = re.search(r"Request (DSR-\d{4}-\d{4})", screen.wait("Request DSR-", "What may be done now"))
    assert found
    screen.press("v")
    screen.wait("What was checked")
    fill(screen, CHECKED, "", "")
    screen.wait(CHECKED, gone="What was checked")
    screen.press("s")
    screen.wait("More numbers of theirs")
    fill(screen, "", "", "", "", "")
    screen.wait("found 1 call", "0113 4** **10")
    screen.press("Escape")
    screen.wait(f"Request {found[1]}")
    screen.press("-")
    screen.wait("legal claims", "rights of others")
    screen.press("j", "Enter")
    screen.wait("Reasons, in words")
    fill(screen, REASONS, "")
    screen.wait(f"{found[1]}: refusal (1 of 2", "To")
    screen.press("S")
    screen.wait("Save as .txt, .html and .eml")
    instead(screen, letters.parent.name, str(letters))
    screen.wait("Written:")
    screen.press("Escape")
    for key, who in (("t", "person"), ("T", "authority")):
        screen.wait(f"Request {found[1]}", gone="The day it happened")
        screen.press(key)
        screen.wait("The day it happened", who)
        fill(screen, *(("IC-301234-X9Y8", "", "") if who == "authority" else ("",)))
    screen.wait("closed", gone="The day it happened")
    screen.press("Escape")
    screen.wait("[board]")
    return found[1]


def refused_by_command(gate: RunningGate, letters: Path) -> str:
    """By the command line; its reference."""

    def request(*arguments: str) -> Any:
        return dialgate("request", *arguments, config=gate.config)

    who = ("--by", "email", "--name", "Pat Person", "--contact", "pat@example.org", "--number", BY_COMMAND)
    name = str(request("open", "erasure", *who)["reference"])
    request("verify-identity", name, "--checked", CHECKED)
    request("search", name)
    request("decide", name, "--refuse", "legal_claims", "--reasons", REASONS, "--letters", str(letters))
    request("told", name, "person")
    request("told", name, "authority", "--reference", "IC-301234-X9Y8")
    return name


def export(screen: Tmux, gate: RunningGate, twins: Twins, folder: Path) -> None:
    """A bundle of the day for the auditor, and another; both open."""
    mine, other = folder / "by-hand.bundle", folder / "by-command.bundle"
    today = datetime.now(UTC)
    since, until = f"{today - timedelta(days=1):%Y-%m-%d}", f"{today:%Y-%m-%dT%H:%M:%S+00:00}"
    month = today.replace(day=1) - timedelta(days=1)
    key, secret = gate.folder / "keys" / "first.key", gate.folder / "keys" / "first.passphrase"
    with twins.step("export"):
        screen.press("8")
        screen.wait("[leaves]")
        screen.press("e")
        screen.wait("Whom is the bundle for?", "Auditor")
        screen.press("Enter")
        screen.wait("Export a bundle", "For Auditor")
        screen.press("BTab", "BTab")
        instead(screen, f"01/{month:%m/%Y}", since)
        instead(screen, f"{month:%d/%m/%Y}", until)
        fill(screen, PURPOSE)
        instead(screen, ".bundle", str(mine))
        fill(screen, str(key))
        screen.wait("Passphrase of first.key")
        fill(screen, secret.read_text().strip())
        screen.wait("Written:", "2 calls, recordings: 2 of 2", seconds=PATIENCE)
    with twins.step("export"):
        period = ("--from", since, "--to", until, "--recipient", "Auditor", "--purpose", PURPOSE)
        own = ("-k", str(key), "--passphrase-file", str(secret))
        dialgate("audit", "export", *period, *own, "-o", str(other), config=gate.config)
    words = folder / "auditor.passphrase"
    words.write_text("a passphrase of the auditor\n")
    words.chmod(0o600)
    for bundle in (mine, other):
        own = ("--key", str(gate.folder / "auditor.key"), "--passphrase-file", str(words))
        assert dialgate("audit", "open", str(bundle), *own)["ok"]
