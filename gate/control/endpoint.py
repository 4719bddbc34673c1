"""The TCP endpoint for phone systems and other programs: decisions, recordings, own lists, metrics, health.

Everything but the health check needs a token, as bearer or as the password of its name. ``[[token]]`` has what each is
for (``Duty``), and for which purposes of a call it may ask. A caller that looks only at the verdict is safe whatever
goes wrong: every answer about a call carries one, wrong methods and paths included, and it is ``block`` unless the gate
decided otherwise. Browsers are kept out: a request with an ``Origin`` is refused, and on loopback so is a ``Host`` that
is not loopback (a page of an attacker's whose name was pointed at 127.0.0.1). Connections are bounded, and slow ones
are closed (``bounds``).

A question may have several forms, and the answer has the form that the caller wants. The fields come in the query
string, as JSON, as a form, or as plain text, which is the number alone. The answer is JSON, or one line: ``allow``, or
``block`` and the reason. Whoever looks only at the status, or only for a word, is safe as well: in plain text a block
is never a 200, and nothing but an allow has the word in it.

``POST /v1/decisions`` asks up to 1,000 questions at once; each has a decision and a leaf of its own. A question or an
outcome that is sent again with its ``Idempotency-Key`` is answered as before (``Keys``); an allow only as long as the
number may still be dialled.

``PUT /v1/recording``: a phone system hands in what it recorded. The body is a WAV file, the query says whose call.

The audio never touches a disk in clear: it comes into memory (a memfd of this process), is sealed from there, and is
gone with the answer. Whoever hands it in may remove its own copy after a 200 or a 201, and not before.
"""

from __future__ import annotations

import asyncio
import binascii
import hmac
import json
import os
import re
import socket
import ssl
from base64 import b64decode
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, generate_latest

from gate.config import Config, Duty, Token, kept_token, read_secret, token_hash
from gate.control.bounds import BACKLOG, BoundedServer, Bounds, answering, by_address
from gate.control.messages import CarryOut, parsed
from gate.control.own_lists import COMPLAINTS, ENTER, LOOK_UP, Note, OwnLists
from gate.control.sockets import fault, status
from gate.control.work import (
    LARGEST_BODY,
    Answer,
    Busy,
    Keys,
    Sent,
    Workers,
    answer,
    body,
    fields_of,
    once,
    pairs,
    raw_body,
)
from gate.core.terms import Reason, Verdict
from gate.errors import ConfigError, ControlError, GateError, RefusedError, StoreError, UsageError
from gate.handed_over_file import HandedOverFile
from gate.operations.calls.screening import Decide
from gate.operations.ingest.ingesting import LARGEST
from gate.operations.operation import Caller, Request
from gate.operations.status.glance import Status

log = structlog.get_logger()

RECORDING: Final = "/v1/recording"
AT_ONCE: Final = 2
"""Files in memory."""
WAITING: Final = 8
"""Hand-ins of one token that wait for the one that is under way."""
SILENT_SECONDS: Final = 10.0
"""How long a body may pause."""
LEAST_RATE: Final = 16_000
"""Bytes a second that a body brings, on the whole, once ``SILENT_SECONDS`` are over: both sides of a call as they
talk."""
WHOLE_SECONDS: Final = 900.0
"""How long a body may take."""


class RecordingUpload:
    """Recordings that are handed in. Lives on the event loop."""

    def __init__(self, carry_out: CarryOut) -> None:
        self._carry_out = carry_out
        self._room = asyncio.Semaphore(AT_ONCE)
        self._of: dict[str, asyncio.Semaphore] = {}
        """One place for each token, so that none of them keeps the others out."""
        self._waiting: Counter[str] = Counter()
        # Threads of its own: a long recording takes none from the decisions.
        self._workers = Workers("recording", threads=1, most=8)

    def close(self) -> None:
        """Nothing more is taken."""
        self._workers.close()

    @asynccontextmanager
    async def _place(self, token: str) -> AsyncIterator[None]:
        """Room for a file of a token. Raises ``Busy`` where too many of its own wait."""
        if self._waiting[token] > WAITING:
            raise Busy("too many recordings of this token are handed in at once", hint="hand in one after the other")
        self._waiting[token] += 1
        try:
            async with self._of.setdefault(token, asyncio.Semaphore(1)), self._room:
                yield
        finally:
            self._waiting[token] -= 1

    async def take(self, asked: web.Request, token: str, actor: str) -> web.StreamResponse:
        """201 where it is sealed, 200 where it had been before, else why not: then whoever sends it keeps it."""
        try:
            fields = pairs(asked.raw_path.partition("?")[2]) | {"path": "PUT"}
            if (swap := fields.pop("swap", None)) is not None:
                if swap not in ("true", "false"):
                    raise UsageError("swap is true or false", hint="else nobody knows whose voice is on which side")
                fields["swap"] = swap == "true"
            request = parsed("recording_ingest", fields)
            with answering(asked):
                async with self._place(token):
                    file = await _received(asked)
                    with file:
                        sealed: dict[str, Any] = await self._workers.call(
                            self._carry_out, request, Caller(actor, file=file)
                        )
        except GateError as error:
            return answer(fault(error), status(error))
        return answer(sealed, 200 if sealed["already"] else 201)


async def _received(asked: web.Request) -> HandedOverFile:
    """The body, in memory. Raises ``UsageError`` where it is too large or does not come."""
    if (asked.content_length or 0) > LARGEST:
        raise UsageError(f"the recording is larger than {LARGEST:,} bytes", hint="hand it in with the command")
    descriptor, size = os.memfd_create("recording", os.MFD_CLOEXEC), 0
    began = asyncio.get_running_loop().time()
    try:
        while True:
            # By the next piece it has brought what it should by then, or it is not waited for.
            due = min(WHOLE_SECONDS, SILENT_SECONDS + size / LEAST_RATE)
            async with asyncio.timeout_at(min(began + due, asyncio.get_running_loop().time() + SILENT_SECONDS)):
                piece = await asked.content.readany()
            if not piece:
                return HandedOverFile(descriptor, "the recording", LARGEST)
            size += len(piece)
            if size > LARGEST:
                raise UsageError(f"the recording is larger than {LARGEST:,} bytes", hint="hand it in with the command")
            while piece:
                piece = piece[os.write(descriptor, piece) :]
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, TimeoutError):
            raise UsageError("the recording did not arrive, or too slowly", hint="send it at once") from None
        if isinstance(error, ConnectionError | web.RequestPayloadError):
            raise ControlError("the connection is gone before the recording had come") from None
        raise


SAID: Final = web.ResponseKey("said", tuple[str, str])
"""Verdict and reason of an answer."""
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


def formatted(asked: web.Request, value: dict[str, Any], code: int = 200) -> web.Response:
    """The answer: ``value`` has verdict and reason. A cache keeps none of it."""
    verdict, reason = str(value.get("verdict", Verdict.BLOCK)), str(value.get("reason", Reason.INTERNAL_ERROR))
    if _form(asked) is Form.TEXT:
        allowed = code == 200 and verdict == Verdict.ALLOW
        text = Verdict.ALLOW.value if allowed else blocked(reason)
        response: web.Response = Answer(text=text, status=code if allowed or code != 200 else 403)
    else:
        response = answer(value, code)
    response.headers["Cache-Control"] = "no-store"
    response[SAID] = verdict, reason
    return response


def refused(asked: web.Request, code: int, error: GateError, reason: str = Reason.INTERNAL_ERROR) -> web.Response:
    """The answer where there is no decision: a block."""
    return formatted(asked, _block(error, reason), code)


def _block(error: GateError, reason: str) -> dict[str, Any]:
    return fault(error) | {"verdict": Verdict.BLOCK, "reason": reason}


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
    quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    return float(quality) if re.fullmatch(r"[01](\.\d{0,3})?", quality, re.ASCII) else 0.0


def _read(raw: bytes, kind: str) -> dict[str, Any]:
    """The fields of a body. What begins as JSON is JSON: so curl sends it under another name."""
    if kind in _JSON or not raw.strip() or raw.lstrip().startswith(b"{"):
        fields = fields_of(raw)
        json.loads(raw or b"{}", object_pairs_hook=once, parse_int=str)
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


_HEALTH_SECONDS = 3.0
FRESH_SECONDS: Final = 1.0
"""How long a look at the gate's health is believed."""
HEALTH: Final = frozenset({"/livez", "/readyz", "/healthz"})
"""Asked without a token."""
NO_ANSWER: Final = "no_answer"
"""In place of a reason: the gate's state was not to be had in ``_HEALTH_SECONDS``."""
DECISION_SECONDS: Final = 30.0
"""What a decision has not come in is a block."""
DECISION: Final = "/v1/decision"
DECISIONS: Final = "/v1/decisions"
OUTCOME: Final = "/v1/outcome"
AT_A_GO: Final = 1000
"""Questions in one request."""
CERTIFICATE_SECONDS: Final = 3.0
"""How often its files are looked at."""
Count = Callable[[str, str], None]
"""Told the verdict and the reason of each answer to a question."""
_HOLDER: Final = web.RequestKey("holder", Token)
_DUTIES: Final = dict.fromkeys(ENTER, Duty.LISTS) | {
    COMPLAINTS: Duty.COMPLAINTS,
    RECORDING: Duty.RECORDINGS,
    "/metrics": Duty.METRICS,
}
"""Path -> what a token must be for. Every other path needs the right to decisions, also where there is none."""


class Late(ControlError):
    """A decision did not come in time."""


class Holder(NamedTuple):
    """Somebody with a token."""

    hash: bytes
    token: Token


async def endpoint(
    carry_out: CarryOut,
    config: Config,
    metrics: CollectorRegistry,
    stop: asyncio.Event,
    workers: Workers,
    count: Count,
    note: Note,
) -> BoundedServer:
    """Listen on ``control.http``; raises ``ConfigError`` (token, certificate) or ``ControlError`` (port taken)."""
    holders = [Holder(token_hash(read_secret(config.base, each.token_file)), each) for each in config.token]
    control = config.control
    host, _, port = control.http.rpartition(":")
    host = host.strip("[]")
    app = endpoint_app(carry_out, holders, host, metrics, stop, workers, count, note)
    certificate = Certificate(config) if control.http_certificate else None
    if certificate:
        app.cleanup_ctx.append(certificate.looked_at)
    bounds = Bounds("http", control.connections, control.connections_each, by_address)
    try:
        sock = socket.create_server((host, int(port)), family=_family(host), backlog=BACKLOG)
    except OSError as error:
        raise ControlError(
            f"cannot listen at {control.http}: {error.strerror}", hint="set control.http to a free port"
        ) from None
    tls = certificate.context if certificate else None
    return await BoundedServer.open(app, sock, bounds, shutdown_seconds=2.0, tls=tls)


class Certificate:
    """The certificate of HTTPS, from files that are looked at again and again: it is renewed without a restart."""

    def __init__(self, config: Config) -> None:
        """Raises ``ConfigError`` where the files hold none."""
        control = config.control
        self._certificate = config.path(control.http_certificate)
        self._key = config.path(control.http_key) if control.http_key else self._certificate
        self._seen = self._state()
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            self.context.load_cert_chain(self._certificate, self._key)
        except OSError as error:
            raise ConfigError(
                f"control.http_certificate cannot be taken: {error}", hint="name PEM files of a certificate and its key"
            ) from None

    def look(self) -> None:
        """Take the files anew where one has changed, for new connections. Where they hold none, it stays as it is."""
        if (state := self._state()) == self._seen:
            return
        self._seen = state
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                self._certificate, self._key
            )  # a fault leaves the other as it is
            self.context.load_cert_chain(self._certificate, self._key)
        except OSError as error:
            log.error("http_certificate_not_taken", error=str(error))
        else:
            log.info("http_certificate_read", file=str(self._certificate))

    async def looked_at(self, _: web.Application) -> AsyncIterator[None]:
        """While the application runs."""

        async def again() -> None:
            while True:
                await asyncio.sleep(CERTIFICATE_SECONDS)
                await asyncio.to_thread(self.look)

        task = asyncio.create_task(again())
        yield
        task.cancel()

    def _state(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(
            (found.st_mtime_ns, found.st_size) if (found := _stat(each)) else None
            for each in (self._certificate, self._key)
        )


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def endpoint_app(
    carry_out: CarryOut,
    holders: Sequence[Holder],
    host: str,
    metrics: CollectorRegistry,
    stop: asyncio.Event,
    workers: Workers,
    count: Count,
    note: Note,
) -> web.Application:
    """The application on TCP; ``host`` is the address it listens at."""
    loopback = ip_address(host).is_loopback
    # Asked without a token: threads of its own, so that asking often takes none from the decisions.
    checkers = Workers("health", threads=1, most=8)
    uploads = RecordingUpload(carry_out)
    own_lists = OwnLists(carry_out, note)
    keys = Keys()
    # So that many at once take none from those who ask one at a time.
    batches = Workers("batch", threads=2, most=2 * AT_A_GO)

    async def close(_: web.Application) -> None:
        checkers.close()
        uploads.close()
        own_lists.close()
        batches.close()

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if request.path == DECISION and (said := response.get(SAID)) is not None:
            count(*said)
        return response

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if "Origin" in request.headers or (loopback and not _is_loopback(request.host)):
            return _refused(request, 403, ControlError("this endpoint is for phone systems, not for browsers"))
        if request.path in HEALTH:
            return await handler(request)
        token = _token(request, holders)
        if token is None:
            wrong = ControlError("the token is missing or wrong", hint="see [[token]]")
            response = _refused(request, 401, wrong, Reason.NOT_AUTHENTICATED)
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        if _DUTIES.get(request.path, Duty.DECIDE) not in token.duties:
            wrong = ControlError(f"the token {token.name} is not for {request.path}", hint="see [[token]]")
            return _refused(request, 403, wrong)
        request[_HOLDER] = token
        try:
            return await handler(request)
        except web.HTTPException as error:  # a path or a method that there is not
            response = _refused(request, error.status, ControlError(error.reason, hint=f"ask {DECISION}: GET or POST"))
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
            return response

    async def decide(
        request: Request[Any], actor: str, sent: Sent, place: int = 0, by: Workers = workers
    ) -> dict[str, Any]:
        """In time. What was done for the same request before is not done again; an allow that no longer holds is
        decided anew."""
        before = sent.works.get(place)
        if before is None or (before.done() and (before.cancelled() or before.exception() is not None)):
            work = sent.works[place] = asyncio.ensure_future(by.call(carry_out, request, Caller(actor)))
            return await in_time(work)
        decided = await in_time(before)
        if (
            not isinstance(request, Decide)
            or decided["verdict"] != Verdict.ALLOW
            or decided["reason"] == Reason.EMERGENCY_CALL
        ):
            return decided
        request = msgspec.structs.replace(request, again=decided["decision_id"])
        work = asyncio.ensure_future(by.call(carry_out, request, Caller(actor)))
        again = await in_time(work)
        if again["decision_id"] == decided["decision_id"]:
            return decided
        sent.works[place] = work
        return again

    async def in_time(work: asyncio.Future[Any]) -> dict[str, Any]:
        """One that comes later is in the log and nowhere else."""
        done, _ = await asyncio.wait({work}, timeout=DECISION_SECONDS)
        if not done:
            work.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise Late("the gate did not decide in time", hint="see its log")
        decided: dict[str, Any] = work.result()
        return decided

    async def decision(asked: web.Request) -> web.StreamResponse:
        if stop.is_set():
            return _refused(asked, 503, ControlError("the gate is stopping"), Reason.GATE_STOPPING)
        try:
            fields = await question(asked)
            request = _within(asked[_HOLDER], parsed("decide", fields))
            sent = keys.claim(asked, asked[_HOLDER].name, fields)
            with answering(asked):
                async with sent.lock:
                    return formatted(asked, await decide(request, _actor(asked), sent))
        except GateError as error:
            return _refused(asked, _code(error), error, _reason(error))

    async def decisions(asked: web.Request) -> web.StreamResponse:
        """Up to ``AT_A_GO`` questions, each with a decision, a leaf and a place in the answer of its own."""
        if stop.is_set():
            return _refused(asked, 503, ControlError("the gate is stopping"), Reason.GATE_STOPPING)
        places = asyncio.Semaphore(2)

        async def one(place: int, fields: Any) -> dict[str, Any]:
            try:
                if not isinstance(fields, dict):
                    raise UsageError("the question is not a JSON object", hint='send {"number": "…"} and the like')
                async with places:
                    request = _within(asked[_HOLDER], parsed("decide", fields))
                    decided = await decide(request, _actor(asked), sent, place, batches)
            except GateError as error:
                decided = _block(error, _reason(error))
            count(str(decided["verdict"]), str(decided["reason"]))
            return decided

        try:
            questions = (await body(asked)).get("decisions")
            if not isinstance(questions, list) or not 1 <= len(questions) <= AT_A_GO:
                raise UsageError(
                    f"decisions is not a list of 1 to {AT_A_GO} questions", hint='send {"decisions": [{"number": "…"}]}'
                )
            sent = keys.claim(asked, asked[_HOLDER].name, questions)
        except GateError as error:
            return _refused(asked, _code(error), error, _reason(error))
        with answering(asked):
            async with sent.lock:
                decided = await asyncio.gather(*(one(place, each) for place, each in enumerate(questions)))
            response = answer({"decisions": decided})
        response.headers["Cache-Control"] = "no-store"
        return response

    async def outcome(asked: web.Request) -> web.StreamResponse:
        """What became of a call that was asked about here and dialled elsewhere."""
        if stop.is_set():
            return _refused(asked, 503, ControlError("the gate is stopping"), Reason.GATE_STOPPING)
        try:
            fields = await body(asked)
            request, sent = parsed("calls_outcome", fields), keys.claim(asked, asked[_HOLDER].name, fields)
            with answering(asked):
                async with sent.lock:
                    return answer(await decide(request, _actor(asked), sent))
        except GateError as error:
            return answer(fault(error), _code(error))

    async def enter(asked: web.Request) -> web.StreamResponse:
        if stop.is_set():
            return _refused(asked, 503, ControlError("the gate is stopping"))
        return await own_lists.enter(asked, _actor(asked))

    async def look_up(asked: web.Request) -> web.StreamResponse:
        return await own_lists.look_up(asked, _actor(asked))

    async def recording(asked: web.Request) -> web.StreamResponse:
        if stop.is_set():
            return _refused(asked, 503, ControlError("the gate is stopping"))
        return await uploads.take(asked, asked[_HOLDER].name, _actor(asked))

    async def expected(asked: web.Request) -> web.StreamResponse | None:
        """The library answers an ``Expect`` that it does not know before anybody looks at the token, with what came."""
        if asked.headers.get("Expect", "").lower() != "100-continue":
            return _refused(asked, 417, ControlError("an Expect like that is not met", hint="send no Expect"))
        if asked.version == HttpVersion11:
            await asked.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            asked.writer.output_size = 0  # the answer is yet to come
        return None

    async def exposition(_: web.Request) -> web.StreamResponse:
        text = await workers.run(lambda: generate_latest(metrics))
        return Answer(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    looked: tuple[float, asyncio.Future[list[str]]] | None = None

    async def look() -> list[str]:
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                health = await checkers.call(carry_out, Status(), Caller("http:readyz"))
            return [str(each) for each in health.get("not_ready", ())]
        except StoreError:
            return [Reason.EVIDENCE_UNAVAILABLE.value]
        except (GateError, TimeoutError):
            return [NO_ANSWER]

    async def live(_: web.Request) -> web.StreamResponse:
        """200 as long as this process answers: nothing is asked of the store, the line or a disk."""
        return answer({"state": "ok"}, 200)

    async def ready(_: web.Request) -> web.StreamResponse:
        """200 while marketing calls are taken; 503 where not, with every reason by its code. Anybody may ask, so one
        look serves all who ask within a second."""
        nonlocal looked
        now = asyncio.get_running_loop().time()
        if looked is None or now >= looked[0] + FRESH_SECONDS:
            looked = now, asyncio.ensure_future(look())
        reasons = [Reason.GATE_STOPPING.value] if stop.is_set() else await asyncio.shield(looked[1])
        state = "stopping" if stop.is_set() else "not ok" if reasons else "ok"
        return answer({"state": state} | ({"reasons": reasons} if reasons else {}), 503 if reasons else 200)

    app = web.Application(client_max_size=LARGEST_BODY, middlewares=[counted, guard])
    app.router.add_post("/v1/decision", decision, expect_handler=expected)
    # A HEAD says no verdict.
    app.router.add_get("/v1/decision", decision, allow_head=False, expect_handler=expected)
    app.router.add_post(DECISIONS, decisions, expect_handler=expected)
    app.router.add_post(OUTCOME, outcome, expect_handler=expected)
    for path in ENTER:
        app.router.add_post(path, enter, expect_handler=expected)
        if path in LOOK_UP:
            app.router.add_get(path, look_up, allow_head=False)
    app.router.add_put(COMPLAINTS, enter, expect_handler=expected)
    app.router.add_put(RECORDING, recording, expect_handler=expected)
    app.router.add_get("/metrics", exposition)
    app.router.add_get("/livez", live)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/healthz", ready)  # whoever answers is alive
    app.on_cleanup.append(close)
    return app


def _actor(asked: web.Request) -> str:
    return f"http:{asked[_HOLDER].name}@{asked.remote}"


def _within(token: Token, request: Request[Any]) -> Decide:
    """The question as this token may ask it."""
    assert isinstance(request, Decide)  # noqa: S101 - by its name
    return msgspec.structs.replace(
        request,
        account=request.account or token.account,
        refused_claim=request.refused_claim or request.purpose not in token.purposes,
        again="",
    )


def _code(error: GateError) -> int:
    return 504 if isinstance(error, Late) else status(error)


def _reason(error: GateError) -> str:
    """The code of the block that an error is."""
    if isinstance(error, StoreError):
        return Reason.EVIDENCE_UNAVAILABLE
    return error.reason if isinstance(error, RefusedError) else Reason.INTERNAL_ERROR


def _token(asked: web.Request, holders: Sequence[Holder]) -> Token | None:
    """Whose token it is; each is compared, in the same time. A client that takes user name and password alone, in its
    URL, gives the token's name and the token."""
    scheme, _, text = asked.headers.get("Authorization", "").partition(" ")
    given = text.strip().encode("utf-8", "surrogateescape")
    name = None
    if scheme.lower() == "basic":
        try:
            user, _, given = b64decode(given, validate=True).partition(b":")
        except binascii.Error:
            return None
        name = user.decode("utf-8", "surrogateescape")
    hashed = kept_token(given.decode("utf-8", "surrogateescape")).encode()  # never what stands in a file as it is
    fitting = [each.token for each in holders if hmac.compare_digest(hashed, each.hash)]
    if scheme.lower() == "bearer":
        return fitting[0] if fitting else None
    return next((each for each in fitting if each.name == name), None)


def _family(host: str) -> int:
    return socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _refused(asked: web.Request, code: int, error: GateError, reason: str = Reason.INTERNAL_ERROR) -> web.Response:
    """A block; to who asked for something else that there is, the error alone."""
    if asked.path in ("/metrics", *HEALTH, RECORDING, *ENTER):
        return answer(fault(error), code)
    return refused(asked, code, error, reason)
