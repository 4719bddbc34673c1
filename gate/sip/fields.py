"""Pieces of SIP header values: lists, parameters, tags, URIs and what is in them (RFC 3261 section 25)."""

from __future__ import annotations

import re
from urllib.parse import unquote

_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_TAG = re.compile(r";\s*tag\s*=\s*([^;,\s]+)", re.IGNORECASE)


def split_list(value: str) -> list[str]:
    """The members of a comma-separated header value; commas in quotes and in <> do not part."""
    if "," not in value:
        return [value]
    parts, begin, quoted, depth, escaped = [], 0, False, 0, False
    for index, sign in enumerate(value):
        if escaped:
            escaped = False
        elif quoted:
            escaped = sign == "\\"
            quoted = sign != '"'
        elif sign == '"':
            quoted = True
        elif sign == "<":
            depth += 1
        elif sign == ">":
            depth = max(0, depth - 1)
        elif sign == "," and depth == 0:
            parts.append(value[begin:index].strip())
            begin = index + 1
    parts.append(value[begin:].strip())
    return [part for part in parts if part]


def parameters(text: str) -> dict[str, str]:
    """``;name=value;flag`` -> names lower-case, quotes taken off."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name.strip():
            found[name.strip().lower()] = value.strip().strip('"')
    return found


def tag_of(value: str) -> str:
    """The tag of a From or To value; empty where there is none."""
    plain = _QUOTED.sub("", value)
    found = _TAG.search(plain[plain.rfind(">") + 1 :] if ">" in plain else plain)
    return found[1] if found else ""


def parameters_of(value: str) -> dict[str, str]:
    """The parameters of a Contact, From or To value (those behind the URI's closing bracket, where it has brackets)."""
    plain = _QUOTED.sub("", value)
    return parameters(plain.partition(">")[2] if ">" in plain else plain.partition(";")[2])


def uri_of(value: str) -> str:
    """The URI of a From, To, Contact or P-Asserted-Identity value."""
    plain = _QUOTED.sub("", value)
    if "<" in plain:
        return plain.partition("<")[2].partition(">")[0].strip()
    return plain.partition(";")[0].strip()


def display_of(value: str) -> str:
    """The display name of such a value, as text; empty where there is none."""
    quoted = re.match(r'\s*"((?:\\.|[^"\\])*)"', value)
    name = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value.partition("<")[0].strip() if "<" in value else ""
    return text_of(name)


def user_of(uri: str) -> str:
    """The user part of a ``sip:`` URI, or what follows ``tel:``; percent signs undone, parameters left on."""
    scheme, colon, rest = uri.partition(":")
    if not colon:
        return ""
    if scheme.lower() == "tel":
        return text_of(unquote(rest, encoding="latin-1"))
    if scheme.lower() not in ("sip", "sips"):
        return ""
    user, at, _ = rest.partition("@")
    return text_of(unquote(user, encoding="latin-1")) if at else ""


def host_of(uri: str) -> str:
    """The host of a ``sip:`` URI, lower-case, without its port."""
    rest = uri.partition(":")[2]
    rest = rest.partition("@")[2] if "@" in rest else rest
    host = re.match(r"\[[^\]]*\]|[^:;?>]*", rest)
    return host[0].lower() if host else ""


def text_of(latin: str) -> str:
    """Latin-1 text as the UTF-8 that SIP says it is; what is not UTF-8 stays as it is."""
    try:
        return latin.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return latin
