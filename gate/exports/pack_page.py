"""The page around a pack's ciphertext: from ``templates/pack``, with hashes of its script and style in its policy."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final, NamedTuple

from jinja2 import Environment, FileSystemLoader

from gate.exports.proof_page import policy_hash

FOLDER: Final = Path(__file__).parent / "templates" / "pack"
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
    script, style = (_source(name) for name in ("pack.js", "pack.css"))
    policy = _POLICY.format(script=policy_hash(script), style=policy_hash(style))
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, keep_trailing_newline=True)
    page = environment.get_template("pack.html").render(
        firm=firm, reference=reference, header=header, policy=policy, script=script, style=style
    )
    before, behind = page.split(_DATA)
    return Page(before.encode("utf-8", "replace"), behind.encode("utf-8", "replace"))


def data(sealed: bytes, attributes: str) -> bytes:
    """An element that holds ciphertext; a browser neither shows nor runs it."""
    return b'<script type="application/octet-stream" %b>%b</script>\n' % (attributes.encode(), base64.b64encode(sealed))


def _source(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
