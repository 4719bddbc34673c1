"""Digest answers written a second time, from RFC 7616, to check the gate's against."""

from __future__ import annotations

import hashlib
import re


def challenge(value: str) -> dict[str, str]:
    found = re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', value)
    return {name.lower(): quoted or plain for name, quoted, plain in found}


def authorization(
    asked: dict[str, str], username: str, password: str, method: str, uri: str, *, qop: bool = True, nc: int = 1,
    header: str = "Authorization", cnonce: str = "0a4f113b",
) -> str:  # fmt: skip
    """The whole header line."""
    name = asked.get("algorithm", "MD5")
    make = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[name]

    def h(text: str) -> str:
        return make(text.encode()).hexdigest()

    first, second = h(f"{username}:{asked['realm']}:{password}"), h(f"{method}:{uri}")
    tail = ""
    if qop:
        response = h(f"{first}:{asked['nonce']}:{nc:08x}:{cnonce}:auth:{second}")
        tail = f', qop=auth, nc={nc:08x}, cnonce="{cnonce}"'
    else:
        response = h(f"{first}:{asked['nonce']}:{second}")
    return (
        f'{header}: Digest username="{username}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", uri="{uri}", '
        f'response="{response}", algorithm={name}{tail}'
    )
