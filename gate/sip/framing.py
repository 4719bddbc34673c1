"""Messages out of a stream of bytes (RFC 3261 18.3), and the keep-alive between them (RFC 5626 3.5.1).

A stream says where a message ends by Content-Length alone. So one that does not say it, or not clearly, is the last
that is read of its connection: what follows could be another message for one reader and a body for the next.
"""

from __future__ import annotations

from typing import NamedTuple

from gate.sip.message import MAX_MESSAGE, MAX_URI, content_length

Fault = tuple[int, str]
"""Code and phrase of the answer."""
_END = b"\r\n\r\n"
_LONGEST_LINE = MAX_URI + 64
_TOKEN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")


class NotSipError(ValueError):
    """What came is no SIP: there is nothing to answer."""


class Framed(NamedTuple):
    """A whole message; with a fault what could be read of it, after which nothing can."""

    data: bytes
    fault: Fault | None = None


class Framer:
    """The bytes of one connection. Costs no more than in proportion to what came, however it was cut up."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0
        """So far no end of a head was found."""
        self._length = 0
        """Of the message whose head is whole; 0 where it is not."""
        self._started = False
        """Its first line has been looked at."""
        self._blank = 0
        self.pings = 0
        """Keep-alives that came since somebody set this to 0."""

    @property
    def within(self) -> bool:
        """A message has begun and is not whole."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[Framed]:
        """The messages that are whole now.

        Raises:
            NotSipError: the stream cannot be read on.
        """
        self._held += data
        found: list[Framed] = []
        while (message := self._next()) is not None:
            found.append(message)
            if message.fault:
                break
        return found

    def _next(self) -> Framed | None:
        if not self._length:
            fault = self._head()
            if fault is not None:
                return self._take(len(self._held), fault)
        if not self._length or len(self._held) < self._length:
            return None
        return self._take(self._length)

    def _take(self, length: int, fault: Fault | None = None) -> Framed:
        data = bytes(self._held[:length])
        del self._held[:length]
        self._searched = self._length = self._blank = 0
        self._started = False
        return Framed(data, fault)

    def _head(self) -> Fault | None:
        """Look for the end of the head; its fault where there is one."""
        self._skip_blank()
        if not self._held or self._held == b"\r":
            return None
        self._look_at_start()
        end = self._held.find(_END, max(0, self._searched - 3), MAX_MESSAGE)
        if end < 0:
            self._searched = len(self._held)
            return (513, "Message Too Large") if self._searched >= MAX_MESSAGE else None
        end += len(_END)
        try:
            length = content_length(bytes(self._held[: end - len(_END)]))
        except ValueError:
            return 400, "Bad Content-Length"
        if length is None:
            return 400, "Content-Length Required"
        if end + length > MAX_MESSAGE:
            return 513, "Message Too Large"
        self._length = end + length
        return None

    def _skip_blank(self) -> None:
        """Empty lines between messages; two of them ask for one."""
        while self._held.startswith(b"\r\n"):
            del self._held[:2]
            self._blank += 1
            if self._blank == 2:
                self._blank = 0
                self.pings += 1

    def _look_at_start(self) -> None:
        """A request's method or ``SIP/2.0`` at once, and a whole start line once it is there."""
        if self._started:
            return
        if self._held[0] not in _TOKEN:
            raise NotSipError("no SIP")
        end = self._held.find(b"\n", 0, _LONGEST_LINE)
        if end >= 0:
            if b"SIP/" not in bytes(self._held[:end]).upper():
                raise NotSipError("no SIP")
            self._started = True
        elif len(self._held) >= _LONGEST_LINE:
            self._started = True  # too long a URI: answered as such when the head is whole
