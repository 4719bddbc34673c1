"""What an operation that cannot be undone would do is what it does: compared, for each, with what it did."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate.config import load
from gate.config.write import amend
from gate.core.breaches import Nature, Risk
from gate.core.calls_in import BY_KEY
from gate.core.facts.gate import CampaignReleased
from gate.core.request_words import Asks, Ground, LetterKind
from gate.core.retention import HoldGround
from gate.daemon.opening import open_folder
from gate.errors import GateError, NoRecipients, RefusedError, StoreError, UsageError
from gate.operations import rehearsal, shadow
from gate.operations.audit.leaves import AuditLeaves
from gate.operations.breaches import BreachAdd, BreachClose, BreachUpdate
from gate.operations.calls.campaigns import CampaignsRelease, Released
from gate.operations.catalogue import OPERATIONS
from gate.operations.contacts.list_import import ContactsImport
from gate.operations.contacts.pages import ContactsDrop, ContactsForget
from gate.operations.data_folder import DataFolder, RunningGate
from gate.operations.erasure.eraser import CarryOut, StoreRewrite
from gate.operations.erasure.terms import RetentionTermsSweep
from gate.operations.keys.recipients import KeyAdd, KeyRetire
from gate.operations.keys.wraps import KeyDrop
from gate.operations.lists.consents import ConsentAdd, ConsentWithdraw
from gate.operations.lists.objections import ObjectionUndo
from gate.operations.operation import Caller, Operation, Request, operation_of
from gate.operations.proposals import ProposalConfirm
from gate.operations.rehearsal import Rehearse, Rehearsed, rehearsal_of
from gate.operations.requests.course import AnswerSent, Decide, Open, Withdraw
from gate.operations.requests.letters import WriteConsentLetter, WriteLetter
from gate.operations.retention.holds import HoldAdd, HoldRelease
from gate.operations.retention.schedule import RetentionSweep
from gate.operations.webhooks import WebhookDrop
from tests.support.asking import ask
from tests.support.databases import query
from tests.support.keeping import SetClock, plant
from tests.support.requesting import ANN, PERSON, SPELLED, asked, granted, key_of, prepared
from tests.support.vault import private_key
from tests.support.written import written

BEN = "user:ben(1001)"
EVE = private_key("Eve (escrow)", "escrow")
ONE_PERSON: dict[str, Any] = {"roles": {"dual_control": "off"}}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("rehearsal") / "gate"
    prepared(place, recordings=2)
    (place / "secrets").mkdir(exist_ok=True)
    (place / "secrets" / "crm.webhook").write_text("a secret of the receiver\n")
    (place / "secrets" / "crm.webhook").chmod(0o600)
    crm = {"name": "crm", "url": "http://127.0.0.1:9/told", "secret_file": "secrets/crm.webhook"}
    text = (place / "config.toml").read_text()
    (place / "config.toml").write_text(text + "\n[[webhook]]\n" + "".join(f'{k} = "{v}"\n' for k, v in crm.items()))
    amend(place / "config.toml", ONE_PERSON)
    aside = [{"id": "status-1", "type": "gate.not_ready", "at": "2026-01-01T00:00:00+00:00", "said": "500", "data": {}}]
    (place / "data" / "webhooks").mkdir(exist_ok=True)
    (place / "data" / "webhooks" / "crm.json").write_text(json.dumps({"leaf": 1, "aside": aside}))
    return place


@dataclass
class Place:
    """An opened data folder with its clock, and the folder that it is in."""

    data: DataFolder
    clock: SetClock
    folder: Path


@pytest.fixture
def place(folder: Path) -> Iterator[Place]:
    clock = SetClock(datetime.now(UTC).replace(microsecond=0))
    with ExitStack() as stack:
        yield Place(open_folder(load(folder / "config.toml"), stack, clock=clock), clock, folder)


def record(place: Place, name: str, *more: Any, at: datetime | None = None) -> None:
    folder = place.data.config.data / "recordings"
    recipients = [key_of(place.folder).recipient, *more]
    plant(place.data.store, place.data.keys, folder, recipients, name, at or place.clock.time)


def held(place: Place) -> HoldRelease:
    hold = HoldAdd(ground=HoldGround.CLAIM, recording_id="rec0", reason="a claim", reference="17/26")
    return HoldRelease(hold_id=ask(place.data, hold, ANN).id, reason="settled")


def imported(place: Place) -> None:
    crm = place.folder / "crm.csv"
    crm.write_text(f"id,phone\n1,{SPELLED}\n2,{SPELLED}\n3,020 7946 0123\n4,no number\n")
    ask(place.data, ContactsImport(path=str(crm), columns=("phone",), reference="id"), ANN)


def forgotten(place: Place) -> ContactsForget:
    imported(place)
    digest = ask(place.data, ContactsForget(number=PERSON, dry_run=True), ANN).digest
    return ContactsForget(number=PERSON, execute=digest, reason="asked")


def dropped(place: Place) -> ContactsDrop:
    imported(place)
    return ContactsDrop(on_behalf_of="", reason="the mandate ended")


def erased(place: Place) -> CarryOut:
    """With a recording that a hold keeps."""
    imported(place)
    held(place)
    reference = granted(place.data)
    digest = ask(place.data, CarryOut(request=reference), ANN).digest
    return CarryOut(request=reference, execute=True, digest=str(digest), reason="as granted")


def swept(place: Place) -> RetentionSweep:
    record(place, "long-ago", at=place.clock.time - timedelta(days=500))
    record(place, "as-long", at=place.clock.time - timedelta(days=501))
    hold = HoldAdd(ground=HoldGround.CLAIM, recording_id="as-long", reason="a claim", reference="18/26")
    ask(place.data, hold, ANN)
    return RetentionSweep(execute=ask(place.data, RetentionSweep(), ANN).digest, reason="the term is over")


def over_term(place: Place) -> RetentionTermsSweep:
    place.clock.time += timedelta(days=2000)
    return RetentionTermsSweep()


def retired(place: Place) -> KeyRetire:
    ask(place.data, KeyAdd(text=EVE.recipient.to_text()), ANN)
    return KeyRetire(recipient_id=EVE.id)


def taken(place: Place) -> KeyDrop:
    ask(place.data, KeyAdd(text=EVE.recipient.to_text()), ANN)
    for name in ("both", "kept"):
        record(place, name, EVE.recipient)
        place.data.keys.prove(EVE.id, {name: dict(place.data.keys.wraps(name))[EVE.id]})
    hold = HoldAdd(ground=HoldGround.CLAIM, recording_id="kept", reason="a claim", reference="18/26")
    ask(place.data, hold, ANN)
    return KeyDrop(source=key_of(place.folder).recipient.id, target=EVE.id)


def undone(place: Place) -> ObjectionUndo:
    trunk = place.data.config.trunk[0].name
    began = place.clock.time
    for n in range(3):
        number, call = f"+4420794610{n:02}", f"in-{n}"
        body = {"number": number, "raw": number, "presentation": "+442079460000", "claimed_by": f"carrier:{trunk}"}
        body |= {"source": "192.0.2.1:5060", "withheld": False, "codecs": [], "sip_call_id": "x", "verdict": "allow"}  # type: ignore[dict-item]
        written(place.data, "call_in", call, f"carrier:{trunk}", body | {"reason": "call_in", "to": "callback"})
        told = {"number": number, "source": BY_KEY, "note": "", "call_id": call}
        written(place.data, "objection", f"o-{call}", "caller", told)
    place.clock.time += timedelta(minutes=1)
    return ObjectionUndo(trunk=trunk, since=began, reason="forged caller IDs")


def told(place: Place) -> AnswerSent:
    reference = granted(place.data)
    ask(place.data, CarryOut(request=reference, execute=True), ANN)
    return AnswerSent(request=reference)


def decided(place: Place) -> Decide:
    reference = asked(place.data, Asks.ERASURE)
    return Decide(
        request=reference, grant=False, ground=Ground.MANIFESTLY_UNFOUNDED, reasons="we know of nobody of this name"
    )


def letter(place: Place) -> WriteLetter:
    return WriteLetter(request=asked(place.data, Asks.ERASURE), kind=LetterKind.ACKNOWLEDGEMENT)


def consent_letter(place: Place) -> WriteConsentLetter:
    consent = ConsentAdd(number=PERSON, how="phone", wording="you may", who="Pat Person", evidence="note 2")
    key = ask(place.data, consent, ANN).id
    ask(place.data, ConsentWithdraw(target=PERSON), ANN)
    return WriteConsentLetter(consent=key, to="1 High Street")


def confirmed(place: Place) -> ProposalConfirm:
    """What another person has asked for: the release of a hold."""
    asked_for = held(place)
    operation = operation_of(asked_for)
    assert operation.second_person is not None
    proposed = operation.second_person.propose(place.data, asked_for, Caller(ANN))
    assert proposed is not None
    return ProposalConfirm(proposal_id=place.data.proposals.add("hold_release", proposed, ANN).id)


def closed(place: Place) -> BreachClose:
    name = ask(place.data, BreachAdd(nature=(Nature.DISCLOSED,)), ANN).reference
    documented = BreachUpdate(
        breach=name, people=1, records=1, risk=Risk.UNLIKELY, facts="a letter went astray", effects="none",
        measures="it was fetched back", unlikely="nobody had opened it",
    )  # fmt: skip
    ask(place.data, documented, ANN)
    return BreachClose(breach=name, reason="it came back")


def released(place: Place) -> CampaignsRelease:
    stopped = {"claimed_by": "account:alice", "campaign": "spring", "stop_percent": 3.0, "abandoned": 4, "live": 90}
    written(place.data, "campaign_stopped", "stop-1", "gate", stopped | {"day": f"{place.clock.time:%Y-%m-%d}"})
    return CampaignsRelease(id="stop-1", why="two more agents sit down")


SCENES: dict[str, Callable[[Place], Request[Any]]] = {
    "breach_close": closed,
    "campaigns_release": released,
    "consent_letter": consent_letter,
    "contacts_drop": dropped,
    "contacts_forget": forgotten,
    "hold_release": held,
    "key_drop": taken,
    "key_retire": retired,
    "objection_undo": undone,
    "proposal_confirm": confirmed,
    "request_carry_out": erased,
    "request_decide": decided,
    "request_letter": letter,
    "request_told": told,
    "request_withdraw": lambda place: Withdraw(request=asked(place.data, Asks.ERASURE), reason="rang us"),
    "retention_sweep": swept,
    "retention_terms_sweep": over_term,
    "store_rewrite": lambda place: StoreRewrite(),
    "webhook_drop": lambda place: WebhookDrop(name="crm"),
}
"""What each of the operations that cannot be undone is asked with, once there is something for it to do."""


def rows(place: Place, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = place.data.store.call(lambda tx: query(tx, f"SELECT * FROM {table}"))  # noqa: S608
    return found


TABLES = ("facts", "leaves", "calls", "recordings", "holds", "requests", "consents", "objections", "contacts",
          "contact_faults", "campaign_stops", "copies", "checkpoints")  # fmt: skip


def state(place: Place) -> dict[str, Any]:
    """Every row of the evidence and of the wrapped keys, and every other file."""
    found: dict[str, Any] = {name: sorted(map(repr, rows(place, name))) for name in TABLES}
    found["keys"] = place.data.keys.page(0, 1000)
    files = [path for path in place.folder.rglob("*") if path.is_file() and ".db" not in path.name]
    found |= {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.name != "gate.lock"}
    return found


def sealed(place: Place) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in place.data.config.data.rglob("recordings/**/*.dgr")}


def rehearsed(place: Place, request: Request[Any], actor: str = ANN) -> Rehearsed:
    return ask(place.data, rehearsal_of(request, operation_of(request).name), actor)


def test_every_operation_that_cannot_be_undone_has_a_scene() -> None:
    assert {each.name for each in OPERATIONS.values() if each.final} == SCENES.keys()


@pytest.mark.parametrize("name", sorted(SCENES))
def test_what_is_shown_is_what_happens(place: Place, name: str) -> None:
    request = SCENES[name](place)
    assert operation_of(request).name == name
    actor = BEN if name == "proposal_confirm" else ANN
    before, size, files = state(place), len(rows(place, "leaves")), sealed(place)
    shown = rehearsed(place, request, actor)
    assert state(place) == before, "it has changed something"
    contacts = Counter(name for name in ("contacts", "contact_faults") for _ in rows(place, name))

    ask(place.data, request, actor)
    leaves = [leaf for leaf in ask(place.data, AuditLeaves(limit=1000), ANN).items if leaf.index >= size][::-1]
    assert Counter({each.kind: each.count for each in shown.leaves}) == Counter(leaf.kind for leaf in leaves)
    for each in shown.leaves:
        assert each.said == [leaf.said for leaf in leaves if leaf.kind == each.kind][: len(each.said)]
    gone = {each.what: each for each in shown.gone}
    lost = files.keys() - sealed(place).keys()
    assert (gone["sealed recording"].count if "sealed recording" in gone else 0) == len(lost)
    assert (gone["sealed recording"].bytes if "sealed recording" in gone else 0) == sum(files[each] for each in lost)
    for table, what in (("contacts", "contact"), ("contact_faults", "line of a contact file")):
        assert (gone[what].count if what in gone else 0) == contacts[table] - len(rows(place, table)), table
    emptied = [row for row in rows(place, "facts") if row["body"] is None]
    were_empty = sum("'body': None" in row for row in before["facts"])
    entries = gone.get("entry of the log that is emptied")
    assert (entries.count if entries else 0) == len(emptied) - were_empty
    if name == "key_drop":
        assert gone["wrapped key"].count == len(before["keys"]) - len(place.data.keys.page(0, 1000))
    for change in shown.changes:
        table = next(each for each in shadow._TABLES if shadow._thing(each) == change.what)
        key = shadow._TABLES[table].key
        (row,) = [
            row for row in rows(place, table) if str(row["reference" if table == "requests" else key]) == change.id
        ]
        assert shadow._text(row[change.name]) == change.then, change
    assert shown.leaves or name in ("store_rewrite",)


def test_what_stays_is_named_and_the_letter_is_shown(place: Place) -> None:
    shown = rehearsed(place, erased(place))
    assert any("17/26" in each for each in shown.stays), shown.stays
    (sound,) = [each for each in shown.gone if each.what == "sealed recording"]
    assert sound.count == 1 and "rec1, of " in sound.of[0] and sound.bytes > 0
    assert "Pat Person" in rehearsed(place, letter(place)).letter


def test_what_would_be_refused_is_refused_in_the_rehearsal(place: Place) -> None:
    request = held(place)
    with pytest.raises(RefusedError) as caught:
        rehearsed(place, msgspec.structs.replace(request, digest="another"))
    assert caught.value.reason == "plan_changed"
    with pytest.raises(NoRecipients, match="is the only recipient"):
        rehearsed(place, KeyRetire(recipient_id=key_of(place.folder).recipient.id))
    with pytest.raises(UsageError, match="hold_add is not rehearsed"):
        ask(place.data, Rehearse(operation="hold_add", request={}), ANN)
    with pytest.raises(UsageError, match="no_field"):
        ask(place.data, Rehearse(operation="hold_release", request={"no_field": 1}), ANN)
    with pytest.raises(RefusedError, match="may not ask for hold_release"):
        rehearsal.rehearse(
            place.data, rehearsal_of(request, "hold_release"), Caller("user:eve(1002)", roles=frozenset({"viewer"}))
        )


def test_no_mail_leaves_and_whom_it_would_go_to_is_said(place: Place) -> None:
    mail = {"host": "127.0.0.1", "port": 9, "security": "none", "sender": "firm@example.org"}  # where nobody listens
    amend(place.folder / "config.toml", {"mail": mail})
    place.data.config = load(place.folder / "config.toml")
    request = Open(asks=Asks.ERASURE, channel="post", name="Pat", contact="pat@example.org", numbers=(SPELLED,))
    reference = ask(place.data, request, ANN).reference
    sends = WriteLetter(request=reference, kind=LetterKind.ACKNOWLEDGEMENT, send=True)
    shown = rehearsed(place, sends)
    assert shown.to == "pat@example.org" and [each.kind for each in shown.leaves][-1] == "letter_sent"
    with pytest.raises(GateError):
        ask(place.data, sends, ANN)


def test_nothing_is_kept_after_the_database_has_given_the_transaction_up(place: Place) -> None:
    """As SQLite does where the disk is full, or a statement is interrupted; some handlers go on after an error."""
    before = state(place)

    def goes_on(folder: DataFolder, asked: Request[Any], caller: Caller) -> Any:
        folder.keep(CampaignReleased(why="before"), "stop-1", ANN)
        folder.watched._connection.rollback()  # type: ignore[attr-defined]
        with suppress(StoreError):
            folder.keep(CampaignReleased(why="after"), "stop-1", ANN)
        return Released(id="", claimed_by="", campaign="")

    broken = Operation("broken", CampaignsRelease, frozenset(), goes_on, final=True)
    with pytest.raises(StoreError, match="has ended the rehearsal"):
        shadow.run(place.data, broken, CampaignsRelease(id="stop-1", why="x"), Caller(ANN))
    assert state(place) == before


def test_a_rehearsal_that_would_keep_calls_waiting_is_given_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    request = erased(place)
    before = state(place)
    place.data.gate = RunningGate()
    monkeypatch.setattr(shadow, "SECONDS", 0.0)
    with pytest.raises(RefusedError) as caught:
        rehearsed(place, request)
    assert caught.value.reason == rehearsal.TOO_LARGE
    assert state(place) == before
    monkeypatch.setattr(shadow, "SECONDS", 20.0)
    assert rehearsed(place, request).leaves
