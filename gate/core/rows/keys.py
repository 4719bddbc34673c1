"""Rows of the register of recipients."""

from __future__ import annotations

from gate.core.rows import Row


class Recipient(Row, frozen=True):
    """A public key on the register, and whose it is."""

    id: str
    name: str
    role: str
    purpose: str
    """What exports may go to it for; empty: none may."""
    half: str
    """Its share of a two-person key; empty: it opens recordings alone."""
    seals: bool
    """New recordings are sealed to it."""
    created: str
    fingerprint: str


class RegisteredKey(Recipient, frozen=True):
    """A recipient as a bundle has it."""

    public: str
    """Base64."""
    retired: bool


class Worth(Row, frozen=True):
    """What a recipient's private key is worth."""

    recordings: int
    """Recordings that it opens, or helps to open."""
    alone: int
    """Those of these that no other recipient in force could open."""
    first: int
    """Those of these that take two people, and of which it holds the first share."""
    second: int


class RecipientWorth(Recipient, frozen=True):
    """A recipient, and what its private key is worth; see ``Worth``."""

    recordings: int
    alone: int
    first: int
    second: int
