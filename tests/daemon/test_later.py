"""What is made when it is first asked for."""

from __future__ import annotations

from gate.operations.later import Later


def test_it_is_made_once_and_only_when_asked() -> None:
    made: list[list[int]] = []

    def make() -> list[int]:
        made.append([])
        return made[-1]

    later = Later(make)
    append = later.method("append")
    assert made == []
    append(1)
    later.append(2)
    assert made == [[1, 2]]
