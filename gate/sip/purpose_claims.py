"""What a call says it is for: of its account or PBX, by a dialled prefix, or in a header (LAW 1.7).

The prefix is cut off before anything looks at the number, so what is screened is what is dialled, and the trunk sees
neither prefix nor header: its INVITE is made anew. A claim is a way past the registers. So it is taken from those whom
the configuration names and from nobody else; and what is not taken refuses the call rather than being passed over, for
whoever claims would otherwise believe that the call was made under the claim.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gate.config import Config, DialPrefix
from gate.core.terms import Purpose, Topic
from gate.sip.auth import ProvenCaller
from gate.sip.message import SipMessage


@dataclass(frozen=True, slots=True)
class PurposeClaim:
    """What a call is for, and who said so by which way."""

    number: str
    """What was dialled, without the prefix; not yet looked at."""
    purpose: Purpose = Purpose.MARKETING
    topic: Topic = Topic.GENERAL
    through: str = ""
    """As ``Attempt.claimed_through``."""
    refused: bool = False
    """Claimed by a caller who may not, or with an unknown value: the strictest purpose is presumed."""


class PurposeClaims:
    """Reads them as the configuration says."""

    def __init__(self, config: Config) -> None:
        self._prefixes = config.dial_prefix
        self._header = config.purpose_header

    def of(self, request: SipMessage, dialled: str, caller: ProvenCaller | None) -> PurposeClaim:
        """The claim of an INVITE; ``dialled`` is its number as it came.

        Somebody who has not proven who they are claims nothing: marketing is presumed.
        """
        prefix = next((each for each in self._prefixes if dialled.startswith(each.prefix)), None)
        claim = PurposeClaim(dialled[len(prefix.prefix) :] if prefix else dialled)
        if caller is None:
            return claim
        own = Purpose(caller.who.purpose), Topic(caller.who.topic)
        both = self._by_prefix(prefix, caller, own), self._by_header(request, caller, own)
        said = [each for each in both if each is not None]
        if not said:
            return replace(claim, purpose=own[0], topic=own[1], through="configuration")
        through = " and ".join(each.through for each in said)
        first = said[0]
        if any(each.refused or (each.purpose, each.topic) != (first.purpose, first.topic) for each in said):
            return replace(claim, through=through, refused=True)
        return replace(claim, purpose=first.purpose, topic=first.topic, through=through)

    def _by_prefix(
        self, prefix: DialPrefix | None, caller: ProvenCaller, own: tuple[Purpose, Topic]
    ) -> PurposeClaim | None:
        if prefix is None:
            return None
        topic = Topic(prefix.topic) if prefix.topic else own[1]
        refused = caller.claimed_by not in prefix.allowed
        return PurposeClaim("", Purpose(prefix.purpose), topic, f"prefix {prefix.prefix}", refused)

    def _by_header(self, request: SipMessage, caller: ProvenCaller, own: tuple[Purpose, Topic]) -> PurposeClaim | None:
        values = request.all(self._header.name.lower()) if self._header.name else []
        if not values:
            return None
        through = f"header {self._header.name}"
        understood = _understood(values[0], own[1]) if len(values) == 1 else None
        if understood is None or caller.claimed_by not in self._header.allowed:
            return PurposeClaim("", through=through, refused=True)
        return PurposeClaim("", *understood, through)


def _understood(value: str, own: Topic) -> tuple[Purpose, Topic] | None:
    """``service``, ``marketing``, ``marketing;topic=claims``, in any case; None for anything else."""
    purpose, semicolon, parameter = (part.strip().lower() for part in value.partition(";"))
    name, _, topic = (part.strip() for part in parameter.partition("="))
    try:
        if not semicolon:
            return Purpose(purpose), own
        return (Purpose(purpose), Topic(topic)) if name == "topic" else None
    except ValueError:
        return None
