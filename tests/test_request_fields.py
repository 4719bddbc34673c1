"""What a field of a request is, said once: in the reference, in commands and in forms it is the same words."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Annotated, Any

import click
import msgspec
import pytest

from console.widgets.ask import Field
from gate.cli.asking import OF_A_FIELD
from gate.cli.command import arguments_of
from gate.control.openapi import openapi
from gate.core.terms import Scope
from gate.operations.catalogue import OPERATIONS
from gate.operations.fields import Kind, fields_of
from gate.operations.lists.consents import ConsentAdd
from gate.operations.lists.objections import ObjectionAdd, ObjectionList
from gate.operations.operation import Line, Number, Request, about
from tests.cli.test_main import LEAVES
from tests.support.commands import dialgate

FIELDS = [(op.request, name) for op in OPERATIONS.values() for name in op.request.__struct_fields__]


def test_every_field_of_every_request_is_described() -> None:
    without = [f"{request.__name__}.{name}" for request, name in FIELDS if not fields_of(request)[name].description]
    assert len(FIELDS) > 300 and without == []


def test_the_reference_has_the_same_words() -> None:
    document = openapi()
    for operation in OPERATIONS.values():
        asked = document["paths"][f"/v1/op/{operation.name}"]["post"]["requestBody"]["content"]["application/json"]
        name = asked["schema"]["$ref"].rpartition("/")[2]
        properties = document["components"]["schemas"][name].get("properties", {})
        fields = fields_of(operation.request)
        assert {name: each.get("description") for name, each in properties.items()} == {
            name: field.description for name, field in fields.items()
        }, operation.name


def test_an_option_that_is_made_from_a_field_has_its_words() -> None:
    made = [(param, *getattr(param, OF_A_FIELD)) for param in parameters() if hasattr(param, OF_A_FIELD)]
    assert made
    for param, request, name in made:
        if isinstance(param, click.Option):
            assert param.help == fields_of(request)[name].description, f"{request.__name__}.{name}"


def test_help_and_manual_page_say_what_an_argument_is() -> None:
    shown = dialgate("objection", "add", "--help").out
    assert "Arguments:\n  NUMBER  A telephone number, in any spelling.\n" in shown
    command = LEAVES["objection add"]
    assert arguments_of(command, click.Context(command)) == [("NUMBER", "A telephone number, in any spelling.")]


def test_no_option_says_by_itself_what_a_field_of_a_request_is() -> None:
    """Of the requests that its module speaks of."""
    by_themselves = [
        f"{name}: {param.opts[0]}"
        for name, command in LEAVES.items()
        for param in command.params
        if isinstance(param, click.Option) and not hasattr(param, OF_A_FIELD) and param.name in known(command)
    ]
    assert by_themselves == []


def known(command: click.Command) -> set[str]:
    """The fields of the requests that the module of a command imports."""
    module = importlib.import_module(command.callback.__module__)
    requests = {each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Request)}
    return {field for each in requests for field in each.__struct_fields__}


def parameters() -> Iterator[click.Parameter]:
    for command in LEAVES.values():
        yield from command.params


class Sample(Request[Any], frozen=True, kw_only=True):
    """One of each."""

    number: Annotated[Number | None, about("Only those of this number.")] = None
    words: Annotated[tuple[Line, ...], msgspec.Meta(max_length=3), about("Some words.", eg=("a", "b"))] = ()
    scope: Annotated[Scope, about("What it stops. All of it.", "It stops", absent="nothing")] = Scope.MARKETING
    rows: Annotated[int, msgspec.Meta(ge=1, le=9), about("How many.")]


def test_a_field_is_read_from_its_declaration() -> None:
    number, words, scope, rows = (fields_of(Sample)[name] for name in Sample.__struct_fields__)
    assert (number.kind, number.description, number.label) == (Kind.TEXT, "Only those of this number.", "Number")
    assert (number.examples, number.metavar, number.needed) == (("020 7946 0123",), "NUMBER", False)
    assert (words.kind, words.many, words.examples) == (Kind.TEXT, True, ("a", "b"))
    assert (scope.kind, scope.choices, scope.label) == (Kind.CHOICE, ("marketing", "all"), "It stops")
    assert (scope.description, scope.absent) == ("What it stops (default: nothing). All of it.", "nothing")
    assert (rows.kind, rows.least, rows.most, rows.needed) == (Kind.COUNT, 1, 9, True)


@pytest.mark.parametrize(
    ("request_", "name", "label", "hint", "needed", "choices"),
    [
        (ObjectionAdd, "source", "How it came", "told, letter, email", True, ()),
        (ObjectionAdd, "note", "Note", "", False, ()),
        (ObjectionAdd, "scope", "It stops", "", True, ("marketing", "all")),
        (ConsentAdd, "given_at", "The day it was given", "25/11, 25 Nov, yesterday; empty: now", False, ()),
        (ConsentAdd, "after_objection", "Given after their objection", "", False, ("no", "yes")),
        (ObjectionList, "number", "Number", "020 7946 0123", False, ()),
    ],
)
def test_a_form_has_its_label_its_examples_and_its_choices(
    request_: type[Request[Any]], name: str, label: str, hint: str, needed: bool, choices: tuple[str, ...]
) -> None:
    field = Field.from_request(request_, name)
    assert (field.label, field.hint, field.needed, tuple(field.choices)) == (label, hint, needed, choices)
