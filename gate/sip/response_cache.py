"""What was answered without a dialog, kept so that a retransmission gets the same bytes; and the refusal itself."""

from __future__ import annotations

import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from gate.core.terms import phrase
from gate.sip.message import Address, SipMessage, TransactionKey, answer
from gate.sip.overload import RETRY_SECONDS

ELSEWHERE = ("too_many_calls", "gate_stopping")
"""Reasons that are this gate's alone: another one may take the call."""
KEPT_SECONDS = 32.0
"""64 times T1: as long as a client retransmits (RFC 3261 17.1.1.2)."""
MAX_KEPT = 65_536
MAX_BYTES = 64 << 20
"""Bytes that all kept answers may take. Refusals at the highest rate there is take a third of them; only answers to
very long requests come near."""

_TAG_LENGTH = 20  # as in the next line, which tests/test_patterns.py reads
_TAGS = re.compile(rb"tag=([0-9a-f]{20})(?![\w.!%*+`'~-])")
_MARKS = str.maketrans('"\\', "  ")


class ResponseCache:
    """Answers by transaction; bounded in time, number and size."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._kept: OrderedDict[TransactionKey, tuple[bytes, Address, float, bytes]] = OrderedDict()
        self._tags: set[bytes] = set()
        self._awaited: set[bytes] = set()
        """The keys of the answers that are sent again until their ACK comes."""
        self._bytes = 0
        self._key = secrets.token_bytes(16)

    def __len__(self) -> int:
        return len(self._kept)

    def tag(self, request: SipMessage) -> str:
        """The To tag for a response: the same for every retransmission, without storing it."""
        text = f"{request.call_id}\0{request.from_tag}\0{request.branch}\0{request.cseq}"
        return hmac.digest(self._key, text.encode("latin-1", "replace"), "sha256").hex()[:_TAG_LENGTH]

    def keep(self, key: TransactionKey, data: bytes, to: Address, tag: str = "") -> None:
        """Remember an answer, with the To tag that it gave."""
        self._forget(key)
        self._kept[key] = (data, to, self._monotonic() + KEPT_SECONDS, tag.encode())
        self._tags.add(tag.encode())
        self._bytes += _size(key, data)
        self.trim()

    def trim(self) -> None:
        """Forget what is too old, and what is over a bound."""
        now = self._monotonic()
        while self._kept:
            oldest = next(iter(self._kept))
            if len(self._kept) <= MAX_KEPT and self._bytes <= MAX_BYTES and self._kept[oldest][2] > now:
                break
            self._forget(oldest)

    def _forget(self, key: TransactionKey) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= _size(key, kept[0])
            self._tags.discard(kept[3])
            self._awaited.discard(kept[3])

    def find(self, key: TransactionKey) -> tuple[bytes, Address] | None:
        """The answer given to this transaction, while it is remembered."""
        kept = self._kept.get(key)
        if kept is None or kept[2] <= self._monotonic():
            return None
        return kept[0], kept[1]

    def await_ack(self, key: TransactionKey) -> None:
        """The answer to this transaction is to be sent again until it is acknowledged."""
        if kept := self._kept.get(key):
            self._awaited.add(kept[3])

    def unacknowledged(self, key: TransactionKey) -> tuple[bytes, Address] | None:
        """The answer, while it is remembered and awaits its ACK."""
        kept = self._kept.get(key)
        return self.find(key) if kept is not None and kept[3] in self._awaited else None

    def acknowledged_by(self, data: bytes) -> bool:
        """Whether a datagram is the ACK of an answer that is remembered: it has the tag that this gave (RFC 3261
        17.1.1.3), which no other answer and no call has. There is nothing to do for it, so it need not be read: of a
        refusal's two requests it is one."""
        if not data.startswith(b"ACK ") or self._tags.isdisjoint(tags := _TAGS.findall(data)):
            return False
        self._awaited.difference_update(tags)
        return True


def _size(key: TransactionKey, data: bytes) -> int:
    call_id, from_tag, _, branch, sent_by = key
    return len(data) + len(call_id) + len(from_tag) + len(branch) + len(sent_by)


def refusal(
    request: SipMessage, source: Address, to_tag: str, code: int, reason: str, decision_id: str, explanation: str
) -> bytes:
    """``code`` with why: its phrase, ``Reason`` (RFC 3326), ``Warning`` 399 for people, and the decision's id for the
    record.

    ``code`` is the caller's (``refusal`` of the configuration): each phone system takes other codes as a reason to dial
    its next trunk. The same stands in ``Reason``, which some believe more than the status line.
    """
    headers = [*reasons(code, reason)]
    if decision_id:
        headers.append(("X-Dialgate-Decision", _quoted(decision_id)))
    headers += _warning(explanation)
    return answer(request, code, phrase(reason), source, headers, to_tag)


def no_room(request: SipMessage, source: Address, to_tag: str, reason: str) -> bytes:
    """503 with Retry-After (RFC 3261 21.5.4): not a refusal of this call, which may go by another gate."""
    headers = [("Retry-After", str(RETRY_SECONDS)), *reasons(503, reason)]
    return answer(request, 503, "Service Unavailable", source, headers, to_tag)


@lru_cache(512)
def reasons(code: int, reason: str) -> tuple[tuple[str, str], ...]:
    """The headers that name a reason, for machines."""
    return ("Reason", f'SIP;cause={code};text="{_quoted(reason)}"'), ("X-Dialgate-Reason", _quoted(reason))


@lru_cache(512)
def _warning(explanation: str) -> tuple[tuple[str, str], ...]:
    why = _quoted(explanation)
    return (("Warning", f'399 dialgate "{why}"'),) if why else ()


def _quoted(text: str) -> str:
    """Text that may stand between quotes in a header line, as UTF-8 in Latin-1 clothes."""
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else " " for sign in text)
    return text.translate(_MARKS)[:300].encode("utf-8").decode("latin-1")
