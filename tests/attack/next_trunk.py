"""A dialler that wants a listed number, or a person who has just said no, to be rung all the same: by the phone
system's next trunk, which leads around the gate.

It plays the phone system, with the gate as its first trunk and the answers upon which such a system dials the next one
(``tests.support.pbx``; see there where they are from). It dials each number once, waits for the end, and tells in one
line of JSON which numbers the second trunk was dialled with, and how each call ended.

    python -m tests.attack.next_trunk 127.0.0.1 5060 freepbx 02079460101 02079460123
"""

from __future__ import annotations

import json
import sys

from tests.support.pbx import SYSTEMS, Pbx
from tests.support.sip_peer import Phone


def attack(host: str, port: int, system: str, numbers: list[str]) -> dict[str, object]:
    """Dial; ``second_trunk`` is the harm."""
    second, ends = [], []
    for number in numbers:
        with Phone((host, port)) as phone:
            pbx = Pbx(SYSTEMS[system], phone)
            pbx.dial(number)
            heard = pbx.until_over()
            second += pbx.second_trunk
            ends.append(heard.start if heard.code else f"answered, {heard.get('Reason')}")
    return {"system": system, "second_trunk": second, "ends": ends}


def main(argv: list[str]) -> int:
    host, port, system, *numbers = argv
    print(json.dumps(attack(host, int(port), system, numbers)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
