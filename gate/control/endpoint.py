"""The TCP endpoint for phone systems: ``/v1/decision`` (GET, POST), ``PUT /v1/recording``, ``/metrics``, ``/readyz``.

A token on everything but the health check, as bearer or as the password of its name: one for metrics, one for
recordings, another for decisions, which says for which purposes of a call it may ask (``[[token]]``). A caller that
looks only at the verdict is safe whatever goes wrong: every answer carries one, wrong methods and paths included (but
for metrics, health and recordings), and it is ``block`` unless the gate decided otherwise. How questions and answers
look is in ``asking``. Browsers are kept out: a request with an ``Origin`` is refused, and on loopback so is a ``Host``
that is not loopback (a page of an attacker's whose name was pointed at 127.0.0.1). Connections are bounded, and slow
ones are closed (``bounds``).
"""

from __future__ import annotations

import asyncio
import binascii
import hmac
import socket
from base64 import b64decode
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, generate_latest

from gate.config import Config, Token, kept_token, read_secret, token_hash
from gate.control.asking import SAID, question, refused, told
from gate.control.bounds import BACKLOG, BoundedServer, Bounds, answering, by_address
from gate.control.faults import fault, status
from gate.control.messages import CarryOut, parsed
from gate.control.recording_upload import RECORDING, RecordingUpload
from gate.control.wire import answer
from gate.control.work import Workers
from gate.core.terms import Reason
from gate.errors import ControlError, GateError, RefusedError, StoreError
from gate.operations.calls.screening import Decide
from gate.operations.operation import Caller, Request
from gate.operations.status.glance import Status

_HEALTH_SECONDS = 3.0
FRESH_SECONDS: Final = 1.0
HEALTH: Final = frozenset({"/livez", "/readyz", "/healthz"})
"""Asked without a token."""
NO_ANSWER: Final = "no_answer"
"""In place of a reason: the gate's state was not to be had in ``_HEALTH_SECONDS``."""
"""How long a look at the gate's health is believed."""
DECISION_SECONDS: Final = 30.0
"""What a decision has not come in is a block."""
DECISION: Final = "/v1/decision"
Count = Callable[[str, str], None]
"""Told the verdict and the reason of each answer to a question."""
_HOLDER: Final = web.RequestKey("holder", Token)


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
) -> BoundedServer:
    """Listen on ``control.http``; raises ``ConfigError`` (token) or ``ControlError`` (port taken)."""
    holders = [Holder(token_hash(read_secret(config.base, each.token_file)), each) for each in config.token]
    control = config.control
    host, _, port = control.http.rpartition(":")
    host = host.strip("[]")
    app = endpoint_app(carry_out, holders, host, metrics, stop, workers, count)
    bounds = Bounds("http", control.connections, control.connections_each, by_address)
    try:
        sock = socket.create_server((host, int(port)), family=_family(host), backlog=BACKLOG)
    except OSError as error:
        raise ControlError(
            f"cannot listen at {control.http}: {error.strerror}", hint="set control.http to a free port"
        ) from None
    return await BoundedServer.open(app, sock, bounds, shutdown_seconds=2.0)


def endpoint_app(
    carry_out: CarryOut,
    holders: Sequence[Holder],
    host: str,
    metrics: CollectorRegistry,
    stop: asyncio.Event,
    workers: Workers,
    count: Count,
) -> web.Application:
    """The application on TCP; ``host`` is the address it listens at."""
    loopback = ip_address(host).is_loopback
    # Asked without a token: threads of its own, so that asking often takes none from the decisions.
    checkers = Workers("health", threads=1, most=8)
    uploads = RecordingUpload(carry_out)

    async def close(_: web.Application) -> None:
        checkers.close()
        uploads.close()

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
        if token.metrics != (request.path == "/metrics") or token.recordings != (request.path == RECORDING):
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

    async def decide(request: Request[Any], actor: str) -> dict[str, Any]:
        """In time; one that comes later is in the log and nowhere else."""
        work = asyncio.ensure_future(workers.call(carry_out, request, Caller(actor)))
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
            request = parsed("decide", await question(asked))
            assert isinstance(request, Decide)  # noqa: S101 - by its name
            token = asked[_HOLDER]
            request = msgspec.structs.replace(
                request,
                account=request.account or token.account,
                refused_claim=request.refused_claim or request.purpose not in token.purposes,
            )
            with answering(asked):
                return told(asked, await decide(request, f"http:{token.name}@{asked.remote}"))
        except Late as error:
            return _refused(asked, 504, error)
        except StoreError as error:
            return _refused(asked, 503, error, Reason.EVIDENCE_UNAVAILABLE)
        except RefusedError as error:
            return _refused(asked, status(error), error, error.reason)
        except GateError as error:
            return _refused(asked, status(error), error)

    async def recording(asked: web.Request) -> web.StreamResponse:
        if stop.is_set():
            return _refused(asked, 503, ControlError("the gate is stopping"))
        token = asked[_HOLDER].name
        return await uploads.take(asked, token, f"http:{token}@{asked.remote}")

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
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    looked: tuple[float, asyncio.Future[list[str]]] | None = None

    async def look() -> list[str]:
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                told = await checkers.call(carry_out, Status(), Caller("http:readyz"))
            return [str(each) for each in told.get("not_ready", ())]
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

    app = web.Application(client_max_size=16 * 1024, middlewares=[counted, guard])
    app.router.add_post("/v1/decision", decision, expect_handler=expected)
    # A HEAD says no verdict.
    app.router.add_get("/v1/decision", decision, allow_head=False, expect_handler=expected)
    app.router.add_put(RECORDING, recording, expect_handler=expected)
    app.router.add_get("/metrics", exposition)
    app.router.add_get("/livez", live)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/healthz", ready)  # whoever answers is alive
    app.on_cleanup.append(close)
    return app


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
    if asked.path in ("/metrics", *HEALTH, RECORDING):
        return answer(fault(error), code)
    return refused(asked, code, error, reason)
