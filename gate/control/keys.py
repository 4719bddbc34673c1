"""Keys: what is asked of the register of recipients, and what it answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from gate.control.answers import Response
from gate.control.request import Request

Role = Literal["", "compliance", "auditor", "escrow"]
Purpose = Literal["", "regulator", "court", "internal_audit", "data_subject"]
Half = Literal["", "first", "second"]


class KeyList(Request, frozen=True):
    """The register of recipients: whom recordings are sealed to, to whom exports may go."""


class KeyAdd(Request, frozen=True):
    """Put a public key on the register of recipients."""

    text: Annotated[str, msgspec.Meta(max_length=20_000)]
    """The recipient text that ``dialgate key new`` printed."""
    role: Role = ""
    """In place of the role that the text names; empty to keep it."""
    purpose: Purpose = ""
    """What exports may go to it for; empty: none may."""
    half: Half = ""
    """Its share of a two-person key."""
    exports_only: bool = False
    """New recordings are not sealed to it."""


class Recipients(Response, frozen=True):
    """The answer to ``key_list``."""

    recipients: list[dict[str, Any]]


class Added(Response, frozen=True):
    """The answer to ``key_add``."""

    id: str
