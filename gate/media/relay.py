"""``RtpIoMedia``: a call's ports, its SDP, who hears whom, prompts and copies. Everything here runs on the line thread.

What RTPProxy is asked is done on the worker's thread, in the order in which it was commanded (``party``, ``proxy``).

What the relay knows of one call and of its two parties, and whose party it has borrowed. Line thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from secrets import randbits

import structlog

from gate import ports
from gate.config import Config
from gate.config.schema import announcement_for
from gate.core import sdp
from gate.errors import MediaError
from gate.media.party import Party, make
from gate.media.playing import Players, Playing, Prompt
from gate.media.prompts import NONE, PAYLOAD_TYPES, PIPS, PromptSet, PromptsIn
from gate.media.proxy import Addresses, Facing, Proxy, beside, expected, speakable
from gate.media.spoken_code import SpokenCode
from gate.media.worker import Job, asked


@dataclass(slots=True)
class Side:
    """One party, as the line knows it."""

    party: Party
    facing: Facing
    audio: sdp.Audio | None = None
    origin: sdp.Origin | None = None
    """The gate's own in what this side's bodies become, and the endpoint's last one."""
    told: sdp.Origin | None = None

    def origin_of(self, told: sdp.Origin) -> sdp.Origin:
        """The gate's own origin in place of this: one session, its version raised as often as the endpoint's is (RFC
        3264 section 8)."""
        if self.origin is None:
            number = str(randbits(48))
            self.origin = sdp.Origin(number, number)
        elif self.told != told:
            self.origin = self.origin._replace(version=str(int(self.origin.version) + 1))
        self.told = told
        return self.origin


Sources = tuple[int, int]
"""Ports of loopback that copies come from, of the caller's and of the callee's; 0: none yet."""


@dataclass(slots=True, eq=False)
class RelayedCall:
    """One call's sessions and what runs for it."""

    signalled: str
    phone: bool
    sides: dict[str, Side] = field(default_factory=dict)
    playing: Playing | None = None
    played_to: str = "callee"
    rung: tuple[str, bool] = "", False
    """Where the callee is reached, and whether it is a phone of its own."""
    refused: int = 0
    lender: RelayedCall | None = None
    """The call whose callee is, by a transfer, the caller of this one, once they are joined. Until then that party is
    the lender's, and nothing of it is changed."""
    taps: tuple[int, int] | None = None
    """Where both directions are copied to."""
    tapped: Callable[[Sources | None], None] | None = None
    """Who is told where a borrowed caller's copy comes from."""

    @property
    def parties(self) -> tuple[Party, Party] | None:
        """Caller and callee, once either has told its SDP."""
        if len(self.sides) < 2:
            return None
        return self.sides["caller"].party, self.sides["callee"].party

    @property
    def own(self) -> list[Side]:
        """The sides whose parties go with this call."""
        return [side for name, side in self.sides.items() if not (self.lender and name == "caller")]

    def borrow(self, lender: RelayedCall, facing: Facing) -> bool:
        """Make it a transfer of ``lender``: its callee will be this call's caller; somebody new, at ``facing``, the
        callee. False where the lender has no callee to lend."""
        if len(lender.sides) < 2 or lender.lender is not None:
            return False
        before = lender.sides["caller"]
        self.lender = lender
        # What the borrowed party was told of its first counterpart goes on in one session (RFC 3264 section 8).
        new = Side(Party(facing.bound), facing, origin=before.origin, told=before.told)
        self.sides = {"caller": lender.sides["callee"], "callee": new}
        return True

    def tap(self, caller_port: int, callee_port: int, done: Callable[[Sources | None], None]) -> Job[Sources]:
        """Copy what each party says to these ports; a borrowed one's copy is the lender's until they are joined."""
        self.taps, self.tapped = (caller_port, callee_port), done
        caller, callee = (self.sides[name].party for name in ("caller", "callee"))
        return _tap(None if self.lender else caller, callee, caller_port, callee_port)

    def take_over(self) -> None:
        """The borrowed party is this call's own from now on."""
        if self.lender is not None:
            self.lender.sides.pop("callee", None)
            self.lender = None


def sides_at(addresses: Addresses, caller_family: str) -> dict[str, Side]:
    """Both parties of a new call. Where the INVITE had no SDP, the caller's family is not known before its ACK: the
    first that is configured is taken for it."""
    caller = addresses.facing(caller_family or next(iter(addresses.by_family)))
    callee = addresses.facing(addresses.trunk_family)
    return {"caller": Side(Party(caller.bound), caller), "callee": Side(Party(callee.bound), callee)}


def _tap(caller: Party | None, callee: Party, caller_port: int, callee_port: int) -> Job[Sources]:
    to_caller = caller.copy(caller_port) if caller is not None else []
    answers = yield from asked(*to_caller, *callee.copy(callee_port))
    return int(answers[len(to_caller) - 1][0]) if to_caller else 0, int(answers[-1][0])


def join_taken(call: RelayedCall, proxy: Proxy, done: Callable[[bool], None], gone: Party | None = None) -> None:
    """Join the parties of a call whose caller has come from another one, and them alone; its copy goes to this call's
    tap first. ``gone``: the caller before, whose ports are freed."""
    if call.parties is None:
        done(False)
        return
    caller, callee = call.parties
    tap = call.taps[0] if call.taps else 0

    def copy() -> Job[int]:
        if not tap:
            return 0
        answers = yield from asked(*caller.copy(tap))
        return int(answers[-1][0])

    def join() -> Job[bool]:
        caller.hear(callee.inner)
        callee.hear(caller.inner)
        yield from asked(caller.send(callee.inner), callee.send(caller.inner))
        return True

    def free() -> Job[None]:
        yield gone.delete() if gone is not None else []

    def copied(source: int | None) -> None:
        if source and call.tapped is not None:
            call.tapped((source, 0))
        if source is None:
            done(False)
        else:
            proxy.run(call, join(), lambda ok: done(bool(ok)))
        if gone is not None:
            proxy.run(call, free(), lambda _: proxy.freed())

    proxy.run(call, copy(), copied)


_log = structlog.get_logger("gate.media")

HOLD_SECONDS = 60.0
"""How long an announcement waits for a callee on hold."""

_SETTLE_FIRST, _SETTLE_EVERY = 0.3, 1.0
"""When it is looked where a party sends from."""
_WATCH_EVERY, _LISTEN = 0.25, 0.1
"""Seconds between looks for audio that has moved, and for how long it is listened to all ports of an address."""
_MOST_LOOKS = 8
"""Parties that RTPProxy is asked about at one look: a flood to all ports costs no more."""


class RtpIoMedia:
    """Ports and audio of calls: what the line needs (``ports.MediaRelay``), and prompts, copies and counts for the call
    manager. Built on the line thread, where every method is called; it starts RTPProxy. No method raises for a single
    call's sake: ``done(ok)`` comes on the line thread. Nothing that a party says reaches the other until ``join``.

    ``prompts`` is the data folder's ``prompts``. Raises ``ConfigError`` where the addresses cannot work, ``MediaError``
    where no announcement is prepared or RTPProxy does not start.
    """

    def __init__(
        self, config: Config, prompts: Path, loop: ports.Loop, *, hold_seconds: float = HOLD_SECONDS,
        prompts_in: PromptsIn = NONE,
    ) -> None:  # fmt: skip
        self._loop = loop
        self._prompts = PromptSet.load(prompts)
        self._for_others = {
            each.name: PromptSet.in_folder(prompts, announcement_for(config.announcement, each))
            for each in config.instigator
        }
        self._folders = {name: speakable(each.folder) for name, each in self._for_others.items()}
        self._addresses = Addresses.from_config(config)
        self._folder = speakable(self._prompts.folder)
        self._pips = speakable(prompts / PIPS)
        self._in, self._folder_in = prompts_in, speakable(prompts_in.folder) if prompts_in.seconds else ""
        self._hold_seconds = hold_seconds
        self._codes = SpokenCode.load(prompts, config.announcement)
        self._calls: dict[str, RelayedCall] = {}
        self._closing: dict[str, RelayedCall] = {}
        """Those whose sessions RTPProxy has not yet been heard to have deleted."""
        self._players = Players()
        self._proxy = Proxy(config, self._addresses, loop)
        self._watching = False
        self._looked_at = 0
        self.strangers = 0
        """Packets so far that came to a media port from somebody who was not expected there; counted when a call's
        packets are, and at its end."""

    # --- ports.MediaRelay -------------------------------------------------------------------------------------------

    def open(self, call_id: str, signalled: str = "", *, phone: bool = False) -> None:
        """Make room for a call, see ``ports.MediaRelay``; one of the same id that was left open is closed."""
        self.close(call_id)
        self._calls[call_id] = RelayedCall(signalled, phone)
        if not self._watching:
            self._watching = True
            self._loop.after(_WATCH_EVERY, self._watch)

    def rings(self, call_id: str, signalled: str, *, phone: bool) -> None:
        """Where the callee is now; see ``ports.MediaRelay``."""
        if call := self._calls.get(call_id):
            call.rung = signalled, phone

    def caller_sdp(self, call_id: str, body: str, done: ports.Anchored) -> None:
        """Anchor an SDP body of the caller; see ``ports.MediaRelay``."""
        self._anchor(call_id, "caller", body, done)

    def callee_sdp(self, call_id: str, body: str, done: ports.Anchored) -> None:
        """Anchor an SDP body of the callee; see ``ports.MediaRelay``."""
        self._anchor(call_id, "callee", body, done)

    def close(self, call_id: str) -> None:
        """Free the ports; harmless where there are none. What still plays ends, and tells so."""
        call = self._calls.pop(call_id, None)
        if call is None:
            return
        playing, call.playing = call.playing, None  # which knows the call: a cycle
        if playing:
            playing.end()
        parties = [side.party for side in call.own]

        def job() -> Job[int]:
            refused = sum(party.refused() for party in parties)
            yield [command for party in parties for command in party.delete()]
            return refused

        def deleted(refused: int | None) -> None:
            if self._closing.get(call_id) is call:
                del self._closing[call_id]
            self._note_refused(call, refused)
            self._proxy.freed()

        if parties:
            self._closing[call_id] = call
            self._proxy.run(call, job(), deleted)

    def shutdown(self) -> None:
        """Close every call and RTPProxy itself."""
        for call_id in list(self._calls):
            self.close(call_id)
        self._proxy.shutdown()

    def _anchor(self, call_id: str, name: str, body: str, done: ports.Anchored) -> None:
        call = self._calls.get(call_id)
        if call is None:
            done(None, MediaError("no such call in the media relay"))
            return
        try:
            audio = sdp.narrow(body)
            sides = call.sides or sides_at(self._addresses, audio.family if name == "caller" else "")
            signalled, phone = (call.signalled, call.phone) if name == "caller" else call.rung
            others = beside(audio, signalled, sides[name].facing)
            address, learns = audio.address, False
            if not others and (phone or name == "caller"):  # a carrier is called at its own address: it is believed
                address, learns = expected(audio, signalled, phone=phone)
        except sdp.UnusableSdpError as error:
            done(None, error)
            return
        call.sides = sides
        side, other = sides[name], sides["callee" if name == "caller" else "caller"]
        before, side.audio = side.audio, audio
        borrowed = call.lender is not None and name == "caller"
        faced = not (audio.nowhere or borrowed or self._addresses.nobody(audio))

        def job() -> Job[int]:
            at_once = faced and not (side.party.made or learns or others or ":" in address)
            if missing := [each for each in (side.party, other.party) if not each.made]:
                yield from make(*missing, faced=(address, audio.port) if at_once else None)
            if borrowed:
                other.party.hear(side.party.inner)
            elif faced and not at_once:
                yield from side.party.face(address, audio.port, learns=learns, beside=others)
            return other.party.port

        def anchored(port: int | None) -> None:
            if port is None or self._calls.get(call_id) is not call:
                side.audio = before
                done(None, MediaError("no media ports"))
                return
            if faced and not learns:
                self._settle(call_id, call, side)
            if name == call.played_to and call.playing:
                (call.playing.resume if audio.hears else call.playing.hold)()
            origin = side.origin_of(audio.origin)
            done(sdp.anchor(audio, origin, other.facing.family, other.facing.named, port), None)

        self._proxy.run(call, job(), anchored)

    # --- who hears whom ---------------------------------------------------------------------------------------------

    def hear_early(self, call_id: str) -> None:
        """Let the caller hear the callee before it has answered; never the other way."""
        self._direct(call_id, lambda caller, callee: (0, caller.inner))

    def join(self, call_id: str, done: Callable[[bool], None]) -> None:
        """Let the parties hear each other; ``done(False)`` where that could not be."""
        call = self._calls.get(call_id)
        if call is not None and call.lender is not None:
            call.take_over()
            join_taken(call, self._proxy, done)
            return
        self._direct(call_id, lambda caller, callee: (callee.inner, caller.inner), done, more=True)

    def transfer(self, call_id: str, from_call: str) -> bool:
        """Make room for a call whose caller is another one's callee, see ``ports.MediaRelay``."""
        self.close(call_id)
        lender, call = self._calls.get(from_call), RelayedCall("", phone=False)
        if lender is None or not call.borrow(lender, self._addresses.facing(self._addresses.trunk_family)):
            return False
        self._calls[call_id] = call
        return True

    def take_over(self, call_id: str, from_call: str, done: Callable[[bool], None]) -> None:
        """Put another call's callee in the place of this one's caller, see ``ports.MediaRelay``."""
        call, lender = self._calls.get(call_id), self._calls.get(from_call)
        if call is None or lender is None or call.parties is None or lender.parties is None or lender is call:
            self._loop.post(lambda: done(False))
            return
        gone, call.sides["caller"] = call.sides["caller"].party, lender.sides.pop("callee")
        join_taken(call, self._proxy, done, gone)

    def shut(self, call_id: str) -> None:
        """Let neither party hear the other."""
        self._direct(call_id, lambda caller, callee: (0, 0))

    def _direct(
        self,
        call_id: str,
        where: Callable[[Party, Party], tuple[int, int]],
        done: Callable[[bool], None] = lambda _: None,
        *,
        more: bool = False,
    ) -> None:
        """Send what the caller and the callee say to these inner ports; ``more`` as in ``Proxy.run``."""
        call, found = self._calls.get(call_id), self._parties(call_id)
        if call is None or found is None:
            self._loop.post(lambda: done(False))
            return
        (caller, callee), borrowed = found, call.lender is not None

        def job() -> Job[bool]:
            from_caller, from_callee = where(caller, callee)
            yield from asked(*([] if borrowed else [caller.send(from_caller)]), callee.send(from_callee))
            return True

        self._proxy.run(call, job(), lambda ok: done(bool(ok)), more=more)

    # --- for the call manager -----------------------------------------------------------------------------------------

    def playable(self, codecs: Sequence[str]) -> bool:
        """True where the announcement is prepared for at least one of these codecs."""
        return any(codec in self._prompts.codecs for codec in codecs)

    def play_announcement(
        self, call_id: str, codec: str, done: Callable[[ports.Played], None], on_behalf_of: str = ""
    ) -> float:
        """Start the announcement to the callee (and progress with a cue to the caller); returns its length in seconds.
        ``on_behalf_of``: the instigator whose announcement it is; empty: the firm's own. ``done`` always comes: it
        waits for a callee on hold, but not for ever. 0.0 where there is no such call, codec or announcement, or no SDP
        of the callee's yet."""
        prompts = self._for_others.get(on_behalf_of) if on_behalf_of else self._prompts
        seconds, folder = prompts.seconds if prompts else 0.0, self._folders.get(on_behalf_of, "")
        return self._play(call_id, "announcement", codec, seconds, done, pips=True, folder=folder)

    def play_apology(self, call_id: str, codec: str, done: Callable[[ports.Played], None]) -> float:
        """Start the polite goodbye to the callee; returns its length in seconds (0.0 where none is prepared)."""
        return self._play(call_id, "goodbye", codec, self._prompts.goodbye_seconds, done)

    def play_receipt(self, call_id: str, codec: str, code: str, done: Callable[[ports.Played], None]) -> float:
        """Start the code of a receipt to the callee; returns its length in seconds (0.0 where it cannot be played)."""
        if self._codes is None:
            return self._play(call_id, "", codec, 0.0, done)
        name, seconds, over = self._codes.begin(code, codec, done)
        return self._play(call_id, name, codec, seconds, over, folder=self._codes.spoken)

    def play_to_caller(self, call_id: str, name: str, codec: str, done: Callable[[ports.Played], None]) -> float:
        """Start a prompt of calls in (``gate.media.prompts``) to the caller; returns its length in seconds."""
        return self._play(
            call_id, name, codec, self._in.seconds.get(name, 0.0), done, to="caller", folder=self._folder_in
        )

    def stop_playing(self, call_id: str) -> None:
        """Stop whatever plays. Its ``done`` comes at once."""
        call = self._calls.get(call_id)
        if call and call.playing:
            call.playing.end()

    def when_quiet(self, call_id: str, then: Callable[[], None]) -> None:
        """``then`` once all is done that is asked for this call up to the end of this step of the line: what is shut or
        closed passes nothing any more. It always comes, after the step."""
        call = self._calls.get(call_id) or self._closing.get(call_id)

        def after_the_step() -> None:
            if call is None:
                then()
            else:
                self._proxy.run(call, asked(), lambda _nothing: then())

        self._loop.post(after_the_step)

    def copy(
        self, call_id: str, caller_port: int, callee_port: int, done: Callable[[tuple[int, int] | None], None]
    ) -> None:
        """Send a copy of each direction to these UDP ports on loopback. ``done`` gets the ports of loopback that they
        come from, of the caller's copy and of the callee's; None where it could not be. 0 for the caller's of a
        transfer: its own comes in another ``done``, with 0 for the callee's, when the parties are joined."""
        call, found = self._calls.get(call_id), self._parties(call_id)
        if call is None or found is None:
            self._loop.post(lambda: done(None))
            return
        self._proxy.run(call, call.tap(caller_port, callee_port, done), done, more=True)

    def late(self) -> float:
        """Seconds that the oldest command to RTPProxy has waited for its answer."""
        return self._proxy.late

    def packets(self, call_id: str, done: Callable[[tuple[int, int] | None], None]) -> None:
        """``done((from the caller, from the callee))``: RTP packets received so far; None where there is no session."""
        call, found = self._calls.get(call_id), self._parties(call_id)
        if call is None or found is None:
            self._loop.post(lambda: done(None))
            return
        caller, callee = found

        def job() -> Job[tuple[int, int, int]]:
            called, answered = yield from asked(caller.count(), callee.count())
            return caller.counted(called)[0], callee.counted(answered)[0], caller.refused() + callee.refused()

        def counted(counts: tuple[int, int, int] | None) -> None:
            if counts is None:
                done(None)
                return
            self._note_refused(call, counts[2])
            done(counts[:2])

        self._proxy.run(call, job(), counted)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _parties(self, call_id: str) -> tuple[Party, Party] | None:
        """Caller and callee, once either has told its SDP."""
        call = self._calls.get(call_id)
        return call.parties if call is not None else None

    def _play(
        self, call_id: str, name: str, codec: str, seconds: float, done: Callable[[ports.Played], None], *,
        pips: bool = False, folder: str = "", to: str = "callee",
    ) -> float:  # fmt: skip
        call, found = self._calls.get(call_id), self._parties(call_id)
        audio = call.sides[to].audio if call and found else None
        if call is None or found is None or audio is None or codec not in PAYLOAD_TYPES or not seconds:
            self._loop.post(lambda: done(ports.Played(completed=False, cause="not_playable")))
            return 0.0
        if call.playing:
            call.playing.end()
        side, call.played_to = call.sides[to], to
        pips = pips and not call.lender
        path, payload_type = f"{folder or self._folder}/{name}", PAYLOAD_TYPES[codec]
        prompt = Prompt(path, payload_type, seconds, self._pips if pips else "", short=audio.short)
        playing = call.playing = Playing(
            partial(self._proxy.run, call),
            self._loop,
            self._players,
            *(found if to == "callee" else found[::-1]),
            prompt,
            done,
            patience=self._hold_seconds,
            told=lambda: side.party.as_told,
        )
        playing.start(hears=audio.hears)
        return seconds

    def _settle(self, call_id: str, call: RelayedCall, side: Side) -> None:
        """Find out where a party sends from, as soon as it does."""
        self._loop.after(_SETTLE_FIRST, partial(self._look, call_id, call, side, side.audio))

    def _look(self, call_id: str, call: RelayedCall, side: Side, audio: sdp.Audio | None) -> None:
        """Look now, and again until it is known. A method, for a function that names itself would be a cycle."""
        if self._calls.get(call_id) is not call or side.audio is not audio or side.party.settled:
            return
        if side.party.strayed:
            self._proxy.run(call, side.party.settle())
        else:
            self._loop.after(_SETTLE_EVERY, partial(self._look, call_id, call, side, audio))

    def _watch(self) -> None:
        """Look for audio that has moved to another port in mid-call without an SDP of it, as long as there are calls.
        Of a party that is where it was only the kernel's count is asked."""
        self._watching = bool(self._calls)
        if not self._watching:
            return
        self._loop.after(_WATCH_EVERY, self._watch)
        astray = [
            (call_id, call, side) for call_id, call in self._calls.items() for side in call.own if side.party.astray()
        ]
        self._looked_at = self._looked_at + _MOST_LOOKS if self._looked_at + _MOST_LOOKS < len(astray) else 0
        for call_id, call, side in astray[self._looked_at : self._looked_at + _MOST_LOOKS]:
            self._proxy.run(call, side.party.look_around(), partial(self._looked, call_id, call, side))

    def _looked(self, call_id: str, call: RelayedCall, side: Side, listens: bool | None) -> None:
        if listens:
            follow = partial(self._proxy.run, call, side.party.follow(), partial(self._followed, call_id))
            self._loop.after(_LISTEN, follow)

    def _followed(self, call_id: str, moved: bool | None) -> None:
        if moved:
            hint = "what came between is missing in the recording"
            _log.warning("audio_moved", call_id=call_id, hint=hint)

    def _note_refused(self, call: RelayedCall, refused: int | None) -> None:
        if refused is not None and refused > call.refused:
            self.strangers += refused - call.refused
            call.refused = refused
