"""A phone system's question in each form that it may have, and the answer in the form that it wants.

The fields come in the query string, as JSON, as a form, or as plain text, which is the number alone. The answer is
JSON, or one line: ``allow``, or ``block`` and the reason. Whoever looks only at the status, or only for a word, is safe
as well: in plain text a block is never a 200, and nothing but an allow has the word in it.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

from gate.control.faults import fault
from gate.control.wire import answer, fields_of, raw_body
from gate.core.terms import Reason, Verdict
from gate.errors import GateError, UsageError

SAID: Final = web.ResponseKey("said", tuple[str, str])
"""Verdict and reason of an answer."""
_MOST_FIELDS: Final = 16
_JSON: Final = ("application/json", "application/octet-stream")
"""The second is aiohttp's word for a body whose type is not said."""


class Form(StrEnum):
    """What an answer looks like."""

    JSON = "json"
    TEXT = "text"


_FORM: Final = web.RequestKey("form", Form)


async def question(asked: web.Request) -> dict[str, Any]:
    """The fields of a question; raises ``UsageError`` where they are not understood, or said twice.

    No message of it has a value in it: it may be a number.
    """
    fields: dict[str, Any] = pairs(asked.raw_path.partition("?")[2])
    if asked.method == "POST":
        more = _read(await raw_body(asked), asked.content_type)
        if fields.keys() & more.keys():
            raise UsageError("a field is in the query and in the body", hint="say it once")
        fields |= more
    elif asked.body_exists:
        raise UsageError("a GET has no body here", hint="send it with POST")
    if (form := fields.pop("format", None)) is not None:
        if form not in list(Form):
            raise UsageError("there is no such format", hint=f"one of: {', '.join(Form)}")
        asked[_FORM] = Form(form)
    return fields


def told(asked: web.Request, value: dict[str, Any], code: int = 200) -> web.Response:
    """The answer: ``value`` has verdict and reason. A cache keeps none of it."""
    verdict, reason = str(value.get("verdict", Verdict.BLOCK)), str(value.get("reason", Reason.INTERNAL_ERROR))
    if _form(asked) is Form.TEXT:
        allowed = code == 200 and verdict == Verdict.ALLOW
        text = Verdict.ALLOW.value if allowed else blocked(reason)
        response = web.Response(text=text, status=code if allowed or code != 200 else 403)
    else:
        response = answer(value, code)
    response.headers["Cache-Control"] = "no-store"
    response[SAID] = verdict, reason
    return response


def refused(asked: web.Request, code: int, error: GateError, reason: str = Reason.INTERNAL_ERROR) -> web.Response:
    """The answer where there is no decision: a block."""
    return told(asked, fault(error) | {"verdict": Verdict.BLOCK, "reason": reason}, code)


def blocked(reason: str) -> str:
    """The line of a block. A reason that has an *allow* in it is said in another word: a search would find it."""
    return f"{Verdict.BLOCK.value} {reason.replace('allow', 'permitt')}"


def _form(asked: web.Request) -> Form:
    """What was asked for in words, else what the client reads rather."""
    chosen: Form | None = asked.get(_FORM)
    if chosen is not None:
        return chosen
    try:
        said = pairs(asked.raw_path.partition("?")[2]).get("format")
    except UsageError:
        said = None
    if said in list(Form):
        return Form(said)
    return Form.TEXT if _rather_text(",".join(asked.headers.getall("Accept", []))) else Form.JSON


def _rather_text(accept: str) -> bool:
    """RFC 9110 12.5.1, between the two forms that there are; JSON where neither is named."""
    weights = {Form.JSON: 0.0, Form.TEXT: 0.0}
    kinds = {"application/json": Form.JSON, "text/plain": Form.TEXT, "text/*": Form.TEXT}
    for each in accept.lower().split(","):
        kind, *rest = (part.strip() for part in each.split(";"))
        if (form := kinds.get(kind)) is not None:
            weights[form] = max(weights[form], _weight(rest))
    return weights[Form.TEXT] > weights[Form.JSON]


def _weight(parameters: list[str]) -> float:
    said = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    return float(said) if re.fullmatch(r"[01](\.\d{0,3})?", said, re.ASCII) else 0.0


def _read(raw: bytes, kind: str) -> dict[str, Any]:
    """The fields of a body. What begins as JSON is JSON: so curl sends it under another name."""
    if kind in _JSON or not raw.strip() or raw.lstrip().startswith(b"{"):
        fields = fields_of(raw)
        json.loads(raw or b"{}", object_pairs_hook=_once, parse_int=str)
        return fields
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        raise UsageError("the request is not UTF-8 text", hint="send UTF-8") from None
    if kind == "application/x-www-form-urlencoded":
        return pairs(text)
    if kind == "text/plain" and len(text.splitlines()) == 1:
        return {"number": text}
    raise UsageError(
        "the request is in no form that is read here", hint="send JSON, a form, or one number as text/plain"
    )


def pairs(text: str) -> dict[str, Any]:
    """The fields of a query string or a form. A number's ``+`` may come as it is: where it stands, a space cannot be
    meant."""
    if not text:
        return {}
    if ";" in text:  # some part fields by it, others take it for a part of the value
        raise UsageError("the fields have a semicolon in them", hint="part them by &, and write %3B for a semicolon")
    text = re.sub(r"(^|&)number=\+", r"\1number=%2B", text)
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise UsageError("the fields are not understood", hint="write number=… and the like, percent-encoded") from None
    return _once(pairs)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Which of two numbers was screened is not to be guessed at."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise UsageError("a field is said twice", hint="say it once")
    return fields
