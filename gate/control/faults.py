"""Errors as JSON and back: ``{"error": {"kind", "message", "hint", "exit_code", "reason"?}}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gate import errors
from gate.errors import GateError, RefusedError

NOT_PERMITTED = "not_permitted"
"""Reason of a refusal: the account has no role that may ask for this."""
_STATUS: dict[str, int] = {
    "UsageError": 400,
    "ConfigError": 400,
    "RefusedError": 409,
    "StoreError": 503,
    "RecorderError": 503,
    "ControlError": 502,
}


def fault(error: GateError) -> dict[str, Any]:
    """The body of an answer that says what went wrong; a room's own error goes as its base in ``gate.errors``."""
    body = {
        "kind": _kind(error),
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
    }
    if isinstance(error, RefusedError):
        body["reason"] = error.reason
    return {"error": body}


def status(error: GateError) -> int:
    """The HTTP status that fits an error."""
    if isinstance(error, RefusedError) and error.reason == NOT_PERMITTED:
        return 403
    return _STATUS.get(_kind(error), 500)


def revived(body: Mapping[str, Any]) -> GateError:
    """The error that a body from ``fault`` speaks of, to be raised on this side."""
    told = body.get("error")
    if not isinstance(told, Mapping):
        return errors.ControlError("the gate answered with an error that says nothing")
    message, hint = str(told.get("message", "")), str(told.get("hint", ""))
    kind = getattr(errors, str(told.get("kind")), GateError)
    if not (isinstance(kind, type) and issubclass(kind, GateError)):
        kind = GateError
    if issubclass(kind, RefusedError):
        return RefusedError(message, reason=str(told.get("reason", "")), hint=hint)
    error: GateError = kind(message, hint=hint)
    exit_code = told.get("exit_code")
    if isinstance(exit_code, int) and 1 <= exit_code <= 3:
        error.exit_code = exit_code
    return error


def _kind(error: GateError) -> str:
    """The nearest class that both sides know."""
    return next(cls.__name__ for cls in type(error).__mro__ if cls.__module__ == errors.__name__)
