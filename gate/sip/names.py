"""Display names: what the callee's phone may show, and sippy taught to read and to write quoted strings.

RFC 3261 25.1: a ``display-name`` is a ``quoted-string``, or tokens of ASCII. sippy takes a quote behind a backslash for
part of the name, where that backslash is itself escaped too (``"a\\\\"``), looks for commas by counting quotes, and
leaves letters outside ASCII bare: such a name of a caller, or of ours in the carrier's answer, raises in mid-call.
"""

from __future__ import annotations

from typing import Any

from gate.core.showing import shown_name
from gate.sip.fields import split_list

_TOKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")


def quotable(name: str) -> str:
    """A display name for inside quotes: bounded, no control character, quotes and backslashes escaped."""
    return shown_name(name).replace("\\", "\\\\").replace('"', '\\"')


def quoted(text: str) -> tuple[str, str]:
    """``"name" rest`` -> the name as it stands between its quotes, and what follows them.

    A name with quotes in it that nobody escaped (some phones) goes on to the last one before the URI, and loses them.

    Raises:
        ValueError: no quote at its beginning, or none at its end.
    """
    if not text.startswith('"'):
        raise ValueError("no quoted name")
    end = 1
    while end < len(text) and text[end] != '"':
        end += 2 if text[end] == "\\" else 1
    if end >= len(text):
        raise ValueError("a quote without an end")
    rest = text[end + 1 :].lstrip()
    if rest.startswith("<") or "<" not in rest:
        return text[1:end], rest
    uri = text.index("<", end)
    return "".join(sign for sign in text[1:uri] if sign not in '"\\').strip(), text[uri:]


def ends(value: str) -> bool:
    """False for a header value that begins with a quote that has no end."""
    try:
        return not value.startswith('"') or bool(quoted(value)[1])
    except ValueError:
        return False


def mend() -> None:
    """Put the reading and writing in place; on the line thread, after sippy's modules are imported. Harmless twice."""
    from sippy import SipAddress, SipAddressHF
    from sippy.ESipHeaderCSV import ESipHeaderCSV
    from sippy.SipGenericHF import SipGenericHF

    vars(SipAddress)["needquotes"] = _needs_quotes
    read = SipAddress.SipAddress.__init__
    if read.__module__ == __name__:
        return

    def read_address(self: Any, address: str | None = None, *values: Any, **named: Any) -> None:
        if address is None or not address.startswith('"'):
            read(self, address, *values, **named)
            return
        name, rest = quoted(address)
        read(self, rest, *values, **named)
        self.name = name

    def split_header(self: Any, body: str | None = None, address: Any = None) -> None:
        SipGenericHF.__init__(self, body)
        if body is None:
            self.parsed, self.address = True, address
        elif len(parts := split_list(body)) > 1:
            raise ESipHeaderCSV(None, parts)

    SipAddress.SipAddress.__init__ = read_address
    SipAddressHF.SipAddressHF.__init__ = split_header


def _needs_quotes(name: str, _: Any) -> bool:
    return not _TOKEN.issuperset(name)
