"""The pyVoIP hook: a phone for Python diallers that cannot dial what the gate refuses.

    ask = ask_gate("http://127.0.0.1:8080", token)
    with GatedPhone(ask, "192.0.2.1", 5060, "alice", "secret", my_ip="192.0.2.7") as phone:
        call = phone.call("020 7946 0000")      # CallRefused before any INVITE, or the call

In the process that holds the data folder ``ask`` is
``lambda number: Answer.from_json(carry_out(folder, Decide(number=number), Caller(…)))``.

``GatedPhone`` and ``GatedCall`` are pyVoIP's phone and call, with one way to dial.

- ``gate_query`` ``Answer``, ``CallRefused``, ``ask_gate``: the question to the gate, and its answer as a value
- ``sip_client`` the SIP client: pyVoIP's registration, our own INVITE, ACK, CANCEL and BYE
- ``rtp_client``  the RTP client, and ``tone``

pyVoIP (1.6.8) is mended here and nowhere else; each fault is described where it is mended.
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
import threading
from collections.abc import Callable
from typing import Any

import pyVoIP.VoIP  # before the rest of it, whose modules import each other in a circle
from pyVoIP import RTP, SIP
from pyVoIP.VoIP import CallState, PhoneStatus, VoIPCall, VoIPPhone

from gate.errors import GateError
from gate.softphone.gate_query import Answer as Answer
from gate.softphone.gate_query import CallRefused as CallRefused
from gate.softphone.gate_query import ask_gate as ask_gate
from gate.softphone.gate_query import permitted
from gate.softphone.rtp_client import RtpClient
from gate.softphone.rtp_client import tone as tone
from gate.softphone.sip_client import Invite, Signals


class GatedCall(VoIPCall):  # type: ignore[misc]  # pyVoIP has no usable types
    """A call that the gate allowed; pyVoIP's call with an end that can be seen.

    ``number`` is what was dialled, ``decision`` the gate's answer. ``code`` is the SIP answer that ended the attempt
    (0 while there is none, 408 where nothing was heard), ``why`` the text of its Reason header or its phrase.
    """

    number = ""
    decision: Answer | None = None
    code = 0
    why = ""
    dialog: Invite | None = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.changed = threading.Event()
        super().__init__(*arguments, **named)

    def wait_answered(self, timeout: float) -> bool:
        """Wait until the call is answered or over; True where it is answered."""
        self.changed.wait(timeout)
        return bool(self.state == CallState.ANSWERED)

    def heard(self) -> bytes:
        """All that was heard and not yet read: 8-bit unsigned, 8 kHz, mono."""
        return b"".join(voice.heard() for voice in self.RTPClients)

    def press(self, digits: str) -> None:
        """Press keys (RFC 4733), e.g. ``*5`` to pause the recording."""
        for digit in digits:
            for voice in self.RTPClients:
                voice.press(digit)

    def hangup(self) -> None:
        """End the call, or give it up while it rings; harmless where it is over."""
        if self.state == CallState.ANSWERED:
            super().hangup()
        elif self.state == CallState.DIALING and self.dialog is not None:
            self.phone.sip.cancel(self.dialog)

    def create_rtp_clients(self, codecs: Any, ip: str, port: int, request: Any, baseport: int) -> None:
        """pyVoIP's, with our voice."""
        for index, connection in enumerate(request.body["c"]):
            address = connection["address"]
            voice = RtpClient(codecs, ip, port, address, baseport + index, self.sendmode, dtmf=self.dtmf_callback)
            self.RTPClients.append(voice)

    def bye(self) -> None:
        """The other side hung up."""
        super().bye()
        self.phone.sip.invites.pop(self.call_id, None)

    def settled(self, message: Any) -> None:
        """The final answer to our INVITE (None: nothing was heard)."""
        if message is not None and 200 <= int(message.status) < 300:
            self.code = int(message.status)
            self.answered(message)
        else:
            self.code = int(message.status) if message is not None else 408
            self.why = _why(message)
            self.state = CallState.ENDED
            self.phone.calls.pop(self.call_id, None)
        self.changed.set()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # pyVoIP frees its ports twice, and an error here has no one to go to
            super().__del__()


class GatedPhone(VoIPPhone):  # type: ignore[misc]  # pyVoIP has no usable types
    """A softphone that dials only what the gate allows. ``call`` is the only way: pyVoIP's own way to dial is closed.

    ``ask`` answers for a number as it was typed, ``ask_gate(...)`` or any callable of a gate in the same process.
    ``server`` and ``port`` are where it registers and where its INVITEs go. ``sip_port`` 0 takes a free one. As a
    context manager it is registered inside and gone outside.
    """

    def __init__(
        self,
        ask: Callable[[str], Answer],
        server: str,
        port: int,
        username: str,
        password: str,
        *,
        my_ip: str = "127.0.0.1",
        sip_port: int = 0,
        rtp_ports: tuple[int, int] = (10000, 19999),
        on_call: Callable[[VoIPCall], None] | None = None,
    ) -> None:
        sip_port = sip_port or _free_port(my_ip)
        super().__init__(server, port, username, password, my_ip, on_call, sip_port, *rtp_ports)
        self._ask = ask
        self.sip = Signals(
            server, port, username, password, phone=self, myIP=my_ip, myPort=sip_port,
            callCallback=self.callback, fatalCallback=self.fatal,
        )  # fmt: skip

    def __enter__(self) -> GatedPhone:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Register; ``GateError`` where the server does not take the registration."""
        super().start()
        if self.get_status() != PhoneStatus.REGISTERED:
            self.stop()
            raise GateError(
                f"{self.username} could not register with {self.server}:{self.port}",
                hint="check the account, its password and that the gate is running",
            )

    def stop(self, failed: bool = False) -> None:
        """End every call and the registration."""
        for call in list(self.calls.values()):
            with contextlib.suppress(Exception):  # whatever state it is in, the next one must still be ended
                call.hangup()
        super().stop(failed)

    def call(self, number: str) -> GatedCall:
        """Ask the gate, then dial the number that it answers with, never the one that was typed.

        Raises ``CallRefused`` with the gate's reason, and before anything is sent; ``internal_error`` where the gate
        cannot be asked or does not answer with a clear *allow*.
        """
        decision = permitted(self._ask, number)
        port = self.request_port()
        media = {port: {0: RTP.PayloadType.PCMU, 8: RTP.PayloadType.PCMA, 101: RTP.PayloadType.EVENT}}
        dialog = self.sip.prepare(decision, media, RTP.TransmitType.SENDRECV)
        request = SIP.SIPMessage(dialog.text.encode())
        session = int(re.search(r"^o=\S+ (\d+)", dialog.text, re.MULTILINE)[1])  # type: ignore[index]  # we wrote it
        call = GatedCall(self, CallState.DIALING, request, session, self.myIP, ms=media, sendmode=self.sendmode)
        call.number, call.decision, call.dialog = decision.number, decision, dialog
        dialog.on_answer = call.settled
        self.calls[dialog.call_id] = call
        self.sip.dial(dialog)
        return call

    def request_port(self, blocking: bool = True) -> int:
        """An RTP port that is free on this machine, not only in this phone's list."""
        choices = [port for port in range(self.rtpPortLow, self.rtpPortHigh + 1, 2) if port not in self.assignedPorts]
        for port in random.sample(choices, min(200, len(choices))):
            if _bindable(self.myIP, port):
                self.assignedPorts.append(port)
                return port
        raise pyVoIP.VoIP.NoPortsAvailableError("no RTP port is free")


def _why(message: Any) -> str:
    """The text of a Reason header, or the answer's phrase."""
    if message is None:
        return "no answer"
    text = message.raw.decode("utf-8", "replace")
    found = re.search(r'^Reason:.*?text="([^"]*)"', text, re.IGNORECASE | re.MULTILINE)
    return found[1] if found else text.partition("\r\n")[0].split(" ", 2)[-1]


def _bindable(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
