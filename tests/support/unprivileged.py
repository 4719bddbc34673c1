"""Running without one privilege of root, whoever runs the tests."""

from __future__ import annotations

import os

UNPRIVILEGED: tuple[str, ...] = (
    ("unshare", "--user", "--map-user=1000", "--map-group=1000") if os.geteuid() == 0 else ()
)
"""Put before a command: a user namespace of its own, in which root is an account like any other, with its own files."""
