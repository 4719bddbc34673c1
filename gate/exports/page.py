"""A page that is one HTML file, made from ``templates``: its script and its style stand in it, and its policy names the
hashes of both, so that a browser runs nothing else.

A page may check proofs of leaves in the browser: it has the data, and the script ``templates/proof/proof.js``, which
makes one name, ``Proof``. ``await Proof.check(evidence)`` gives ``{origin, size, root, signature, leaves, ok}``:
``signature`` is ``holds``, ``broken``, or ``unchecked`` where the browser has no Ed25519; ``leaves`` says of each in
its order ``holds``, ``changed`` (its value is not what it commits to) or ``missing`` (not in the tree). ``ok`` is true
where nothing contradicts; what is not well formed throws. A page names the hash of its script in its policy
(``page.policy_hash``) and says "not checked" until the script has spoken."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gate.core.evidence import Node, inclusion_proof
from gate.core.ladder import Ladder, heading, line, text
from gate.core.rows.audit import LeafProof, LogProof
from gate.errors import UsageError

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER: Final = Path(__file__).parent / "templates"
_POLICY: Final = "default-src 'none'; script-src '{script}'; style-src '{style}'; base-uri 'none'; form-action 'none'"


def source(name: str) -> str:
    """A script or a style sheet of the templates."""
    return (FOLDER / name).read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """A script or a style sheet as a Content-Security-Policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def templates(*, letter: bool = False) -> Environment:
    """The templates of pages and letters; what is put into them is escaped."""
    from jinja2 import Environment, FileSystemLoader  # where a page is made

    loader = FileSystemLoader(FOLDER)
    return Environment(loader=loader, autoescape=True, keep_trailing_newline=not letter, lstrip_blocks=letter)


def rendered(template: str, policy: str, *, script: str, style: str, **values: Any) -> str:
    """The page; ``policy`` has ``{script}`` and ``{style}`` where the hashes go."""
    policy = policy.format(script=policy_hash(script), style=policy_hash(style))
    return templates().get_template(template).render(policy=policy, script=script, style=style, **values)


def script() -> str:
    """``Proof``, to stand before a page's own script."""
    return source("proof/proof.js")


def leaf(index: int, size: int, node: Node, *, leaf: bytes, salt: bytes | None, body: str | None) -> LeafProof:
    """A leaf with its value and its proof in the tree of ``size`` leaves; without a value where it was erased. Raises
    ``EvidenceError`` where there is no such leaf."""
    erased = salt is None or body is None
    value = {} if erased else {"salt": (salt or b"").hex(), "body": body}
    return LeafProof(index=index, proof=_path(index, size, node), leaf=leaf.decode(), **value)


def hash_alone(index: int, size: int, node: Node, digest: bytes) -> LeafProof:
    """A leaf of which no more is told than its hash. Raises as ``leaf``."""
    return LeafProof(index=index, proof=_path(index, size, node), hash=digest.hex())


def evidence(note: str, vkey: str, leaves: Sequence[LeafProof]) -> LogProof:
    """What ``Proof.check`` takes: a signed checkpoint, the key that it is signed with, and leaves of its tree."""
    return LogProof(checkpoint=note, vkey=vkey, leaves=[*leaves])


def _path(index: int, size: int, node: Node) -> list[str]:
    return [base64.b64encode(each).decode() for each in inclusion_proof(index, size, node)]


def letter_page(firm: str, reference: str, request_id: str, evidence: LogProof) -> str:
    """The page by which a person checks a letter about their request: that what it speaks of is in the signed log.

    One HTML file that needs no network. It names each leaf that was changed, is of another request or not in this log,
    a log that is not signed, and a letter or pack (a file that is chosen) whose digest the log does not have. It asks
    whoever reads it to compare the log's key with the one in the letter: who can change the page can change the key in
    it. ``request_id``: the subject of the request's own leaves.
    """
    given = {"firm": firm, "reference": reference, "id": request_id, "evidence": evidence}
    return rendered(
        "proof/letter.html",
        _POLICY,
        script=script() + source("proof/letter.js"),
        style=source("pack/pack.css"),
        firm=firm,
        reference=reference,
        key=evidence.vkey,
        data=_data(given),
    )


ROOM: Final = 32
"""Cells between two lines of a ladder in a page."""


def ladder_page(ladder: Ladder) -> str:
    """The page of a call's ladder, which checks each of its rungs: one HTML file that needs no network."""
    return rendered(
        "proof/ladder.html",
        _POLICY,
        script=script() + source("proof/ladder.js"),
        style=source("pack/pack.css") + source("proof/ladder.css"),
        ladder=ladder,
        key=ladder.evidence.vkey,
        heading=heading(ROOM),
        rungs=[(each, line(each, ROOM)) for each in ladder.rungs],
        data=_data({"id": ladder.call_id, "rungs": ladder.rungs, "evidence": ladder.evidence}),
    )


FORMS: Final = ("html", "txt")


def ladder_file(ladder: Ladder, form: str) -> bytes:
    """A ladder as a page that checks itself, or as lines of text. Raises ``UsageError`` for another form."""
    if form not in FORMS:
        raise UsageError(f"a ladder is written as .{' or .'.join(FORMS)}", hint="name the file so")
    return (ladder_page(ladder) if form == "html" else text(ladder)).encode("utf-8", "replace")


def _data(given: Any) -> str:
    """What a page's script reads. No "<" in it, so that no text can end the element."""
    return msgspec.json.encode(given).decode().replace("<", "\\u003c")
