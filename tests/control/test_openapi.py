"""The reference of the control interface is what the operations declare."""

from __future__ import annotations

import json
from typing import Any

from openapi_spec_validator import validate

from gate.control.endpoint import HEALTH, endpoint_app
from gate.control.openapi import document, http_openapi, openapi
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


def test_both_documents_are_valid() -> None:
    for each in (openapi(), http_openapi()):
        validate(json.loads(json.dumps(each)))


def test_the_reference_of_http_has_every_path_and_names_who_may_ask() -> None:
    told = http_openapi()
    assert json.loads((FILE.parent / "http.json").read_text(encoding="utf-8")) == json.loads(json.dumps(told))
    never: Any = None
    app = endpoint_app(never, [], "127.0.0.1", never, never, never, never, never)
    there = {(route.method.lower(), route.resource.canonical) for route in app.router.routes() if route.resource}
    there -= {("head", path) for _, path in there}
    assert {(method, path) for path, each in told["paths"].items() for method in each} == there
    for path, each in told["paths"].items():
        for said in each.values():
            assert (said.get("security") == []) == (path in HEALTH)
            assert ("x-token-may" in said) == (path not in HEALTH)
    assert "once" not in told["components"]["schemas"]["ObjectionAdd"]["properties"]
    assert told["servers"] and told["security"]
