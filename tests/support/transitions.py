"""The tables of states and events of ``gate.core.calls`` and ``gate.core.requests``, as edges and as a drawing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol, TypeVar

S_co = TypeVar("S_co", bound=StrEnum, covariant=True)
S = TypeVar("S", bound=StrEnum)


class Cell(Protocol[S_co]):
    """A transition, as far as it matters here."""

    @property
    def leads_to(self) -> Sequence[S_co]:
        """Every state that it may lead to."""
        ...


def edges(table: Mapping[tuple[S, type[Any]], Cell[S]]) -> Iterator[tuple[S, str, S]]:
    """Every change of state that the table allows: from, event, to."""
    for (state, event), transition in table.items():
        for target in transition.leads_to:
            if target is not state:
                yield state, event.__name__, target


def diagram(table: Mapping[tuple[S, type[Any]], Cell[S]], first: S, last: Sequence[S]) -> str:
    """The table as a Mermaid state diagram, events between the same two states on one arrow."""
    arrows: dict[tuple[S, S], list[str]] = {}
    for source, event, target in edges(table):
        arrows.setdefault((source, target), []).append(event)
    order = list(type(first))
    lines = ["stateDiagram-v2", f"    [*] --> {first}"]
    for (source, target), events in sorted(arrows.items(), key=lambda arrow: [order.index(s) for s in arrow[0]]):
        lines.append(f"    {source} --> {target}: {', '.join(sorted(events))}")
    return "\n".join([*lines, *(f"    {state} --> [*]" for state in last)])
