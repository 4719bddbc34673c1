"""What every request is, and the texts and times in it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Line = Annotated[str, msgspec.Meta(max_length=200)]
"""A short text: an id, a name, a number in any spelling."""
Note = Annotated[str, msgspec.Meta(max_length=4000)]
Page = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every request; its fields are the keyword arguments of the desk's method."""


class Showing(Request, frozen=True):
    """Base of those whose answer may hold telephone numbers. The gate hides them, not the desk (``perform``)."""

    masked: bool = False
    """Hide part of each number. An account that is a viewer and no more gets them so in any case."""
