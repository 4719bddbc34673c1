"""``dialgate trunk-test``: does a phone system obey a refusal, or does its second trunk ring?"""

from __future__ import annotations

import re
import select
import socket
import sys
import time
from datetime import datetime
from typing import Any

import click

from gate.cli.asking import ask
from gate.cli.command import make
from gate.cli.output import View, narrate
from gate.clock import SystemClock
from gate.config.faults import host_port
from gate.control.client import ControlClient
from gate.core.numbers import NumberRefused, parse
from gate.errors import GateError, UsageError
from gate.operations.calls.calls import CallsList
from gate.operations.status.trunk_tests import Outcome, TrunkTest, TrunkTestList, TrunkTests
from gate.sip.connection import Framer, NotSipError
from gate.sip.message import BadMessage, answer, destination
from gate.sip.message import parse as read

LOOK_SECONDS = 0.5
"""How often the log is looked at."""
CONNECTIONS = 16
"""At once; one phone system has one or two."""
WRITE_SECONDS = 2.0
SAYS = {
    Outcome.OBEYED: "It obeyed: the gate refused the call, and the second trunk was not dialled.",
    Outcome.NOT_OBEYED: "IT DID NOT OBEY: the second trunk was dialled with a number that may not be called.",
    Outcome.NOT_KNOWN: "The gate does not know this phone system: a wrong password, or another address.",
    Outcome.NEVER_ASKED: "No call came, neither to the gate nor to the second trunk.",
}


@make(
    "trunk-test",
    example="dialgate trunk-test office --listen 192.0.2.4:5070\n"
    "dialgate trunk-test --listen 192.0.2.4:5070 --after 30",
)
@click.argument("name", required=False)
@click.option(
    "--listen",
    required=True,
    metavar="ADDRESS:PORT",
    help="Where to stand in for the second trunk (UDP and TCP) for the test.",
)
@click.option("--seconds", type=click.IntRange(5, 3000), default=120, show_default=True, help="How long to wait.")
@click.option(
    "--after",
    "patience",
    type=click.IntRange(1, 300),
    default=15,
    show_default=True,
    help="How long after the refusal the second trunk may still ring.",
)
def command(view: View, name: str | None, listen: str, seconds: int, patience: int) -> None:
    """Test that the phone system NAME gives up where the gate refuses, and does not dial its next trunk.

    Point its second trunk at --listen for the test, and dial the number that is shown from one of its phones: it is
    refused whoever dials it, and reaches nobody. NAME is a [[pbx]], or an [[account]] with phone_system; it may be
    left out where there is one. The log keeps the result, and dialgate status shows it. Exit code 0: it obeyed; 1: it
    did not.
    """
    known = ask(view, TrunkTestList())
    system = _system(known, name)
    second = _Second(listen, known.number)
    since = SystemClock().now()
    try:
        narrate(
            f"Point the second trunk of {system.partition(':')[2]} at {second.address} (UDP or TCP), then dial "
            f"{_national(known.number)} from one of its phones. Waiting for {seconds} s."
        )
        _wait(view, second, known.number, system, since, seconds, patience)
    finally:
        second.close()
    tested = ask(view, TrunkTest(claimed_by=system, since=since, rung=bool(second.rung), listened_at=second.address))
    view.data(tested)
    if tested.outcome:
        narrate(SAYS[tested.outcome])
    if tested.outcome is not Outcome.OBEYED:
        sys.exit(1)


def _system(known: TrunkTests, name: str | None) -> str:
    names = [each.claimed_by for each in known.systems]
    found = [each for each in names if name is None or name in (each, each.partition(":")[2])]
    if len(found) == 1:
        return found[0]
    hint = f"one of {', '.join(names)}" if names else "a [[pbx]], or an [[account]] with phone_system = true"
    raise UsageError(
        "say which phone system is tested" if name is None else f"there is no phone system {name}", hint=hint
    )


def _national(number: str) -> str:
    return f"0{number[3:]}" if number.startswith("+44") else number


def _wait(view: View, second: _Second, number: str, system: str, since: datetime, seconds: int, after: int) -> None:
    """Until the second trunk rings, or has not rung for so long after the refusal; else until the time is over."""
    end, refused = time.monotonic() + seconds, False
    if not (runs := ControlClient(view.config.control_socket).answers()):
        narrate("No gate runs here: what this tests is whether the phone system passes by one that is away.")
    while (left := end - time.monotonic()) > 0 and not second.rung:
        second.serve(min(LOOK_SECONDS, left))
        if runs and not refused and _refused(view, number, system, since):
            refused, end = True, time.monotonic() + after
            narrate(f"The gate has refused the call. Waiting for {after} s whether the second trunk rings.")


def _refused(view: View, number: str, system: str, since: datetime) -> bool:
    page = ask(view, CallsList(number=number, since=since, limit=100))
    return any(each.claimed_by == system and each.verdict == "block" for each in page.items)


class _Second:
    """A second trunk that answers for the test: OPTIONS and REGISTER with 200, the test call with 486, all others with
    503."""

    def __init__(self, listen: str, number: str) -> None:
        if fault := host_port(listen, literal=True):
            raise UsageError(f"--listen: {fault}", hint="write an address of this machine and a port: 192.0.2.4:5070")
        host, _, port = listen.rpartition(":")
        self._number = number
        self.rung: list[str] = []
        """Whoever dialled the number here."""
        bare = host.strip("[]")
        family = socket.AF_INET6 if ":" in bare else socket.AF_INET
        self._udp, self._tcp = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_STREAM)
        self._framers: dict[socket.socket, Framer] = {}
        """Connections, each with what has come of its next message."""
        try:
            self._udp.bind((bare, int(port)))
            self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._tcp.bind(self._udp.getsockname())
            self._tcp.listen()
        except OSError as error:
            self.close()
            raise GateError(
                f"{listen} cannot be listened at: {error.strerror}", hint="free the port, or name another"
            ) from error
        self.address = f"{host}:{self._udp.getsockname()[1]}"

    def serve(self, seconds: float) -> None:
        """Answer what comes within so many seconds; ends early where the number was dialled."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.rung:
            for each in select.select([self._udp, self._tcp, *self._framers], [], [], left)[0]:
                if each is self._udp:
                    data, source = each.recvfrom(65535)
                    self._take(data, source, None)
                elif each is self._tcp:
                    self._accept()
                else:
                    self._read(each)

    def _accept(self) -> None:
        connection, _ = self._tcp.accept()
        connection.settimeout(WRITE_SECONDS)
        if len(self._framers) < CONNECTIONS:
            self._framers[connection] = Framer()
        else:
            connection.close()

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(65535)
            for message in self._framers[connection].feed(data):
                self._take(message.data, connection.getpeername(), connection)
        except (OSError, NotSipError):
            data = b""
        if not data:
            del self._framers[connection]
            connection.close()

    def _take(self, data: bytes, address: tuple[Any, ...], connection: socket.socket | None) -> None:
        source = f"[{address[0]}]" if ":" in address[0] else str(address[0]), int(address[1])
        try:
            request = read(data)
        except BadMessage:
            return
        if not request.method or request.method == "ACK":
            return
        code, phrase = 200, "OK"
        if request.method == "INVITE":
            mine = self._dials(request.uri)
            code, phrase = (486, "Busy Here") if mine else (503, "Only A Test Is Taken Here")
            if mine:
                self.rung.append(f"{source[0]}:{source[1]}")
        sent = answer(request, code, phrase, source, (), "trunk-test")
        if connection is not None:
            connection.sendall(sent)
        else:
            host, port = destination(request, source)
            self._udp.sendto(sent, (host.strip("[]"), port))

    def _dials(self, uri: str) -> bool:
        """The user of the URI is the number, with an outside line before it or not."""
        user = re.sub(r"[^0-9+]", "", uri.partition(":")[2].partition("@")[0].partition(";")[0])
        try:
            return parse(user).e164 == self._number
        except NumberRefused:
            return user.endswith(self._number[3:])

    def close(self) -> None:
        """The port is free again."""
        for each in (self._udp, self._tcp, *self._framers):
            each.close()
