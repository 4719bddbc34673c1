"""``msgspec.convert`` and ``msgspec.json.decode`` for a process of many threads.

msgspec (0.20 and 0.21) learns a type when it first meets it. Two threads that meet a nested type at the same time end
the process with a segmentation fault: two first requests at once ended a gate, with all its calls. So a type is met
under a lock, once; after that no lock is taken. ``tests/test_converting.py`` fails when msgspec no longer needs it.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_lock = threading.Lock()
_known: set[Any] = set()


def convert(value: Any, kind: type[T], *, strict: bool = True) -> T:
    """``value`` as ``kind``; ``msgspec.ValidationError`` where it is none."""
    _meet(kind)
    return msgspec.convert(value, kind, strict=strict)


def decode(data: bytes | memoryview | str, kind: type[T]) -> T:
    """JSON as ``kind``; ``msgspec.DecodeError`` where it is none."""
    _meet(kind)
    return msgspec.json.decode(data, type=kind)


def _meet(kind: Any) -> None:
    if kind in _known:
        return
    with _lock, contextlib.suppress(msgspec.ValidationError):
        msgspec.convert(None, kind)
    _known.add(kind)


def json_fields(struct: msgspec.Struct) -> dict[str, Any]:
    """The fields of a request or an answer as JSON has them."""
    found: dict[str, Any] = msgspec.to_builtins(struct)
    return found
