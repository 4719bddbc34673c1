"""A whole, valid configuration file to start from, as text that a test may bend."""

from __future__ import annotations

from pathlib import Path

VALID = """\
[firm]
legal_name = "Webeo Example Ltd"
trading_name = "Webeo"
address = "Building 3000, Lakeside, Portsmouth"
numbers = ["+442079460000", "+441632960100"]
policy_version = "3"
policy_reviewed = "2026-01-15"

[trunk]
address = "sip.carrier.example:5060"

[[account]]
username = "alice"
password_file = "alice.password"
presentation = "+442079460000"

[[pbx]]
name = "pbx1"
addresses = ["192.0.2.10", "2001:db8::/48"]
presentation = "+441632960100"
purpose = "service"

[announcement]
text = "Hello, this is Webeo. This call is recorded. Press 9 not to be called again."

[calling]
live = false
"""


def write(folder: Path, text: str = VALID) -> Path:
    """``config.toml`` with its password file in ``folder``."""
    secret(folder / "alice.password")
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def secret(path: Path, text: str = "correct horse battery staple\n", mode: int = 0o600) -> Path:
    """A file that only its owner can read."""
    path.write_text(text)
    path.chmod(mode)
    return path
