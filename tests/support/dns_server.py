"""A DNS server on loopback with a zone that a test writes, and takes back."""

from __future__ import annotations

import socket
import threading

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class DnsServer:
    """``with DnsServer({("carrier.test", "SRV"): ["1 1 5060 a.test."]})``: answers by UDP until the end."""

    def __init__(self, zone: dict[tuple[str, str], list[str]], ttl: int = 1) -> None:
        self.zone, self.ttl = zone, ttl
        self.broken = False
        """It answers SERVFAIL."""
        self.asked: list[tuple[str, str]] = []
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> DnsServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._sock.getsockname()[1]}"

    def _run(self) -> None:
        while True:
            try:
                data, source = self._sock.recvfrom(4096)
            except OSError:
                return
            query = dns.message.from_wire(data)
            question = query.question[0]
            name, kind = str(question.name).rstrip(".").lower(), dns.rdatatype.to_text(question.rdtype)
            self.asked.append((name, kind))
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.RA
            records = self.zone.get((name, kind), [])
            if self.broken:
                answer.set_rcode(dns.rcode.SERVFAIL)
            elif records:
                answer.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", kind, *records))
            elif not any(each == name for each, _ in self.zone):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self._sock.sendto(answer.to_wire(), source)
