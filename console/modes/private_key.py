"""A private key is opened where one is needed: the passphrase goes from the field to the opener, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from console.feed import on_thread
from console.widgets.ask import Ask, Field
from gate.operations.calls.recordings import RecordingTake

if TYPE_CHECKING:
    from console.modes.base import GateScreen


async def opened_for(screen: GateScreen, purpose: str = "") -> str | None:
    """Why something is opened, and a key for it, in one form: the purpose always is the first thing that is typed, so
    that no passphrase is typed in its place. None where it was left. Call it in a worker."""
    opener = screen.app.setup.opener
    if opener is None:
        return None
    locked = not opener.holder()
    known = await on_thread(opener.keys) if locked else ()
    why = Field.from_request(RecordingTake, "purpose", purpose)
    key = (
        Field("key", "Key file", str(known[0]) if known else ""),
        why,
        Field("passphrase", "Passphrase of the key: kept nowhere", secret=True),
    )

    async def send(told: Mapping[str, str]) -> str:
        if locked:
            holder = await on_thread(partial(opener.unlock, Path(told["key"].strip()), told["passphrase"]))
            screen.notify(f"Open with the key of {holder}", timeout=4, markup=False)
        return told["purpose"].strip()

    said = "The key is opened in this console: neither it nor its passphrase goes to the gate." if locked else ""
    asked = Ask("What is it opened for?", key if locked else (why,), said=said, act="Open", send=send)
    answer: str | None = await screen.app.push_screen_wait(asked)
    return answer


async def key_open(screen: GateScreen) -> bool:
    """A key is open already, or is opened now; what went wrong is said. Call it in a worker."""
    opener = screen.app.setup.opener
    if opener is None:
        return False
    if opener.holder():
        return True
    known = await on_thread(opener.keys)

    async def send(told: Mapping[str, str]) -> str:
        return await on_thread(partial(opener.unlock, Path(told["key"].strip()), told["passphrase"]))

    asked = Ask(
        "Open with a private key",
        (Field("key", "Key file", str(known[0]) if known else ""), Field("passphrase", "Passphrase", secret=True)),
        said="The key is opened in this console. Neither it nor its passphrase goes to the gate.",
        act="Open",
        send=send,
    )
    holder = await screen.app.push_screen_wait(asked)
    if holder is None:
        return False
    screen.notify(f"Open with the key of {holder}", timeout=4, markup=False)
    return True
