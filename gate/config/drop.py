"""``[registers]``: the folder in which the licensee's daily files land."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gate.config.faults import Fault, at_least
from gate.config.schema import Registers

_COVERAGE = re.compile(r"full|0[0-9]{1,9}(,0[0-9]{1,9})*")


def registers_faults(registers: Registers) -> Iterator[Fault]:
    """What is wrong with the section."""
    if not registers.watch.isprintable():
        yield Fault(("registers", "watch"), "printable text on one line only")
    for name in ("tps_names", "ctps_names"):
        patterns = getattr(registers, name)
        if registers.watch and not patterns:
            yield Fault(("registers", name), 'name at least one pattern, e.g. "tps*.txt"')
        for index, pattern in enumerate(patterns):
            if not pattern.strip() or "/" in pattern or pattern.startswith("."):
                yield Fault(("registers", name, index), f'"{pattern}" is not a file\'s name; write "tps*.txt"')
    both = {each.casefold() for each in registers.tps_names} & {each.casefold() for each in registers.ctps_names}
    if both:
        yield Fault(("registers", "ctps_names"), f"{sorted(both)[0]} is among tps_names too: a file is one of the two")
    if not _COVERAGE.fullmatch(registers.coverage):
        yield Fault(("registers", "coverage"), f'"{registers.coverage}" is none; write "full" or codes: "0161,020"')
    yield from at_least(registers, "registers", 1, "settle_seconds", "poll_seconds")
