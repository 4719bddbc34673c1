"""The audit mode, each act on a real data folder: leaves, checkpoints, keys, proof, bundles; and its pictures."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from console.feed import Session
from console.modes import audit_bundle
from console.words import it_is
from gate.audit import verify
from gate.control.client import ControlClient
from gate.errors import StoppedError, UsageError
from gate.operations.audit.exporting import Exportable
from gate.operations.catalogue import OPERATIONS
from gate.showing import grouped
from gate.types import Progress
from gate.vault.publickey import parse_recipient
from tests.console.conftest import LARGE, SMALL, app_of, screen_text, shows, steps, typed, until
from tests.console.day import NOW
from tests.console.opener import MadeUpOpener
from tests.console.served import Served
from tests.support.vault import new_key
from tests.support.waiting import PATIENCE

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
RECIPIENTS = Path(__file__).with_name("recipients.json")
"""Whoever is on the register; ``python -m tests.console.test_audit`` makes others."""
VKEY = "dialgate.example+0b1e5a2c+AfK2example/verifier/key/of/the/recorded/day0000"


class Bundler(MadeUpOpener):
    """Makes bundles of nothing; ``begin`` stands for the gate, which may refuse."""

    def __init__(self, folder: Path, begin: Any = None) -> None:
        super().__init__(folder)
        self.begin = begin
        self.going = Exportable()
        self.between: tuple[datetime, datetime] | None = None
        self.waiting = threading.Event()
        self.goes_on = threading.Event()
        self.goes_on.set()

    def exportable(self, since: datetime, until: datetime, recipient: str) -> Exportable:
        return self.going

    def bundle(
        self,
        since: datetime,
        until: datetime,
        recipient: str,
        purpose: str,
        output: Path,
        stop: threading.Event,
        progress: Progress,
        *,
        evidence_only: bool = False,
    ) -> Mapping[str, Any]:
        self.asked.append(("bundle", recipient, purpose, str(output)) + (("alone",) if evidence_only else ()))
        self.between = (since, until)
        if self.begin is not None:
            self.begin(since, until, recipient, purpose, self._holder)
        progress(0.4, "120 of 300 leaves")
        self.waiting.set()
        while not self.goes_on.wait(0.02):
            if stop.is_set():
                raise StoppedError("the export was stopped", hint="nothing was written")
        output.write_bytes(b"bundle")
        counts = {"calls": 151, "recordings": 62, "included": 61}
        made = {"file": str(output), "counts": counts, "vkey": VKEY, "checkpoint": 700, "damaged": []}
        return made | {"evidence_only": evidence_only}


def register(folder: Path) -> Served:
    """The recorded day with three on the register of recipients."""
    rows = [parse_recipient(json.dumps(each)) for each in json.loads(RECIPIENTS.read_text())]
    terms = ("name", "role", "purpose", "half", "seals", "fingerprint")
    facts = [
        {"kind": "recipient_added", "subject": row.id, "at": NOW.isoformat(), "actor": "user:ann(1001)"}
        | {"body": {name: getattr(row.row(), name) for name in terms}}
        for row in rows
    ]
    served = Served(folder, facts)
    for row in rows:
        (served.config.data / "recipients" / f"{row.id}.json").write_text(row.to_text())
    return served.start()


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With a checkpoint too, for tests that change nothing."""
    served = register(tmp_path_factory.mktemp("audit"))
    ControlClient(served.socket).call("audit_checkpoint")
    yield served
    served.stop()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Served]:
    """For a test that changes something."""
    served = register(tmp_path)
    yield served
    served.stop()


async def asked(pilot: Pilot[Any], *texts: str) -> None:
    """Each text into its field, in their order; what is there already is replaced."""
    await pilot.pause()
    for text in texts:
        field = pilot.app.focused
        assert isinstance(field, Input)
        field.value = text
        await pilot.press("enter")
        await pilot.pause()


# --- looking ------------------------------------------------------------------------------------------------------


async def test_what_must_be_seen_to_of_a_breach_leads_to_the_open_ones_and_their_hours(held: Served) -> None:
    call = ControlClient(held.socket).call
    aware = (NOW - timedelta(hours=60, minutes=30)).isoformat()
    call("breach_add", nature=["disclosed"], aware=aware, facts="An export lay on an open share.")
    call("breach_add", nature=["lost"], aware=(NOW - timedelta(hours=80)).isoformat())
    call("breach_add", nature=["lost"])
    texts = {"risk": "unlikely", "facts": "A stick", "effects": "None", "measures": "Found", "unlikely": "Encrypted"}
    call("breach_update", breach="BR-2026-0003", **texts)
    call("breach_close", breach="BR-2026-0003")
    app = app_of(held)
    async with app.run_test(size=LARGE) as pilot:
        await until(pilot, shows(pilot, "! BREACH"))
        await pilot.press("0")
        await until(pilot, shows(pilot, "Breach BR-2026-0001: only 11 h left"))
        while "Breach BR-" not in str(app.screen.copied()):
            await pilot.press("down")
        await pilot.press("enter")
        await until(pilot, shows(pilot, "[breaches]", "2 rows", "BR-2026-0001", "11 h", "OVER 8 h", "its effects"))
        assert "BR-2026-0003" not in screen_text(app)
        await pilot.press("enter")
        await until(pilot, shows(pilot, "An export lay on an open share.", "not told"))


async def test_the_log_is_filtered_by_kind_by_actor_and_by_a_leafs_number(shared: Served) -> None:
    app: Any = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "[leaves]", "rows"))
        for text, found in (
            ("withdrawn", "the withdrawal of the consent"),
            ("eve", "eve verified the log"),
            ("7", "        7 "),
        ):
            await pilot.press("slash", *text, "enter")
            await until(pilot, shows(pilot, f"filter: {text}", found))
            await until(pilot, lambda: app.screen.table.complete and app.screen.table.total < 20)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen.table.total > 100)


async def test_a_bundles_recordings_fold_into_its_line(tmp_path: Path) -> None:
    bundle, at = "ab" * 16, {"at": NOW.isoformat(), "actor": "user:eve(1003)"}
    period = {"from": "2026-06-01T00:00:00Z", "to": "2026-07-01T00:00:00Z", "recipient": "r"}
    went = [
        {"kind": "exported", "subject": f"{number:032x}", "body": {"call_id": None, "recipient": "r", "bundle": bundle}}
        for number in range(180)
    ]
    facts = [{"kind": "bundle_exported", "subject": bundle, "body": period}, *went]
    served = Served(tmp_path, [fact | at for fact in facts]).start()
    app: Any = app_of(served)
    try:
        async with app.run_test(size=SMALL) as pilot:
            await pilot.press("8")
            await until(pilot, shows(pilot, "[+180] eve began bundle abababab"))
            folded, one = app.screen.table.total, "eve put the recording of a call into a bundle"
            assert one not in screen_text(app)
            while app.screen.table.row.subject != bundle:
                await pilot.press("down")
            await pilot.press("x")
            await until(pilot, lambda: app.screen.table.total == folded + 180 or not app.screen.table.complete)
            await until(pilot, shows(pilot, one))
            while app.screen.table.row.subject != bundle:
                await pilot.press("down")
            await pilot.press("x")
            await until(pilot, shows(pilot, "[+180] eve"))
            assert one not in screen_text(app)
    finally:
        served.stop()


async def test_a_leaf_shows_what_it_commits_to(shared: Served) -> None:
    app: Any = app_of(shared)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "rows"))
        await pilot.press("slash", *"decision", "enter")
        await until(pilot, shows(pilot, "filter: decision"))
        await until(pilot, lambda: app.screen.table.row and app.screen.table.row.kind == "decision")
        row = app.screen.table.row
        await pilot.press("enter")
        await until(pilot, shows(pilot, "What it commits to", "explanation", "****", "Commits by", row.hash[:60]))
        assert grouped(shared.calls[-1]["number"]) not in screen_text(app)
        await pilot.press("y")
        assert app.clipboard == row.hash


async def test_a_viewer_sees_the_leaf_and_not_what_it_commits_to(shared: Served) -> None:
    app: Any = app_of(shared)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.feed.session.can)
        can = frozenset(name for name, each in OPERATIONS.items() if "viewer" in each.roles)
        app.feed.session = Session("user:vic(1004)", "viewer", can)
        shared.asked.clear()
        await pilot.press("8")
        await until(pilot, shows(pilot, "rows"))
        for action in ("verify", "checkpoint", "export", "verifier_key"):
            assert app.screen.check_action(action, ()) is None, action
        await pilot.press("v", "c", "e", "enter")
        await until(pilot, shows(pilot, "Ids and digests", "Hash"))
        names = {op for op, _ in shared.asked}
        assert names.isdisjoint({"audit_leaf", "audit_key", "audit_verify", "audit_checkpoint", "key_list"}), names


async def test_an_auditor_may_look_verify_and_export(shared: Served, tmp_path: Path) -> None:
    app: Any = app_of(shared, opener=Bundler(tmp_path))
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: app.feed.session.can)
        can = frozenset(name for name, each in OPERATIONS.items() if "auditor" in each.roles)
        app.feed.session = Session("user:eve(1003)", "auditor", can)
        await pilot.press("8")
        for action in ("verify", "checkpoint", "export", "verifier_key"):
            assert app.screen.check_action(action, ()) is True, action


async def test_the_verifier_key_is_copied_as_it_is(shared: Served) -> None:
    app: Any = app_of(shared)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "Key", "dialgate.example+"))
        await pilot.press("K")
        await until(pilot, shows(pilot, "The verifier key", "BEGIN PUBLIC KEY"))
        await pilot.press("y")
        assert app.clipboard.startswith("dialgate.example+") and "*" not in app.clipboard


# --- verifying ----------------------------------------------------------------------------------------------------


async def test_the_log_is_verified_and_the_status_line_says_so(served: Served) -> None:
    app: Any = app_of(served)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "log verified 09:03", "it held, 31 leaves"))
        await pilot.press("v")
        await until(pilot, shows(pilot, "Verify the log?"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Verification", "The log holds:", "rows of the lists", "the gate's own"))
        served.clock.time += timedelta(seconds=20)
        await until(pilot, shows(pilot, "log verified 14:32"))
        assert [fact["body"]["ok"] for fact in served.facts("log_verified")] == [True, True]
        await pilot.press("escape")
        await until(pilot, shows(pilot, "it held, ", "on 15 Jul 14:32:10"))


async def test_a_verifier_key_that_is_none_is_said_in_the_form_which_keeps_it(shared: Served) -> None:
    app: Any = app_of(shared)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "[leaves]"))
        await pilot.press("v")
        await until(pilot, shows(pilot, "Verify the log?"))
        await pilot.press(*"mistyped", "enter")
        await until(pilot, shows(pilot, "Verify the log?", "Not taken: not a verifier key"))
        assert app.screen.query_one("#vkey", Input).value == "mistyped"


async def test_the_first_fault_is_said_in_words(served: Served) -> None:
    connection = sqlite3.connect(served.config.data / "gate.db")
    connection.execute("UPDATE facts SET actor = 'user:nobody(1)' WHERE leaf_index = 40")
    connection.commit()
    connection.close()
    app: Any = app_of(served)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "rows"))
        await pilot.press("v")
        await until(pilot, shows(pilot, "Verify the log?"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "The log does NOT hold.", "Leaf 40: ", "Faults:", "Keep this machine as it is"))
        served.clock.time += timedelta(seconds=20)
        await until(pilot, shows(pilot, "LOG DID NOT HOLD 14:32"))


async def test_a_key_from_elsewhere_that_is_none_is_refused_with_words(served: Served) -> None:
    app: Any = app_of(served)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "rows"))
        await pilot.press("v")
        await until(pilot, shows(pilot, "Verify the log?"))
        await typed(pilot, "no key")
        await until(pilot, shows(pilot, "not a verifier key"))


async def test_a_verification_is_stopped(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate.audit.leaves.STEP", 1)
    begun, goes_on = threading.Event(), threading.Event()
    real = verify.verify

    def slow(*args: Any, **more: Any) -> Any:
        begun.set()
        goes_on.wait(PATIENCE)
        return real(*args, **more)

    monkeypatch.setattr(verify, "verify", slow)
    app: Any = app_of(served)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "rows"))
        await pilot.press("v")
        await until(pilot, shows(pilot, "Verify the log?"))
        await pilot.press("enter")
        await until(pilot, begun.is_set)
        await pilot.press("escape")
        await until(pilot, lambda: served.rows("audit_cancel"))
        goes_on.set()
        await until(pilot, shows(pilot, "Verify the log?", "Stopped:"))
        assert len(served.facts("log_verified")) == 1


# --- signing ------------------------------------------------------------------------------------------------------


async def test_the_log_is_signed_and_the_note_is_copied(served: Served) -> None:
    app: Any = app_of(served)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "not signed"))
        await pilot.press("c")
        await until(pilot, shows(pilot, "Sign the log as it is now?"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "[checkpoints]", "1 row", "folder"))
        await until(pilot, shows(pilot, "signed to leaf"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "The signed note", "— dialgate.example"))
        await pilot.press("y")
        [note] = [path.read_text() for path in (served.config.data / "checkpoints").glob("*.txt")]
        assert app.clipboard == note


# --- keys and bundles ---------------------------------------------------------------------------------------------


def begin(served: Served) -> Any:
    """The gate's part of an export: it may refuse, and keeps the fact."""
    client = ControlClient(served.socket)

    def begun(since: datetime, until: datetime, recipient: str, purpose: str, _holder: str) -> None:
        client.call("audit_export", since=since, until=until, recipient=recipient, purpose=purpose)

    return begun


async def test_a_bundle_for_somebody_of_the_register(held: Served, tmp_path: Path) -> None:
    opener = Bundler(tmp_path, begin(held))
    app: Any = app_of(held, opener=opener, exports=tmp_path)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "rows"))
        await pilot.press("e")
        await until(pilot, shows(pilot, "Whom is the bundle for?", "Ofcom", "regulator"))
        assert "no exports" not in screen_text(app), "nobody is offered to whom the gate would not let one go"
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Export a bundle", "For Ofcom, regulator.", "01/06/2026", "30/06/2026"))
        await typed(pilot, "case 17")
        await pilot.press("enter", "enter")
        await until(pilot, shows(pilot, "Written:", "151 calls, recordings: 61 of 62"))
        assert opener.between == (datetime(2026, 5, 31, 23, tzinfo=UTC), datetime(2026, 6, 30, 23, tzinfo=UTC))
        [fact] = held.facts("bundle_exported")
        [said] = held.facts("words")
        assert (said["body"]["text"], fact["body"]["recipient_purpose"]) == ("case 17", "regulator")


async def test_nothing_goes_to_somebody_without_a_purpose(held: Served, tmp_path: Path) -> None:
    app: Any = app_of(held, opener=Bundler(tmp_path, begin(held)), exports=tmp_path)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await pilot.press("8", "tab", "tab")
        await until(pilot, shows(pilot, "[keys]", "Ann Example"))
        await until(pilot, lambda: app.screen.table.row)
        while app.screen.table.row.name != "Ann Example":
            await pilot.press("j")
        assert app.screen.check_action("export", ()) is None
        await pilot.press("e")
        await until(pilot, lambda: len(app._notifications))
        assert "no exports go to Ann Example" in str(next(iter(app._notifications)).message)
        assert not held.facts("bundle_exported") and not list(tmp_path.glob("*.bundle"))


async def test_what_was_wrong_stands_in_the_form_which_keeps_what_was_typed(held: Served, tmp_path: Path) -> None:

    def needs_a_key(*told: Any) -> None:
        if not told[-1]:
            raise UsageError("recordings that are sealed neither to the recipient nor to a key: 3", hint="Give a key.")

    opener = Bundler(tmp_path, needs_a_key)
    app: Any = app_of(held, opener=opener, exports=tmp_path)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "rows"))
        await pilot.press("e")
        await until(pilot, shows(pilot, "Whom is the bundle for?", "Ofcom"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Export a bundle"))
        app.screen.query_one("#since", Input).focus()
        await asked(pilot, "1 Juin", "2026-06-30", "case 17", str(tmp_path / "june.bundle"), "")
        form = app.screen
        await until(pilot, shows(pilot, "'1 Juin' is no day and no time"))
        assert app.focused is form.query_one("#since")
        await asked(pilot, "2026-06-01", "2026-06-30", "case 17", str(tmp_path / "june.bundle"), "")
        await until(pilot, shows(pilot, "sealed neither to the recipient nor to a key: 3", "case 17"))
        app.screen.query_one("#key", Input).focus()
        await asked(pilot, str(tmp_path / "ann.key"))
        await until(pilot, shows(pilot, "Passphrase of ann.key"))
        await typed(pilot, "wrong horse")
        await until(pilot, shows(pilot, "the passphrase does not open ann.key"))
        await typed(pilot, "correct horse")
        await until(pilot, shows(pilot, "Written:"))
        assert [each[0] for each in opener.asked] == ["bundle", "unlock", "unlock", "bundle"]
        assert "correct horse" not in str(opener.asked)


async def test_a_passphrase_in_the_burst_that_names_its_key_lands_in_its_own_field(
    held: Served, tmp_path: Path
) -> None:
    opener = Bundler(tmp_path, begin(held))
    app: Any = app_of(held, opener=opener, exports=tmp_path)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "rows"))
        for letter in f"e\rcase 17\r\r{tmp_path / 'ann.key'}\rcorrect horse\r":
            app.post_message(events.Key({" ": "space", "\r": "enter"}.get(letter, letter), letter))
        await until(pilot, shows(pilot, "Written:"))
        assert opener.asked[0] == ("unlock", "ann.key")
        assert "correct horse" not in str(opener.asked) + screen_text(app) + str(held.facts("words"))
        assert [fact["body"]["text"] for fact in held.facts("words")] == ["case 17"]


@pytest.mark.parametrize(("closed", "keys"), [(62, ()), (3, ("right",))], ids=["none opens", "some open"])
async def test_evidence_alone_is_offered_where_recordings_cannot_be_opened(
    held: Served, tmp_path: Path, closed: int, keys: Sequence[str]
) -> None:
    opener = Bundler(tmp_path, begin(held))
    opener.going = Exportable(recordings=62, closed=closed)
    app: Any = app_of(held, opener=opener, exports=tmp_path)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await pilot.press("8")
        await until(pilot, shows(pilot, "rows"))
        await pilot.press("e")
        await until(pilot, shows(pilot, "Whom is the bundle for?", "Ofcom"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Export a bundle"))
        await typed(pilot, "case 17")
        await pilot.press("enter", "enter")
        those = f"{closed} of 62 recordings"
        await until(pilot, shows(pilot, "Evidence alone?", f"{those} of the period cannot be opened by"))
        assert not opener.asked
        await pilot.press("escape")
        await until(pilot, shows(pilot, "Export a bundle", f"{those} cannot be opened", "case 17"))
        await pilot.press("enter")
        await until(pilot, shows(pilot, "Evidence alone?"))
        await pilot.press(*keys, "enter")
        await until(pilot, shows(pilot, "Written:", "Evidence alone: no recordings by request."))
        assert [each[-1] for each in opener.asked] == ["alone"]


async def test_an_export_is_stopped(held: Served, tmp_path: Path) -> None:
    opener = Bundler(tmp_path)
    opener.goes_on.clear()
    app: Any = app_of(held, opener=opener, exports=tmp_path)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await pilot.press("8", "tab", "tab")
        await until(pilot, lambda: app.screen.table.row)
        await pilot.press("e")
        await until(pilot, shows(pilot, "Export a bundle"))
        await typed(pilot, "case 17")
        await pilot.press("enter", "enter")
        await until(pilot, opener.waiting.is_set)
        await until(pilot, shows(pilot, "120 of 300 leaves"))
        await pilot.press("escape")
        await until(pilot, shows(pilot, "Export a bundle", "the export was stopped", "nothing was written", "case 17"))
        assert not list(tmp_path.glob("*.bundle"))


def test_days_are_whole_and_times_are_as_they_are() -> None:
    it_is(datetime(2026, 7, 15, tzinfo=UTC))
    since, until_ = audit_bundle.period("2026-03-29", "2026-03-29")
    assert (until_ - since).days == 1 and until_.utcoffset() != since.utcoffset(), "the clocks change on that day"
    assert audit_bundle.period("2026-03-02T09:30", "2026-03-02T10:00Z")[1] == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert audit_bundle.period("2/3", "2/3") == audit_bundle.period("2026-03-02", "2026-03-02")
    for wrong in ("", "someday", "9999-12-31"):
        with pytest.raises(UsageError, match="no day and no time"):
            audit_bundle.period("2026-03-02", wrong)


# --- pictures -----------------------------------------------------------------------------------------------------


@SIZES
def test_leaves(shared: Served, snap_compare: Any, size: tuple[int, int], tmp_path: Path) -> None:
    app: Any = app_of(shared, opener=Bundler(tmp_path))
    assert snap_compare(app, terminal_size=size, run_before=steps("8", then=("rows", "Key ", "Verified")))


@SIZES
def test_a_leaf(shared: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("8", *"jjjjj", "enter", then=("What it commits to", "Commits by"))
    assert snap_compare(app_of(shared), terminal_size=size, run_before=before)


@SIZES
def test_checkpoints(keyed: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("8", "tab", then=("[checkpoints]", "1 row", "signed to leaf"))
    assert snap_compare(app_of(keyed), terminal_size=size, run_before=before)


def test_a_checkpoint(keyed: Served, snap_compare: Any) -> None:
    before = steps("8", "tab", "enter", then=("The signed note",))
    assert snap_compare(app_of(keyed), terminal_size=SMALL, run_before=before)


@SIZES
def test_keys(keyed: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    before = steps("8", "tab", "tab", then=("[keys]", "3 rows", "Ofcom"))
    assert snap_compare(app_of(keyed), terminal_size=size, run_before=before)


@SIZES
def test_a_verification(served: Served, snap_compare: Any, size: tuple[int, int]) -> None:
    async def verified(pilot: Pilot[Any]) -> None:
        await steps("8", "v", then=("Verify the log?",))(pilot)
        await pilot.press("enter")
        await until(pilot, shows(pilot, "The log holds:"))
        served.clock.time += timedelta(seconds=20)
        await until(pilot, shows(pilot, "log verified 14:32", "data 0 s"))

    assert snap_compare(app_of(served), terminal_size=size, run_before=verified)


@SIZES
def test_a_bundles_form(keyed: Served, snap_compare: Any, size: tuple[int, int], tmp_path: Path) -> None:
    app: Any = app_of(keyed, opener=Bundler(tmp_path), exports=Path("/srv/exports"))
    before = steps("8", "e", "enter", then=("Export a bundle", "For Ofcom"))
    assert snap_compare(app, terminal_size=size, run_before=before)


def test_whom_a_bundle_is_for(keyed: Served, snap_compare: Any, tmp_path: Path) -> None:
    app: Any = app_of(keyed, opener=Bundler(tmp_path))
    assert snap_compare(app, terminal_size=SMALL, run_before=steps("8", "e", then=("Whom is", "Ofcom")))


if __name__ == "__main__":
    made = []
    for name, role, purpose in (
        ("Ann Example", "compliance", ""),
        ("Carol Example", "escrow", ""),
        ("Ofcom", "auditor", "regulator"),
    ):
        _, one = new_key(name, role, "correct horse battery", NOW)
        made.append(json.loads(one.on_terms(purpose=purpose, seals=not purpose).to_text()))
    RECIPIENTS.write_text(json.dumps(made, indent=1) + "\n")
