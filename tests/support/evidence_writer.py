"""A process that writes evidence until it is killed: names on standard output what it was told is durable."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.evidence import a_call, open_store


def main() -> None:
    folder, start = Path(sys.argv[1]), int(sys.argv[2])
    store = open_store(folder)
    room = threading.Semaphore(200)

    def told(call: str):
        def done(leaves, error):
            room.release()
            if error is None:
                os.write(1, f"{call} {leaves[0]} {leaves[-1]}\n".encode())

        return done

    for n in range(start, start + 100_000):
        facts = list(a_call(n))
        room.acquire()
        store.submit(lambda tx, facts=facts: [tx.append(fact) for fact in facts], told(facts[0].subject))


main()
