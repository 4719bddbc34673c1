"""What takes two people: requests and answers."""

from __future__ import annotations

from typing import Any

from gate.control.answers import Response
from gate.control.request import Line, Request


class ProposalList(Request, frozen=True):
    """What waits for a second person."""


class ProposalConfirm(Request, frozen=True):
    """Do what another person has asked for."""

    proposal_id: Line


class ProposalWithdraw(Request, frozen=True):
    """What waits is not to be done."""

    proposal_id: Line


class Waiting(Response, frozen=True):
    """The answer to ``proposal_list``."""

    items: list[dict[str, Any]]
    """``id``, ``op``, ``what``, ``subject``, ``asked_by``, ``at``, ``until``, ``arguments``."""


class Settled(Response, frozen=True):
    """The answer to ``proposal_confirm`` and ``proposal_withdraw``."""

    id: str
    what: str
    asked_by: str
