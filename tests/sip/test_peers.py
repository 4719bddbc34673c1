"""Who may speak for a side of a call: its own hosts, a PBX's other addresses, an account that has proven itself."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing

import msgspec
import pytest

from gate.config import Account, Pbx
from gate.errors import ConfigError
from gate.sip.overload import LATE
from gate.sip.peers import MAX_HOSTS, DialogPeer, ProvenAddresses, networks, plain
from gate.sip.sippy_adapter.event_loop import StepQueue
from gate.sip.udp import Transport
from tests.support.clocks import Clock
from tests.support.sip_call import Call
from tests.support.sip_digest import authorization, challenge
from tests.support.sip_line import PRESENTED, RunningLine, ScriptedCallManager, config_for
from tests.support.sip_peer import Callee, Peer, Phone, sdp
from tests.support.waiting import PATIENCE, until

ALICE, BOB = (Account(name, "x", PRESENTED) for name in ("alice", "bob"))
ELSEWHERE = "127.0.0.9"


def test_what_is_proven_holds_for_its_time():
    clock = Clock()
    proven = ProvenAddresses(clock)
    proven.note("account:alice", ("192.0.2.1", 5060), 60)
    proven.note("account:alice", ("192.0.2.1", 5061), 10)
    assert proven.account_at(("192.0.2.1", 5061)) == "account:alice"
    assert proven.account_at(("192.0.2.1", 5062)) == ""
    assert proven.addresses() == {("192.0.2.1", 5060), ("192.0.2.1", 5061)}
    clock.now += 59
    assert proven.at("account:alice", "192.0.2.1")
    assert not proven.at("account:alice", "192.0.2.2")
    assert not proven.at("account:bob", "192.0.2.1")
    assert proven.account_at(("192.0.2.1", 5061)) == ""
    clock.now += 1
    assert not proven.at("account:alice", "192.0.2.1")
    assert proven.addresses() == set()


def test_the_hosts_of_an_account_are_bounded():
    proven = ProvenAddresses(Clock())
    for number in range(MAX_HOSTS + 1):
        proven.note("account:alice", (f"192.0.2.{number}", 5060), 60)
    held = [number for number in range(MAX_HOSTS + 1) if proven.at("account:alice", f"192.0.2.{number}")]
    assert held == list(range(1, MAX_HOSTS + 1))


def test_hosts_are_compared_as_sockets_write_them():
    assert plain("[2001:DB8:0::1]") == "[2001:db8::1]"
    assert plain("192.0.2.1") == "192.0.2.1"
    assert plain("PBX.Example") == "pbx.example"
    side = DialogPeer(hosts={"192.0.2.1"}, networks=networks(("198.51.100.0/24", "2001:db8::/32")))
    assert [side.has(host) for host in ("192.0.2.1", "198.51.100.7", "[2001:db8::7]", "192.0.2.2", "name")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_a_name_stands_for_all_its_addresses():
    transport = Transport("127.0.0.1:0", StepQueue(), lambda *_: None)
    transport._names["carrier.invalid"] = (("192.0.2.1", "192.0.2.2"), 0.0)
    assert transport.hosts_of("carrier.invalid") == {"192.0.2.1", "192.0.2.2"}
    assert transport.hosts_of("192.0.2.1") == {"192.0.2.1"}
    assert transport.hosts_of("never.asked.invalid") == {"never.asked.invalid"}


class AtOnce(StepQueue):
    """Steps that are done by the thread that reads."""

    def arrived(self, step: Callable[[], None], *, inside: bool = False) -> None:
        step()


def socket_at(host: str, port: int = 0) -> socket.socket:
    with ExitStack() as stack:
        made = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        made.bind((host, port))
        stack.pop_all()
    return made


def is_free(address: tuple[str, int]) -> bool:
    try:
        socket_at(address[0], address[1]).close()
    except OSError:
        return False
    return True


def test_a_peer_behind_a_flood_gets_a_queue_of_its_own_and_what_it_sends_keeps_its_order():
    heard, waits = list[bytes](), list[float]()

    def hear(data: bytes, _source: object, _endpoint: object) -> None:
        heard.append(data)
        if data.startswith(b"INVITE 1 "):  # by now there is a queue, and the one before is still to be read
            peer.sendto(b"INVITE 3 " + b" " * 60, address)

    def slow(source: tuple[str, int], size: int) -> bool:
        time.sleep(0.001)
        return lets(source, size)

    transport = Transport("127.0.0.1:0", AtOnce(), hear)
    lets, transport.flood_filter.lets = transport.flood_filter.lets, slow
    transport.flood_filter.trust(networks((f"{ELSEWHERE}/32",)))
    transport.on_wait = waits.append
    transport.open()
    address = transport.addresses[0]
    with closing(transport), socket_at(ELSEWHERE) as peer, socket_at("127.64.0.1") as stranger:
        for number in range(3):
            for _ in range(80 * (3 - number)):  # so many of one address that the rest is none of the gate's business
                stranger.sendto(b"REGISTER sip:x SIP/2.0" + b" " * 60, address)
            peer.sendto(f"INVITE {number} ".encode() + b" " * 60, address)
        end = time.monotonic() + LATE
        until(lambda: time.monotonic() > end)
        waits.clear()
        transport.start()
        sent = 4
        until(lambda: sum(each.startswith(b"INVITE") for each in heard) == sent)
        while len(transport._peers) == 0 or sent < 9:  # by the socket that all send to, and then by its own
            peer.sendto(f"INVITE {sent} ".encode() + b" " * 60, address)
            sent += 1
            until(lambda sent=sent: sum(each.startswith(b"INVITE") for each in heard) == sent)
        invites = [int(each.split()[1]) for each in heard if each.startswith(b"INVITE")]
        assert invites == list(range(sent))
        assert transport._peers._queues[transport._sockets[0][0].fileno(), peer.getsockname()]
        of_the_peer = [late for data, late in zip(heard, waits, strict=True) if data.startswith(b"INVITE")]
        assert max(of_the_peer[1:]) < LATE, "a flood makes no line late"
        stranger.sendto(b"INVITE stranger" + b" " * 60, address)  # nobody else's comes by it, or is taken for it
        with socket_at(ELSEWHERE) as other:
            other.sendto(b"INVITE other" + b" " * 60, address)
            until(lambda: any(each.startswith(b"INVITE other") for each in heard))
    until(lambda: is_free(address), "something of it is left behind")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_receiving_thread_ends_without_an_error_when_its_socket_is_closed(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket that was shut down gives an empty datagram of nobody."""
    failures = list[str]()
    monkeypatch.setattr(threading, "excepthook", lambda failed: failures.append(repr(failed.exc_value)))
    before = {*threading.enumerate()}
    transport = Transport(f"{host}:0", AtOnce(), lambda *_: None)
    transport.open()
    transport.start()
    threads = {*threading.enumerate()} - before
    transport.close()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert failures == []


def test_no_second_gate_gets_the_address_of_a_first():
    first, second = (Transport("127.0.0.1:0", AtOnce(), lambda *_: None) for _ in range(2))
    first.open()
    second._listen = first.addresses
    with closing(first), closing(second), pytest.raises(ConfigError, match="already in use"):
        second.open()


def credentials(peer: Peer, method: str, uri: str, name: str = "alice", word: str = "secret") -> str:
    """Credentials for one request, from a challenge that ``peer`` has just been given."""
    peer.send(peer.request("REGISTER", peer.new_dialog(host="gate.invalid")))
    asked = challenge(peer.recv(only="401").get("WWW-Authenticate"))
    return authorization(asked, name, word, method, uri)


@pytest.fixture
def call():
    """Alice, at 127.0.0.1, in a call."""
    with Call(ScriptedCallManager(), pbx=False, accounts=(ALICE, BOB)) as call:
        phone = call.phone
        dialog = phone.new_dialog()
        line = credentials(phone, "INVITE", dialog.target)
        phone.dialog, phone.branch = dialog, "z9hG4bKalice"
        phone.send(phone.request("INVITE", dialog, body=sdp(), headers=(line,), branch=phone.branch))
        call.callee.ring()
        call.callee.pick_up()
        phone.ack(phone.recv(only="200"))
        yield call


def hang_up(call: Call, peer: Peer, *headers: str) -> int:
    """BYE of Alice's dialog from another socket; the answer's code."""
    call.phone.dialog.cseq += 1
    peer.send(peer.request("BYE", call.phone.dialog, headers=headers))
    return peer.recv().code


def test_an_account_at_another_host_proves_itself(call):
    with Peer(ELSEWHERE, call.running.address) as peer:
        target = call.phone.dialog.target
        assert hang_up(call, peer) == 403
        assert hang_up(call, peer, credentials(peer, "BYE", target, word="guess")) == 403
        assert hang_up(call, peer, credentials(peer, "BYE", target, name="bob")) == 403
        with Peer(to=call.running.address) as first:  # credentials that are no longer worth anything: asked anew
            old = credentials(first, "BYE", target)
        old = old.replace('nonce="', 'nonce="AAAA')
        assert hang_up(call, peer, old) == 401
        assert call.callee.nothing_from(call.running.address)
        assert call.running.line.counts()["foreign"] == 4
        assert hang_up(call, peer, credentials(peer, "BYE", target)) == 200
    assert call.callee.recv(only="BYE")


def test_an_account_that_registers_elsewhere_goes_on_there(call):
    with Peer(ELSEWHERE, call.running.address) as peer:
        assert hang_up(call, peer) == 403
        uri = "sip:gate.invalid"
        line = credentials(peer, "REGISTER", uri)
        dialog = peer.new_dialog("alice")
        dialog.target = uri
        peer.send(peer.request("REGISTER", dialog, headers=(line,)))
        assert peer.recv(only="200")
        assert hang_up(call, peer) == 200


def test_a_pbx_speaks_from_any_of_its_addresses():
    with Callee() as callee:
        config = msgspec.structs.replace(
            config_for(callee.address),
            pbx=(Pbx("one", ("127.0.0.1", "127.0.0.2"), PRESENTED), Pbx("two", ("127.0.0.3",), PRESENTED)),
        )
        with RunningLine(config) as running, Phone(running.address) as phone:
            phone.dial()
            callee.ring()
            callee.pick_up()
            phone.ack(phone.recv(only="200"))
            for host, code in (("127.0.0.3", 403), ("127.0.0.4", 403), ("127.0.0.2", 200)):
                with Peer(host, running.address) as peer:
                    phone.dialog.cseq += 1
                    peer.send(peer.request("BYE", phone.dialog))
                    assert (host, peer.recv().code) == (host, code)


def test_a_stranger_does_not_cancel_before_the_decision():
    call_manager = ScriptedCallManager(silent=True)
    with RunningLine(config_for("127.0.0.1:9"), call_manager) as running, Phone(running.address) as phone:
        phone.dial()
        call_manager.wait("incoming")
        with Peer(ELSEWHERE, running.address) as peer:
            peer.send(phone.request("CANCEL", phone.dialog, branch=phone.branch))
            assert peer.recv().code == 403
        phone.cancel()
        assert phone.recv(only="487")
        call_manager.wait("withdrawn")
        assert call_manager.kinds() == ["incoming", "withdrawn"]


def test_the_carrier_may_have_more_addresses():
    for addresses, code in (((), 403), (("127.0.0.8/29",), 200)):
        with Call(trunk_options={"addresses": addresses}) as call:
            call.set_up()
            with Peer(ELSEWHERE, call.running.address) as peer:
                peer.send(peer.request("BYE", call.callee.dialog()))
                assert peer.recv().code == code
