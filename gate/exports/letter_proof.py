"""The page by which a person checks a letter about their request: that what it speaks of is in the firm's signed log.

One HTML file: the leaves of the request with their proofs (``proof_page``), and a script that checks them without a
network. It names each leaf that was changed, is of another request or not in this log, a log that is not signed, and a
letter or pack (a file that is chosen) that is not the one whose digest the log has. It asks whoever reads it to compare
the log's key with the one in the letter: who can change the page can change the key in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from gate.exports.page import rendered, script, source

_POLICY: Final = "default-src 'none'; script-src '{script}'; style-src '{style}'; base-uri 'none'; form-action 'none'"


def page(firm: str, reference: str, request_id: str, evidence: Mapping[str, Any]) -> str:
    """The page. ``request_id``: the subject of the request's own leaves."""
    given = {"firm": firm, "reference": reference, "id": request_id, "evidence": evidence}
    # No "<" in it, so that no text can end the element.
    data = json.dumps(given, ensure_ascii=True).replace("<", "\\u003c")
    return rendered(
        "proof/letter.html",
        _POLICY,
        script=script() + source("proof/letter.js"),
        style=source("pack/pack.css"),
        firm=firm,
        reference=reference,
        key=str(evidence["vkey"]),
        data=data,
    )
