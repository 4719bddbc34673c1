"""The part of the configuration that the call manager needs, in the core's terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gate.calls.receipts import ReceiptSettings
from gate.config import Account, Announcement, Config, Instigator, Pbx, Token
from gate.config.policy import information_gaps
from gate.config.schema import announcement_for
from gate.core.allowances import Allowance, asking
from gate.core.call_words import Policy
from gate.core.receipts import Caller
from gate.core.terms import Attempt, Purpose
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
    message_lacks: Mapping[str, str] = field(default_factory=dict)
    """What an announcement lacks to be an information message, by instigator: ``no_name``, ``no_number``."""
    brief_seconds: float = 0.0
    """A caller who hangs up sooner after being put through was nobody to the callee."""
    early_media: frozenset[Purpose] = frozenset()
    """Purposes of calls whose caller may hear the far end before it has answered."""
    emergency_presentation: str = ""
    """The own number that emergency calls show; the caller's where empty."""

    allowances: Mapping[str, Allowance] = field(default_factory=dict)
    """By ``account:NAME`` and ``trunk:NAME``; for HTTP tokens by ``http:NAME``."""
    receipts: ReceiptSettings | None = None
    """None: callees are told no code."""

    redirected: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """PBXs that keep their media, by ``trunk:NAME``: ``announced_by`` and ``recorded_by``, as the firm says."""
    calls_in_at_once: int = 100
    objections_an_hour: int = 20
    """Objections by key that the callers of one trunk may make; further ones are held for review."""
    heard_in: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Prompts of calls in, ``notice`` and ``callback``: their identity, as ``announcement``."""
    instigators: Mapping[str, Instigator] = field(default_factory=dict)
    """The firms for which calls are made, by name."""
    announcements: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The announcements of calls for those firms, by name, as ``announcement``."""

    def announced(self, attempt: Attempt) -> Mapping[str, str]:
        """The identity of what the callee of this call hears."""
        return self.announcements.get(attempt.on_behalf_of, self.announcement)

    def shown(self, incoming: Incoming, *, emergency: bool = False) -> tuple[str, str]:
        """Number and name that the callee is shown: what the configuration gives the caller, never the caller's own
        words; of a call on behalf of another firm that one's name. An emergency call may have a number of its own at
        which to ring back."""
        number = incoming.attempt.presentation
        instigator = self.instigators.get(incoming.attempt.on_behalf_of)
        name = shown_name(incoming.display_name) or shown_name(self.trading_name)
        if instigator and not emergency:
            name = shown_name(instigator.trading_name)
        return (self.emergency_presentation or number) if emergency else number, name

    def redirects(self, claimed_by: str) -> dict[str, Any]:
        """What is kept with the decision of a call that the gate hands over: who announces and who records it, and
        who is to show the number."""
        redirect = self.redirected.get(claimed_by)
        return {"redirect": dict(redirect), "to_be_shown_by": claimed_by} if redirect is not None else {}

    def hears_early(self, purpose: Purpose) -> bool:
        """True where the caller of such a call may hear the far end before it has answered."""
        return purpose in self.early_media

    @classmethod
    def from_config(
        cls, config: Config, sha256: Mapping[str, str] | None = None,
        heard_in: Mapping[str, Mapping[str, str]] | None = None,
    ) -> CallSettings:  # fmt: skip
        """Taken from a loaded configuration; ``sha256``: of the WAVs that were prepared from it, by instigator, that of
        the firm itself under an empty name; ``heard_in``: what is heard by callers."""
        sounds = {name: {"sha256": digest} for name, digest in (sha256 or {}).items()}
        spoken = {each.name: announcement_for(config.announcement, each) for each in config.instigator}
        return cls(
            policy=Policy(
                record=config.recording.enabled,
                go_on_unrecorded=config.recording.on_failure == "unrecorded",
                opt_out_digit=config.announcement.opt_out_digit,
                pause_code=config.recording.pause_code,
                resume_code=config.recording.resume_code,
            ),
            trading_name=config.firm.trading_name,
            announcement=_identity(config.announcement) | sounds.get("", {}),
            instigators={each.name: each for each in config.instigator},
            announcements={
                each.name: _identity(spoken[each.name]) | sounds.get(each.name, {}) | {"on_behalf_of": each.legal_name}
                for each in config.instigator
            },
            recording_purpose=config.recording.purpose,
            message_lacks=information_gaps(config),
            brief_seconds=config.calling.abandoned_brief_seconds,
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


def _identity(announcement: Announcement) -> dict[str, str]:
    return {"announcement": announcement.id, "version": announcement.version}


def _receipts(config: Config) -> ReceiptSettings:
    firm = config.firm
    caller = Caller(firm.legal_name, firm.trading_name, firm.address, firm.freephone, firm.contact_email)
    legal_names = {each.name: each.legal_name for each in config.instigator}
    return ReceiptSettings(caller, config.announcement.receipt_command, legal_names)


def _asking(token: Token) -> Allowance:
    every = set(token.purposes) == {"service"}  # by the configuration itself: not worth a warning
    return asking(token.calls_a_minute, 100 if every else token.service_percent)


def _allowance(caller: Account | Pbx) -> Allowance:
    # Calls that are all service by the configuration itself are not worth a warning.
    percent = 100 if caller.purpose == "service" else caller.service_percent
    return Allowance(caller.calls_a_minute, caller.calls_at_once, caller.seconds_a_day, percent)
