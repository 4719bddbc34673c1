"""Types and small things that many modules share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

import msgspec

Progress = Callable[[float, str], None]
"""Called with the part done (0.0 to 1.0) and what is being done. Where it raises, the work ends."""


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what operations respond with."""


T = TypeVar("T")


def batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values, ``size`` at a time; the last batch may be shorter."""
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch
