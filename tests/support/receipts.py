"""Receipts of calls in a store, and the page of them served as a firm would."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from gate.core.receipts import Caller, new_code, receipt_fact
from gate.core.terms import Decision, Reason, RegisterView, Verdict
from gate.ports import Fact
from gate.store.store import EvidenceStore
from tests.support.evidence import decision

CALLER = Caller("Webeo Example Ltd", "Webeo", "1 Example Street, London", "0800 111 2222", "calls@example.co.uk")
SHOWN = "+442079460999"
REGISTERS = tuple(
    RegisterView(name, state="ok", as_of=date(2026, 3, 1), sha256=f"{n}b" * 32, covered=True, listed=False)
    for n, name in enumerate(("tps", "ctps"))
)


def code(seed: int) -> str:
    """A code, the same each time."""
    return new_code(random.Random(seed).randrange)


def receipted(
    store: EvidenceStore, seed: int, number: str, at: datetime, decided: Decision | None = None, **said: Any
) -> str:
    """A call that was let through and ended, with the receipt that its callee was told; its code."""
    call, made = f"receipted-{seed}", decided or Decision(Verdict.ALLOW, Reason.NOT_LISTED, number, "", REGISTERS)

    def work(tx: Any) -> None:
        leaf = tx.append(decision(call, number, at=at, **said))
        tx.append(Fact("answered", call, at, "gate", {"codec": "PCMU"}))
        body = receipt_fact(code(seed), call, leaf, made, at, CALLER, SHOWN)
        tx.append(body.fact(f"receipt-{seed}", at, "gate"))
        tx.append(Fact("ended", call, at, "gate", {"by": "callee", "seconds": 9.0}))

    store.call(work)
    return code(seed)


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """The folder over HTTP on loopback; its address."""
    handler = partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        pass
