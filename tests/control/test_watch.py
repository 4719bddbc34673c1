"""Watching over a real socket: what comes, how often, and who can hold up whom."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gate.config import Config, load
from gate.control import authorisation, server, sockets
from gate.control.client import ControlClient
from gate.control.exchange import Watching
from gate.core.rows.calls import CallWatched, Levels, LiveNow
from gate.errors import ControlError, GateError, RefusedError, StoreError
from tests.support.doors import serving
from tests.support.evidence import PICTURE
from tests.support.example_answers import ExampleAnswers
from tests.support.settings import write
from tests.support.waiting import PATIENCE, until

CALL = CallWatched(
    **dict.fromkeys(("call_id", "at", "claimed_by", "number", "purpose", "topic", "state", "announcement"), "k"),
    recorded=True,
    paused=False,
    paused_by="",
    levels=Levels(),
    seconds=0.0,
)


class Scene:
    """A gate to look at: every look shows another number, and as much ballast as wanted."""

    def __init__(self) -> None:
        self.looks = 0
        self.changes = True
        self.ballast = ""
        self.trouble: Exception | None = None
        self.told: list[str] = []

    def begin(self) -> None:
        self.told.append("begin")

    def look(self) -> LiveNow:
        self.looks += 1
        if self.trouble:
            raise self.trouble
        shown = self.looks if self.changes else 0
        calls = [replace(CALL, seconds=float(self.looks))]
        return replace(PICTURE, at=f"{self.looks}", calls=calls, counts={"shown": shown}, warnings=[self.ballast])

    def end(self) -> None:
        self.told.append("end")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(write(tmp_path))


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def client(config: Config, scene: Scene) -> Iterator[ControlClient]:
    with serving(ExampleAnswers(), config, live=scene):
        yield ControlClient(config.control_socket, timeout=PATIENCE)


def taken(watching: Watching, seconds: float) -> list[LiveNow]:
    """The snapshots of so many seconds."""
    until, found = time.monotonic() + seconds, []
    for snapshot in watching:
        found.append(snapshot)
        if time.monotonic() > until:
            return found
    return found


def test_what_changes_often_comes_five_times_a_second_at_most(client: ControlClient) -> None:
    with client.watch() as watching:
        found = taken(watching, 2.0)
    assert 5 <= len(found) <= 12
    shown = [snapshot.counts["shown"] for snapshot in found]
    assert shown == sorted(set(shown))


def test_what_does_not_change_comes_once_a_second(client: ControlClient, scene: Scene) -> None:
    scene.changes = False  # the seconds of a running call are no change
    with client.watch() as watching:
        found = taken(watching, 2.1)
    assert 2 <= len(found) <= 4
    assert found[0].calls[0].seconds < found[-1].calls[0].seconds


def test_a_watch_is_ended_from_another_thread_at_once(client: ControlClient) -> None:
    watching = client.watch()
    begun = threading.Event()

    def read() -> None:
        for _ in watching:
            begun.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert begun.wait(PATIENCE)
    watching.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    watching.close()
    assert next(watching, None) is None


def test_levels_and_counts_are_made_only_while_somebody_watches(client: ControlClient, scene: Scene) -> None:
    assert scene.told == []
    with client.watch() as first, client.watch() as second:
        next(first)
        next(second)
        assert scene.told == ["begin"]
    until(lambda: scene.told == ["begin", "end"])
    looks = scene.looks
    with client.watch() as again:
        next(again)
        assert scene.told == ["begin", "end", "begin"]
        assert scene.looks == looks + 1, "nobody watched, and somebody looked"


def test_who_reads_nothing_holds_up_nobody_and_costs_one_snapshot(client: ControlClient, scene: Scene) -> None:
    scene.ballast = "x" * 2_000_000
    asleep = client.watch()
    first = next(asleep).counts["shown"]
    with client.watch() as awake:
        found = taken(awake, 3.0)
    assert len(found) >= 6
    assert client.call("key_list")["recipients"]
    late = [next(asleep).counts["shown"] for _ in range(3)]
    asleep.close()
    # What was under way and in the socket comes first; then the newest, and what was between never existed.
    assert first < late[0] < late[-1]
    assert late[-1] - first >= len(found) - 2
    assert any(after - before > 3 for before, after in zip([first, *late], late, strict=False))


def test_no_more_than_so_many_watch(client: ControlClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST", 2)
    with client.watch() as first, client.watch() as second:
        next(first)
        next(second)
        with pytest.raises(ControlError, match="2 are watching already"):
            next(client.watch())
    until(lambda: _watches(client))


def _watches(client: ControlClient) -> bool:
    try:
        with client.watch() as watching:
            next(watching)
    except ControlError:
        return False
    return True


def test_the_end_of_the_gate_is_told_and_not_waited_for(config: Config, scene: Scene) -> None:
    with serving(ExampleAnswers(), config, live=scene):
        watching = ControlClient(config.control_socket).watch()
        next(watching)
        began = time.monotonic()
    assert time.monotonic() - began < 3.0
    with pytest.raises(ControlError, match="has stopped"):
        for _ in range(5):
            next(watching)


def test_trouble_is_told_as_what_it_is(client: ControlClient, scene: Scene) -> None:
    scene.trouble = StoreError("the disk is away", hint="look")
    with pytest.raises(StoreError, match="the disk is away"):
        next(client.watch())
    until(lambda: scene.told[-1] == "end")
    scene.trouble = ZeroDivisionError("secret")
    with pytest.raises(GateError, match="cannot be looked at") as caught:
        next(client.watch())
    assert "secret" not in str(caught.value)
    until(lambda: scene.told[-1] == "end")
    scene.trouble = None
    assert next(client.watch()).counts["shown"]


def test_whose_role_is_taken_away_sees_no_more(client: ControlClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "ROLES_SECONDS", 0.2)
    monkeypatch.setattr(authorisation, "FRESH_SECONDS", 0.0)
    with client.watch() as watching:
        next(watching)
        monkeypatch.setattr(authorisation.Roles, "_found", lambda *_: frozenset())
        with pytest.raises(RefusedError) as refused:
            taken(watching, 5.0)
    assert refused.value.reason == "not_permitted"


def test_without_anything_to_see_it_says_so(config: Config) -> None:
    with serving(ExampleAnswers(), config), pytest.raises(ControlError, match="nothing can be watched"):
        next(ControlClient(config.control_socket).watch())


def test_no_gate_is_an_error_and_so_is_a_silent_one(tmp_path: Path) -> None:
    with pytest.raises(ControlError, match="cannot be reached"):
        next(ControlClient(tmp_path / "none").watch())
    listener = sockets.listen(tmp_path / "s", 0o600)
    listener.listen()
    with pytest.raises(ControlError, match="silent"):
        next(Watching(tmp_path / "s", silent_seconds=0.2))
    listener.close()


def test_who_goes_without_a_word_is_forgotten(client: ControlClient, scene: Scene, config: Config) -> None:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = sockets.connect(config.control_socket, 5)
    connection.request("POST", "/v1/op/watch", b"{}")
    connection.getresponse().readline()
    connection.sock.shutdown(socket.SHUT_RDWR)
    until(lambda: scene.told == ["begin", "end"])
