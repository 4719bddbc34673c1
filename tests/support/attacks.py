"""Running the programs of ``tests.attack`` in a test."""

from __future__ import annotations

import json
from typing import Any

from tests.support import programs


def attack(name: str, *arguments: object, input: str = "", timeout: float = 280.0) -> Any:
    """Run one to its end; what it printed, from JSON. Fails the test where it fails."""
    done = programs.run(f"tests.attack.{name}", *map(str, arguments), input=input, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout or "null")
