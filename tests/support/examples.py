"""How many examples a property is tried with: as many as its test says in ``make test-deep``, else 25 at most."""

from __future__ import annotations

import os

MOST = "DIALGATE_MOST_EXAMPLES"
"""Environment variable: no property is tried with more."""


def examples(number: int) -> int:
    """So many, where nobody has asked for fewer."""
    return min(number, int(os.environ.get(MOST, number)))
