"""The question to the gate, and what is made of its answer: everything but a clear *allow* is a refusal."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gate.errors import ConfigError, RefusedError

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_HELP = re.compile(r"[0-9]{3,6}")
"""An emergency number, as it is dialled; no other answer may name one."""
_LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """The gate's decision on one number."""

    verdict: str
    """``allow`` or ``block``."""
    reason: str
    explanation: str = ""
    decision_id: str = ""
    number: str = ""
    """What may be dialled, E.164; never the number that was asked for, in its own spelling."""

    @classmethod
    def from_json(cls, told: Mapping[str, object]) -> Answer:
        """From the gate's own words: the body of ``POST /v1/decision``, or in the same process what
        ``gate.control.messages.carry_out`` returns for a ``Decide``. Raises ``KeyError`` where there is no verdict or
        reason."""
        return cls(
            str(told["verdict"]),
            str(told["reason"]),
            str(told.get("explanation") or told.get("error") or ""),
            str(told.get("decision_id") or ""),
            str(told.get("number") or ""),
        )


class CallRefused(RefusedError):
    """The gate said no, or did not say yes. Has ``reason``, ``explanation``, and ``decision_id`` (empty: none made)."""

    def __init__(self, reason: str, explanation: str = "", decision_id: str = "") -> None:
        super().__init__(explanation or f"the call was refused: {reason}", reason=reason)
        self.explanation = explanation
        self.decision_id = decision_id


def permitted(ask: Callable[[str], Answer], number: str) -> Answer:
    """Ask, and return an answer that allows a dialable number; ``CallRefused`` in every other case.

    Fails closed: whatever ``ask`` raises or returns that is no clear *allow* is ``internal_error``.
    """
    try:
        answer = ask(number)
        verdict, reason, dialled = str(answer.verdict), str(answer.reason), str(answer.number)
        explanation, decision_id = str(answer.explanation), str(answer.decision_id)
    except CallRefused:
        raise
    except Exception as error:
        raise CallRefused("internal_error", f"the gate could not be asked: {error}") from error
    if verdict == "block":
        raise CallRefused(reason or "internal_error", explanation, decision_id)
    shape = _HELP if reason == "emergency_call" else _E164
    if verdict != "allow" or not shape.fullmatch(dialled):
        raise CallRefused("internal_error", "the gate's answer is not understood", decision_id)
    return Answer(verdict, reason, explanation, decision_id, dialled)


def ask_gate(
    url: str, token: str, *, account: str = "", purpose: str = "marketing", topic: str = "general", timeout: float = 5.0
) -> Callable[[str], Answer]:
    """A question to a running gate: ``POST {url}/v1/decision`` with the bearer token, one request a call.

    ``url`` is that of ``control.http`` (``http://127.0.0.1:8080``). Every decision asked for is logged by the gate.
    ``ConfigError`` where ``url`` is no HTTP address; a gate that cannot be reached is a refusal of the call.
    """
    if not re.match(r"https?://[^/]+", url):
        raise ConfigError(f"{url!r} is not the address of a gate", hint="write http://host:port")
    address = url.rstrip("/") + "/v1/decision"

    def ask(number: str) -> Answer:
        asked = {"number": number, "purpose": purpose, "topic": topic, "account": account}
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
            address,
            json.dumps(asked).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with _direct.open(request, timeout=timeout) as response:
                told = json.loads(response.read(_LONGEST))
        except urllib.error.HTTPError as error:
            told = _refusal(error)
        return Answer.from_json(told)

    return ask


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token goes to the gate and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None


_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
"""Straight to the gate: no proxy from the environment sees numbers and token."""


def _refusal(error: urllib.error.HTTPError) -> dict[str, object]:
    """The body of an answer that is not 200: a block with its reason, or that nobody can read it."""
    try:
        told = json.loads(error.read(_LONGEST))
    except (OSError, ValueError):
        told = None
    if not isinstance(told, dict) or told.get("verdict") != "block" or "reason" not in told:
        raise ConnectionError(f"HTTP {error.code}") from error
    return told
