"""How long one decision takes: number read, attempt decided, fact body made. ``python -m tests.bench.screening``

The goal is 30 microseconds for reading, deciding and explaining; the look-up in the registers comes on top.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from gate.core.numbers import parse
from gate.core.screening import decide, decision_fact
from gate.core.terms import Consent, Decision, RegisterView
from tests.support.screening import ATTEMPT, CTPS, NOON, RULES, TPS


def measure(number: int = 20_000) -> dict[str, float]:
    """Microseconds by case, best of five runs of ``number``."""
    views = (TPS, CTPS)
    listed = (replace(TPS, listed=True), CTPS)
    consents = (Consent("c1", NOON - timedelta(days=30)),)

    def screened(registers: tuple[RegisterView, ...], held: tuple[Consent, ...] = ()) -> Callable[[], Decision]:
        def run() -> Decision:
            return decide(
                ATTEMPT,
                number=parse(ATTEMPT.raw_number),
                registers=registers,
                consents=held,
                objections=(),
                stops=(),
                last_unattended=None,
                rules=RULES,
                now=NOON,
            )

        return run

    allowed = screened(views)
    decision = allowed()
    cases: dict[str, Callable[[], object]] = {
        "parse 02079460000": lambda: parse("02079460000"),
        "parse 020 7946 0000": lambda: parse("020 7946 0000"),
        "parse sip:…;user=phone@…": lambda: parse("sip:+442079460000;user=phone@example.invalid"),
        "parse +1 202 555 0123": lambda: parse("+1 202 555 0123"),
        "parse and decide: not listed": allowed,
        "parse and decide: listed": screened(listed),
        "parse and decide: consented": screened(listed, consents),
        "fact body": lambda: decision_fact(decision, ATTEMPT).values(),
    }
    return {name: min(timeit.repeat(run, number=number, repeat=5)) / number * 1e6 for name, run in cases.items()}


if __name__ == "__main__":
    for name, microseconds in measure().items():
        print(f"{name:32} {microseconds:7.2f} µs")
