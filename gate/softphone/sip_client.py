"""SIP for the softphone: pyVoIP registers, the rest of a call is ours.

What pyVoIP 1.6.8 does, and what is done here instead:

- ``invite`` waits for 100, 180 or 401 under a lock and for ever, so that a 603 at once hangs the phone; a refusal later
  leaves the call dialling, without an ACK: here a state of its own takes every answer, ACKs it and ends the call
- an INVITE, once lost, is never repeated: here it is (RFC 3261 17.1.1, T1 500 ms)
- the authenticated INVITE keeps the branch of the first, and its digest names another URI than the request: here RFC
  3261 and RFC 7616, SHA-256 where it is offered
- ACK goes to the To address under an invented tag, BYE breaks on a Contact with a display name: here to the Contact,
  under the dialog's tags
- Call-IDs are hashes of a counter, the same again after a restart: here random
- a call that rings cannot be given up: here CANCEL
- OPTIONS, by which a peer may ask whether anybody is there, is left without an answer: here 200
- a header without a space behind its colon, or in compact form, throws the message away: here it is put right first
- a phone that was not let in tries again at once, on a thread that outlives it: here it is told, and nothing goes on
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyVoIP.VoIP  # noqa: F401 - before the rest of it, whose modules import each other in a circle
from pyVoIP import SIP

from gate.config.secrets import half_digests
from gate.softphone.gate_query import Answer

_COMPACT = {b"v": b"Via", b"f": b"From", b"t": b"To", b"i": b"Call-ID", b"m": b"Contact", b"l": b"Content-Length"}
_HEADER = re.compile(rb"\r\n([A-Za-z-]+)[ \t]*:[ \t]*")
_CHALLENGE = re.compile(r"^(WWW|Proxy)-Authenticate:\s*Digest\s+(.*)$", re.IGNORECASE | re.MULTILINE)
_PARAMETER = re.compile(r'\b(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')
_ECHOED = ("via", "from", "to", "call-id", "cseq")
_T1, _TIMER_B = 0.5, 32.0


@dataclass(slots=True)
class Invite:
    """An INVITE of ours and the dialog it makes."""

    number: str
    call_id: str
    uri: str
    tag: str
    text: str
    on_answer: Callable[[Any], None] = lambda _: None
    """Called once: with the final answer, or None where nothing was heard."""
    branch: str = ""
    cseq: int = 0
    to: str = ""
    """To header of the dialog: with the other side's tag once it is known."""
    target: str = ""
    heard: bool = False
    final: bool = False
    tried: bool = False
    cancelled: bool = False
    ack: str = ""
    timers: list[threading.Timer] = field(default_factory=list)


class Signals(SIP.SIPClient):  # type: ignore[misc]  # pyVoIP has no usable types
    """pyVoIP's SIP client with a dialog of its own for calls out. Dials only what it was given leave to dial."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.register_timeout = 5
        self.default_expires = 300
        self.invites: dict[str, Invite] = {}
        self._let_in = False
        self._lock = threading.RLock()

    # --- dialling -----------------------------------------------------------------------------------------------------

    def invite(self, *_: Any, **__: Any) -> Any:
        """pyVoIP's way to dial: closed. ``GatedPhone.call`` is the only one."""
        raise PermissionError("dial by GatedPhone.call: it asks the gate first")

    def prepare(self, decision: Answer, media: dict[int, Any], direction: Any) -> Invite:
        """An INVITE for what the gate has allowed, ready for ``dial``; nothing has left yet."""
        if decision.verdict != "allow":
            raise PermissionError("not allowed by the gate")
        call_id = self.gen_call_id()
        text = self.gen_invite(decision.number, str(self.sessID.next()), media, direction, "branch", call_id)
        uri, tag = f"sip:{decision.number}@{self.server}", self.tagLibrary[call_id]
        dialog = Invite(decision.number, call_id, uri, tag, text, to=f"<{uri}>", target=uri)
        found = re.search(r"^CSeq: (\d+) INVITE", text, re.MULTILINE)
        dialog.cseq = int(found[1]) if found else 1
        self._renewed(dialog, dialog.cseq)
        self.invites[call_id] = dialog
        return dialog

    def dial(self, dialog: Invite) -> None:
        """Send it, and again until something is heard."""
        self._send(dialog.text)
        self._again(dialog, _T1, _T1)

    def cancel(self, dialog: Invite) -> None:
        """Give up a call that was not answered; the answer to come is taken and ended."""
        with self._lock:
            if dialog.final or dialog.cancelled:
                return
            dialog.cancelled = True
            heard = dialog.heard
        if heard:
            self._send(self._request("CANCEL", dialog, dialog.uri, dialog.cseq, dialog.branch, f"<{dialog.uri}>"))

    def bye(self, request: Any) -> None:
        """End a call: ours by its dialog, one that came in by pyVoIP's own way."""
        dialog = self.invites.pop(str(request.headers["Call-ID"]), None)
        if dialog is None:
            super().bye(request)
            return
        self._hang_up(dialog)

    # --- what comes in ------------------------------------------------------------------------------------------------

    def recv(self) -> None:
        """One datagram; whatever it holds, the phone goes on."""
        raw = self.s.recv(8192)
        if raw.startswith(b"OPTIONS "):  # pyVoIP knows no such method
            self._send(_still_here(raw))
            return
        try:
            message = SIP.SIPMessage(_plain(raw))
            self.parse_message(message)
        except Exception:  # noqa: BLE001 - pyVoIP's parser raises anything; a bad datagram is as good as lost
            return

    def parse_message(self, message: Any) -> None:
        """Answers to our INVITEs are taken here; requests go to pyVoIP; other answers need nothing."""
        if message.type == SIP.SIPMessageType.MESSAGE:
            super().parse_message(message)
            return
        dialog = self.invites.get(str(message.headers.get("Call-ID", "")))
        sequence = message.headers.get("CSeq", {})
        if dialog is None or sequence.get("method") != "INVITE" or sequence.get("check") != str(dialog.cseq):
            return
        with self._lock:
            self._answered(dialog, message)

    def _answered(self, dialog: Invite, message: Any) -> None:
        code = int(message.status)
        cancel_now = dialog.cancelled and not dialog.heard and code < 200
        dialog.heard = True
        if cancel_now:
            self._send(self._request("CANCEL", dialog, dialog.uri, dialog.cseq, dialog.branch, f"<{dialog.uri}>"))
        if code < 200:
            return
        tagged = _header(message, "To") or dialog.to
        if code >= 300:
            self._send(self._request("ACK", dialog, dialog.uri, dialog.cseq, dialog.branch, tagged))
            if code in (401, 407) and not dialog.tried and not dialog.cancelled and self._authorise(dialog, message):
                return
            if not dialog.final:
                self._finish(dialog)
                self.invites.pop(dialog.call_id, None)
                dialog.on_answer(message)
            return
        if not dialog.final:
            self._finish(dialog)
            dialog.to, dialog.target = tagged, _uri(message.headers.get("Contact", "")) or dialog.uri
            dialog.ack = self._request("ACK", dialog, dialog.target, dialog.cseq, self.gen_branch(), dialog.to)
            self._send(dialog.ack)
            if dialog.cancelled:  # the answer and the CANCEL crossed
                self.invites.pop(dialog.call_id, None)
                self._hang_up(dialog)
                return
            dialog.on_answer(message)
        else:
            self._send(dialog.ack)  # the 2xx came again: our ACK was lost

    # --- inside -------------------------------------------------------------------------------------------------------

    def _send(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self.out.sendto(text.encode("utf8"), (self.server, self.port))

    def _hang_up(self, dialog: Invite) -> None:
        self._send(self._request("BYE", dialog, dialog.target, dialog.cseq + 1, self.gen_branch(), dialog.to))

    def _again(self, dialog: Invite, wait: float, passed: float) -> None:
        def due() -> None:
            with self._lock:
                if dialog.heard or dialog.final:
                    return
                if dialog.cancelled or passed >= _TIMER_B or not self.NSD:
                    self._finish(dialog)
                    self.invites.pop(dialog.call_id, None)
                    dialog.on_answer(None)
                    return
                self._send(dialog.text)
            self._again(dialog, wait * 2, passed + wait * 2)

        timer = threading.Timer(wait, due)
        timer.daemon = True
        dialog.timers = [timer]
        timer.start()

    def _finish(self, dialog: Invite) -> None:
        dialog.final = True
        for timer in dialog.timers:
            timer.cancel()

    def _renewed(self, dialog: Invite, cseq: int, authorization: str = "") -> None:
        dialog.branch, dialog.cseq, dialog.heard = self.gen_branch(), cseq, False
        text = re.sub(r"branch=[^;\r]+", f"branch={dialog.branch};rport", dialog.text, count=1)
        text = re.sub(r"\r\n(Proxy-)?Authorization: [^\r]*", "", text)
        text = re.sub(r"\r\nCSeq: \d+", f"\r\nCSeq: {cseq}", text, count=1)
        dialog.text = text.replace("\r\nContent-Length", f"{authorization}\r\nContent-Length", 1)

    def _authorise(self, dialog: Invite, message: Any) -> bool:
        authorization = self._credentials(message, "INVITE", dialog.uri)
        if not authorization:
            return False
        dialog.tried = True
        self._renewed(dialog, dialog.cseq + 1, "\r\n" + authorization)
        self._send(dialog.text)
        for timer in dialog.timers:
            timer.cancel()
        self._again(dialog, _T1, _T1)
        return True

    def _credentials(self, message: Any, method: str, uri: str) -> str:
        """The Authorization line for a challenge (RFC 7616), SHA-256 where it is offered; empty where there is none.

        The password may be what the gate keeps in its place (``half_digests``).
        """
        text = message.raw.decode("utf-8", "replace").replace("\r\n", "\n")
        offered = []
        for kind, rest in _CHALLENGE.findall(text):
            values = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(rest)}
            algorithm = values.get("algorithm", "MD5").upper()
            if algorithm in ("MD5", "SHA-256"):
                offered.append((algorithm == "SHA-256", kind, algorithm, values))
        if not offered:
            return ""
        _, kind, algorithm, values = max(offered, key=lambda entry: entry[0])

        def digest(of: str) -> str:
            return hashlib.new(algorithm.replace("-", ""), of.encode(), usedforsecurity=False).hexdigest()

        realm, nonce, qop = values.get("realm", ""), values.get("nonce", ""), values.get("qop", "")
        secret = half_digests(self.username, realm, self.password)[algorithm]
        target = digest(f"{method}:{uri}")
        if "auth" in re.split(r"[\s,]+", qop):
            client = secrets.token_hex(8)
            response = digest(f"{secret}:{nonce}:00000001:{client}:auth:{target}")
            more = f', qop=auth, nc=00000001, cnonce="{client}"'
        else:
            response, more = digest(f"{secret}:{nonce}:{target}"), ""
        if "opaque" in values:
            more += f', opaque="{values["opaque"]}"'
        name = "Authorization" if kind.upper() == "WWW" else "Proxy-Authorization"
        return (
            f'{name}: Digest username="{self.username}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm={algorithm}{more}'
        )

    def _request(self, method: str, dialog: Invite, uri: str, cseq: int, branch: str, to: str) -> str:
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.myIP}:{self.myPort};branch={branch};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{self.username}@{self.myIP}>;tag={dialog.tag}\r\nTo: {to}\r\n"
            f"Call-ID: {dialog.call_id}\r\nCSeq: {cseq} {method}\r\n"
            f"Contact: <sip:{self.username}@{self.myIP}:{self.myPort}>\r\nContent-Length: 0\r\n\r\n"
        )

    def gen_call_id(self) -> str:
        """Random: pyVoIP's are the same again after a restart."""
        return f"{secrets.token_hex(16)}@{self.myIP}"

    def gen_register(self, request: Any, deregister: bool = False) -> str:
        """REGISTER with credentials that name the URI of the request."""
        text = str(self.gen_first_response(deregister))
        text = re.sub(r"\r\nCall-ID: [^\r]*", f"\r\nCall-ID: {request.headers['Call-ID']}", text)
        credentials = self._credentials(request, "REGISTER", f"sip:{self.server}")
        return text.replace("\r\nContent-Length", f"\r\n{credentials}\r\nContent-Length", 1)

    def start(self) -> None:
        """Bind, register, and listen at once; pyVoIP would listen a second later, on a thread that outlives it."""
        self.NSD = True
        self.s = self.out = SIP.socket.socket(SIP.socket.AF_INET, SIP.socket.SOCK_DGRAM)
        self.s.bind((self.myIP, self.myPort))
        self._let_in = bool(super().register())
        threading.Thread(target=self._listen, name="SIP in", daemon=True).start()

    def register(self) -> bool:
        """Again, by pyVoIP's timer; not where the first try was refused."""
        return self._let_in and bool(super().register())

    def stop(self) -> None:
        """Take the registration back, then close; closed whatever happens."""
        try:
            super().stop()
        except (OSError, ValueError):
            self._close_sockets()

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # the socket was closed
            self.recv_loop()


def _plain(raw: bytes) -> bytes:
    """A message as pyVoIP's parser wants it: full names, ``Name: value``, and an end of headers."""
    head, gap, body = raw.partition(b"\r\n\r\n")
    head = _HEADER.sub(lambda found: b"\r\n" + _COMPACT.get(found[1].lower(), found[1]) + b": ", head)
    return head + (gap or b"\r\n\r\n") + body


def _still_here(request: bytes) -> str:
    """200 to OPTIONS, inside a dialog or outside: its own headers as they came (RFC 3261 8.2.6.2, 11.2)."""
    lines = _plain(request).partition(b"\r\n\r\n")[0].decode("utf-8", "replace").split("\r\n")
    echoed = [line for line in lines[1:] if line.partition(":")[0].lower() in _ECHOED]
    return "\r\n".join(
        ["SIP/2.0 200 OK", *echoed, "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS", "Content-Length: 0", "", ""]
    )


def _header(message: Any, name: str) -> str:
    """A header of a message as it was written."""
    found = re.search(
        rf"^{name}:[ \t]*([^\r\n]*)", message.raw.decode("utf-8", "replace"), re.IGNORECASE | re.MULTILINE
    )
    return found[1].strip() if found else ""


def _uri(contact: str) -> str:
    """The URI of a Contact, with or without a name and brackets."""
    found = re.search(r"<([^<>]+)>", contact)
    return found[1] if found else contact.partition(";")[0].strip()
