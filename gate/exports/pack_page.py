"""The page around a pack's ciphertext: from ``templates/pack``, with hashes of its script and style in its policy."""

from __future__ import annotations

import base64
from typing import Final, NamedTuple

from gate.exports.page import rendered, source

_POLICY: Final = (
    "default-src 'none'; script-src '{script}'; style-src '{style}'; media-src blob:; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""One script, one style sheet, sound out of the page's own memory; nothing is fetched and nothing is sent."""
_DATA: Final = "<!-- data -->"


class Page(NamedTuple):
    """What stands before and behind the data."""

    before: bytes
    behind: bytes


def parts(firm: str, reference: str, header: str) -> Page:
    """The page for a firm's name and a reference, which stand in it in clear."""
    script, style = source("pack/pack.js"), source("pack/pack.css")
    page = rendered(
        "pack/pack.html", _POLICY, script=script, style=style, firm=firm, reference=reference, header=header
    )
    before, behind = page.split(_DATA)
    return Page(before.encode("utf-8", "replace"), behind.encode("utf-8", "replace"))


def data(sealed: bytes, attributes: str) -> bytes:
    """An element that holds ciphertext; a browser neither shows nor runs it."""
    return b'<script type="application/octet-stream" %b>%b</script>\n' % (attributes.encode(), base64.b64encode(sealed))
