"""A phone made of PJSIP (the SIP stack of Asterisk) through pjsua2: ``python -m tests.support.pjsip_phone SETTINGS``.

It runs in a process of its own, since pjsua2 has threads and a memory of its own. ``SETTINGS`` is a JSON object:
``registrar`` (``host:port``), ``user``, ``password`` (left out: no registration, as a PBX), ``tone`` (Hz that it says),
``heard`` (a WAV file of what it hears), ``answer`` (true: it takes calls), ``codec``, ``transport`` (``udp``, ``tcp``,
``tls`` with ``trusted``, a PEM file). Commands come one a line on
standard input as JSON (``{"do": "dial", "number": "…"}``, ``hold``, ``resume``, ``keys``, ``transfer``, ``join``,
``hang_up``, ``quit``); what
happens goes to standard output, one JSON object a line.
"""

from __future__ import annotations

import contextlib
import json
import select
import sys
from typing import Any

import pjsua2 as pj


def tell(event: str, **values: Any) -> None:
    """One line for the test."""
    print(json.dumps({"event": event, **values}), flush=True)


class Sound:
    """What every call says and where what it hears is kept; made once the library runs."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.said = pj.ToneGenerator()
        self.said.createToneGenerator(8000, 1)
        tone = pj.ToneDesc()
        tone.freq1, tone.freq2, tone.on_msec, tone.off_msec = settings["tone"], 0, 1000, 0
        tones = pj.ToneDescVector()
        tones.append(tone)
        self.said.play(tones, True)
        self.heard = pj.AudioMediaRecorder()
        self.heard.createRecorder(settings["heard"])


class Call(pj.Call):  # type: ignore[misc]  # pjsua2 has no types
    """One call: its states are told, its sound is connected whenever there is any."""

    def __init__(self, phone: Phone, account: Any, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(account, call_id)
        self.phone = phone

    def onCallState(self, prm: Any) -> None:
        info = self.getInfo()
        tell("state", state=info.stateText, code=int(info.lastStatusCode), phrase=info.lastReason)
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.phone.over()

    def onCallTransferStatus(self, prm: Any) -> None:
        tell("transfer", code=int(prm.statusCode), last=bool(prm.finalNotify))

    def onCallMediaState(self, prm: Any) -> None:
        active = False
        info = self.getInfo()  # held: its media go when it goes
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                audio = self.getAudioMedia(index)
                self.phone.sound.said.startTransmit(audio)
                audio.startTransmit(self.phone.sound.heard)
                active = True
        tell("media", active=active)


class Account(pj.Account):  # type: ignore[misc]  # pjsua2 has no types
    """Tells its registration, takes or leaves what comes in."""

    def __init__(self, phone: Phone) -> None:
        super().__init__()
        self.phone = phone

    def onRegState(self, prm: Any) -> None:
        tell("registered", code=int(prm.code), reason=prm.reason)

    def onIncomingCall(self, prm: Any) -> None:
        call = Call(self.phone, self, prm.callId)
        self.phone.call = call
        tell("incoming", caller=call.getInfo().remoteUri)
        answer = pj.CallOpParam()
        answer.statusCode = 200 if self.phone.settings.get("answer") else 486
        call.answer(answer)


class Phone:
    """The library, one account and at most one call."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.call: Call | None = None
        self.calls: list[Call] = []
        """All that it has made, the first one first."""
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        config = pj.EpConfig()
        config.logConfig.level = config.logConfig.consoleLevel = 0
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.medConfig.noVad = True
        self.endpoint.libInit(config)
        transport = pj.TransportConfig()
        transport.port, transport.boundAddress = int(settings.get("port", 0)), "127.0.0.1"
        transport.publicAddress = "127.0.0.1"
        self.endpoint.transportCreate(self._transport(transport), transport)
        self.endpoint.libStart()
        self.endpoint.audDevManager().setNullDev()
        for codec in self.endpoint.codecEnum2():
            wanted = codec.codecId.startswith(settings.get("codec", "PCMU/8000"))
            self.endpoint.codecSetPriority(codec.codecId, 255 if wanted else 0)
        self.sound = Sound(settings)
        self.account = Account(self)
        self.account.create(self._account())

    def _transport(self, transport: Any) -> int:
        """UDP, or what ``transport`` says; over TLS the gate's certificate has to be the one in ``trusted``."""
        kind = self.settings.get("transport", "udp")
        if kind == "tls":
            transport.tlsConfig.CaListFile = self.settings["trusted"]
            transport.tlsConfig.verifyServer = True
        kinds = {"udp": pj.PJSIP_TRANSPORT_UDP, "tcp": pj.PJSIP_TRANSPORT_TCP, "tls": pj.PJSIP_TRANSPORT_TLS}
        return int(kinds[kind])

    @property
    def _by(self) -> str:
        kind = self.settings.get("transport", "udp")
        return "" if kind == "udp" else f";transport={kind}"

    def _account(self) -> Any:
        settings, config = self.settings, pj.AccountConfig()
        config.idUri = f"sip:{settings['user']}@{settings['registrar']}"
        config.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
        config.mediaConfig.transportConfig.publicAddress = "127.0.0.1"
        insists = settings.get("insists", "")
        config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_REQUIRED if "timer" in insists else pj.PJSUA_SIP_TIMER_OPTIONAL
        config.callConfig.prackUse = pj.PJSUA_100REL_MANDATORY if "100rel" in insists else pj.PJSUA_100REL_NOT_USED
        if "password" in settings:
            config.regConfig.registrarUri = f"sip:{settings['registrar']}{self._by}"
            config.sipConfig.authCreds.append(
                pj.AuthCredInfo("digest", "*", settings["user"], pj.PJSIP_CRED_DATA_PLAIN_PASSWD, settings["password"])
            )
        return config

    def over(self) -> None:
        """The call has ended."""
        self.call = None

    def run(self) -> None:
        """Until ``quit``, the end of standard input, or a minute and a half."""
        tell("ready")
        for _ in range(9000):
            self.endpoint.libHandleEvents(10)
            while select.select([sys.stdin], [], [], 0)[0]:
                line = sys.stdin.readline()
                if not line or (order := json.loads(line))["do"] == "quit":
                    return
                self._carry_out(order)

    def _carry_out(self, order: dict[str, Any]) -> None:
        options = pj.CallOpParam(True)
        try:
            if order["do"] == "dial":
                self.call = Call(self, self.account)
                self.calls.append(self.call)
                if order.get("without_offer"):
                    options.opt.flag |= pj.PJSUA_CALL_NO_SDP_OFFER
                self.call.makeCall(f"sip:{order['number']}@{self.settings['registrar']}{self._by}", options)
            elif self.call is None:
                tell("no_call", do=order["do"])
            elif order["do"] == "hold":
                self.call.setHold(options)
            elif order["do"] == "resume":
                options.opt.flag = pj.PJSUA_CALL_UNHOLD
                self.call.reinvite(options)
            elif order["do"] == "keys":
                self.call.dialDtmf(order["keys"])
            elif order["do"] == "transfer":
                self.call.xfer(f"sip:{order['number']}@{self.settings['registrar']}{self._by}", pj.CallOpParam())
            elif order["do"] == "join":  # the callee of the first call with that of the last one
                self.calls[0].xferReplaces(self.call, pj.CallOpParam())
            elif order["do"] == "hang_up":
                self.call.hangup(options)
        except pj.Error as error:
            tell("error", do=order["do"], text=error.info())

    def close(self) -> None:
        """What the library holds goes before the library does."""
        with contextlib.suppress(pj.Error):
            self.endpoint.hangupAllCalls()
        for _ in range(30):
            self.endpoint.libHandleEvents(10)
        self.call = None
        self.calls.clear()
        self.account.shutdown()
        del self.account
        del self.sound
        self.endpoint.libDestroy()


def main() -> None:
    phone = Phone(json.loads(sys.argv[1]))
    try:
        phone.run()
    finally:
        phone.close()


if __name__ == "__main__":
    main()
