"""The operations and the desk agree: every request's fields are the desk's arguments, no more and no fewer."""

from __future__ import annotations

import inspect

import pytest

from gate.control.messages import OPERATIONS
from gate.control.request import Showing
from gate.operations.catalogue import OPERATIONS as DECLARED
from gate.operations.desk import Desk
from gate.operations.operation import ADMIN
from tests.support.desks import SmallDesk


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in DECLARED])
def test_a_requests_fields_are_the_desks_arguments(name: str) -> None:
    operation = OPERATIONS[name]
    if operation.running:
        assert not hasattr(Desk, name)
        return
    fields = set(operation.request.__struct_fields__) - (
        {"masked"} if issubclass(operation.request, Showing) else set()
    )
    if operation.file:  # it was opened by the caller; what they call it comes with it
        fields.remove("path")
    expected = {"actor", *fields} | ({"progress"} if operation.streams else set())
    parameters = inspect.signature(getattr(Desk, name)).parameters
    assert set(parameters) - {"self"} == expected
    assert all(each.kind is inspect.Parameter.KEYWORD_ONLY for key, each in parameters.items() if key != "self")


def test_every_public_method_of_the_desk_is_an_operation() -> None:
    methods = {name for name, _ in inspect.getmembers(Desk, inspect.isfunction) if not name.startswith("_")}
    assert methods == {name for name, each in OPERATIONS.items() if not each.running and name not in DECLARED}


def test_the_desk_of_these_tests_has_the_same_operations() -> None:
    methods = {name for name, _ in inspect.getmembers(SmallDesk, inspect.isfunction) if not name.startswith("_")}
    assert methods == {name for name, operation in OPERATIONS.items() if not operation.running}


def test_admins_may_do_everything_and_viewers_change_nothing() -> None:
    assert all(ADMIN in operation.roles for operation in OPERATIONS.values())
    for_viewers = {name for name, operation in OPERATIONS.items() if "viewer" in operation.roles}
    looks = {"register_status", "retention_status", "retention_forecast", "audit_status", "key_list", "status"}
    pages = {"calls_list", "calls_show", "recording_list", "audit_leaves", "checkpoints_list"}
    assert for_viewers == {"session", "watch"} | looks | pages
