"""Answers to every request, made up, for tests of the control interface: no data folder is behind them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from msgspec import structs, to_builtins

from gate.core.rows.calls import CallRow
from gate.errors import ConfigError, RefusedError, RegisterError, StoreError, VaultError
from gate.handed_over_file import HandedOverFile
from gate.operations.catalogue import OPERATIONS
from gate.operations.operation import Caller, Request, knows_past, operation_of
from gate.showing import masked
from tests.support.example_values import example
from tests.support.waiting import PATIENCE

RECIPIENT = {
    "id": "p-1",
    "name": "Jo",
    "role": "compliance",
    "purpose": "",
    "half": "",
    "seals": True,
    "created": "2026-03-02T10:00:00.000000Z",
    "fingerprint": "ab:cd",
}
WAITS = {"id": "w-1", "until": "2026-03-03T10:00:00.000000Z", "takes": "1 recording", "plan": "ab" * 16}


class WrongKey(VaultError):
    """A room's own error, unknown to the far side."""


CONTACT = {
    "id": "5c" * 16,
    "reference": "c-1",
    "number": "+442079460101",
    "verdict": "block",
    "reason": "listed_tps",
    "since": "2026-03-02T10:00:00+00:00",
}
TPS = {"name": "tps", "state": "ok", "as_of": "2026-03-01", "days_left": 26, "sha256": "ab" * 32, "covered": True}
CALL: dict[str, Any] = dict.fromkeys(CallRow.__struct_fields__) | {
    **{"leaf_index": 1, "call_id": "k-1", "at": "2026-01-05T09:00:00+00:00", "number": "+442079460123"},
    **{"verdict": "block", "reason": "listed_tps", "state": "refused"},
}


class ExampleAnswers:
    """Answers as ``gate.control.answers`` promises; ``asked`` keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.hold = threading.Event()
        self.hold.set()
        self.threads: set[str] = set()
        self.done: list[str] = []
        self.reported: Callable[[float], object] = lambda done: None
        """Called after each progress, of which a slow reader gets the newest alone: a test may wait in it."""

    def __call__(self, request: Request[Any], caller: Caller) -> Any:
        """As ``gate.control.messages.carry_out``."""
        operation = operation_of(request)
        if operation.running:  # it asks nothing of a data folder
            idle = SimpleNamespace(
                operations=lambda: OPERATIONS, gate=SimpleNamespace(pause=lambda *_: "", hang_up=lambda *_: "")
            )
            return to_builtins(operation.handler(idle, request, caller))
        fields: dict[str, Any] = {**structs.asdict(request), "actor": caller.actor}
        hide = fields.pop("masked", False)
        if knows_past(operation.request) and fields["as_of"] is None:
            del fields["as_of"]
        if operation.file:
            del fields["path"]
            fields["file"] = caller.file
        if operation.streams:
            fields["progress"] = caller.progress
        if (method := getattr(self, operation.name, None)) is None:
            self._note(operation.name, **fields)
            return example(operation.response)
        answer = to_builtins(method(**fields))
        return masked(answer) if hide else answer

    def _note(self, op: str, /, **fields: Any) -> None:
        self.threads.add(threading.current_thread().name)
        self.asked.append((op, fields))

    def check(
        self,
        *,
        number: str,
        purpose: str,
        topic: str,
        at: datetime | None,
        times: list[datetime] | None = None,
        actor: str,
        on_behalf_of: str = "",
    ) -> dict[str, Any]:
        self._note("check", number=number, purpose=purpose, topic=topic, at=at, actor=actor)
        self.hold.wait(PATIENCE)
        listed = number.endswith("1")
        return {
            "number": "+442079460001" if listed else "+442079460000",
            "verdict": "block" if listed else "allow",
            "reason": "listed_tps" if listed else "not_listed",
            "explanation": "This number is on the TPS list." if listed else "",
            "registers": [TPS],
            "consent_id": None,
            "objection_id": None,
            "then": [{"at": each, "verdict": "allow", "reason": "not_listed"} for each in times or ()],
        }

    def decide(
        self,
        *,
        number: str,
        purpose: str,
        topic: str,
        account: str,
        actor: str,
        on_behalf_of: str = "",
        campaign: str = "",
        refused_claim: bool = False,
        again: str = "",
    ) -> dict[str, Any]:
        if refused_claim:
            return {"verdict": "block", "reason": "claim_refused", "decision_id": "d-2", "actor": actor}
        if number == "full":
            raise StoreError("the disk is full", hint="make room")
        if number == "crash":
            raise ZeroDivisionError("secret detail")
        answer = self.check(number=number, purpose=purpose, topic=topic, at=None, actor=actor)
        return answer | {"decision_id": "d-1", "account": account}

    def register_import(
        self, *, name: str, file: HandedOverFile, progress: Any = None, actor: str, **rest: Any
    ) -> dict[str, Any]:
        self._note("register_import", name=name, said=file.said, actor=actor, **rest)
        text = file.reader().read().decode()
        if progress:
            for done, stage in ((0.25, "reading"), (0.75, "sorting")):
                progress(done, stage)
                self.reported(done)
        self.done.append("register_import")
        if not text:
            raise RegisterError("the file is empty", hint="fetch it again")
        report = {"name": name, "count": len(text.split()), "sha256": "cd" * 32, "as_of": "2026-03-01"}
        return report | {"coverage": ["full"], "source_name": "tps.txt", "contacts": None}

    def register_imports(self, **fields: Any) -> dict[str, Any]:
        self._note("register_imports", **fields)
        return {"items": [], "next": None}

    def register_cancel(self, *, name: str, actor: str) -> dict[str, Any]:
        self._note("register_cancel", name=name, actor=actor)
        return {"name": name}

    def register_status(self, *, actor: str) -> dict[str, Any]:
        self._note("register_status", actor=actor)
        ok = {"name": "tps", "state": "ok", "count": 1200, "as_of": "2026-03-01", "days_left": 3, "coverage": ["full"]}
        missing = {"name": "ctps", "state": "missing", "count": 0, "as_of": None, "days_left": None, "coverage": []}
        both = {"problem": "", "imported_at": None, "source_name": "", "source_sha256": "", "refused": None}
        registers = [ok | both | {"sha256": "ab" * 32}, missing | both | {"sha256": ""}]
        return {"registers": registers, "watch": None}

    def objection_add(
        self,
        *,
        number: str,
        source: str,
        note: str,
        scope: str,
        made_at: datetime | None,
        actor: str,
        once: str = "",
        on_behalf_of: str = "",
    ) -> dict[str, Any]:
        self._note("objection_add", scope=scope, number=number, source=source, note=note, made_at=made_at, actor=actor)
        return {"id": "o-1", "number": "+442079460123", "made_at": "2026-07-01T09:00:00+00:00"}

    def objection_remove(self, *, target: str, reason: str, actor: str) -> dict[str, Any]:
        self._note("objection_remove", target=target, reason=reason, actor=actor)
        return {"removed": ["o-1"]}

    def objection_list(
        self, *, after: str | None, limit: int, number: str | None, text: str | None, actor: str
    ) -> dict[str, Any]:
        self._note("objection_list", after=after, limit=limit, number=number, text=text, actor=actor)
        if number:
            return {"items": [], "next": None}
        note = "[red]call\x1b[2J\u202eme[/red] on +447700900123"
        item = {"id": "o-1", "number": "+442079460123", "made_at": "2026-07-01T09:00:00+00:00", "source": "told"}
        item |= dict.fromkeys(("actor", "call_id", "removed_at", "removed_by", "removed_why"))
        return {"items": [item | {"leaf_index": 1, "note": note}], "next": "o-1"}

    def objection_import(self, **fields: Any) -> dict[str, Any]:
        self._note("objection_import", **fields)
        return {"imported": len(fields["entries"]), "held": 0}

    def consent_import(self, **fields: Any) -> dict[str, Any]:
        self._note("consent_import", **fields)
        return {"imported": len(fields["entries"]), "held": 0}

    def screened(self, **fields: Any) -> dict[str, Any]:
        self._note("screened", **fields)
        return {"id": "s-1"}

    def objection_export(self, **fields: Any) -> dict[str, Any]:
        self._note("objection_export", **fields)
        return {"items": [], "next": None}

    def consent_export(self, **fields: Any) -> dict[str, Any]:
        self._note("consent_export", **fields)
        return {"items": [], "next": None}

    def contacts_import(self, *, file: HandedOverFile, **fields: Any) -> dict[str, Any]:
        self._note("contacts_import", said=file.said, **fields)
        counts = {"contacts": 3, "in_file": 3, "rows": 4, "bad_rows": 1, "reasons": {"not_listed": 2, "listed_tps": 1}}
        faults = [{"line": 5, "column": "phone", "reference": "c-4", "fault": "it is empty"}]
        counts |= {"faults": faults, "sha256": "ab" * 32, "mode": "replace", "new": 3, "before": 0, "carried_over": 0}
        said = {"source_name": "crm.csv", "path_said": file.said, "columns": ["phone"], "topic": "general"}
        return counts | said | {"registers": []}

    def contacts_rescreen(self, **fields: Any) -> dict[str, Any]:
        self._note("contacts_rescreen", **fields)
        counts = {"contacts": 3, "newly_blocked": 1, "newly_allowed": 0}
        return counts | {"why": "asked", "topic": "general", "registers": []}

    def contacts_status(self, **fields: Any) -> dict[str, Any]:
        self._note("contacts_status", **fields)
        return {
            "contacts": 3,
            "verdicts": {"allow": 2, "block": 1},
            "reasons": {"not_listed": 2, "listed_tps": 1},
            "bad_rows": 1,
            "imported_at": "2026-03-02T10:00:00+00:00",
            "registers": [],
        }

    def contacts_list(self, **fields: Any) -> dict[str, Any]:
        self._note("contacts_list", **fields)
        return {"items": [CONTACT], "next": None}

    def contacts_show(self, **fields: Any) -> dict[str, Any]:
        self._note("contacts_show", **fields)
        now = {"number": CONTACT["number"], "verdict": "block", "reason": "listed_tps", "explanation": ""}
        now |= {"registers": [], "consent_id": None, "objection_id": None}
        return {"contact": CONTACT | {"same_number": 1, "topic": "general"}, "now": now}

    def contacts_cancel(self, **fields: Any) -> dict[str, Any]:
        self._note("contacts_cancel", **fields)
        return {}

    def contacts_faults(self, **fields: Any) -> dict[str, Any]:
        self._note("contacts_faults", **fields)
        return {"items": [{"line": 5, "field": "phone", "reference": "c-4", "fault": "it is empty"}], "next": None}

    def contacts_changes(self, **fields: Any) -> dict[str, Any]:
        self._note("contacts_changes", **fields)
        if fields["after"] is None:
            return {"items": [CONTACT | {"change": "newly_blocked"}], "next": "442079460101 c-1"}
        return {"items": [CONTACT | {"reference": "c-2", "change": "first_blocked"}], "next": None}

    def contacts_forget(self, **fields: Any) -> dict[str, Any]:
        self._note("contacts_forget", **fields)
        return {"number": "+442079460101", "forgotten": 2}

    def consent_add(self, **fields: Any) -> dict[str, Any]:
        self._note("consent_add", **fields)
        return {"id": "c-1", "number": "+442079460123", "given_at": "2026-07-01T09:00:00+00:00"}

    def consent_withdraw(self, **fields: Any) -> dict[str, Any]:
        self._note("consent_withdraw", **fields)
        return {"withdrawn": ["c-1"]}

    def consent_list(self, **fields: Any) -> dict[str, Any]:
        self._note("consent_list", **fields)
        return {"items": [], "next": None}

    def calls_list(self, **fields: Any) -> dict[str, Any]:
        self._note("calls_list", **fields)
        return {"items": [CALL], "next": None}

    def calls_show(self, *, call_id: str, actor: str) -> dict[str, Any]:
        self._note("calls_show", call_id=call_id, actor=actor)
        body = {"number": "+442079460123", "presentation": "+442079460000"}
        fact = {"leaf_index": 1, "subject": call_id, "at": CALL["at"], "actor": "account:alice"}
        return {
            "call": CALL | {"call_id": call_id},
            "facts": [fact | {"kind": "decision", "body": body}],
            "recordings": [],
        }

    def recording_list(self, **fields: Any) -> dict[str, Any]:
        self._note("recording_list", **fields)
        item = {"recording_id": "r-1", "call_id": "k-1", "opened_at": "2026-01-05T09:00:00+00:00", "state": "closed"}
        item |= {"leaf_index": 7, "seconds": 61.25, "size": 1000}
        item |= {"number": "+442079460123", "claimed_by": "account:alice", "call_state": "ended"}
        unset = ("path", "key_id", "recipients", "purpose", "closed_at", "sha256", "chunks", "packets", "gaps")
        unset += ("interrupted", "cause", "erased_at", "erasing_at", "erasing_basis")
        return {"items": [dict.fromkeys(unset) | item], "next": None}

    def recording_take(self, *, recording_id: str, purpose: str, recipient: str, actor: str) -> dict[str, Any]:
        self._note("recording_take", recording_id=recording_id, purpose=purpose, recipient=recipient, actor=actor)
        if recording_id == "gone":
            raise RefusedError("its key is gone", reason="erased", hint="erased recordings stay closed")
        raise WrongKey("this key does not open it", hint="use the key of another recipient")

    def recording_piece(self, *, recording_id: str, offset: int, actor: str) -> dict[str, Any]:
        self._note("recording_piece", recording_id=recording_id, offset=offset, actor=actor)
        return {"data": "c2VhbGVk" if offset == 0 else "", "size": 6}

    def recording_verify(self, *, recording_id: str | None, actor: str) -> dict[str, Any]:
        self._note("recording_verify", recording_id=recording_id, actor=actor)
        good, bad = {"recording_id": "r-1", "ok": True, "fault": ""}, {"recording_id": "r-2", "ok": False}
        return {"items": [good] if recording_id == "r-1" else [good, bad | {"fault": "the file is missing"}]}

    def hold_add(self, **fields: Any) -> dict[str, Any]:
        self._note("hold_add", **fields)
        what = {"id": "h-1", "kind": "hold", "target": "number", "number": "+442079460123", "reference": "17/2026"}
        return what | {"kept": 2, "gone": 1}

    def hold_release(
        self, *, hold_id: str, reason: str, actor: str, told_on: Any = None, digest: str = "", **_proof: str
    ) -> dict[str, Any]:
        self._note("hold_release", hold_id=hold_id, reason=reason, actor=actor)
        return {"id": hold_id, "released": f"hold 17/2026 ({hold_id})"}

    def hold_list(self, **fields: Any) -> dict[str, Any]:
        self._note("hold_list", **fields)
        item = {"id": "h-1", "kind": "hold", "target": "number", "number": "+442079460123", "reference": "17/2026"}
        item |= {"made_at": "2026-07-01T09:00:00+00:00", "reason": "a claim", "actor": "user:ann(1000)"}
        unset = ("recording_id", "call_id", "released_at", "released_by", "released_why")
        return {"items": [item | dict.fromkeys(unset)], "next": None}

    def retention_status(self, *, actor: str) -> dict[str, Any]:
        self._note("retention_status", actor=actor)
        now = {"terms": {"months": 12, "years": {}}, "day": "2027-03-02", "due": 3, "held": 1, "unfinished": 0}
        return now | {"sweep_at": "02:30", "backup_days": 30, "last": None, "waits": ""}

    def retention_sweep(
        self, *, execute: str | None, actor: str, reason: str = "", progress: Any = None
    ) -> dict[str, Any]:
        self._note("retention_sweep", execute=execute, reason=reason, actor=actor)
        both = {"dry_run": execute is None, "day": "2027-03-02", "digest": "d-1", "due": 1, "held": 0}
        if execute is None:
            return both | {"unfinished": 0, "due_ids": ["r-1"], "held_by": []}
        if execute != "d-1":
            raise RefusedError("not what was shown", reason="plan_changed", hint="look again")
        fault = {"recording_id": "r-1", "code": "erased_file_still_there", "fault": "r-1.dgr is still there"}
        return both | {"erased": 0, "faults": 1, "ok": False, "fault_list": [fault], "held_by": []}

    def retention_forecast(self, *, days: int, actor: str) -> dict[str, Any]:
        self._note("retention_forecast", days=days, actor=actor)
        return {"days": [{"day": "2027-03-02", "due": 3, "held": 1}]}

    def retention_day(self, **fields: Any) -> dict[str, Any]:
        self._note("retention_day", **fields)
        row = {"recording_id": "r-1", "call_id": "c-1", "opened_at": "2026-03-02T10:00:00+00:00"}
        return {"items": [row | {"purpose": "quality", "claimed_by": "account:alice", "held": None}], "next": None}

    def _request(self, op: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
        self._note(op, **fields)
        standing = {"id": "q-1", "reference": "DSR-2026-0001", "asks": "access", "state": "in_hand"}
        standing |= {"received": "2026-03-02", "name": "Ann Example", "lines": ["+442079460123"], "due": "2026-04-01"}
        standing |= {"ico_due": "2026-04-02", "policy_due": "2026-04-02", "late": False, "stuck": False}
        standing |= {"days_left": 30, "warning": "", "letters": [], "next": [], "told": []}
        standing |= {"channel": "email", "opened_at": "2026-03-02T09:00:00+00:00", "started": "2026-03-02"}
        standing |= {"written": True, "extended": False, "identified": True, "searched": True, "found": 1}
        standing |= {"outside": 0, "missing": [], "freed": [], "untold": [], "marketing_waits": ""}
        unset = ("contact", "about", "since", "until", "paused_on", "acknowledge_by", "checked", "ground")
        return standing | dict.fromkeys((*unset, "carried_out", "pack")) | more

    def request_open(self, **fields: Any) -> dict[str, Any]:
        return self._request("request_open", fields, state="received")

    def request_ask_identity(self, **fields: Any) -> dict[str, Any]:
        return self._request("request_ask_identity", fields, state="identity_asked", due=None, days_left=None)

    def request_verify_identity(self, **fields: Any) -> dict[str, Any]:
        return self._request("request_verify_identity", fields)

    def request_clarify(self, **fields: Any) -> dict[str, Any]:
        return self._request("request_clarify", fields, state="clarifying")

    def request_clarified(self, **fields: Any) -> dict[str, Any]:
        return self._request("request_clarified", fields)

    def request_extend(self, **fields: Any) -> dict[str, Any]:
        return self._request("request_extend", fields)

    def request_acknowledge(self, **fields: Any) -> dict[str, Any]:
        return self._request("request_acknowledge", fields)

    def request_search(self, **fields: Any) -> dict[str, Any]:
        call = {"call_id": "k-1", "at": "2026-01-05T09:00:00+00:00", "number": "+442079460123", "reason": "not_listed"}
        call |= {"outcome": "not answered", "state": "ended", "by_transfer": False}
        unset = (
            "verdict",
            "purpose",
            "topic",
            "seconds",
            "bridged",
            "answered_at",
            "cause",
            "unrecorded_why",
            "on_behalf_of",
            "recording_id",
        )
        call |= dict.fromkeys((*unset, "recording", "recorded_seconds", "recorded_at", "erased_at"))
        return self._request("request_search", fields, candidates=False, whole=True, found=1, outside=[], calls=[call])

    def request_decide(self, **fields: Any) -> dict[str, Any]:
        return self._request("request_decide", fields, state="granted" if fields["grant"] else "refused")

    def request_carry_out(self, *, progress: Any = None, **fields: Any) -> dict[str, Any]:
        plan = {"dry_run": not fields["execute"], "calls": 2, "recordings": 1, "whole": True}
        return self._request("request_carry_out", fields, **plan, held_calls=0, held_by=[], digest="d-1")

    def request_contents(self, **fields: Any) -> dict[str, Any]:
        empty: dict[str, Any] = {name: [] for name in ("calls", "objections", "consents", "contacts", "holds")}
        empty["subscribers"] = []
        return self._request(
            "request_contents",
            fields,
            **empty,
            requests=[],
            requests_of_others=0,
            entries_of_others=0,
            statements=[],
            given=[],
            receipts=[],
            looked=[],
            whole=True,
        )

    def request_pack_made(self, **fields: Any) -> dict[str, Any]:
        return self._request("request_pack_made", fields)

    def request_told(self, **fields: Any) -> dict[str, Any]:
        return self._request("request_told", fields, state="done")

    def request_withdraw(self, **fields: Any) -> dict[str, Any]:
        return self._request("request_withdraw", fields, state="closed")

    def request_letter(self, **fields: Any) -> dict[str, Any]:
        letter = {"kind": fields["kind"], "subject": "Your request DSR-2026-0001", "to": "ann@example.org"}
        letter |= {
            "text": "Dear Ann",
            "html": "<p>Dear Ann</p>",
            "eml": "RGVhciBBbm4=",
            "sha256": "ab" * 32,
            "sentences": [],
            "unmailed": "",
        }
        return self._request("request_letter", fields, **letter, sent=fields["send"])

    def request_list(self, **fields: Any) -> dict[str, Any]:
        return {"items": [self._request("request_list", fields)], "next": None}

    def request_show(self, **fields: Any) -> dict[str, Any]:
        return self._request("request_show", fields, facts=[], steps=[], forbidden={})

    def key_list(self, *, actor: str) -> dict[str, Any]:
        self._note("key_list", actor=actor)
        jo = RECIPIENT | {"recordings": 3, "alone": 3, "first": 0, "second": 0}
        return {"recipients": [jo], "retired": [], "warnings": ["the key of Jo alone"]}

    def key_add(self, **fields: Any) -> dict[str, Any]:
        self._note("key_add", **fields)
        return RECIPIENT | {"id": "p-2", "name": "Ann"}

    def key_change(self, **fields: Any) -> dict[str, Any]:
        self._note("key_change", **fields)
        return RECIPIENT

    def key_retire(self, **fields: Any) -> dict[str, Any]:
        self._note("key_retire", **fields)
        worth = {"recordings": 3, "alone": 0, "first": 0, "second": 0}
        return RECIPIENT | worth | {"retired": not fields["dry_run"]}

    def key_wraps(self, **fields: Any) -> dict[str, Any]:
        self._note("key_wraps", **fields)
        return {"items": [], "next": None}

    def key_rewrap(self, **fields: Any) -> dict[str, Any]:
        self._note("key_rewrap", **fields)
        return {"added": 0}

    def key_unproven(self, **fields: Any) -> dict[str, Any]:
        self._note("key_unproven", **fields)
        return {"items": [], "next": None, "challenge": ""}

    def key_prove(self, **fields: Any) -> dict[str, Any]:
        self._note("key_prove", **fields)
        return {"proven": 0, "failed": []}

    def key_drop(self, **fields: Any) -> dict[str, Any]:
        self._note("key_drop", **fields)
        done = {"dry_run": fields["dry_run"], "recordings": 3, "dropped": 0, "held": 1, "unproven": 1}
        return done | {"waits": WAITS}

    def proposal_list(self, *, actor: str) -> dict[str, Any]:
        self._note("proposal_list", actor=actor)
        asked = {"what": "the release of hold h-1", "asked_by": "user:ann(1000)", "at": "2026-03-02T10:00:00.000000Z"}
        what = {"op": "hold_release", "subject": "h-1", "arguments": {}, "digest": "ab" * 32}
        return {"items": [WAITS | asked | what]}

    def proposal_confirm(self, *, progress: Any = None, **fields: Any) -> dict[str, Any]:
        self._note("proposal_confirm", **fields)
        return {"answer": {}, "id": "w-1", "what": "the release of hold h-1", "asked_by": "user:ann(1000)"}

    def proposal_withdraw(self, **fields: Any) -> dict[str, Any]:
        self._note("proposal_withdraw", **fields)
        return {"id": "w-1", "what": "the release of hold h-1", "asked_by": "user:ann(1000)"}

    def rehearse(self, **fields: Any) -> dict[str, Any]:
        self._note("rehearse", **fields)
        shown: dict[str, Any] = {"operation": fields["operation"], "letter": "", "to": "", "answer": {}, "more": 0}
        leaf = {"kind": "hold_released", "count": 7, "said": ["ann released the hold on a recording"]}
        change = {"what": "hold", "id": "h-1", "name": "released_reason", "now": None, "then": "settled"}
        gone = {"what": "sealed recording", "count": 1, "of": ["r-1"], "bytes": 2000}
        return shown | {"leaves": [leaf], "changes": [change], "gone": [gone], "stays": ["Held, and stays: 17/2026"]}

    def audit_verify(self, *, actor: str, progress: Any = None, **given: Any) -> dict[str, Any]:
        self._note("audit_verify", actor=actor, **given)
        if progress:
            progress(1.0, "done")
        fault = {"what": "damaged", "message": "leaf 3 is not as it was signed", "leaf_index": 3}
        faults = [fault] if self.asked[:-1] else []
        found = {"ok": not faults, "size": 7, "root": "ef" * 32, "first_fault": fault if faults else None}
        found |= {"faults": faults, "fault_count": len(faults), "checked": {"leaves": 7}, "proven": []}
        return found | {"not_proven": [], "vkey": "dialgate+00000000+AAAA", "vkey_from": "gate.key"}

    def audit_key(self, *, actor: str) -> dict[str, Any]:
        self._note("audit_key", actor=actor)
        return {"name": "dialgate", "vkey": "dialgate+00000000+AAAA", "pem": "-----BEGIN PUBLIC KEY-----\n"}

    def audit_restore(self, **fields: Any) -> dict[str, Any]:
        self._note("audit_restore", **fields)
        given_up = {"after": 3, "to": 9, "places": [{"place": "/copy", "size": 9}]}
        return given_up | {"size": 5, "rolled_back": False}

    def audit_export(self, *, progress: Any = None, **fields: Any) -> dict[str, Any]:
        self._note("audit_export", **fields)
        who = RECIPIENT | {"name": "ICO", "purpose": "regulator"}
        return {"bundle": "b-1", "recipient": who, "from": "2026-03-02", "to": "2026-03-03", "firm": "Example"}

    def audit_exportable(self, *, progress: Any = None, **fields: Any) -> dict[str, Any]:
        self._note("audit_exportable", **fields)
        return {"recordings": 5, "closed": 0}

    def audit_export_take(self, **fields: Any) -> dict[str, Any]:
        self._note("audit_export_take", **fields)
        return {"items": [], "next": None}

    def audit_export_part(self, **fields: Any) -> dict[str, Any]:
        self._note("audit_export_part", **fields)
        return {"data": ""}

    def audit_export_make(self, *, progress: Any = None, **fields: Any) -> dict[str, Any]:
        self._note("audit_export_make", **fields)
        made = {"folder": "/data/exports/b-1", "checkpoint": 7, "counts": {"calls": 1}, "damaged": []}
        return made | {"sha256": "ab" * 32, "size": 900, "vkey": "dialgate+00000000+AAAA", "reader": "cd" * 32}

    def audit_checkpoint(self, *, actor: str) -> dict[str, Any]:
        self._note("audit_checkpoint", actor=actor)
        return {"note": "dialgate\n7\nroot=\n\n— dialgate sig\n", "size": 7, "root": "root=", "missed": []}

    def status(self, *, actor: str) -> dict[str, Any]:
        self._note("status", actor=actor)
        if not self.hold.is_set():
            raise ConfigError("unwell")
        nothing = {
            "calls": [],
            "last_hour": {},
            "registers": [],
            "alarms": [],
            "acknowledged": [],
            "trunk_tests": [],
            "warnings": [],
            "line": {},
            "usage": [],
            "trunks": [],
            "redirects": [],
            "campaigns": [],
            "recording_sessions": 0,
        }
        evidence = {"rolled_back": "", "unsigned_seconds": 0, "store": "gate.db", "standbys": []}
        requests = {"open": 0, "warned": 0, "overdue": 0, "stuck": 0}
        return nothing | {"ok": True, "at": CALL["at"], "requests": requests, "evidence": evidence}

    def reveal(self, *, kind: str, id: str, why: str, actor: str) -> dict[str, Any]:
        self._note("reveal", kind=kind, id=id, why=why, actor=actor)
        return {"number": "+442079460123"}

    def audit_leaves(self, **fields: Any) -> dict[str, Any]:
        self._note("audit_leaves", **fields)
        leaf = {"index": 6, "kind": "decision", "subject": "k-1", "at": "2026-01-05T09:00:00.000000Z"}
        return {
            "items": [leaf | {"actor": "account:alice", "hash": "ab" * 32, "said": "alice asked"}],
            "next": None,
            "prev": None,
        }

    def audit_leaf(self, *, index: int, actor: str) -> dict[str, Any]:
        self._note("audit_leaf", index=index, actor=actor)
        row = {"index": index, "kind": "ended", "subject": "k-1", "at": "", "actor": "gate", "leaf": "{}", "hash": ""}
        return row | {"call_id": None, "commit": "ab" * 32, "erased": False, "body": {"cause": "hung_up"}, "signed": 7}

    def moment_show(self, *, moment: str, actor: str) -> dict[str, Any]:
        self._note("moment_show", moment=moment, actor=actor)
        shown = {"at": "2026-01-05T09:00:00.000000Z", "size": 6, "twice": False, "erased": [], "late": []}
        return shown | {"checkpoint": {"size": 7, "root": "root=", "at": "2026-01-05T09:00:00.000000Z"}}

    def audit_cancel(self, *, actor: str) -> dict[str, Any]:
        self._note("audit_cancel", actor=actor)
        return {}

    def checkpoints_list(self, **fields: Any) -> dict[str, Any]:
        self._note("checkpoints_list", **fields)
        head = {"size": 7, "root": "root=", "at": "2026-01-05T09:00:00.000000Z", "note": "dialgate\n7\nroot=\n"}
        return {"items": [head | {"copies": ["folder"]}], "next": None, "prev": None}

    def report_month(self, *, month: str, actor: str) -> dict[str, Any]:
        self._note("report_month", month=month, actor=actor)
        acts = ("number_shown", "not_permitted", "gate_started", "erased_came_back", "facts_erased", "screened")
        evidence = dict.fromkeys(("checkpoints", "verified", "verified_bad", *acts), 0)
        evidence |= dict.fromkeys(("refused_without_evidence", "refused_strangers"), 0)
        attempts = dict.fromkeys(("total", "allowed", "blocked", "connected", "unrecorded", "objected"), 0)
        made = dict.fromkeys(("made", "seconds", "interrupted", "erased"), 0)
        return {
            "month": month,
            "first": "2026-11-01",
            "last": "2026-11-30",
            "whole": True,
            "began": None,
            "made_at": "",
            "firm": "",
            "policy": {"version": "1", "reviewed": "2026-01-05", "reminders": []},
            "attempts": attempts | {"days": [], "reasons": []},
            "against_refusal": [],
            "service": {"calls": 0, "listed": 0, "claimed_by": []},
            "abandoned": [],
            "registers": [],
            "recordings": made | {"grounds": {}, "days": [], "kept": {"recordings": 0, "seconds": 0, "bytes": 0}},
            "requests": [],
            "complaints": dict.fromkeys(
                ("received", "acknowledged", "acknowledged_late", "granted", "refused", "open"), 0
            )
            | {"median_days": None},
            "holds": dict.fromkeys(("put", "released", "in_force", "restrictions"), 0),
            "own_lists": dict.fromkeys(("objections", "removed", "consents", "withdrawn"), 0),
            "exports": {"exported": 0},
            "evidence": evidence | dict.fromkeys(("first", "last", "last_verified")),
        }

    def report_article30(self, *, actor: str) -> dict[str, Any]:
        self._note("report_article30", actor=actor)
        dicts = {name: {} for name in ("controller", "recipients", "transfers", "terms", "security")}
        policy = {"version": "1", "reviewed": "2026-01-05", "reminders": []}
        return {"made_at": "", "firm": "", "activities": [], "policy": policy} | dicts

    def audit_status(self, *, actor: str) -> dict[str, Any]:
        self._note("audit_status", actor=actor)
        verified = {"at": "2026-01-05T09:00:00.000000Z", "actor": "user:ann(1000)", "ok": True}
        return {"size": 7, "checkpoint": None, "verified": verified}
