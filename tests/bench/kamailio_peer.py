"""Kamailio refusing INVITEs: by itself, with or without a transaction, or after it has asked a gate over HTTP, or a
screening program by evapi."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.support.running_gate import LISTED, RunningGate, free_port
from tests.support.sip_peer import Phone
from tests.support.waiting import PATIENCE

PACKAGE = "kamailio-extra-modules"
"""Debian's, with ``http_async_client`` and ``evapi``."""


class How(StrEnum):
    """What it does before its 603."""

    STATELESS = "Kamailio, stateless"
    STATEFUL = "Kamailio, stateful"
    ASKING = "Kamailio asking the gate"
    EVAPI = "Kamailio asking by evapi"


_MAIN = """
debug=1
children=2
disable_tcp=yes
auto_aliases=no
listen=udp:127.0.0.1:{port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
{modules}
request_route {{
    if (is_method("ACK")) {{ t_check_trans(); exit; }}
    if (!is_method("INVITE")) {{ sl_send_reply("200", "OK"); exit; }}
    {invite}
    exit;
}}
"""
_ASKING = """
loadmodule "http_async_client.so"
modparam("http_async_client", "workers", 2)
modparam("http_async_client", "connection_timeout", 30000)
route[ANSWER] {{
    if ($http_ok && $http_rs == 200 && $http_rb == "allow") {{ t_reply("500", "This Peer Connects Nobody"); }}
    else {{ t_reply("603", "Decline"); }}
}}
"""
_ASKS = """
    t_newtran();
    $http_req(timeout) = 30000;
    $http_req(hdr) = "Authorization: Bearer {token}";
    $http_req(hdr) = "Content-Type: text/plain";
    $http_req(body) = $rU;
    http_async_query("http://{http}/v1/decision?format=text", "ANSWER");
"""
_EVAPI = """
loadmodule "tmx.so"
loadmodule "evapi.so"
modparam("evapi", "bind_addr", "127.0.0.1:{evapi}")
modparam("evapi", "max_clients", 1)
# microseconds: it would look every half second for what has come
modparam("evapi", "wait_idle", 1000)
event_route[evapi:connection-new] {{ evapi_relay("hello"); }}
event_route[evapi:message-received] {{
    $var(verdict) = $(evapi(msg){{s.select,2,:}});
    $var(index) = $(evapi(msg){{s.select,0,:}}{{s.int}});
    $var(label) = $(evapi(msg){{s.select,1,:}}{{s.int}});
    t_continue("$var(index)", "$var(label)", "VERDICT");
}}
route[VERDICT] {{
    if ($var(verdict) == "allow") {{ t_reply("500", "This Peer Connects Nobody"); }}
    else {{ t_reply("603", "Decline"); }}
}}
"""
_ASKS_BY_EVAPI = """
    t_newtran();
    evapi_async_relay("$T(id_index):$T(id_label):$rU");
"""


def has_modules() -> bool:
    """Whether Kamailio and that package are installed."""
    return any(Path("/usr/lib").glob("*/kamailio/modules/evapi.so"))


def may_ask(gate: RunningGate) -> None:
    """Put the door for it into the gate's configuration."""
    gate.http = f"127.0.0.1:{free_port()}"
    gate.set("control", http=gate.http, connections=5000, connections_each=5000)
    gate.add_token("kamailio", purposes=["marketing"], calls_a_minute=10_000_000)


@contextmanager
def kamailio(folder: Path, how: How, gate: RunningGate | None = None) -> Iterator[tuple[list[int], tuple[str, int]]]:
    """A running one: its processes, which have children, and where it listens. ``gate``: one that may be asked."""
    port, evapi, modules = free_port(), free_port(), ""
    invite = 'sl_send_reply("603", "Decline");' if how is How.STATELESS else 't_newtran(); t_reply("603", "Decline");'
    if how is How.ASKING:
        assert gate is not None
        modules, invite = _ASKING.format(), _ASKS.format(token=gate.tokens["kamailio"], http=gate.http)
    elif how is How.EVAPI:
        modules, invite = _EVAPI.format(evapi=evapi), _ASKS_BY_EVAPI
    if how in (How.ASKING, How.EVAPI):
        assert has_modules(), f"install Debian's package {PACKAGE}"
    folder.mkdir()
    config = folder / "kamailio.cfg"
    config.write_text(_MAIN.format(port=port, modules=modules, invite=invite))
    words = ["-f", str(config), "-DD", "-E", "-m", "1024", "-w", str(folder), "-Y", str(folder)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["kamailio", *words, "-P", str(folder / "pid")], stdout=log, stderr=log)
    with ExitStack() as stack:
        stack.callback(_end, process)
        wait_answering(process, port, folder / "log")
        processes: list[subprocess.Popen[Any]] = [process]
        if how is How.EVAPI:
            words = [sys.executable, "-m", "tests.bench.evapi_screen", str(evapi), LISTED]
            asked = stack.enter_context(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
            stack.callback(_end, asked)
            processes.append(asked)
            assert asked.stdout is not None and asked.stdout.readline() == "hello\n"
        yield [each.pid for each in processes], ("127.0.0.1", port)


def wait_answering(process: subprocess.Popen[Any], port: int, log: Path) -> None:
    """Until it answers: it listens before its workers are there."""
    end = time.monotonic() + PATIENCE
    with Phone(("127.0.0.1", port)) as phone:
        while True:
            phone.send(phone.request("OPTIONS", phone.new_dialog()))
            if not phone.quiet(0.2):
                return
            assert process.poll() is None and time.monotonic() < end, log.read_text()


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    process.wait(PATIENCE)
