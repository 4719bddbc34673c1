"""What is made when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Later:
    """Stands for what ``make`` makes: a command that never asks for it does not pay for its imports."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None
        self._lock = threading.Lock()

    def method(self, name: str) -> Callable[..., Any]:
        """One of its methods, which makes it only when it is called."""

        def call(*arguments: Any, **named: Any) -> Any:
            return getattr(self, name)(*arguments, **named)

        return call

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return getattr(self._made, name)
