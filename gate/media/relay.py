"""``RtpIoMedia``: one RTPProxy session a call, its SDP, prompts and copies. Everything here runs on the line thread.

Facts of RTPProxy that shape this file (each has its test; more of them in ``proxy``):

- While a prompt plays to one side, what the *other* side sends is neither relayed nor copied, and the prompt is not in
  the copies. A long tone to the caller would therefore swallow the keypad digit with which the callee objects. So the
  caller hears pips of 60 ms, shorter than any digit, and the callee is copied in between.
- The length of a prompt is known and RTPProxy reports no end: the end is a timer. It is believed only where the callee
  had an address, took audio, and went on doing so.
- A copy that exists is not moved by a second command: it is stopped (``N``) first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gate import ports
from gate.config import Config
from gate.errors import MediaError
from gate.media import sdp
from gate.media.addresses import Addresses
from gate.media.prompts import PAYLOAD_TYPES, PIP_SECONDS, PromptSet
from gate.media.proxy import Proxy, capacity, counts, is_ok, speakable

_PIP_EVERY = 2.0
_CUE_BEFORE_END = (0.40, 0.20)
"""The caller's cue: two pips, these seconds before the announcement's end."""
_MARGIN = 0.02
"""Added to a prompt's length, two of the packets of 10 ms that RTPProxy sends. The last tenth of a prompt is silence
(``prompts``), so the words are out even where RTPProxy lags behind."""


@dataclass(slots=True)
class _Call:
    """One call's session and what runs for it."""

    session: Any
    caller: sdp.Audio | None = None
    callee: sdp.Audio | None = None
    copied: bool = False
    playing: int = 0
    """Counts prompts: a timer of an older one finds another number and does nothing."""
    on_end: Callable[[bool], None] | None = None
    timers: list[ports.Timer] = field(default_factory=list)
    watch: ports.Timer | None = None
    seen: tuple[int, int] | None = None
    silent_checks: int = 0


class RtpIoMedia:
    """Implements ``ports.MediaRelay`` and ``ports.Media``. Built with a loop, it starts at once, on the line thread;
    built without one, on any thread, it is given one by ``bind`` and started there by ``start`` or its first call.

    ``prompts`` is the data folder's ``prompts``. Raises ``ConfigError`` where the addresses or the port range cannot
    work, ``MediaError`` where no announcement is prepared or RTPProxy does not start.
    """

    on_timeout: Callable[[str], None] | None = None
    """Called on the line thread with the call id where RTP has stopped both ways for ``sip.dead_peer_seconds`` and
    neither side is on hold; once a call. Watching begins with ``play_announcement``, ``copy`` or ``watch``."""

    def __init__(self, config: Config, prompts: Path, loop: ports.Loop | None = None) -> None:
        self._config = config
        self._bound = loop
        self._prompts = PromptSet.load(prompts)
        self._addresses = Addresses.of(config)
        self._capacity = capacity(config)
        self._folder = speakable(self._prompts.folder)
        self._calls: dict[str, _Call] = {}
        self._running: Proxy | None = None
        if loop is not None:
            self.start()

    def bind(self, loop: ports.Loop) -> None:
        """Whose loop it runs on, where that was not known when it was built; before ``start``."""
        self._bound = loop

    def start(self) -> None:
        """Start RTPProxy, on the line thread; ``MediaError`` where it does not start. Harmless where it runs."""
        self._proxy  # noqa: B018 - started when first asked for

    @property
    def _loop(self) -> ports.Loop:
        if self._bound is None:
            raise MediaError("the media relay has no loop", hint="bind() it before use")
        return self._bound

    @property
    def _proxy(self) -> Proxy:
        if self._running is None:
            self._running = Proxy(self._config, self._addresses, self._loop)
        return self._running

    @property
    def prompts(self) -> PromptSet:
        """The set that is played."""
        return self._prompts

    @property
    def capacity(self) -> int:
        """How many recorded calls the configured port range holds."""
        return self._capacity

    # --- ports.MediaRelay -------------------------------------------------------------------------------------------

    def open(self, call_id: str) -> None:
        """Make room for a call; one of the same id that was left open is closed."""
        self.close(call_id)
        session = self._proxy.session()
        session.caller.laddress = self._addresses.facing(self._addresses.trunk_family)
        self._calls[call_id] = _Call(session)

    def caller_sdp(self, call_id: str, body: Any, done: Callable[..., None]) -> None:
        """Anchor an SDP body of the caller; see ``ports.MediaRelay``."""
        self._anchor(call_id, "caller", body, done)

    def callee_sdp(self, call_id: str, body: Any, done: Callable[..., None]) -> None:
        """Anchor an SDP body of the callee; see ``ports.MediaRelay``."""
        self._anchor(call_id, "callee", body, done)

    def close(self, call_id: str) -> None:
        """Free the ports; harmless where there are none. What still plays is told ``done(False)``."""
        call = self._calls.pop(call_id, None)
        if call is None:
            return
        self._end_prompt(call, False)
        if call.watch:
            call.watch.cancel()
        self._proxy.delete(call.session)

    def shutdown(self) -> None:
        """Close every call and RTPProxy itself."""
        for call_id in list(self._calls):
            self.close(call_id)
        if self._running is not None:
            self._running.shutdown()
            self._running = None

    def _anchor(self, call_id: str, side: str, body: Any, done: Callable[..., None]) -> None:
        from sippy.Exceptions.RtpProxyError import RtpProxyError
        from sippy.Exceptions.SdpParseError import SdpParseError
        from sippy.Rtp_proxy.Session.update import update_params

        call = self._calls.get(call_id)
        if call is None:
            done(None, ex=RtpProxyError("no such call in the media relay"))
            return
        try:
            body.parse()
            if body.getType() != "application/sdp":
                raise sdp.UnusableSdpError(f"a body of type {body.getType()}, not application/sdp")
            audio = sdp.narrow(body.content)
            if side == "caller":  # the ports that its answer will name face the caller: its family is known now
                call.session.callee.laddress = self._addresses.facing(audio.family)
        except Exception as error:  # noqa: BLE001 - sippy's parser raises anything on a hostile body: each is a 488
            done(None, ex=SdpParseError(str(error) or type(error).__name__))
            return
        before = getattr(call, side)
        setattr(call, side, audio)
        update = update_params()
        update.rtpps, update.index = call.session, 0
        update.remote_ip, update.remote_port, update.atype = audio.address, audio.port, audio.family
        update.options = "6" if audio.family == "IP6" else ""

        def anchored(result: Any, _session: Any, ex: Exception | None = None) -> None:
            if result is None or ex is not None:
                setattr(call, side, before)
                done(None, ex=ex if isinstance(ex, RtpProxyError) else RtpProxyError("no media ports"))
                return
            sdp.anchor(body.content, audio, result.family, result.rtpproxy_address, result.rtpproxy_port)
            body.content.o_header = _origin(getattr(call.session, side), body.content.o_header)
            body.needs_update = False
            done(body)

        update.result_callback = anchored
        getattr(call.session, side).update(update)

    # --- ports.Media ------------------------------------------------------------------------------------------------

    def playable(self, codecs: Sequence[str]) -> bool:
        """True where the announcement is prepared for at least one of these codecs."""
        return any(codec in self._prompts.codecs for codec in codecs)

    def play_announcement(self, call_id: str, codec: str, done: Callable[[bool], None]) -> float:
        """Start the announcement to the callee, and pips with a cue to the caller; returns its length in seconds.

        ``done(True)``: the callee had an address, took audio, and the whole of it has been sent. ``done(False)``: it
        could not start (no such call or codec, ``callee_sdp`` not yet done, callee on hold), was stopped, or the callee
        stopped listening meanwhile.
        """
        self.watch(call_id)
        seconds = self._prompts.seconds
        started = self._play(call_id, "announcement", codec, seconds, done)
        call = self._calls.get(call_id)
        if started and call:
            at = _PIP_EVERY / 2
            while at < seconds - _CUE_BEFORE_END[0] - PIP_SECONDS:
                self._pip_after(call, at, "progress", codec)
                at += _PIP_EVERY
            for before_end in _CUE_BEFORE_END:
                self._pip_after(call, max(0.0, seconds - before_end), "cue", codec)
        return seconds if started else 0.0

    def play_apology(self, call_id: str, codec: str, done: Callable[[bool], None]) -> float:
        """Start the goodbye to the callee; returns its length in seconds (0.0 where none is prepared)."""
        seconds = self._prompts.goodbye_seconds
        if not seconds:
            self._loop.post(lambda: done(False))
            return 0.0
        return seconds if self._play(call_id, "goodbye", codec, seconds, done) else 0.0

    def stop_playing(self, call_id: str) -> None:
        """Stop whatever plays; the prompt's ``done(False)`` comes at once."""
        call = self._calls.get(call_id)
        if call is None or call.on_end is None:
            return
        session = call.session
        self._end_prompt(call, False)
        for tags in (f"{session.to_tag} {session.from_tag}", f"{session.from_tag} {session.to_tag}"):
            self._command(call, f"S {session.call_id}-0 {tags}")

    def copy(self, call_id: str, caller_port: int, callee_port: int, done: Callable[[bool], None]) -> None:
        """Send a copy of what the caller sends and of what the callee sends to these UDP ports on 127.0.0.1."""
        self.watch(call_id)
        call = self._calls.get(call_id)
        if call is None or call.caller is None or call.callee is None:
            self._loop.post(lambda: done(False))
            return
        session = call.session
        name, caller, callee = f"{session.call_id}-0", session.from_tag, session.to_tag
        if call.copied:
            self._command(call, f"N {name} {caller} {callee}")
            self._command(call, f"N {name} {callee} {caller}")
        call.copied = True
        replies: list[bool] = []

        def replied(reply: str | None) -> None:
            replies.append(is_ok(reply))
            if len(replies) == 2:
                done(all(replies))

        self._command(call, f"C {name} udp:127.0.0.1:{caller_port} {caller} {callee}", replied)
        self._command(call, f"C {name} udp:127.0.0.1:{callee_port} {callee} {caller}", replied)

    def packets(self, call_id: str, done: Callable[[tuple[int, int] | None], None]) -> None:
        """``done((from the caller, from the callee))``: RTP packets received so far; None where there is no session."""
        call = self._calls.get(call_id)
        if call is None:
            self._loop.post(lambda: done(None))
            return
        session = call.session
        self._command(
            call, f"Q {session.call_id}-0 {session.from_tag} {session.to_tag}", lambda reply: done(counts(reply))
        )

    def watch(self, call_id: str) -> None:
        """Begin to watch for RTP that has stopped both ways (``on_timeout``); harmless where it already is."""
        call = self._calls.get(call_id)
        if call and call.watch is None and self._config.sip.dead_peer_seconds > 0:
            self._watch_again(call_id, call)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _command(self, call: _Call, command: str, replied: Callable[[str | None], None] | None = None) -> None:
        """Queue a command; one session's run in order. ``replied`` gets RTPProxy's answer, None where it is gone."""
        call.session.rtpp_seq.send_command(command, replied)

    def _play(self, call_id: str, prompt: str, codec: str, seconds: float, done: Callable[[bool], None]) -> bool:
        call = self._calls.get(call_id)
        payload_type = PAYLOAD_TYPES.get(codec)
        if call is None or payload_type is None or call.callee is None or not call.callee.hears:
            self._loop.post(lambda: done(False))
            return False
        self._end_prompt(call, False)
        call.playing += 1
        call.on_end = done
        number, session = call.playing, call.session

        def replied(reply: str | None) -> None:
            if call.playing != number or call.on_end is None:
                return
            if is_ok(reply):
                call.timers.append(self._loop.after(seconds + _MARGIN, over))
            else:
                self._end_prompt(call, False)

        def over() -> None:
            if call.playing == number:
                self._end_prompt(call, call.callee is not None and call.callee.hears)

        name = f"{session.call_id}-0 {self._folder}/{prompt} {payload_type}"
        self._command(call, f"P1 {name} {session.to_tag} {session.from_tag}", replied)
        return True

    def _pip_after(self, call: _Call, seconds: float, prompt: str, codec: str) -> None:
        session = call.session
        name = f"{session.call_id}-0 {self._folder}/{prompt} {PAYLOAD_TYPES[codec]}"
        command = f"P1 {name} {session.from_tag} {session.to_tag}"
        call.timers.append(self._loop.after(seconds, lambda: self._command(call, command)))

    def _end_prompt(self, call: _Call, completed: bool) -> None:
        for timer in call.timers:
            timer.cancel()
        call.timers.clear()
        done, call.on_end = call.on_end, None
        if done is not None:
            done(completed)

    def _watch_again(self, call_id: str, call: _Call) -> None:
        def check() -> None:
            self.packets(call_id, counted)

        def counted(now: tuple[int, int] | None) -> None:
            if self._calls.get(call_id) is not call:
                return
            on_hold = any(audio is None or audio.may_be_quiet for audio in (call.caller, call.callee))
            call.silent_checks = 0 if on_hold or now is None or now != call.seen else call.silent_checks + 1
            gone = now is None or call.silent_checks >= 4
            call.seen = now
            if not gone:
                self._watch_again(call_id, call)
            elif self.on_timeout:
                self.on_timeout(call_id)

        call.watch = self._loop.after(self._config.sip.dead_peer_seconds / 4, check)


def _origin(side: Any, remote: Any) -> Any:
    """The gate's own ``o=`` line for this side: one session, its version raised as often as the endpoint's is."""
    last = side.oh_remote
    if last is not None and (last.session_id, last.version) != (remote.session_id, remote.version):
        side.origin.version += 1
    side.oh_remote = remote.getCopy()
    return side.origin.getCopy()
