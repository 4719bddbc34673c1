"""The gate's certificate for SIP over TLS, and the certificates by which PBXs are known.

They come from files that are looked at again and again: a certificate is renewed without a restart. Where the new files
cannot be taken (half written, a key of another certificate) the old ones stay in force, and status says so.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping
from pathlib import Path

import structlog

_log = structlog.get_logger("gate.sip")


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
        told = path.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size, told.st_ino
