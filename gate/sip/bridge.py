"""One call: the caller's leg, the callee's leg, and what the call manager commands.

How far it is, is a table (``gate.core.bridging``). sippy's events never pass from leg to leg: what goes on is made anew
here, so that no redirect, transfer or foreign header comes through.

Once the callee has picked up, the caller's side never ends in a failure, whatever happens: a phone system would dial
its next trunk and ring them again. The caller is answered then, without audio, and gets a BYE.

What follows a talk that the caller has ended: the callee's leg stays up until the code of a receipt is told.

Keys sent by SIP INFO (``application/dtmf-relay`` and ``application/dtmf``, as phones and PBXs send them).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from gate.core import sdp
from gate.core.bridging import Progress, Stage, Step
from gate.core.sdp import whole
from gate.sip import stored_dialogs
from gate.sip.failure_mapping import NOT_ACCEPTABLE, PHONES, UNAVAILABLE, UNREACHABLE
from gate.sip.identity import REFER
from gate.sip.liveness import LivenessCheck
from gate.sip.offer_answer import DelayedOffer, OfferAnswer
from gate.sip.peers import DialogPeer
from gate.sip.pending import Pending
from gate.sip.routes import Route
from gate.sip.sippy_adapter.classes import (
    CCEventConnect,
    CCEventDisconnect,
    CCEventFail,
    CCEventInfo,
    CCEventRedirect,
    CCEventRing,
    CCEventTry,
    CCEventUpdate,
    MsgBody,
)
from gate.sip.sippy_adapter.leg import Leg, reason
from gate.sip.sippy_adapter.patches import guarded
from gate.sip.sippy_adapter.refreshing import relayed, settled
from gate.sip.trunk_failover import TrunkFailover

if TYPE_CHECKING:
    from gate.sip.engine import Engine


_log = structlog.get_logger("gate.sip")


class Bridge:
    """One call from ``invite`` to its end. Every method runs on the line thread."""

    def __init__(
        self, engine: Engine, pending: Pending, number: str, presentation: str, display_name: str,
        routes: Sequence[Route], *, early: bool = False,
    ) -> None:  # fmt: skip
        self.engine = engine
        self.id = pending.call_id
        self.pending = pending
        self.number, self.presentation, self.display_name = number, presentation, display_name
        self.route = routes[0]
        """The trunk that the call is at."""
        self.hears_early = early
        """The caller may hear what comes before the answer."""
        self.unrelayed = False
        """An emergency call that the media relay did not take: the parties' own bodies pass, audio goes its own way."""
        self.progress = Progress()
        self.caller_sdp = self.callee_sdp = ""
        self.answer: Any = None
        """The callee's SDP as the caller gets it."""
        self.early: Any = None
        self._timers: list[Any] = []
        self._waiting: list[Any] = []
        self._busy = False
        self._ready: Callable[[], None] | None = None
        self.caller = engine.transactions.leg(
            self.safely(self.on_caller), pending.peer(),
            flow=pending.endpoint if pending.endpoint.reliable else None,
        )  # fmt: skip
        self.caller.allow += f", {REFER}" if pending.claimed_by else ""
        self.caller.may_expire = lambda: not (self.progress.picked_up or self.route.emergency)
        self.callee = self._callee_at(self.route)
        self.failover = TrunkFailover(self, routes)
        self.offer_answer, self.delayed_offer = OfferAnswer(self), DelayedOffer(self)
        self.liveness = LivenessCheck(self)

    def _callee_at(self, route: Route) -> Leg:
        leg: Leg = self.engine.transactions.leg(
            self.safely(self.on_callee),
            DialogPeer(networks=route.networks, secure=route.transport == "tls"),
            route.address, route.username, route.password, self.engine.flow_of(route),
        )  # fmt: skip
        leg.on_late_answer = partial(self.unattended, route)
        leg.ask_again = self.ask_again
        leg.on_not_heard = self.safely(lambda: self.hung_up("gate", "no_ack"))
        return leg

    def invite_leaves(self, leg: Leg, route: Route) -> None:
        """An INVITE is about to leave: the next start and whoever answers it besides are to be known. It does not wait
        for a disk that does not answer."""
        if leg.flow is None or leg.flow.way() is not None:
            self.move(Step.INVITED)
        self.keep_legs()
        self.engine.book.written()
        self.engine.forks.follow(self, leg, route)

    def answered_after_all(self, route: Route) -> None:
        """An INVITE that was over for this trunk is answered, and hung up on: nobody rings them again."""
        self.unattended(route)
        if self.progress.stage is Stage.DIALLING and not (self.progress.rung or self.route.emergency):
            self.give_up(self.pending.refusal, "answered_late")

    def ask_again(self, after: str, send: Callable[[], None]) -> None:
        """Another INVITE of this call is ready: ``send()`` once it is decided anew that it may leave. ``after``: what
        became of the one before. LAW 3.5: an emergency call waits for nothing."""
        if self.route.emergency:
            send()
        else:
            self._ready = send
            self.engine.events.dialling_again(self.id, self.route.name, after)

    def dial_again(self) -> None:
        """Send the INVITE that waited for its decision."""
        send, self._ready = self._ready, None
        if send is not None and self.progress.stage is Stage.DIALLING:
            self.safely(send)()

    @property
    def asks_again(self) -> bool:
        """An INVITE waits for its decision."""
        return self._ready is not None

    def unattended(self, route: Route) -> None:
        """The callee has picked up what is hung up on: LAW 3.4 has to know it, whoever took the call back."""
        reported = self.progress.reported
        self.move(Step.UNATTENDED)
        if not reported:
            self.engine.events.unattended(self.id, route.name)

    def take(self, route: Route) -> None:
        """Go on at another trunk: nothing of the one before has rung."""
        self.move(Step.NEXT)
        self.route, self.callee = route, self._callee_at(route)
        self.offer_answer.attend("callee")

    def move(self, step: Step) -> None:
        """Something has happened to one of the legs."""
        self.progress = self.progress.after(step)

    @property
    def stage(self) -> Stage:
        """How far the call is."""
        return self.progress.stage

    @property
    def caller_gone(self) -> bool:
        """The caller could neither take this call back nor hang up: nobody is rung for it."""
        return self.pending.endpoint.gone

    @property
    def signalled(self) -> str:
        """Address from which the caller's audio may come, where its SDP was written behind a NAT."""
        return self.pending.endpoint.hop(self.pending.source)[0]

    def session_seconds(self, side: str) -> int:
        """The session timer that this side is asked for; 0: none."""
        own = self.route.form.session_seconds if side == "callee" else -1
        return self.engine.config.sip.session_seconds if own < 0 else own

    def later(self, seconds: float, step: Callable[[], None]) -> None:
        """``step`` after ``seconds``, unless the callee has answered or the call is over."""
        self._timers.append(self.engine.after(seconds, self.safely(step)))

    def refusal(self, why: str) -> tuple[int, str]:
        """Code and phrase to the caller where the gate cannot go on."""
        return self.route.refusal(self.pending.refusal, why)

    def not_acceptable(self, why: str) -> tuple[int, str]:
        """The same where no audio is common: 488 to a phone; a phone system would dial its next trunk upon that."""
        phone = self.pending.refusal == PHONES and not self.route.emergency
        return NOT_ACCEPTABLE if phone else self.refusal(why)

    def safely(self, step: Callable[..., None]) -> Callable[..., None]:
        """``step`` with its faults caught: a fault of ours ends the call on both sides rather than leaving it
        hanging."""

        def run(*values: Any, **named: Any) -> None:
            try:
                step(*values, **named)
            except Exception:  # noqa: BLE001 - the boundary to sippy and the relay: logged, and the call is ended
                _log.exception("call step failed", call_id=self.id)
                self.give_up(self.refusal("internal_error")[0], "internal_error")

        return run

    # --- setting up --------------------------------------------------------------------------------------------------

    def on_caller(self, event: Any) -> None:
        """Handle an event of the caller's leg."""
        if isinstance(event, CCEventTry):
            self._dial(event)
        elif isinstance(event, CCEventDisconnect) and not (
            self.engine.transfers.callee_waits(self) or callee_stays(self)
        ):
            lost = "call_unknown" if self.caller.lost else "hung_up"
            self.hung_up("caller", "cancelled" if self.progress.stage is Stage.DIALLING else lost)
        elif isinstance(event, CCEventUpdate):
            self.offer_answer.offered("caller", event)
        elif isinstance(event, CCEventInfo):
            take_info(self, "caller", event)
        elif isinstance(event, (CCEventConnect, CCEventFail, CCEventRedirect)):
            self.offer_answer.replied("caller", event)

    def _dial(self, event: Any) -> None:
        body = self._carried(event.getData()[3] or self.delayed_offer.begin())
        self.caller_sdp = str(body)
        if not self.route.emergency:
            self.later(self.engine.config.sip.no_answer_seconds, self._no_answer)
        hops = event.max_forwards if event.max_forwards is not None else 70
        own = body.getCopy() if self.route.emergency and not self.delayed_offer.asked else None
        ready = self.safely(lambda body, ex=None: self._offer_ready(body, hops, ex, own))
        relayed(self.engine.relay.caller_sdp, self.id, body, ready)

    def _carried(self, body: Any) -> Any:
        """``body`` with what can be announced and recorded, and nothing else; as it came where it has none of that, and
        of an emergency call."""
        text = "" if self.route.emergency else sdp.cut(str(body))
        return MsgBody(text) if text and text != str(body) else body

    def _offer_ready(self, body: Any, hops: int, ex: Any, own: Any) -> None:
        if self.progress.stage is not Stage.DIALLING or self.caller.over:
            return
        if own is not None and (body is None or ex is not None):
            _log.error("the media relay refuses the offer; passed on as it is", call_id=self.id, error=str(ex))
            body, ex, self.unrelayed = own, None, True
        if body is None or ex is not None:
            _log.warning("the media relay refuses the offer", call_id=self.id, error=str(ex))
            self.give_up(488, "media_unavailable", passed=self.not_acceptable("media_unavailable"))
            return
        self.failover.dial(body, hops)

    def on_callee(self, event: Any) -> None:
        """Handle an event of the callee's leg; one at a time, because the media relay answers later."""
        if self._busy and isinstance(event, (CCEventRing, CCEventConnect)) and self.progress.stage is Stage.DIALLING:
            self._waiting.append(event)
            if isinstance(event, CCEventConnect):
                self.move(Step.PICKED_UP)
        elif isinstance(event, CCEventRing):
            self._ringing(event)
        elif isinstance(event, CCEventConnect) and self.progress.stage is Stage.DIALLING:
            self._answered(event)
        elif isinstance(event, (CCEventFail, CCEventRedirect)) and self.progress.stage is Stage.DIALLING:
            self._failed(event)
        elif isinstance(event, CCEventDisconnect):
            self.hung_up("callee", "call_unknown" if self.callee.lost else "hung_up")
        elif isinstance(event, CCEventUpdate):
            self.offer_answer.offered("callee", event)
        elif isinstance(event, CCEventInfo):
            take_info(self, "callee", event)
        elif isinstance(event, (CCEventConnect, CCEventFail, CCEventRedirect)):
            self.offer_answer.replied("callee", event)

    def _next(self) -> None:
        self._busy = False
        while self._waiting and not self._busy:
            self.safely(self.on_callee)(self._waiting.pop(0))

    def _ringing(self, event: Any) -> None:
        code, phrase, body = event.getData()
        self.move(Step.RANG if code > 100 else Step.HEARD)
        self.failover.heard()
        if self.progress.stage is not Stage.DIALLING or code <= 100:
            return
        if body is None:
            self._tell_ringing(180 if code != 183 else 183, phrase, None)
            return
        body = self._carried(body)
        self.callee_sdp = str(body)
        self._busy = True

        def ready(body: Any, ex: Any = None) -> None:
            if self.progress.stage is Stage.DIALLING:
                self.early = body if ex is None else None
                self._early(code, phrase)
            self._next()

        self._callee_sdp(body, ready)

    def _early(self, code: int, phrase: str) -> None:
        """The far end has audio before it answers. It reaches the caller where that is allowed, and nothing goes the
        other way; an emergency call is open at once. Else the caller rings by itself."""
        if self.early is not None and self.route.emergency:
            self.engine.relay.join(self.id, lambda _: None)
            self._tell_ringing(code, phrase, self.early)
        elif self.early is not None and self.hears_early:
            self.engine.relay.hear_early(self.id)
            self._tell_ringing(code, phrase, self.early)
        else:
            self._tell_ringing(180, "Ringing", None)

    def _callee_sdp(self, body: Any, ready: Callable[..., None]) -> None:
        if self.unrelayed:
            self.safely(ready)(body)
        else:
            self.engine.relay.rings(self.id, self.route.address[0], phone=False)
            relayed(self.engine.relay.callee_sdp, self.id, body, self.safely(ready))

    def _tell_ringing(self, code: int, phrase: str, body: Any) -> None:
        self._ring(code, phrase, body)
        self.engine.events.ringing(self.id)

    def _ring(self, code: int, phrase: str, body: Any) -> None:
        if self.delayed_offer.asked:  # the 200 has the offer (RFC 3261 13.2.1)
            code, phrase, body = 180, "Ringing", None
        if not self.caller.over:
            self.caller.ring(code, phrase, settled(body))

    def _answered(self, event: Any) -> None:
        self.move(Step.PICKED_UP)
        body = event.getData()[2]
        if body is None:
            body = self.early
            if body is None:
                self.give_up(self.pending.refusal, "no_sdp")
                return
            self._answer_ready(body)
            return
        body = self._carried(body)
        self.callee_sdp = str(body)
        self._busy = True

        def ready(body: Any, ex: Any = None) -> None:
            if body is None or ex is not None:
                _log.warning("the media relay refuses the answer", call_id=self.id, error=str(ex))
                self.give_up(self.pending.refusal, "media_unavailable")
            else:
                self._answer_ready(body)
            self._next()

        self._callee_sdp(body, ready)

    def _answer_ready(self, body: Any) -> None:
        if self.progress.stage is not Stage.DIALLING or self.caller.over:
            return
        self._stop_timers()
        self.move(Step.ANSWER)
        self.answer = body
        if self.early is not None and self.hears_early:
            self.engine.relay.shut(self.id)  # from here on the announcement comes first
        chosen = sdp.codecs(self.callee_sdp)
        self.tell_media()
        if self.route.emergency:
            self.caller.on_no_ack = self._not_acknowledged
        else:
            self.liveness.start()
        self.engine.events.answered(self.id, chosen[0] if chosen else "", self.route.name)

    def _not_acknowledged(self) -> None:
        """LAW 3.5: no fault of a phone's ends an emergency call."""
        _log.warning("an emergency call's answer was not acknowledged", call_id=self.id)

    def keep_legs(self) -> None:
        """Keep what the next start needs to end them, should this be the last that is done."""
        try:
            self.engine.book.keep(self.id, stored_dialogs.legs_of(self))
        except Exception:  # noqa: BLE001 - the call goes on without
            _log.exception("the legs of a call are not kept", call_id=self.id)

    def tell_media(self) -> None:
        """Tell the codec maps as they stand now; each offer may have moved a party, too."""
        self.keep_legs()
        self.engine.events.media_changed(self.id, sdp.maps_in_packets(self.caller_sdp, self.callee_sdp))

    # --- commands ----------------------------------------------------------------------------------------------------

    def early_media(self) -> None:
        """183 with the callee's SDP."""
        if self.progress.stage is Stage.ANSWERED:
            self._ring(183, "Session Progress", self.answer)

    def connect(self) -> None:
        """200 with the callee's SDP."""
        if self.progress.stage is not Stage.ANSWERED or self.caller.over:
            return
        self.move(Step.CONNECT)
        body = settled(self.answer)
        self.caller.good_local = body.getCopy()
        if self.delayed_offer.asked:
            self.delayed_offer.connect(body)
        else:
            self.caller.connect(body)
        self.keep_legs()
        if not self.route.emergency:
            self.liveness.joined()

    def hang_up(self, why: str) -> None:
        """End both legs; the call manager knows already and gets no event."""
        self._finish(self.refusal(why), why)

    def drop(self) -> None:
        """Drop a call that never began: no leg is left to end."""
        self.move(Step.END)
        self._stop_timers()
        guarded("end of media", self.engine.relay.close)(self.id)

    # --- ends --------------------------------------------------------------------------------------------------------

    def _failed(self, event: Any) -> None:
        code, phrase = event.getData()[:2]
        if self.failover.next_after(code):
            return
        if code == 408 and not self.progress.heard:
            self.engine.unheard(self.route)
            self.give_up(code if self.progress.invited else UNAVAILABLE[0], UNREACHABLE, passed=UNAVAILABLE)
            return
        passed = self.route.outcome(code, phrase)
        if code == NOT_ACCEPTABLE[0] and not self.route.emergency:  # of the codecs that the gate has left in the offer
            passed = self.not_acceptable("no_codec")
        self.give_up(code, phrase, passed=passed, retry_after=self.callee.retry_after)

    def _no_answer(self) -> None:
        if self.progress.stage is Stage.DIALLING:
            self.give_up(480, "no_answer", passed=(480, "Temporarily Unavailable"))

    def give_up(self, code: int, why: str, passed: tuple[int, str] | None = None, retry_after: str = "") -> None:
        """The call did not come about: tell the caller and the call manager."""
        tell = partial(self.engine.events.failed, self.id, code, why)
        self._finish(passed or self.refusal(why), why, tell, cause=code if passed else 0, retry_after=retry_after)

    def one_sided(self, silent: list[str]) -> None:
        """Nothing came from these sides in the first seconds of the talk."""
        self.engine.events.one_sided(self.id, silent[0] if len(silent) == 1 else "both")

    def hung_up(self, side: str, cause: str = "hung_up") -> None:
        """One side is gone (BYE, CANCEL), or the gate takes it that nobody is there any more (``gate``)."""
        tell = partial(self.engine.events.hung_up, self.id, side, cause)
        why = f"{side}_hung_up" if cause == "hung_up" else cause
        self._finish(self.refusal(why), why, tell)

    def _finish(
        self, answer: tuple[int, str], why: str, tell: Callable[[], None] | None = None, *, cause: int = 0,
        retry_after: str = "",
    ) -> None:  # fmt: skip
        """End what is left of both legs, tell the call manager, and close the media last: what stops playing then is an
        effect of the end, and must not be heard of as its cause."""
        if self.progress.stage is Stage.OVER:
            return
        if self.progress.stage is Stage.DIALLING and self.progress.picked_up:
            guarded("news of an answer", self.unattended)(self.route)
        self.move(Step.END)
        self._ready = None
        self._stop_timers()
        self.liveness.stop()
        self.offer_answer.stop()
        self._waiting.clear()
        text = reason(why, 200 if self.progress.picked_up else cause or answer[0])
        if self.progress.picked_up and not self.route.emergency and not self.caller.isConnected():
            guarded("end of a leg", self.caller.answer_and_end)(self._quiet_answer, text)
        else:
            guarded("end of a leg", self.caller.end)(*answer, text, retry_after)
        guarded("end of a leg", self.callee.end)(*answer, text)
        guarded("end of a transfer", self.engine.transfers.ended)(self)
        if tell is not None:
            guarded("news of an end", tell)()
        guarded("end of media", self.engine.relay.close)(self.id)
        self.engine.over(self)

    def _quiet_answer(self) -> Any:
        """The callee's SDP, or one of the gate's own where there is none, with every stream inactive."""
        media = self.engine.config.media
        if self.answer is not None:
            return MsgBody(sdp.quieted(str(self.answer)))
        return MsgBody(sdp.silent_answer(self.caller_sdp, media.address, media.address6))

    def _stop_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()


def callee_stays(bridge: Bridge) -> bool:
    """Whether the callee's leg stays up, now that the caller has hung up: the call manager ends it then."""
    announcement = bridge.engine.config.announcement
    if bridge.stage is Stage.ALONE:
        return True
    if bridge.route.emergency or bridge.caller.lost or bridge.stage not in (Stage.ANSWERED, Stage.CONNECTED):
        return False
    spoken = announcement.receipt and not announcement.receipt_command
    if bridge.stage is Stage.CONNECTED and not (spoken and bridge.callee.can_update()):
        return False
    bridge.move(Step.CALLER_LEFT)
    if bridge.engine.events.caller_left(bridge.id):
        bridge.offer_answer.timers.left("caller")
        bridge.keep_legs()
        return True
    return False


_KEYS = "0123456789*#ABCD"
MAX_BODY = 1024
"""Characters that are looked at: a key and its duration have about 30."""


def digits_of(content_type: str, body: str) -> list[str]:
    """The keys in an INFO body (one, as a rule); empty for another type or a body that is not understood."""
    if content_type == "application/dtmf-relay":
        lines = (line.partition("=") for line in body[:MAX_BODY].splitlines())
        text = next((value.strip().upper() for name, _, value in lines if name.strip().lower() == "signal"), "")
    elif content_type == "application/dtmf":
        text = body[:MAX_BODY].strip().upper()
    else:
        return []
    event = whole(text, 2) if len(text) == 2 else None  # an event number of RFC 4733
    if event is not None:
        return [_KEYS[event]] if event < len(_KEYS) else []
    return [text] if len(text) == 1 and text in _KEYS else []


def take_info(bridge: Bridge, side: str, event: Any) -> None:
    """Handle an INFO from one side: report its keys, and pass it to the other side of a talk."""
    body = event.getData()
    if body is None:
        return
    for digit in digits_of(body.getType(), str(body)):
        bridge.engine.events.digit(bridge.id, side, digit)
    other = bridge.callee if side == "caller" else bridge.caller
    if bridge.stage is Stage.CONNECTED and other.isConnected():
        other.inform(body)
