"""What was taken from a key and is there again: a copy of the key store from before was put back.

``key_drop`` says in the log from whom which recordings were taken (``keys_dropped``; older logs say it in
``keys_rewrapped``). At the start of the gate that is carried out again, where the key store has it otherwise. As then,
nothing goes that its new holder is not proven to open, nor what is held: a copy from before the proof leaves everybody
what they had, and it is asked for again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from functools import partial

from gate.log import Logger
from gate.operations.keys.key_rotation import REWRAPPED, unheld
from gate.operations.keys.keys import Keyring
from gate.operations.retention.erasing import KeptReads
from gate.ports import Store, Transaction
from gate.service.reads import Row

log = Logger()

PAGE = 500
_SOURCES = """
SELECT DISTINCT json_extract(body, '$.from') AS source FROM facts
WHERE kind IN ('keys_rewrapped', 'keys_dropped') AND body IS NOT NULL
"""
_MOVED = """
SELECT leaf_index, kind, subject, body FROM facts
WHERE kind IN ('keys_rewrapped', 'keys_dropped') AND body IS NOT NULL AND leaf_index > ? ORDER BY leaf_index LIMIT ?
"""


def drop_again(store: Store, keyring: Keyring, kept: KeptReads) -> int:
    """Take from keys what the log says was taken from them and not given back; how many wraps that were.

    Costs a look where there is nothing to do. Raises ``StoreError``, ``VaultError``.
    """
    sources = {row["source"] for row in store.call(lambda tx: tx.query(_SOURCES))}
    back = {source for source in sources if source and keyring.held(source, "", "", 1)}
    if not back:
        return 0
    taken: dict[str, dict[str, str]] = defaultdict(dict)
    for kind, target, body in _facts(store):
        given, gone = (body["recordings"], body.get("dropped", ())) if kind == REWRAPPED else ((), body["recordings"])
        for recording in given:
            taken[target].pop(recording, None)  # given to somebody from whom it had been taken
        if body["from"] in back:
            taken[body["from"]] |= dict.fromkeys(gone, target)
    dropped = 0
    for source, recordings in taken.items():
        for target in set(recordings.values()):
            names = [recording for recording, to in recordings.items() if to == target]
            for start in range(0, len(names), PAGE):
                free = store.call(partial(unheld, kept=kept, recording_ids=names[start : start + PAGE]))
                dropped += keyring.drop(source, target, free)
    if dropped:
        log.warning("dropped_keys_came_back", wraps=dropped)
    return dropped


def _facts(store: Store) -> Iterator[tuple[str, str, Row]]:
    after = -1
    while rows := store.call(partial(_page, after=after)):
        yield from ((row["kind"], row["subject"], json.loads(row["body"])) for row in rows)
        after = rows[-1]["leaf_index"]


def _page(tx: Transaction, after: int) -> list[Row]:
    return tx.query(_MOVED, [after, PAGE])
