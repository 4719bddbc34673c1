"""The modes, keys 0 to 8: a module each, loaded after the first picture, or earlier where somebody goes to it.

- ``base``        what every mode and detail has: status line, footer, trouble; ``listing``: lists, filters, pages;
                  ``sorting``: their order
                  ``own``: what somebody has set up for themselves, columns and commands
- ``detail``      what every detail has; ``row``: one row of fields, ``revealing``: a number in full, for its time
- ``sure``        the question before a key does what is hard to undo
- ``finding``     the search in one line; ``related``: what belongs to a call; ``objecting``: an objection of a callee
- ``taking_back`` undo of a removal; ``moment``: the moment as of which the gate is shown
- ``today``       the day of the account that looks; ``today_shown``: its rows
- ``live``        calls in hand, counts of the last hour; ``floor``: agents, tiles and trend
- ``registers``   TPS and CTPS, imports, look-ups; objections and consents; ``register_rows``: their rows
- ``contacts``    the CRM's contacts as they were screened; ``contact``: one of them, ``contact_file``: lists in and
                 changes out, ``contact_shown``: both in words; ``check_shown``: a check in words;
                 ``verdict``: a look-up with its dial
- ``calls``       every attempt, its decision explained, its leaf; ``ladder``: step by step; ``receipt``: of a callee
- ``recordings``  sealed recordings: waveform, export, play, hold; ``recordings_list``: all, and those that are marked
- ``retention``   what goes when (``retention_calendar``, ``retention_day``), the sweep, ``retention_holds``;
                 ``retention_shown`` puts it into words; ``waiting``: what waits for a second person
- ``requests``    requests by state and deadline: ``requests_board``, ``request_detail`` with the steps that
  ``request_rules`` allow, ``request_forms``, ``request_found``, ``request_letter``, ``request_doing`` (what cannot be
  undone), ``request_shown``; ``private_key``: one is opened
- ``audit``       leaves, checkpoints, recipients; verify and sign; ``audit_bundle``: an export, ``bundle_opened``: one
                 is read, ``audit_keys``: the register of recipients, ``audit_shown``: all of it in words,
                 ``audit_detail``: a leaf; ``reports``: a month, Article 30, tomorrow, campaigns, configuration, roles
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from console.keys import MODES

if TYPE_CHECKING:
    from types import ModuleType

    from console.modes.base import ModeScreen


def screens() -> dict[str, Callable[[], ModeScreen]]:
    """Mode -> its screen, whose module is imported when it is made: ``Mode`` in ``console.modes.NAME``."""
    return {name: partial(_screen, name) for name in MODES}


def load(name: str) -> ModuleType:
    """A mode's module, imported now where it is not yet."""
    return importlib.import_module(f"console.modes.{name}")


def _screen(name: str) -> ModeScreen:
    made: ModeScreen = load(name).Mode()
    return made
