"""What a firm's templates were copied from: a shipped one that changes since says what the old one did not.

``copied.json`` in the folder has, by name, the SHA-256 of the shipped template that the copy was made from, or was last
compared with. A template that it does not know is taken for one of an older version.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gate.durable import whole_file

SHIPPED: Final = Path(__file__).parent / "templates" / "letters"
RECORD: Final = "copied.json"


def outdated(folder: Path | None) -> list[str]:
    """The firm's templates that differ from shipped ones which are not those that they were copied from, or compared
    with."""
    if folder is None:
        return []
    known = _known(folder)
    return [
        name
        for name, digest in _there(folder).items()
        if digest != _digest(folder / name) and digest != known.get(name)
    ]


def note(folder: Path, names: Sequence[str] | None = None) -> None:
    """Note that these (None: all that are there) are of today's wording. Raises ``OSError``."""
    there = _there(folder)
    known = _known(folder) | {name: digest for name, digest in there.items() if names is None or name in names}
    with whole_file(folder / RECORD, mode=0o644) as file:
        file.write(json.dumps(known, indent=1, sort_keys=True).encode() + b"\n")


def _there(folder: Path) -> dict[str, str]:
    """The digests of the shipped templates in whose place one of the firm's stands."""
    shipped = [each for each in sorted(SHIPPED.iterdir()) if each.name != "README.txt"]
    return {each.name: _digest(each) for each in shipped if (folder / each.name).is_file()}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _known(folder: Path) -> dict[str, str]:
    try:
        read = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in read.items()} if isinstance(read, dict) else {}
