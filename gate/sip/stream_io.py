"""The thread that reads and writes every SIP connection, TCP and TLS alike; none has a thread of its own.

Bytes come in, whole messages go to the line thread; what the line thread sends is written here. Everything that a
peer could hold open has an end: its TLS handshake, a message that does not become whole, silence, a socket that takes
nothing, a stranger's connection on which nobody proves anything. A flood is not read: its connection waits, or is
closed where that takes too long.

The gate's certificate for SIP over TLS, and the certificates by which PBXs are known.

They come from files that are looked at again and again: a certificate is renewed without a restart. Where the new files
cannot be taken (half written, a key of another certificate) the old ones stay in force, and status says so.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import structlog

from gate.sip.connection import READS, WRITES, Connection, ConnectionBounds, Framed, NotSipError, address_of, prepare
from gate.sip.flood_filter import FloodFilter
from gate.sip.hep import Capture
from gate.sip.message import Address


class Certificates:
    """What a TLS listener shows and asks for. ``look`` is called by one thread alone."""

    def __init__(self, certificate: Path, key: Path, pbxs: Mapping[str, Path]) -> None:
        """``pbxs``: the file of each PBX that is known by its certificate.

        Raises:
            OSError: a file cannot be read, or holds no certificate (``ssl.SSLError``).
            ValueError: a PBX's file holds none.
        """
        self._certificate, self._key, self._pbxs = certificate, key, dict(pbxs)
        self.fault = ""
        """Why the files as they are now are not in force; empty where they are."""
        self._seen = self._state()
        self.context, self._known = self._read()

    def look(self) -> None:
        """Take the files anew where one has changed."""
        state = self._state()
        if state == self._seen:
            return
        self._seen = state
        try:
            self.context, self._known = self._read()
        except (OSError, ValueError) as error:
            self.fault = f"{error}"
            _log.error("the TLS certificate cannot be taken; the one before stays in force", error=self.fault)
        else:
            self.fault = ""
            _log.info("the TLS certificate was read anew", file=str(self._certificate))

    def pbx_of(self, certificate: bytes | None) -> str:
        """The PBX with this certificate (DER); empty for none."""
        return self._known.get(hashlib.sha256(certificate).digest(), "") if certificate else ""

    def towards(self, pbx: str) -> ssl.SSLContext:
        """For a connection of ours to a PBX: it has to show the certificate that it is known by. One that is known by
        its address alone is believed at that address, as when it calls.

        Raises:
            OSError, ValueError: a file cannot be read.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.load_cert_chain(self._certificate, self._key, password="")
        if pbx in self._pbxs:
            context.load_verify_locations(cadata=b"".join(ders(self._pbxs[pbx])))
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        else:
            context.verify_mode = ssl.CERT_NONE
        return context

    def _state(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stat(path) for path in (self._certificate, self._key, *self._pbxs.values()))

    def _read(self) -> tuple[ssl.SSLContext, dict[bytes, str]]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
        context.num_tickets = 0
        context.load_cert_chain(self._certificate, self._key, password="")
        known: dict[bytes, str] = {}
        for name, path in self._pbxs.items():
            found = ders(path)
            context.load_verify_locations(cadata=b"".join(found))
            known |= {hashlib.sha256(each).digest(): name for each in found}
        if known:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return context, known


def ders(path: Path) -> list[bytes]:
    """The certificates in a PEM file. Raises OSError, or ValueError where it holds none."""
    text = path.read_text(encoding="ascii", errors="replace")
    ends = "-----END CERTIFICATE-----"
    blocks = [part[part.index("-----BEGIN") :] + ends for part in text.split(ends)[:-1] if "-----BEGIN" in part]
    if not blocks:
        raise ValueError(f"{path} holds no certificate")
    return [ssl.PEM_cert_to_DER_cert(each) for each in blocks]


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


_log = structlog.get_logger("gate.sip")

WAIT_SECONDS = 0.25
"""A flood is looked at again after this."""
LEAVE_SECONDS = 1.0
LOOK_SECONDS = 2.0
"""How often the files of certificates are looked at."""
MOST_UNSENT = 1 << 18
_READ = 16384
_AT_A_GO = 32


class StreamIO:
    """The thread. ``take(connection, message)``, ``over(connection)`` are called on it, and pass on by themselves."""

    def __init__(
        self, flood_filter: FloodFilter, bounds: ConnectionBounds, certificates: Certificates | None,
        idle_seconds: float, take: Callable[[Connection, Framed], None], over: Callable[[Connection], None],
        busy: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._flood_filter = flood_filter
        self._bounds = bounds
        self._certificates = certificates
        self._idle_seconds = idle_seconds
        self._take, self._over, self._busy = take, over, busy
        self.capture: Capture | None = None
        """Is given what is sent."""
        self._selector = selectors.DefaultSelector()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._orders: deque[Callable[[], None]] = deque()
        self._woken = False
        self._lock = threading.Lock()
        self._connections: set[Connection] = set()
        self._listeners: list[socket.socket] = []
        self._closing = False
        self._swept = self._looked = 0.0
        self._thread: threading.Thread | None = None
        self.unread = 0
        """Connections closed for what they sent, or did not send in time."""

    # --- from other threads ------------------------------------------------------------------------------------------

    def start(self, listeners: Iterable[tuple[socket.socket, str]]) -> None:
        """Serve bound sockets, each with its transport."""
        self._selector.register(self._wake, READS, None)
        for sock, transport in listeners:
            sock.setblocking(False)
            self._listeners.append(sock)
            self._selector.register(sock, READS, transport)
        self._thread = threading.Thread(target=self._run, name="sip-streams", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what is left, for a moment, and end."""
        self._closing = True
        if self._thread is not None:
            self._order(lambda: None)
            self._thread.join(LEAVE_SECONDS + 1)

    def dial(
        self, address: Address, family: int, context: ssl.SSLContext | None, name: str,
        on_up: Callable[[Connection], None], on_down: Callable[[Connection, str], None],
    ) -> Connection:  # fmt: skip
        """Open a connection to a literal address; TLS with ``context``, to a peer whose certificate has ``name``. What
        is sent before it has come about leaves then. ``on_up`` and ``on_down`` are called on the I/O thread."""
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        connection = Connection(sock, "tls" if context else "tcp", address, time.monotonic())
        connection.connecting = connection.proven = connection.trusted = True
        connection.context, connection.name = context, name
        connection.on_up, connection.on_down = on_up, on_down
        self._order(lambda: self._dial(connection, (address[0].strip("[]"), address[1])))
        return connection

    def send(self, connection: Connection, data: bytes) -> None:
        """Write to a connection, soon."""
        if self.capture is not None:
            self.capture(data, connection.local, connection.peer, connection.transport)
        self._order(lambda: self._write(connection, data))

    def hang_up(self, connection: Connection) -> None:
        """Close it once all is written."""
        self._order(lambda: self._end(connection))

    def _order(self, step: Callable[[], None]) -> None:
        self._orders.append(step)
        with self._lock:
            if self._woken:
                return
            self._woken = True
        with contextlib.suppress(OSError):
            os.eventfd_write(self._wake, 1)

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        until = float("inf")
        while time.monotonic() < until:
            if self._closing and until == float("inf"):
                until = time.monotonic() + LEAVE_SECONDS
            if self._closing and not self._orders and not any(each.unsent for each in self._connections):
                break
            try:
                self._once()
            except Exception:  # noqa: BLE001 - the boundary: one bad turn must not end every connection
                _log.exception("step failed")
        for each in list(self._connections):
            self._close(each, "the gate stops")
        for listener in self._listeners:
            listener.close()
        self._selector.close()
        os.close(self._wake)

    def _once(self) -> None:
        """One turn: what is ready, what was ordered, what is late."""
        ready = self._selector.select(0.05 if self._closing else WAIT_SECONDS)
        if self._busy() and not self._closing:
            time.sleep(0.005)
            ready = []  # the line does not keep up: the kernel holds what comes, and peers wait
        for key, mask in ready:
            if isinstance(key.data, Connection):
                self._guarded(key.data, mask)
            elif key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wake)
            elif not self._closing:
                self._accept(key.fileobj, key.data)
        with self._lock:
            self._woken = False
        for _ in range(len(self._orders)):
            self._orders.popleft()()
        self._sweep(time.monotonic())

    def _guarded(self, connection: Connection, mask: int) -> None:
        try:
            self._ready(connection, mask)
        except NotSipError as error:
            self.unread += 1
            self._close(connection, str(error))
        except (OSError, ValueError) as error:
            self._close(connection, str(error) or repr(error))
        except Exception:  # noqa: BLE001 - the boundary: whatever one peer does, the others are served
            _log.exception("a connection failed")
            self._close(connection, "a fault of the gate's")

    def _accept(self, listener: object, transport: str) -> None:
        assert isinstance(listener, socket.socket)  # noqa: S101 - none else is registered with a transport
        for _ in range(_AT_A_GO):
            try:
                sock, peer = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:  # gone already, or no descriptor is left: those that wait cost none
                _log.debug("a connection could not be taken", error=str(error))
                time.sleep(0.01)
                return
            try:
                self._admit(sock, address_of(peer, sock.family), transport)
            except (OSError, ValueError):
                sock.close()

    def _admit(self, sock: socket.socket, peer: Address, transport: str) -> None:
        if not self._flood_filter.connects(peer[0]):
            sock.close()
            return
        sock.setblocking(False)
        prepare(sock)
        connection = Connection(sock, transport, peer, time.monotonic())
        connection.trusted = connection.proven = self._flood_filter.trusts(peer[0])
        stays, goes = self._bounds.admit(connection, sock.fileno(), trusted=connection.trusted)
        if isinstance(goes, Connection):
            self._close(goes, "made room for another")
        if not stays:
            sock.close()
            return
        try:
            if transport == "tls":
                assert self._certificates is not None  # noqa: S101 - a TLS listener has some
                connection.sock = self._certificates.context.wrap_socket(
                    sock, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
                )
            self._keep(connection)
        except (OSError, ValueError):
            self._close(connection, "it was gone at once")

    def _dial(self, connection: Connection, address: tuple[str, int]) -> None:
        self._connections.add(connection)
        try:
            code = connection.sock.connect_ex(address)
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
            self._selector.register(connection.sock, connection.events, connection)
        except (OSError, ValueError, OverflowError) as error:
            self._close(connection, str(error))

    def _connected(self, connection: Connection) -> None:
        """The connection that we open has come about, or has not."""
        code = connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        connection.connecting = False
        prepare(connection.sock)
        connection.local = address_of(connection.sock.getsockname(), connection.sock.family)
        connection.since = time.monotonic()
        if connection.context is not None:
            self._selector.unregister(connection.sock)
            connection.sock = connection.context.wrap_socket(
                connection.sock, server_hostname=connection.name, do_handshake_on_connect=False,
                suppress_ragged_eofs=False,
            )  # fmt: skip
            self._selector.register(connection.sock, WRITES, connection)
        elif connection.on_up is not None:
            connection.on_up(connection)

    def _keep(self, connection: Connection) -> None:
        self._connections.add(connection)
        self._selector.register(connection.sock, connection.events, connection)

    def _ready(self, connection: Connection, mask: int) -> None:
        if connection.closed:
            return
        if connection.connecting:
            self._connected(connection)
        if connection.shaking and not connection.closed:
            self._shake(connection)
        if not connection.shaking and not connection.closed:
            if mask & READS or connection.wants_write:
                self._read(connection)
            if connection.unsent and not connection.closed:
                self._flush(connection)
        self._attend(connection)

    def _attend(self, connection: Connection) -> None:
        """Wait for what it needs now."""
        if connection.closed:
            return
        over = connection.half and connection.owed <= 0 and not connection.unread
        if (connection.ending or over) and not connection.unsent:
            self._close(connection, "")
            return
        events = connection.events
        if not events:  # nothing but the clock moves it
            with contextlib.suppress(KeyError):
                self._selector.unregister(connection.sock)
            return
        try:
            self._selector.modify(connection.sock, events, connection)
        except KeyError:
            self._selector.register(connection.sock, events, connection)

    def _shake(self, connection: Connection) -> None:
        sock = connection.sock
        assert isinstance(sock, ssl.SSLSocket)  # noqa: S101 - only TLS has a handshake
        connection.wants_write = False
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLWantWriteError:
            connection.wants_write = True
            return
        connection.shaking = False
        if self._certificates is not None and sock.server_side:
            connection.pbx = self._certificates.pbx_of(sock.getpeercert(binary_form=True))
            if connection.pbx:
                connection.trusted = connection.proven = True
        if connection.on_up is not None:
            connection.on_up(connection)

    def _read(self, connection: Connection) -> None:
        connection.wants_write = False
        for _ in range(_AT_A_GO):
            try:
                data = connection.sock.recv(_READ)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            except ssl.SSLWantWriteError:
                connection.wants_write = True
                return
            if not data:
                self._ended(connection)
                return
            if connection.transport == "tcp" and _has_ended(connection.sock):
                connection.half = connection.on_up is None  # known before anything is done for what it has asked
            self._heard(connection, data)
            if connection.closed or connection.unread or connection.broken:
                return
            if not (isinstance(connection.sock, ssl.SSLSocket) and connection.sock.pending()):
                return  # what waits in the kernel wakes the selector again, after the others had their turn

    def _ended(self, connection: Connection) -> None:
        """The peer sends nothing more. By TCP it may wait for its answers yet: those of what it asked are sent."""
        if connection.transport == "tcp" and connection.on_up is None and (connection.owed > 0 or connection.unread):
            connection.half = True
        else:
            self._close(connection, "the peer closed it")

    def _heard(self, connection: Connection, data: bytes) -> None:
        now = time.monotonic()
        framer, within = connection.framer, connection.framer.within
        connection.heard = now
        messages = framer.feed(data)
        if framer.pings:
            framer.pings = 0
            self._write(connection, b"\r\n")
        if messages or not within:
            connection.begun = now
        connection.unread.extend(messages)
        self._pass_on(connection, now)

    def _pass_on(self, connection: Connection, now: float) -> None:
        """Messages to the line, as far as the flood filter lets them."""
        while connection.unread and not connection.closed:
            message = connection.unread[0]
            if not (connection.trusted or self._flood_filter.lets(connection.peer, len(message.data))):
                connection.look_again = now + WAIT_SECONDS
                return
            connection.unread.popleft()
            if not (message.fault or self._flood_filter.heeds(connection.peer, message.data)):
                continue
            connection.owed += not message.data.startswith((b"SIP/2.0 ", b"ACK "))
            if message.fault:
                connection.broken = True
                self.unread += 1
            self._take(connection, message)
            connection.begun = now

    def _write(self, connection: Connection, data: bytes) -> None:
        if connection.closed:
            return
        if not connection.unsent:
            connection.written = time.monotonic()
        connection.unsent += data
        connection.owed -= data.startswith(b"SIP/2.0 ") and not data.startswith(b"SIP/2.0 1")
        if len(connection.unsent) > MOST_UNSENT:
            self._close(connection, "the peer does not take what is sent")
            return
        try:
            if not connection.shaking and not connection.connecting:
                self._flush(connection)
            self._attend(connection)
        except (OSError, ValueError) as error:
            self._close(connection, str(error) or repr(error))

    def _flush(self, connection: Connection) -> None:
        while connection.unsent:
            try:
                sent = connection.sock.send(connection.unsent)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return
            del connection.unsent[:sent]
            connection.written = time.monotonic()

    def _end(self, connection: Connection) -> None:
        connection.ending = True
        self._attend(connection)

    def _close(self, connection: Connection, why: str) -> None:
        if connection.closed:
            return
        connection.closed = True
        _log.debug("a connection is over", peer=f"{connection.peer[0]}:{connection.peer[1]}", why=why)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection.sock)
        with contextlib.suppress(OSError):
            connection.sock.close()
        self._connections.discard(connection)
        self._bounds.gone(connection)
        connection.unsent.clear()
        if connection.on_down is not None:
            connection.on_down(connection, why)
        self._over(connection)

    # --- time ---------------------------------------------------------------------------------------------------------

    def _sweep(self, now: float) -> None:
        if self._certificates is not None and now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._certificates.look()
        if now - self._swept < WAIT_SECONDS:
            return
        self._swept = now
        for connection in list(self._connections):
            if why := connection.late(now, self._idle_seconds):
                self.unread += why == "late"
                self._close(connection, why)
            elif connection.unread and now >= connection.look_again:
                self._pass_on(connection, now)
                self._attend(connection)


def _has_ended(sock: socket.socket) -> bool:
    """Nothing waits to be read, and nothing will come any more."""
    try:
        return not sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:
        return False
