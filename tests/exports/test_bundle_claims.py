"""What a gate says of its recordings, held against the facts of a bundle."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gate.exports.bundle import Head, Manifest, Period, To
from gate.exports.bundle_check import Claims
from gate.exports.bundle_read import Findings
from gate.exports.bundle_rows import FactRow, call_row, recording_rows

TO = To("auditor", "Auditor", "regulator", "00")
MANIFEST = Manifest(
    "audit bundle", 2, "b", "", "Webeo", "log", "", Period("", ""), TO, Head(2, ""), {}, {}, []
)  # fmt: skip


def fact(kind: str, subject: str, body: dict[str, Any]) -> FactRow:
    return FactRow(0, kind, subject, "", "gate", b"", json.dumps(body))


@pytest.mark.parametrize(("to", "borne_out"), [("call-9", True), ("call-8", False)])
def test_a_restriction_on_whoever_was_transferred_to_the_call_bears_on_its_recording(to: str, borne_out: bool) -> None:
    claims, findings = Claims(MANIFEST), Findings()
    claims.fact(fact("hold", "h", {"kind": "restriction", "target": "number", "number": "+447700900555"}))
    claims.fact(fact("transferred", "call-1", {"call_id": "call-1", "to": to}))
    opened = fact("recording_opened", "rec-9", {"call_id": "call-9"})
    (row,) = recording_rows([opened, fact("recording_closed", "rec-9", {"sha256": "00", "size": 9})])
    call = call_row("call-9", [fact("decision", "call-9", {"number": "+447700900123"})])
    assert claims.recording("restricted", row, call, ())
    claims.report(findings, [])
    (statuses,) = (check for check in findings.checks if check.name == "statuses")
    assert statuses.ok == borne_out, statuses.text
