"""A private key is opened where one is needed: the passphrase goes from the field to the opener, and nowhere else."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from console.feed import on_thread
from console.widgets.ask import Ask, Field
from gate.errors import GateError

if TYPE_CHECKING:
    from console.modes.base import GateScreen


async def key_open(screen: GateScreen) -> bool:
    """A key is open already, or is opened now; what went wrong is said. Call it in a worker."""
    opener = screen.app.setup.opener
    if opener is None:
        return False
    if opener.holder():
        return True
    known = await on_thread(opener.keys)
    told = await screen.app.push_screen_wait(
        Ask(
            "Open with a private key",
            (
                Field("key", "Key file", str(known[0]) if known else ""),
                Field("passphrase", "Passphrase", secret=True),
            ),
            said="The key is opened in this console. Neither it nor its passphrase goes to the gate.",
            act="Open",
        )
    )
    if told is None:
        return False
    screen.notify("Opening the key…", timeout=1)
    try:
        holder = await on_thread(partial(opener.unlock, Path(told["key"].strip()), told["passphrase"]))
    except GateError as error:
        screen.complain(error)
        return False
    screen.notify(f"Open with the key of {holder}", timeout=4, markup=False)
    return True
