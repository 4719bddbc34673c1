"""Passwords and tokens: the configuration names where they are, and they are read when they are needed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gate.errors import ConfigError

ENVIRONMENT = "env:"
"""``env:NAME`` in place of a file name takes the secret from the environment variable NAME."""


def read_secret(base: str | Path, reference: str) -> str:
    """The secret that ``reference`` names: the first line of a file (relative to ``base``), or ``env:NAME``.

    Raises ``ConfigError`` where it is missing, empty, unreadable, or lies open to every account of the machine.
    """
    if reference.startswith(ENVIRONMENT):
        name = reference.removeprefix(ENVIRONMENT)
        secret = os.environ.get(name, "")
        if not secret:
            raise ConfigError(f"environment variable {name} is not set", hint=f"set {name}, or name a file instead")
        return secret
    path = Path(base) / reference
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError(f"{path} is not a file", hint="name a file with the secret on its first line")
            if mode & 0o007:
                raise ConfigError(f"{path} is open to every account of this machine", hint=f"chmod 600 {path}")
            secret = file.readline(4096).rstrip("\r\n")
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist", hint="make it, with the secret on its first line") from None
    except (OSError, ValueError) as error:  # not UTF-8, or a name that no file can have
        raise ConfigError(f"{path} cannot be read: {error}", hint="it must be readable by the gate's account") from None
    if not secret.strip():
        raise ConfigError(f"{path} is empty", hint="write the secret on its first line")
    return secret
