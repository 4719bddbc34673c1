"""UDP sockets under sippy's transactions.

Takes the place of sippy's ``Udp_server`` and ``local4remote``: one receiving thread per socket, so that datagrams
keep their order (three workers let a 180 overtake its 200); a bounded backlog, so that a flood is dropped at the
socket and not queued; and sending straight from the line thread, names (not addresses) being looked up on a thread of
their own.

A flood fills the queue of the socket that everybody sends to. A PBX, a carrier or a proven phone that has to wait in it
gets a queue of its own (``PeerQueues``); and what waits behind a flood says nothing of how late the line is.
"""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from functools import lru_cache, partial
from ipaddress import ip_address

import structlog

from gate.errors import ConfigError
from gate.sip.flood_filter import FloodFilter
from gate.sip.hep import Capture
from gate.sip.message import MAX_MESSAGE, Address
from gate.sip.peers import Endpoint, plain
from gate.sip.sippy_adapter.event_loop import StepQueue

_log = structlog.get_logger("gate.sip")

BACKLOG = 4000
"""Steps waiting for the line thread beyond which datagrams are dropped."""
_INSIDE = (b"SIP/2.0 ", b"ACK ", b"BYE ", b"INFO ", b"UPDATE ", b"PRACK ")
"""How a datagram begins that cannot be a new call. No CANCEL: it stays behind its INVITE."""
RESOLVE_SECONDS = 60.0
STALE_SECONDS = 4.0
"""What has waited longer for a name is not sent: an INVITE would ring somebody whose call is over, or who has objected
meanwhile."""
_TIMESTAMP = 35
"""SO_TIMESTAMPNS, and the type of what it sends along (``asm-generic/socket.h``): Python has no name for it."""
_STAMP = struct.Struct("@qq")
_ANCILLARY, _AT_ONCE = socket.CMSG_SPACE(_STAMP.size), socket.MSG_DONTWAIT
_PEERS = 256
"""Queues of single peers at once."""
_PEER_WAITS = 0.02
"""Seconds in the kernel from which a peer gets one."""
_IDLE_SECONDS = 60.0
"""One that has had nothing for so long makes room for another."""
_FLOOD, _OF_LATE = 0.5, 1 / 64
"""Share of what comes that is not let through, from which it is a flood; what the last datagram counts in it."""
_LITERALS = 4096
_LONGEST_WAIT = 60.0
"""In the kernel; more is a clock that was set."""

Receiver = Callable[[bytes, Address, Endpoint], None]


def split_address(text: str) -> Address:
    """``host``, ``host:port``, ``[v6]`` or ``[v6]:port`` -> (host, port), IPv6 in brackets.

    Raises:
        ConfigError: it is none of these.
    """
    host, port = text.strip(), ""
    if host.startswith("["):
        inside, bracket, rest = host[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ConfigError(f"{text!r} is no address", hint="Write [v6]:port, for example [::1]:5060.")
        host, port = f"[{inside}]", rest[1:]
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    elif ":" in host:
        raise ConfigError(f"{text!r} is no address", hint="Write an IPv6 address in brackets, for example [::1]:5060.")
    if not host or (port and not (port.isdigit() and int(port) < 65536)):
        raise ConfigError(f"{text!r} is no address", hint="Write host:port, for example 127.0.0.1:5060.")
    return host, int(port) if port else 5060


class UdpEndpoint(Endpoint):
    """One socket as the peers of one route see it."""

    def __init__(self, owner: Transport, sock: socket.socket, address: Address) -> None:
        self.owner = owner
        self.sock = sock
        self.address = address

    def send_to(self, data: bytes | str, address: Address, delayed: bool = False) -> None:
        """Send now where ``address`` is a literal, else when its name is known."""
        data = data if isinstance(data, bytes) else data.encode("utf-8", "replace")
        if address in self.owner.literal and self.owner.capture is None:
            try:
                self.sock.sendto(data, socket.MSG_DONTWAIT, address)
            except (OSError, OverflowError, ValueError) as error:
                _log.debug("a datagram could not be sent", to=f"{address[0]}:{address[1]}", error=str(error))
        else:
            self.owner.send(self.sock, data, address)


class Transport:
    """All sockets of the line. ``open`` in any thread, before the loop runs; ``getServer`` is what sippy calls."""

    def __init__(self, listen: str, steps: StepQueue, receive: Receiver) -> None:
        self._listen = [split_address(part) for part in listen.split(",") if part.strip()]
        if not self._listen:
            raise ConfigError("sip.listen is empty", hint="Write for example 127.0.0.1:5060.")
        self._steps = steps
        self._receive = receive
        self._sockets: list[tuple[socket.socket, Address, bool]] = []
        self._endpoints: dict[tuple[int, str], UdpEndpoint] = {}
        self._only: UdpEndpoint | None = None
        """Where there is one socket at one address, there is nothing to choose."""
        self._closing = False
        self.literal: set[Address] = set()
        """Literal addresses of IPv4 that something was sent to."""
        self._names: dict[str, tuple[tuple[str, ...], float]] = {}
        """Name -> its addresses, and until when they need not be asked for again."""
        self._unresolved: queue.Queue[tuple[socket.socket, bytes, Address, float] | None] = queue.Queue(1000)
        self._peers = PeerQueues(self._take)
        self.flood_filter = FloodFilter()
        self.dropped = 0
        """Datagrams dropped because the line thread did not keep up."""
        self.needs_nothing: Callable[[bytes], bool] = lambda data: False
        """True for an ACK for which there is nothing to do; asked by the receiving threads."""
        self.capture: Capture | None = None
        """Is given what is sent."""
        self.on_wait: Callable[[float], None] = lambda seconds: None
        self.on_wait_inside: Callable[[float], None] = lambda seconds: None
        """Told how long each datagram has waited for its turn, from its arrival in the kernel; those inside a call by
        themselves, for they come first."""

    def open(self) -> None:
        """Bind every address of ``sip.listen``.

        Raises:
            ConfigError: an address is taken or not this machine's.
        """
        for host, port in self._listen:
            family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_DGRAM)
            try:
                if family == socket.AF_INET6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
                with contextlib.suppress(OSError):  # without it the wait in the kernel is not seen
                    sock.setsockopt(socket.SOL_SOCKET, _TIMESTAMP, 1)
                sock.bind((host.strip("[]"), port))
            except OSError as error:
                sock.close()
                self.close()
                raise ConfigError(
                    f"cannot listen on {host}:{port}: {error.strerror}",
                    hint="Is another program, or another gate, on that port? Is the address this machine's?",
                ) from error
            with contextlib.suppress(OSError):  # once it is bound: another gate is still refused the port
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            bound = (host, sock.getsockname()[1])
            wild = host.strip("[]") in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
            self._sockets.append((sock, bound, wild))
            alone = len(self._sockets) == 1 and not wild
            self._only = UdpEndpoint(self, sock, bound) if alone else None

    @property
    def addresses(self) -> list[Address]:
        """The bound addresses, with their real ports."""
        return [address for _, address, _ in self._sockets]

    def start(self) -> None:
        """Receive, from now on, on threads of their own."""
        threading.Thread(target=self._resolve, name="sip-names", daemon=True).start()
        threading.Thread(target=self._peers.run, name="sip-udp-peers", daemon=True).start()
        for sock, _, _ in self._sockets:
            threading.Thread(target=self._read, args=(sock,), name="sip-udp", daemon=True).start()

    def close(self) -> None:
        """Close the sockets and end the threads."""
        self._closing = True
        self._peers.close()
        with contextlib.suppress(queue.Full):
            self._unresolved.put_nowait(None)
        for sock, _, _ in self._sockets:
            with contextlib.suppress(OSError):  # not connected: the reader is woken all the same
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _read(self, sock: socket.socket) -> None:
        """The receiving thread."""
        six = sock.family == socket.AF_INET6
        strange = 0.0
        """The share of late that was not let through."""
        own: PeerQueue | None = None
        """A peer's, which is not read before all is taken here that came earlier: what it sends keeps its order."""
        while not self._closing:
            try:
                data, extra, _, source = sock.recvmsg(MAX_MESSAGE + 1, _ANCILLARY, _AT_ONCE if own else 0)
            except OSError as error:
                if own is not None and isinstance(error, BlockingIOError):
                    self._peers.read(own)
                    own = None
                elif self._closing:
                    return
                else:
                    time.sleep(0.01)
                continue
            if self._closing:  # a socket that was shut down gives an empty datagram of nobody
                return
            waited = _waited(extra)
            if own is not None and waited < time.monotonic() - own.since:
                self._peers.read(own)
                own = None
            address = (f"[{source[0]}]", source[1]) if six else source
            flood = strange > _FLOOD
            strange -= strange * _OF_LATE
            if not self._take(data, address, 0.0 if flood else waited):
                strange += _OF_LATE
            elif own is None and waited > _PEER_WAITS and self.flood_filter.is_peer(address):
                own = self._peers.open(sock, source)

    def _take(self, data: bytes, address: Address, waited: float) -> bool:
        """Take a datagram that the line has kept waiting in the kernel for so many seconds. False where the flood
        filter does not let it through."""
        if len(self._steps) > BACKLOG:
            self.dropped += 1
            return True
        if self._closing or len(data) < 32:  # keep-alives of phones are two or four bytes long
            return True
        if not self.flood_filter.lets(address, len(data)):
            return False
        if not (data[:4] == b"ACK " and self.needs_nothing(data)) and self.flood_filter.heeds(address, data):
            inside, arrived = data.startswith(_INSIDE), time.monotonic() - waited
            self._steps.arrived(partial(self._deliver, data, address, arrived, inside), inside=inside)
        return True

    def _deliver(self, data: bytes, source: Address, arrived: float, inside: bool) -> None:
        (self.on_wait_inside if inside else self.on_wait)(time.monotonic() - arrived)
        self._receive(data, source, self.getServer(source))

    # --- what sippy's transaction manager calls ---------------------------------------------------------------------

    def getServer(self, address: Address, is_local: bool = False) -> Endpoint:
        """The endpoint that peers at ``address`` see: the socket of its family, under the local address they reach it
        at."""
        if self._only is not None:
            return self._only
        host = address[0]
        v6 = host.startswith("[")
        index = next((at for at, each in enumerate(self._sockets) if each[1][0].startswith("[") == v6), 0)
        sock, bound, wild = self._sockets[index]
        key = (index, host if wild else "")
        endpoint = self._endpoints.get(key)
        if endpoint is None:
            if len(self._endpoints) > 4096:
                self._endpoints.clear()
            local = _route(host, sock.family) if wild else bound[0]
            endpoint = self._endpoints[key] = UdpEndpoint(self, sock, (local, bound[1]))
        return endpoint

    def rotateCache(self) -> None:
        """Nothing is cached that could grow without bound."""

    def shutdown(self) -> None:
        """sippy's end."""
        self.close()

    # --- sending ------------------------------------------------------------------------------------------------------

    def send(self, sock: socket.socket, data: bytes, address: Address) -> None:
        """Send to a literal address at once, else by way of the names thread."""
        host, port = address
        if host.startswith("["):
            self._send(sock, data, (host[1:-1], port))
        elif host[:1].isdigit() and host.replace(".", "").isdigit():
            if len(self.literal) >= _LITERALS:
                self.literal.clear()
            self.literal.add(address)
            self._send(sock, data, (host, port))
        else:
            known = self._names.get(host)
            if known and known[1] > time.monotonic():
                self._send(sock, data, (known[0][0], port))
                return
            try:
                self._unresolved.put_nowait((sock, data, address, time.monotonic()))
            except queue.Full:
                _log.warning("too many names to look up; a datagram is dropped", host=host)

    def leads_nowhere(self, host: str, port: int, source: Address) -> bool:
        """True for a literal address that ``source`` cannot mean: many hosts, a family that is not spoken here, this
        machine's loopback where it is elsewhere itself, or the gate's own."""
        try:
            address = ip_address(host.strip("[]"))
        except ValueError:
            return False  # a name
        if address.is_multicast or address.is_unspecified or (address.is_loopback and not _is_loopback(source[0])):
            return True
        own = [(bound, wild) for _, bound, wild in self._sockets if bound[0].startswith("[") == (address.version == 6)]
        if not own:
            return True
        return any(port == bound[1] and (is_here(str(address)) if wild else host == bound[0]) for bound, wild in own)

    def hosts_of(self, host: str) -> frozenset[str]:
        """The addresses of a host, as datagrams come from them: itself where it is one, else those that its name had
        when something was sent to it last."""
        known = self._names.get(host)
        return frozenset({plain(host)} if known is None else (plain(each) for each in known[0]))

    def _send(self, sock: socket.socket, data: bytes, address: tuple[str, int]) -> None:
        if self.capture is not None:
            host, port = sock.getsockname()[:2]
            wild = host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
            self.capture(data, (_route(address[0], sock.family) if wild else host, port), address, "udp")
        try:
            sock.sendto(data, socket.MSG_DONTWAIT, address)
        except (OSError, OverflowError, ValueError) as error:
            _log.debug("a datagram could not be sent", to=f"{address[0]}:{address[1]}", error=str(error))

    def _resolve(self) -> None:
        """The names thread."""
        while True:
            item = self._unresolved.get()
            if item is None:
                return
            sock, data, (host, port), since = item
            known = self._names.get(host)
            if not known or known[1] <= time.monotonic():
                try:
                    found = socket.getaddrinfo(host, port, sock.family, socket.SOCK_DGRAM)
                except (OSError, ValueError, OverflowError) as error:  # a name out of a message may be anything
                    _log.warning("a name cannot be looked up", host=host, error=str(error))
                    continue
                if len(self._names) > 1000:
                    self._names.clear()
                addresses = tuple(str(each[4][0]) for each in found)
                known = self._names[host] = (addresses, time.monotonic() + RESOLVE_SECONDS)
            if time.monotonic() - since < STALE_SECONDS:  # it is sent again, where it is still to be
                self._send(sock, data, (known[0][0], port))


class PeerQueue:
    """A socket that takes what one peer sends, and nobody else."""

    def __init__(self, sock: socket.socket, key: tuple[int, Address]) -> None:
        self.sock = sock
        self.key = key
        self.since = self.last = time.monotonic()
        """When it was opened, or read first; and when something came last."""


class PeerQueues:
    """Sockets beside those that everybody sends to, at the same address, connected to one peer each: the kernel gives
    what that peer sends to its own (SO_REUSEPORT, connect(2)), so no flood of others fills its queue."""

    def __init__(self, take: Callable[[bytes, Address, float], object]) -> None:
        self.closing = False
        """None is opened any more."""
        self._take = take
        self._ready = select.epoll()
        self._queues: dict[tuple[int, Address], PeerQueue] = {}
        self._read: dict[int, PeerQueue] = {}
        """By descriptor."""

    def __len__(self) -> int:
        return len(self._read)

    def open(self, beside: socket.socket, peer: Address) -> PeerQueue | None:
        """One for this peer, as the kernel names it, beside that socket: give it to ``read``. None where it has one, or
        there is no room."""
        key = (beside.fileno(), peer)
        if self.closing or key in self._queues or (len(self._queues) >= _PEERS and not self._make_room()):
            return None
        sock = socket.socket(beside.family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.setsockopt(socket.SOL_SOCKET, _TIMESTAMP, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if beside.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(beside.getsockname())
            sock.connect(peer)
        except OSError as error:
            sock.close()
            _log.warning("a peer has no queue of its own", peer=f"{peer[0]}:{peer[1]}", error=str(error))
            return None
        _log.info("a peer has a queue of its own", peer=f"{peer[0]}:{peer[1]}")
        made = self._queues[key] = PeerQueue(sock, key)
        if self.closing:
            sock.close()
        return made

    def read(self, own: PeerQueue) -> None:
        """From now on. What came before waited for this, and not for the line."""
        own.since = time.monotonic()
        with contextlib.suppress(OSError, ValueError):  # closed meanwhile
            self._ready.register(own.sock, select.EPOLLIN)
            self._read[own.sock.fileno()] = own

    def run(self) -> None:
        """The thread that reads them."""
        while not self.closing:
            for descriptor, _ in self._ready.poll(1.0):
                if (own := self._read.get(descriptor)) is not None:
                    with contextlib.suppress(OSError):  # nobody is at the peer's port, or it was closed just now
                        self._next(own)

    def close(self) -> None:
        """Free the address, and end the thread."""
        self.closing = True
        for each in list(self._queues.values()):
            each.sock.close()

    def _next(self, own: PeerQueue) -> None:
        data, extra, _, source = own.sock.recvmsg(MAX_MESSAGE + 1, _ANCILLARY)
        now = own.last = time.monotonic()
        address = (f"[{source[0]}]", source[1]) if own.sock.family == socket.AF_INET6 else source
        self._take(data, address, min(_waited(extra), now - own.since))

    def _make_room(self) -> bool:
        now = time.monotonic()
        idle = [each for each in self._read.values() if now - each.last > _IDLE_SECONDS]
        for each in idle:
            del self._read[each.sock.fileno()], self._queues[each.key]
            each.sock.close()
        return bool(idle)


def _waited(extra: list[tuple[int, int, bytes]]) -> float:
    """How long ago the kernel got a datagram; 0.0 where it did not say."""
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == _TIMESTAMP and len(data) >= _STAMP.size:
            seconds, nanoseconds = _STAMP.unpack_from(data)
            # By the clock that the kernel stamps with.
            waited: float = time.clock_gettime(time.CLOCK_REALTIME) - seconds - nanoseconds / 1e9
            return min(max(0.0, waited), _LONGEST_WAIT)
    return 0.0


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@lru_cache(1024)
def is_here(address: str) -> bool:
    """True for a literal address of this machine's."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def local_towards(host: str) -> str:
    """The local address from which packets to a host leave, as far as that is known without looking a name up."""
    literal = host.startswith("[") or host.replace(".", "").isdigit()
    return _route(host if literal else "192.0.2.1", socket.AF_INET6 if host.startswith("[") else socket.AF_INET)


def _route(host: str, family: int) -> str:
    """The local address that packets to ``host`` leave from."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host.strip("[]"), 9))
            local = str(probe.getsockname()[0])
        except OSError:
            local = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    return f"[{local}]" if family == socket.AF_INET6 else local
