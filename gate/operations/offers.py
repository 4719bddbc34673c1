"""What the rooms offer to the desk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gate.service.reads import Looks, ScanFile
from gate.store.queries import Source
from gate.types import Row

if TYPE_CHECKING:
    from gate.core.letter_words import Letter, LetterFacts
    from gate.operations.requests.request_erasing import RequestEraser
    from gate.operations.requests.request_reads import RequestReads
    from gate.operations.retention.sweeper import Retention
    from gate.service.trust import Trust


@dataclass(frozen=True, slots=True)
class Offers:
    """What the rooms offer to the desk, as plain functions; ``gate.daemon`` fills them in."""

    wraps: Callable[[str], list[tuple[str, bytes]]]
    """Recording id -> wrapped keys."""
    scan: ScanFile
    trust: Trust
    retention: Retention
    live: Callable[[], list[Row]]
    """Calls in hand; empty without a running line."""
    gate_now: Callable[[], Row]
    """What a running gate counts, for ``status``: ``line`` and ``usage``; empty without one."""
    looks: Looks
    read: Callable[[Callable[[Source], Any]], Any]
    """What a function reads from the store as it is now, without keeping anybody waiting who writes."""
    requests: RequestReads
    request_eraser: RequestEraser
    render_letter: Callable[[LetterFacts], Letter]
    """Raises ``GateError`` where a template is at fault."""
    send_letter: Callable[[Letter], str]
    """By mail: what the server said; raises ``GateError`` where the server did not take it."""
    scrub: Callable[[], bool]
    """Cut the write-ahead log, so that nothing erased stays in it; False where somebody reads an older state: then it
    is cut when they are done."""
