"""Identity headers that sippy has no class for: P-Preferred-Identity (RFC 3325), and Remote-Party-ID, which older
carriers read."""

from __future__ import annotations

from sippy.SipPAssertedIdentity import SipPAssertedIdentity


class SipPPreferredIdentity(SipPAssertedIdentity):  # type: ignore[misc]  # sippy has no types
    """As P-Asserted-Identity."""

    hf_names = ("p-preferred-identity",)

    def getCanName(self, name: str, compact: bool = False) -> str:
        """As it is written."""
        return "P-Preferred-Identity"


class SipRemotePartyID(SipPAssertedIdentity):  # type: ignore[misc]  # sippy has no types
    """With its parameters in the address."""

    hf_names = ("remote-party-id",)

    def getCanName(self, name: str, compact: bool = False) -> str:
        """As it is written."""
        return "Remote-Party-ID"
