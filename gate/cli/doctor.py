"""``dialgate doctor``: what is well and what is not, line by line."""

from __future__ import annotations

from gate.cli.asking import reach
from gate.cli.command import make
from gate.cli.output import View, say
from gate.client.doctor import Finding, State, examine
from gate.config import load
from gate.control.client import ControlClient
from gate.errors import ConfigError, GateError


@make("doctor", example="dialgate doctor\ndialgate doctor --json")
def command(view: View) -> int:
    """Look at everything that calls need: permissions, clock, disk, ports, names, trunks, lists, keys, backups, audio.

    Each line is ok, warn or fail, with the command that mends it. Nothing is changed. The exit code is 1 where
    something fails.
    """
    found = list(_found(view))
    view.data(
        {"findings": [each._asdict() for each in found]},
        text=lambda _: (line for each in found for line in _lines(each)),
    )
    failed = sum(each.state is State.FAIL for each in found)
    say(f"{failed} failed, {sum(each.state is State.WARN for each in found)} warned, {len(found)} looked at.")
    return int(failed > 0)


def _found(view: View) -> list[Finding]:
    try:
        config = load(view.path, secrets=False)
        running = ControlClient(config.control_socket).answers()
        with reach(config) as gate:
            return list(examine(view.path, gate, running=running))
    except ConfigError:
        return list(examine(view.path, None, running=False))
    except GateError as error:
        found = list(examine(view.path, None, running=False))
        return [*(each for each in found if each.subject != "gate"), Finding(State.FAIL, "gate", error.message)]


def _lines(finding: Finding) -> list[str]:
    line = f"{finding.state:<4}  {finding.subject}: {finding.text}"
    return [line, f"      mend: {finding.mend}"] if finding.mend and finding.state is not State.OK else [line]
