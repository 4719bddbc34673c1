"""Who acts, as it is written into the evidence log."""

from __future__ import annotations

import functools
import pwd


@functools.lru_cache(maxsize=256)
def user(uid: int) -> str:
    """``user:NAME(UID)``; the name is ``?`` where the machine knows none."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = "?"
    return f"user:{name}({uid})"
