"""What every section of the configuration is made of."""

from __future__ import annotations

from typing import Literal

import msgspec

CallPurpose = Literal["marketing", "service"]
"""As ``gate.core.terms.Purpose``."""
CallTopic = Literal["general", "claims", "pensions"]
"""As ``gate.core.terms.Topic``."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every section: frozen, no unknown key."""
