"""The words of faults, and what a report says."""

from __future__ import annotations

import re
from pathlib import Path

import gate.audit
import gate.store.schema
from gate.audit.heads import Fault, Findings, Report


def test_the_packages_map_names_every_fault():
    folder = Path(gate.audit.__file__).parent
    used = set()
    for path in folder.glob("*.py"):
        used |= set(re.findall(r'(?:\.fault\(|what =)\s*"(\w+)"', path.read_text()))
    used |= set(re.findall(r'yield "(\w+)"', Path(gate.store.schema.__file__).read_text()))
    named = set(re.findall(r"^``(\w+)``  +[a-z]", gate.audit.__doc__.split("what``:")[1], re.MULTILINE))
    assert used == named


def test_a_report_is_not_ok_with_one_fault():
    findings = Findings()
    assert Report(0, b"", tuple(findings.faults), 0, {}).ok
    findings.fault("leaf_missing", "leaf 3 is not there", 3)
    report = Report(9, b"r" * 32, tuple(findings.faults), findings.count, {"leaves": 9})
    assert not report.ok
    assert report.first_fault == Fault("leaf_missing", "leaf 3 is not there", 3)
