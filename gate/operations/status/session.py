"""Who asks, and what there is to watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from gate.errors import ControlError
from gate.operations.operation import EVERYBODY, ROLES, Caller, Request, Response, operation

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


class SessionShown(Response, frozen=True):
    """Who somebody is to the gate."""

    actor: str
    """As it is written into the log: ``user:ann(1000)``."""
    role: str
    """The one that may do most."""
    roles: list[str]
    can: list[str]
    """Names of the operations that they may ask for."""


class Session(Request[SessionShown], frozen=True):
    """Who am I to the gate, and what may I ask?"""


@operation(Session, "session", roles=EVERYBODY, running=True, polled=True)
def session(folder: DataFolder, asked: Session, caller: Caller) -> SessionShown:
    """Tell who asks: account, roles, and the operations that these may ask for."""
    held = [role for role in ROLES if role in caller.roles]
    can = [each.name for each in folder.operations().values() if each.permits(caller.roles)]
    return SessionShown(caller.actor, held[0], held, can)


class Snapshots(Response, frozen=True):
    """Nothing: snapshots come as they are made (``gate.control.exchange``)."""


class Watch(Request[Snapshots], frozen=True):
    """What happens, as it happens."""


@operation(Watch, "watch", roles=EVERYBODY, running=True)
def watch(folder: DataFolder, asked: Watch, caller: Caller) -> NoReturn:
    """Send snapshots of the gate without end, one a line.

    ``gate.control.server`` sends them where there is a line to watch.
    """
    raise ControlError("nothing can be watched here", hint="a running gate can: dialgate serve")
