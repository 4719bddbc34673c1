"""The TCP door for phone systems: ``POST /v1/decision``, ``GET /metrics``, ``GET /healthz``.

Bearer token on everything but the health check. A caller that looks only at ``verdict`` is safe whatever goes wrong:
every answer of ``/v1/decision``, errors included, carries one, and it is ``block`` unless the gate decided otherwise.
Browsers are kept out: a request with an ``Origin`` is refused, and on loopback so is a ``Host`` that is not loopback
(a page of an attacker's whose name was pointed at 127.0.0.1).
"""

from __future__ import annotations

import asyncio
import hmac
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.typedefs import Handler

from gate.config import Config, read_secret
from gate.control.faults import fault, status
from gate.control.messages import arguments
from gate.control.wire import answer, body
from gate.control.work import Workers
from gate.core.screening import Reason, Verdict
from gate.errors import ControlError, GateError, RefusedError, StoreError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_HEALTH_SECONDS = 3.0


async def endpoint(
    desk: Any, config: Config, metrics: CollectorRegistry, stop: asyncio.Event, workers: Workers
) -> web.AppRunner:
    """Listen on ``control.http``; raises ``ConfigError`` (token) or ``ControlError`` (port taken)."""
    token = read_secret(config.base, config.control.token_file)
    host, _, port = config.control.http.rpartition(":")
    host = host.strip("[]")
    app = endpoint_app(desk, token, host, metrics, stop, workers)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, int(port)).start()
    except OSError as error:
        await runner.cleanup()
        raise ControlError(
            f"cannot listen at {config.control.http}: {error.strerror}", hint="set control.http to a free port"
        ) from None
    return runner


def endpoint_app(
    desk: Any, token: str, host: str, metrics: CollectorRegistry, stop: asyncio.Event, workers: Workers
) -> web.Application:
    """The application on TCP; ``host`` is the address it listens at."""
    loopback = ip_address(host).is_loopback
    # Asked without a token: threads of its own, so that asking often takes none from the decisions.
    checkers = Workers("health", threads=1, most=8)

    async def close(_: web.Application) -> None:
        checkers.close()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if "Origin" in request.headers or (loopback and not _is_loopback(request.host)):
            return _refused(request, 403, ControlError("this door is for phone systems, not for browsers"))
        if request.path != "/healthz" and not _has(request, token):
            response = _refused(
                request, 401, ControlError("the token is missing or wrong", hint="see control.token_file")
            )
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        return await handler(request)

    async def decision(asked: web.Request) -> web.StreamResponse:
        if stop.is_set():
            return _refused(asked, 503, ControlError("the gate is stopping"), Reason.GATE_STOPPING)
        try:
            fields = arguments("decide", await body(asked))
            return answer(await workers.call(desk, "decide", f"http:{asked.remote}", fields))
        except StoreError as error:
            return _refused(asked, 503, error, Reason.EVIDENCE_UNAVAILABLE)
        except RefusedError as error:
            return _refused(asked, status(error), error, error.reason)
        except GateError as error:
            return _refused(asked, status(error), error)

    async def exposition(_: web.Request) -> web.StreamResponse:
        from prometheus_client import generate_latest

        text = await workers.run(lambda: generate_latest(metrics))
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def health(_: web.Request) -> web.StreamResponse:
        """200 while calls can be decided; 503 where not (``status()["ok"]`` is false, or does not come)."""
        state = "stopping"
        if not stop.is_set():
            try:
                async with asyncio.timeout(_HEALTH_SECONDS):
                    told = await checkers.call(desk, "status", "http:healthz", {})
                state = "ok" if told.get("ok", True) else "not ok"
            except (GateError, TimeoutError):
                state = "not ok"
        return answer({"state": state}, 200 if state == "ok" else 503)

    app = web.Application(client_max_size=16 * 1024, middlewares=[guard])
    app.router.add_post("/v1/decision", decision)
    app.router.add_get("/metrics", exposition)
    app.router.add_get("/healthz", health)
    app.on_cleanup.append(close)
    return app


def _has(asked: web.Request, token: str) -> bool:
    scheme, _, given = asked.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(
        given.strip().encode("utf-8", "surrogateescape"), token.encode()
    )


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and not host.endswith("]") else host
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _refused(asked: web.Request, code: int, error: GateError, reason: str = Reason.INTERNAL_ERROR) -> web.Response:
    body = fault(error)
    if asked.path == "/v1/decision":
        body |= {"verdict": Verdict.BLOCK, "reason": reason}
    return answer(body, code)
