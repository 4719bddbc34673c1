"""Pieces of SIP header values: lists, parameters, tags, URIs and what is in them (RFC 3261 section 25).

Anybody may send such a value before anything is known of them, so every function here takes time in proportion to its
length: each reads it once, from left to right, and nothing is tried again from another place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

from gate.core.sdp import whole

SPACE = " \t"
"""All that SIP takes for white space inside a line (RFC 3261 25.1): Python's ``strip`` takes U+00A0 and more."""
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)("?)', re.DOTALL)
"""A quoted string; or a quote without an end with all that follows, so that it is not looked at again."""
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MARKS = re.compile(r'[",<>]')
_NAME = re.compile(r"[ \t,]*([\w-]*)[ \t]*(=?)[ \t]*")
_TOKEN = re.compile(r'[^\s,"]*')
_HOST_PORT = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\s:\[\]<>\"@]+)(?::([0-9]{1,5}))?")
_HOST = re.compile(r"\[[^\]]*\]|[^:;?>]*")
_REMEMBERED = 512
"""Values whose pieces are known: the same From, To and Contact stand in all messages of a call, and each is asked for
several pieces. A value has 4 KB at most."""


def without_quoted(value: str) -> str:
    """The value with its quoted strings taken out; a quote without an end stays."""
    return _QUOTED.sub(lambda found: "" if found[2] else found[0], value) if '"' in value else value


def unescaped(text: str) -> str:
    """The content of a quoted string, without its backslashes."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def split_list(value: str) -> list[str]:
    """The members of a comma-separated header value; commas in quotes and in <> do not part."""
    if "," not in value:
        return [value]
    parts, begin, at, depth = [], 0, 0, 0
    while found := _MARKS.search(value, at):
        at, sign = found.end(), found[0]
        if sign == '"':
            quoted = _QUOTED.match(value, at - 1)
            at = quoted.end() if quoted and quoted[2] else len(value)
        elif sign == "<":
            depth += 1
        elif sign == ">":
            depth = max(0, depth - 1)
        elif depth == 0:
            parts.append(value[begin : at - 1].strip(SPACE))
            begin = at
    parts.append(value[begin:].strip(SPACE))
    return [part for part in parts if part]


def parameters(text: str) -> dict[str, str]:
    """``;name=value;flag`` -> names lower-case, quotes taken off."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name.strip(SPACE):
            found[name.strip(SPACE).lower()] = value.strip(SPACE).strip('"')
    return found


@lru_cache(_REMEMBERED)
def ambiguous(value: str) -> bool:
    """A parameter stands twice with two values (RFC 3261 7.3.1, 19.1.1), in an address or its URI, behind its user or
    its host: which one is meant is not to be guessed at."""
    plain = without_quoted(value)
    behind = plain.rpartition(">")[2] if ">" in plain else plain.partition(";")[2]
    user, _, host = uri_of(value).rpartition("@")
    return any(_differ(part.partition("?")[0]) for part in (behind, user.partition(";")[2], host.partition(";")[2]))


def _differ(text: str) -> bool:
    seen: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = (each.strip(SPACE) for each in part.partition("="))
        if name and seen.setdefault(name.lower(), value) != value:
            return True
    return False


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """``name=value, name="value"``, as credentials and challenges are written: quotes undone; what is no pair is passed
    over up to the next comma."""
    at = 0
    while at < len(text):
        name = _NAME.match(text, at)
        at = name.end() if name else len(text)
        if not name or not (name[1] and name[2]):
            comma = text.find(",", at)
            at = comma + 1 if comma >= 0 else len(text)
        elif quoted := _QUOTED.match(text, at):
            at = quoted.end()
            if quoted[2]:
                yield name[1], unescaped(quoted[1])
        elif token := _TOKEN.match(text, at):
            at = token.end()
            yield name[1], token[0]


@lru_cache(_REMEMBERED)
def tag_of(value: str) -> str:
    """The tag of a From or To value; empty where there is none."""
    plain = without_quoted(value)
    for part in plain[plain.rfind(">") + 1 :].split(";")[1:]:
        name, _, tag = part.partition("=")
        if name.strip(SPACE).lower() == "tag":
            return (tag.partition(",")[0].split(None, 1) or [""])[0]
    return ""


def parameters_of(value: str) -> dict[str, str]:
    """The parameters of a Contact, From or To value (those behind the URI's closing bracket, where it has brackets)."""
    plain = without_quoted(value)
    return parameters(plain.partition(">")[2] if ">" in plain else plain.partition(";")[2])


def uri_of(value: str) -> str:
    """The URI of a From, To, Contact or P-Asserted-Identity value."""
    plain = without_quoted(value) if '"' in value else value
    if "<" in plain:
        return plain.partition("<")[2].partition(">")[0].strip(SPACE)
    return plain.partition(";")[0].strip(SPACE)


@lru_cache(_REMEMBERED)
def split_address(value: str) -> tuple[str, str, str]:
    """Display name (quotes undone), URI, and the parameters behind it with their first semicolon. What stands between a
    quoted name and the URI (quotes in a name that a phone did not escape) belongs to the name."""
    name, rest = "", value.strip(SPACE)
    quoted = _QUOTED.match(rest)
    if quoted and quoted[2]:
        name, rest = unescaped(quoted[1]), rest[quoted.end() :].lstrip(SPACE)
    more, bracket, behind = rest.partition("<")
    if not bracket:  # no brackets: parameters are the header's (RFC 3261 section 20.10)
        uri, semicolon, params = rest.partition(";")
        return name.strip(SPACE), uri.strip(SPACE), semicolon + params
    uri, _, params = behind.partition(">")
    return (name + more).strip(SPACE), uri.strip(SPACE), params.strip(SPACE)


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
    host = _HOST.match(rest)
    return host[0].lower() if host else ""


@lru_cache(_REMEMBERED)
def usable_uri(uri: str) -> bool:
    """True for a ``sip:``, ``sips:`` or ``tel:`` URI that can be called and written again: a host, a port that is one,
    parameters with at most one value (RFC 3261 section 19.1, RFC 3966)."""
    scheme, _, rest = uri.partition(":")
    if scheme.lower() == "tel":
        number, *params = rest.split(";")
        return bool(number) and all(param.count("=") == 1 for param in params)
    if scheme.lower() not in ("sip", "sips"):
        return False
    place, *params = rest.partition("@")[2].split(";") if "@" in rest else rest.split(";")
    host = _HOST_PORT.fullmatch(place)
    if host is None or not 0 < int(host[1] or 5060) < 65536:
        return False
    return "?" not in rest and all(whole(param[4:]) is not None for param in params if param.startswith("ttl="))


def text_of(latin: str) -> str:
    """Latin-1 text as the UTF-8 that SIP says it is; what is not UTF-8 stays as it is."""
    try:
        return latin.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return latin
