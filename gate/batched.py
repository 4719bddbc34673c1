"""``itertools.batched``, which Python 3.11 does not have, with lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values, ``size`` at a time; the last batch may be shorter."""
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch
