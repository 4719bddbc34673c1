"""Keys told by SIP INFO (``application/dtmf-relay`` and ``application/dtmf``, as phones and PBXs send them)."""

from __future__ import annotations

import re

_SIGNAL = re.compile(r"^\s*Signal\s*=\s*([0-9]{1,2}|[*#A-Da-d])\s*$", re.IGNORECASE | re.MULTILINE)
_KEYS = "0123456789*#ABCD"


def digits_of(content_type: str, body: str) -> list[str]:
    """The keys in an INFO body (one, as a rule); empty for another type or a body that is not understood."""
    if content_type == "application/dtmf-relay":
        found = _SIGNAL.search(body)
        text = found[1].upper() if found else ""
    elif content_type == "application/dtmf":
        text = body.strip().upper()
    else:
        return []
    if text.isdigit() and len(text) == 2:  # event numbers of RFC 4733
        return [_KEYS[int(text)]] if int(text) < len(_KEYS) else []
    return [text] if len(text) == 1 and text in _KEYS else []
