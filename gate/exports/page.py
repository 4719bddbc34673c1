"""A page that is one HTML file, made from ``templates``: its script and its style stand in it, and its policy names the
hashes of both, so that a browser runs nothing else."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "templates"


def source(name: str) -> str:
    """A script or a style sheet of the templates."""
    return (FOLDER / name).read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """A script or a style sheet as a Content-Security-Policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def rendered(template: str, policy: str, *, script: str, style: str, **values: Any) -> str:
    """The page; ``policy`` has ``{script}`` and ``{style}`` where the hashes go."""
    from jinja2 import Environment, FileSystemLoader  # where a page is made

    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, keep_trailing_newline=True)
    policy = policy.format(script=policy_hash(script), style=policy_hash(style))
    return environment.get_template(template).render(policy=policy, script=script, style=style, **values)
