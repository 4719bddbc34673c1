"""The operations as they are declared: what each is asked and answered with, and by whom."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest

from gate.operations.catalogue import OPERATIONS
from gate.operations.operation import ADMIN, Request


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_a_function_of_a_data_folder_its_request_and_who_asks(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation.name == name
    handler = operation.handler
    told = inspect.get_annotations(handler)
    assert [*told.values()][:3] == ["DataFolder", operation.request.__name__, "Caller"], name
    assert not any("Any" in each for each in told.values()), name
    assert operation.summary.endswith("."), name
    assert operation.roles


@pytest.mark.parametrize("name", OPERATIONS)
def test_requests_are_strict_and_responses_typed_to_the_last_field(name: str) -> None:
    operation = OPERATIONS[name]
    assert issubclass(operation.request, Request)
    assert operation.request.__struct_config__.forbid_unknown_fields
    untyped = [place for place, kind in parts(operation.response, name) if kind is Any]
    assert not [place for place in untyped if not place.endswith(".body[][]")], "the log's facts alone are open"


def parts(kind: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Every type that an answer is made of, with its place."""
    yield place, kind
    origin = getattr(kind, "__origin__", kind)
    if isinstance(origin, type) and issubclass(origin, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            yield from parts(field.type, f"{place}.{field.name}")
    else:
        for inner in get_args(kind):
            yield from parts(inner, f"{place}[]")


def test_no_two_operations_are_asked_with_the_same_request() -> None:
    assert len({each.request for each in OPERATIONS.values()}) == len(OPERATIONS)


def test_admins_may_do_everything_and_viewers_change_nothing() -> None:
    assert all(ADMIN in operation.roles for operation in OPERATIONS.values())
    for_viewers = {name for name, operation in OPERATIONS.items() if "viewer" in operation.roles}
    looks = {
        "register_status",
        "retention_status",
        "retention_forecast",
        "audit_status",
        "key_list",
        "status",
        "memory_status",
        "retention_terms",
        "receipt_show",
        "campaigns_list",
        "calls_agents",
    }
    pages = {"calls_list", "calls_show", "recording_list", "audit_leaves", "checkpoints_list"}
    assert for_viewers == {"session", "watch", "id_find", "find_meant", "moment_show"} | looks | pages
