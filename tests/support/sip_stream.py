"""A phone over TCP or TLS for tests: ``Phone`` with a connection in place of a socket for datagrams."""

from __future__ import annotations

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.sip_peer import Callee, Dialog, Heard, Phone, read
from tests.support.waiting import PATIENCE


class OverStream:
    """How a peer with a connection sends and hears."""

    sock: socket.socket
    held = b""

    def send(self, data: str | bytes, to: tuple[str, int] | None = None) -> None:
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def recv(self, seconds: float = PATIENCE, *, only: str = "") -> Heard:
        end = time.monotonic() + seconds
        while True:
            while (data := self._take()) is None:
                more = self._more(end, only)
                assert more, f"closed while waiting for {only or 'a message'}"
                self.held += more
            heard = read(data)
            if not only or only in (heard.method, str(heard.code)):
                return heard

    def closed(self, seconds: float = PATIENCE) -> bool:
        """True once the gate has closed the connection; what comes before is passed over."""
        end = time.monotonic() + seconds
        try:
            while self._more(end, "the end"):
                pass
        except ConnectionError:
            pass
        return True

    def silent(self, seconds: float) -> bool:
        """True where no message comes for so long."""
        try:
            self.recv(seconds)
        except AssertionError:
            return True
        return False

    def pong(self) -> None:
        """Wait for the answer to a keep-alive."""
        end = time.monotonic() + PATIENCE
        while not self.held.startswith(b"\r\n"):
            more = self._more(end, "a pong")
            assert more, "closed while waiting for a pong"
            self.held += more
        self.held = self.held[2:]

    def _more(self, end: float, what: str) -> bytes:
        self.sock.settimeout(max(0.001, end - time.monotonic()))
        try:
            return self.sock.recv(65536)
        except TimeoutError:
            raise AssertionError(f"nothing came, waiting for {what}") from None
        except ssl.SSLEOFError:
            return b""

    def _take(self) -> bytes | None:
        self.held = self.held.lstrip(b"\r\n")
        head, found, rest = self.held.partition(b"\r\n\r\n")
        if not found:
            return None
        told = [line.partition(b":") for line in head.split(b"\r\n")]
        length = next(int(value) for name, _, value in told if name.strip().lower() == b"content-length")
        if len(rest) < length:
            return None
        self.held = rest[length:]
        return head + found + rest[:length]


class StreamPhone(OverStream, Phone):
    """The caller's side of one call, by a connection."""

    def __init__(
        self, to: tuple[str, int], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1",
        name: str = "gate.invalid",
    ) -> None:  # fmt: skip
        self.name = name
        self.tls, self.to, self.host = tls, to, host
        self.connect()

    def connect(self) -> None:
        """A new connection."""
        assert self.to
        self.held = b""
        plain = socket.create_connection(self.to, timeout=PATIENCE, source_address=(self.host, 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.name) if self.tls else plain
        self.port = int(self.sock.getsockname()[1])

    def request(self, method: str, dialog: Dialog, **named: Any) -> str:
        return by(super().request(method, dialog, **named), self)


class StreamCallee(OverStream, Callee):
    """The carrier's side of one call: it listens, and takes one connection at a time."""

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.tls, self.host, self.port, self.to = tls, host, 0, None
        self.last_from = (host, 0)
        self.listen()

    def listen(self) -> None:
        """From now on; on the port that it had before."""
        self.listener = socket.create_server((self.host, self.port))
        self.port = int(self.listener.getsockname()[1])

    def accept(self) -> None:
        """The next connection of the gate's."""
        self.listener.settimeout(PATIENCE)
        plain, self.last_from = self.listener.accept()
        plain.settimeout(PATIENCE)
        self.held = b""
        self.sock = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain

    def hang_up(self) -> None:
        """Close the connection there is."""
        self.sock.close()

    def close(self) -> None:
        """Close it, and listen no more."""
        self.listener.close()
        if hasattr(self, "sock"):
            self.sock.close()

    def request(self, method: str, dialog: Dialog, **named: Any) -> str:
        return by(super().request(method, dialog, **named), self)


def by(text: str, peer: Any) -> str:
    """A request with the transport that it goes by."""
    kind = "TLS" if peer.tls else "TCP"
    text = text.replace("Via: SIP/2.0/UDP", f"Via: SIP/2.0/{kind}", 1)
    return text.replace(f"<sip:alice@{peer.address}>", f"<sip:alice@{peer.address};transport={kind.lower()}>")


def serving(pem: Path, key: Path) -> ssl.SSLContext:
    """What a carrier with this certificate listens with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return context


def certificate(folder: Path, name: str, *, literal: bool = True) -> tuple[Path, Path]:
    """A certificate of its own making for ``name``, and for 127.0.0.1 where it may be ``literal``, and its key."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName(name), *([x509.IPAddress(ip_address("127.0.0.1"))] if literal else [])]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private


def trusting(pem: Path, *, own: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    """What a phone needs to believe a gate with this certificate; ``own``: the certificate that it shows."""
    context = ssl.create_default_context(cafile=str(pem))
    if own:
        context.load_cert_chain(*own)
    return context
