"""``dialgate request``: what people ask of the firm under data protection law, and how far it has got."""

from __future__ import annotations

from gate.cli import request_course, request_fulfil, request_letters
from gate.cli.request_group import command as command

__all__ = ["command", "request_course", "request_fulfil", "request_letters"]
