"""The reference of the control interface is what the operations declare."""

from __future__ import annotations

import json

from gate.control.openapi import document, openapi
from gate.operations.catalogue import OPERATIONS
from tests.support.commands import ROOT

FILE = ROOT / "gate" / "manual" / "openapi.json"


def test_the_installed_reference_is_what_is_declared() -> None:
    assert FILE.read_text(encoding="utf-8") == document(), "make reference writes it anew"
    assert json.loads(document()) == json.loads(json.dumps(openapi()))


def test_every_operation_says_what_it_does_and_names_only_what_is_there() -> None:
    told = openapi()
    assert {path.rpartition("/")[2] for path in told["paths"]} == set(OPERATIONS)
    for name, path in told["paths"].items():
        assert path["post"]["summary"].endswith("."), name
        assert path["post"]["x-roles"], name
    text = json.dumps(told)
    named = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named <= set(told["components"]["schemas"])
