"""A phone over TCP or TLS for tests: ``Phone`` with a connection in place of a socket for datagrams."""

from __future__ import annotations

import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.sip_peer import Heard, Phone, read
from tests.support.waiting import PATIENCE


class StreamPhone(Phone):
    """The caller's side of one call, by a connection. ``pings`` counts the empty lines that came."""

    def __init__(
        self, to: tuple[str, int], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1",
        name: str = "gate.invalid",
    ) -> None:  # fmt: skip
        self.name = name
        self.tls, self.to, self.host = tls, to, host
        self.pongs = 0
        self.connect()

    def connect(self) -> None:
        """A new connection."""
        assert self.to
        self.held = b""
        plain = socket.create_connection(self.to, timeout=PATIENCE, source_address=(self.host, 0))
        self.sock = self.tls.wrap_socket(plain, server_hostname=self.name) if self.tls else plain
        self.port = int(self.sock.getsockname()[1])

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

    def pong(self) -> None:
        """Wait for the answer to a keep-alive."""
        end = time.monotonic() + PATIENCE
        while not self.held.startswith(b"\r\n"):
            more = self._more(end, "a pong")
            assert more, "closed while waiting for a pong"
            self.held += more
        self.held = self.held[2:]

    def request(self, method: str, dialog: object, **named: object) -> str:
        text = super().request(method, dialog, **named)  # type: ignore[arg-type]
        kind = "TLS" if self.tls else "TCP"
        text = text.replace("Via: SIP/2.0/UDP", f"Via: SIP/2.0/{kind}", 1)
        return text.replace(f"<sip:alice@{self.address}>", f"<sip:alice@{self.address};transport={kind.lower()}>")

    def _more(self, end: float, what: str) -> bytes:
        self.sock.settimeout(max(0.001, end - time.monotonic()))
        try:
            return self.sock.recv(65536)
        except TimeoutError:
            raise AssertionError(f"nothing came, waiting for {what}") from None
        except ssl.SSLEOFError:
            return b""

    def _take(self) -> bytes | None:
        while self.held.startswith(b"\r\n"):
            self.held = self.held[2:]
            self.pongs += 1
        head, found, rest = self.held.partition(b"\r\n\r\n")
        if not found:
            return None
        told = [line.partition(b":") for line in head.split(b"\r\n")]
        length = next(int(value) for name, _, value in told if name.strip().lower() == b"content-length")
        if len(rest) < length:
            return None
        self.held = rest[length:]
        return head + found + rest[:length]


def certificate(folder: Path, name: str, days: int = 30) -> tuple[Path, Path]:
    """A certificate of its own making for ``name`` (and 127.0.0.1), and its key."""
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=days))
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
