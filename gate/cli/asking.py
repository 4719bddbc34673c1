"""Commands made from requests: an option for each field, with its words, its type and its bounds."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import click

from gate.cli.command import Body, make
from gate.cli.ids import Id
from gate.cli.output import View
from gate.cli.reach import ask
from gate.cli.values import Day, Moment
from gate.operations.fields import Kind, RequestField, fields_of
from gate.operations.operation import Request

OF_A_FIELD = "of_a_field"
"""Attribute of a parameter that is made from a field: (request, name of the field)."""
_NOT_TYPED = frozenset({"masked", "file"})
"""What the command line says by itself: whether numbers are hidden, the ticket of a file."""


def asks(
    request: type[Request[Any]],
    *arguments: str,
    names: Mapping[str, str] | None = None,
    types: Mapping[str, click.ParamType[Any]] | None = None,
    without: Collection[str] = (),
) -> Callable[[Body], Body]:
    """The body of a command that gets a request made of its options, second after the ``View``.

    ``arguments``: fields that have no option, but a place. ``names``: field -> its options, where they are not
    ``--name-of-the-field``: ``-k/--key`` is one with two names, ``--on|--off`` a flag that has two ways. ``types``:
    field -> how its value is typed, where the kind of the field does not say that. ``without``: fields that the
    command fills in by itself.
    """
    told = [field for field in fields_of(request).values() if field.name not in {*_NOT_TYPED, *without}]

    def decorate(body: Body) -> Body:
        @functools.wraps(body)
        def run(view: View, **values: Any) -> Any:
            given = {field.name: values.pop(field.name) for field in told}
            return body(view, request(**{name: value for name, value in given.items() if value is not None}), **values)

        decorated: Body = run
        for field in reversed(told):
            kind = (types or {}).get(field.name) or _type(field)
            if field.name in arguments:
                decorated = _argument(request, field, kind)(decorated)
            else:
                decorated = _option(request, field, kind, (names or {}).get(field.name, ""))(decorated)
        return decorated

    return decorate


def only_asks(
    name: str,
    request: type[Request[Any]],
    *arguments: str,
    help: str,
    example: str,
    group: click.Group | None = None,
    numbers: bool = False,
    names: Mapping[str, str] | None = None,
    types: Mapping[str, click.ParamType[Any]] | None = None,
    without: Collection[str] = (),
) -> click.Command:
    """A command that asks, and writes what it is answered."""

    def body(view: View, asked: Request[Any]) -> None:
        view.data(ask(view, asked))

    body.__doc__ = help
    return make(name, example=example, group=group, numbers=numbers)(
        asks(request, *arguments, names=names, types=types, without=without)(body)
    )


def option(
    request: type[Request[Any]],
    name: str,
    declared: str = "",
    *,
    type: click.ParamType[Any] | None = None,
    many: bool | None = None,
) -> Callable[[Body], Body]:
    """One option with the words of one field, for a command that makes the request by itself: it gets the value by the
    field's name, None where it was not given. ``declared``: as ``names`` of ``asks``. ``many``: it may be repeated."""
    field = fields_of(request)[name]
    if many is not None:
        field = replace(field, many=many, default=None)
    return _option(request, field, type or _type(field), declared)


def _option(request: type[Request[Any]], field: RequestField, kind: Any, declared: str) -> Callable[[Body], Body]:
    flag = field.kind is Kind.FLAG
    shown = field.default if isinstance(field.default, str | int) and field.default and not flag else None
    extra: dict[str, Any] = {"help": field.description, "required": field.needed and not flag}
    if flag and "|" in declared:
        extra["default"] = None
        declared = declared.replace("|", "/")
        names = [declared]
    else:
        own = f"--{'no-' if field.default is True else ''}{field.name.replace('_', '-')}"
        names = declared.split("/") if declared else [own]
        if flag:
            extra |= {"is_flag": True, "flag_value": field.default is not True, "default": None}
    if not flag:
        extra |= {"type": kind, "multiple": field.many, "metavar": field.metavar or _METAVARS.get(field.kind)}
        if shown is not None:
            extra |= {"default": str(shown) if field.kind is Kind.CHOICE else shown, "show_default": True}

    def decorate(body: Body) -> Body:
        decorated: Body = click.option(*names, field.name, **extra)(body)
        setattr(decorated.__click_params__[-1], OF_A_FIELD, (request, field.name))  # type: ignore[attr-defined]
        return decorated

    return decorate


def _argument(request: type[Request[Any]], field: RequestField, kind: Any) -> Callable[[Body], Body]:
    def decorate(body: Body) -> Body:
        extra = {"type": kind, "required": field.needed, "metavar": field.metavar or None}
        decorated: Body = click.argument(field.name, **extra)(body)
        setattr(decorated.__click_params__[-1], OF_A_FIELD, (request, field.name))  # type: ignore[attr-defined]
        return decorated

    return decorate


def _type(field: RequestField) -> Any:
    if field.ids:
        return Id(*field.ids)
    if field.kind is Kind.CHOICE:
        return click.Choice(field.choices)
    if field.kind is Kind.COUNT:
        return click.IntRange(field.least, field.most)
    return {Kind.DAY: Day(), Kind.MOMENT: Moment()}.get(field.kind, click.STRING)


_METAVARS: Mapping[Kind, str] = {Kind.DAY: "DATE", Kind.MOMENT: "TIME"}
