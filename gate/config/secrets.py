"""Passwords and tokens: the configuration names where they are, and they are read when they are needed.

The file of an account or a token may hold what the gate needs to know it again in place of the secret itself, as
``dialgate account add`` and ``dialgate token add`` write it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from gate.errors import ConfigError

HASHES: Mapping[str, Callable[[bytes], hashlib._Hash]] = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}
"""The hashes of digest authentication, in the order offered: a phone takes the first that it knows (RFC 8760 2.3)."""
_TOKEN = re.compile("sha256:[0-9a-f]{64}")
_DIGEST = "digest:"

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


def kept_token(token: str) -> str:
    """What a file holds in place of the token, which is as long and random as ``dialgate token add`` makes it."""
    return f"sha256:{hashlib.sha256(token.encode('utf-8', 'surrogateescape')).hexdigest()}"


def token_hash(secret: str) -> bytes:
    """What ``kept_token`` makes of the token that ``secret`` is, or already stands for."""
    return (secret if _TOKEN.fullmatch(secret) else kept_token(secret)).encode()


def kept_password(username: str, realm: str, password: str) -> str:
    """What a file holds in place of an account's password: H(A1) of RFC 7616 3.4.2 for each hash. It signs in as this
    account in this realm, and nowhere else."""
    return _DIGEST + json.dumps({"username": username, "realm": realm} | half_digests(username, realm, password))


def half_digests(username: str, realm: str, secret: str) -> dict[str, str]:
    """Hash -> H(A1) of the password that ``secret`` is, or already stands for.

    Raises ``ConfigError`` where it stands for one of another account or realm.
    """
    if not secret.startswith(_DIGEST):
        text = f"{username}:{realm}:{secret}".encode("utf-8", "surrogateescape")
        return {name: function(text).hexdigest() for name, function in HASHES.items()}
    try:
        kept = json.loads(secret.removeprefix(_DIGEST))
        if (kept["username"], kept["realm"]) == (username, realm):
            return {name: str(kept[name]) for name in HASHES}
    except (ValueError, KeyError, TypeError):
        pass
    raise ConfigError(
        f"the password kept there is not one of {username} in the realm {realm}",
        hint=f"make another one: dialgate account password {username}",
    )
