"""What the configuration says to the call manager, in the core's terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gate.calls.receipts import ReceiptSettings
from gate.config import Account, Config, Pbx, Token
from gate.core.allowances import Allowance, asking
from gate.core.call_words import Policy
from gate.core.receipts import Caller
from gate.core.terms import Purpose
from gate.ports import Incoming
from gate.showing import shown_name


@dataclass(frozen=True, slots=True)
class CallSettings:
    """The part of the configuration that a call needs."""

    policy: Policy
    trading_name: str
    announcement: Mapping[str, str]
    """``announcement`` (its id), ``version`` and ``sha256`` of its WAV, as they go into the leaf."""
    recording_purpose: str
    max_calls: int
    max_call_seconds: int
    early_media: frozenset[Purpose] = frozenset()
    """Purposes of calls whose caller may hear the far end before it has answered."""
    emergency_presentation: str = ""
    """The own number that emergency calls show; the caller's where empty."""

    allowances: Mapping[str, Allowance] = field(default_factory=dict)
    """By ``account:NAME`` and ``trunk:NAME``; of who asks by HTTP by ``http:NAME``."""
    receipts: ReceiptSettings | None = None
    """None: callees are told no code."""

    redirected: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """PBXs that keep their media, by ``trunk:NAME``: ``announced_by`` and ``recorded_by``, as the firm says."""
    calls_in_at_once: int = 100
    objections_an_hour: int = 20
    """Of the callers of one trunk, by key; further ones are held for review."""
    heard_in: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Prompts of calls in, ``notice`` and ``callback``: their identity, as ``announcement``."""

    def shown(self, incoming: Incoming, *, emergency: bool = False) -> tuple[str, str]:
        """Number and name that the callee is shown: what the configuration gives the caller, never the caller's own
        words. An emergency call may have a number of its own at which to ring back."""
        number = incoming.attempt.presentation
        name = shown_name(incoming.display_name) or shown_name(self.trading_name)
        return (self.emergency_presentation or number) if emergency else number, name

    def redirects(self, claimed_by: str) -> dict[str, Any]:
        """What is kept with the decision of a call that the gate hands over: who announces and who records it, and
        who is to show the number."""
        said = self.redirected.get(claimed_by)
        return {"redirect": dict(said), "to_be_shown_by": claimed_by} if said is not None else {}

    def hears_early(self, purpose: Purpose) -> bool:
        """True where the caller of such a call may hear the far end before it has answered."""
        return purpose in self.early_media

    @classmethod
    def from_config(
        cls, config: Config, announcement_sha256: str = "", heard_in: Mapping[str, Mapping[str, str]] | None = None
    ) -> CallSettings:
        """Taken from a loaded configuration; ``announcement_sha256``: of the WAV that was prepared from it;
        ``heard_in``: what is heard by callers."""
        sound = {"sha256": announcement_sha256} if announcement_sha256 else {}
        return cls(
            policy=Policy(
                record=config.recording.enabled,
                go_on_unrecorded=config.recording.on_failure == "unrecorded",
                opt_out_digit=config.announcement.opt_out_digit,
                pause_code=config.recording.pause_code,
                resume_code=config.recording.resume_code,
            ),
            trading_name=config.firm.trading_name,
            announcement={"announcement": config.announcement.id, "version": config.announcement.version} | sound,
            recording_purpose=config.recording.purpose,
            max_calls=config.limits.max_calls,
            max_call_seconds=config.limits.max_call_seconds,
            early_media=frozenset(Purpose(each) for each in config.media.early),
            emergency_presentation=config.emergency.presentation,
            calls_in_at_once=config.calls_in.at_once,
            objections_an_hour=config.calls_in.objections_an_hour,
            heard_in=heard_in or {},
            allowances={f"account:{each.username}": _allowance(each) for each in config.account}
            | {f"trunk:{each.name}": _allowance(each) for each in config.pbx}
            | {f"http:{each.name}": _asking(each) for each in config.token if each.purposes},
            redirected={
                f"trunk:{each.name}": {"announced_by": each.announced_by, "recorded_by": each.recorded_by}
                for each in config.pbx
                if each.mode == "redirect"
            },
            receipts=_receipts(config) if config.announcement.receipt else None,
        )


def _receipts(config: Config) -> ReceiptSettings:
    firm = config.firm
    caller = Caller(firm.legal_name, firm.trading_name, firm.address, firm.freephone, firm.contact_email)
    return ReceiptSettings(caller, config.announcement.receipt_command)


def _asking(token: Token) -> Allowance:
    every = set(token.purposes) == {"service"}  # by the configuration itself: not worth a warning
    return asking(token.calls_a_minute, 100 if every else token.service_percent)


def _allowance(caller: Account | Pbx) -> Allowance:
    # Calls that are all service by the configuration itself are not worth a warning.
    percent = 100 if caller.purpose == "service" else caller.service_percent
    return Allowance(caller.calls_a_minute, caller.calls_at_once, caller.seconds_a_day, percent)
