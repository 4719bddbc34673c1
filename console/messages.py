"""What the feed tells the screens. Where several of a kind wait, the newest stands for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.message import Message


class Newest(Message):
    """A message that is replaced by a newer one of its kind while it waits."""

    bubble = False

    def can_replace(self, message: Message) -> bool:
        """True where ``message`` says the same in an older form."""
        return type(message) is type(self)


class LinkChanged(Newest):
    """The gate went away or came back (``Feed.link``), or who we are to it became known (``Feed.session``)."""


class AttentionChanged(Newest):
    """Somebody must see to something else than before (``ConsoleApp.attention``)."""


class Snapshot(Newest):
    """What the gate does now, as its operation ``watch`` tells it."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        super().__init__()
        self.said = said
