"""The recorder process: ``python -m gate.daemon.recording DATA STORE MIN_FREE_MB PEOPLE LEVEL FORMAT FD``.

STORE is where the log is (``gate.store.reader.place_in_words``). PEOPLE is 2 where it takes a key of each half to open
what is recorded, else 1.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from gate.clock import Clock, SystemClock
from gate.config import Log
from gate.converting import convert
from gate.daemon.process import configure_logs, run_where_the_gate_may
from gate.errors import StoreError, VaultError
from gate.operations.keys.recipients import admit
from gate.recorder.server import inherited
from gate.recorder.server import serve as serve_recorder
from gate.store.reader import Place, place_from_words
from gate.store.recipients import RecipientsOfLog
from gate.vault.publickey import Recipient
from gate.vault.sealer import Admitted, sealer

LOCK_SECONDS = 15.0
"""How long a gate waits for the recorder of an earlier run to finish its files."""


def record(data: Path, place: Place, min_free_mb: int, people: int, log: Log, descriptor: int) -> int:
    """The recorder process: seals until the gate's end of the socket closes."""
    configure_logs(log)
    run_where_the_gate_may(os.getppid())
    recordings = data / "recordings"
    # Held while this process lives: the next gate waits for it before it says how recordings ended.
    lock = _recorder_lock(recordings)
    fcntl.flock(lock, fcntl.LOCK_SH)
    clock = SystemClock()
    seal = sealer(data / "recipients", two_person=people == 2, admitted=by_the_log(place, clock))
    return serve_recorder(inherited(descriptor), recordings, seal, clock, min_free_bytes=min_free_mb << 20)


def by_the_log(place: Place, clock: Clock) -> Admitted:
    """Those of some recipients that the log has, asked each time; for one thread."""
    read = RecipientsOfLog(place)

    def admitted(recipients: tuple[Recipient, ...]) -> tuple[Recipient, ...]:
        try:
            terms = read(clock.now())
        except StoreError as error:
            raise VaultError(f"who may be sealed to cannot be read: {error}", hint=error.hint) from error
        return admit(recipients, terms)

    return admitted


def _recorder_lock(recordings: Path) -> int:
    recordings.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(recordings / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def wait_for_recorder(recordings: Path) -> None:
    """Wait until no recorder of an earlier run is left; it needs a moment to seal what was open."""
    lock = _recorder_lock(recordings)
    try:
        for _ in range(int(LOCK_SECONDS / 0.1)):
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(0.1)
    finally:
        os.close(lock)
    raise StoreError(
        f"a recorder still writes to {recordings}",
        hint="it seals what an earlier gate left open; try again in a minute",
    )


if __name__ == "__main__":
    folder, store, free, people, level, form, inherited_fd = sys.argv[1:]
    told = convert({"level": level, "format": form}, Log)
    sys.exit(record(Path(folder), place_from_words(store), int(free), int(people), told, int(inherited_fd)))
