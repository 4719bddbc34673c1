"""Carriers named by a domain (RFC 3263), against a DNS server on loopback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from gate.config import Calling, Config
from gate.sip import carrier_names, srv
from gate.sip.srv import Lookup, LookupFailedError
from gate.sip.udp import local_towards
from tests.support.dns_server import DnsServer
from tests.support.sip_line import RunningLine, config_for
from tests.support.sip_peer import Callee, Phone
from tests.support.waiting import until

SRV = ("_sip._udp.carrier.test", "SRV")


def zone(*servers: tuple[int, int], **more: Any) -> dict[tuple[str, str], list[str]]:
    """A domain with these servers, (priority, port), all at 127.0.0.1."""
    return {
        SRV: [f"{priority} 1 {port} host.carrier.test." for priority, port in servers],
        ("host.carrier.test", "A"): ["127.0.0.1"],
    } | more


def by_domain(dns: DnsServer) -> Config:
    return msgspec.structs.replace(
        config_for("carrier.test", sip={"dns": dns.address}, trunk_options={"silent_seconds": 1}),
        calling=Calling(live=False),
    )


@contextmanager
def line(dns: DnsServer) -> Iterator[RunningLine]:
    """A line whose one carrier has been looked up."""
    with RunningLine(by_domain(dns)) as running:
        until(lambda: servers(running), "the carrier was not looked up")
        yield running


def servers(running: RunningLine) -> Any:
    return running.call(lambda: running.line._engine.names.servers("carrier"))  # type: ignore[union-attr]


# --- the DNS ----------------------------------------------------------------------------------------------------------


def test_srv_records_are_servers_in_the_order_of_their_priority() -> None:
    with DnsServer(zone((20, 5062), (10, 5061)), ttl=77) as dns:
        found = Lookup(dns.address, loopback=True).servers("carrier.test", "udp")
        assert found.servers == (("127.0.0.1", 5061), ("127.0.0.1", 5062))
        assert found.seconds == 77


def test_naptr_names_the_service_of_the_transport() -> None:
    more = {
        ("carrier.test", "NAPTR"): [
            '10 1 "s" "SIPS+D2T" "" _sips._tcp.elsewhere.test.',
            '20 1 "s" "SIP+D2U" "" _sip._udp.elsewhere.test.',
        ],
        ("_sip._udp.elsewhere.test", "SRV"): ["1 1 5070 host.carrier.test."],
        ("_sips._tcp.elsewhere.test", "SRV"): ["1 1 5071 host.carrier.test."],
    }
    with DnsServer(zone((1, 5061)) | more) as dns:
        lookup = Lookup(dns.address, loopback=True)
        assert lookup.servers("carrier.test", "udp").servers == (("127.0.0.1", 5070),)
        assert lookup.servers("carrier.test", "tls").servers == (("127.0.0.1", 5071),)


def test_a_domain_cannot_make_this_machine_or_many_servers_the_carrier() -> None:
    many = zone(*((at, 5000 + at) for at in range(40)))
    strange = ["0.0.0.0", "224.0.0.1", "169.254.1.1", "255.255.255.255", "192.0.2.7"]  # noqa: S104
    with DnsServer(many) as dns:
        assert len(Lookup(dns.address, loopback=True).servers("carrier.test", "udp").servers) == srv.MOST_SERVERS
        with pytest.raises(LookupFailedError, match="no address"):
            Lookup(dns.address).servers("carrier.test", "udp")
        dns.zone[("host.carrier.test", "A")] = strange
        dns.zone[SRV] = ["1 1 5060 host.carrier.test."]
        found = Lookup(dns.address).servers("carrier.test", "udp")
        assert found.servers == (("192.0.2.7", 5060),)


@pytest.mark.parametrize("records", [[], ["1 1 0 ."]], ids=["none", "not offered"])
def test_a_domain_without_servers_is_none(records: list[str]) -> None:
    with DnsServer({SRV: records}) as dns, pytest.raises(LookupFailedError):
        Lookup(dns.address, loopback=True).servers("carrier.test", "udp")


# --- the line ---------------------------------------------------------------------------------------------------------


def test_a_call_goes_to_the_first_server_and_on_to_the_next_where_that_is_silent() -> None:
    with (
        Callee() as silent,
        Callee() as second,
        DnsServer(zone((1, silent.port), (2, second.port))) as dns,
        line(dns) as running,
        Phone(running.address) as phone,
    ):
        phone.dial()
        silent.recv(only="INVITE")
        second.ring()
        second.pick_up()
        phone.ack(phone.recv(only="200"))
        assert running.call_manager.trunks == ["carrier"]


def test_servers_are_looked_up_again_when_their_answer_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srv, "SHORTEST", 0.1)
    with (
        Callee() as first,
        Callee() as other,
        DnsServer(zone((1, first.port))) as dns,
        line(dns) as running,
        Phone(running.address) as phone,
    ):
        dns.zone[SRV] = [f"1 1 {other.port} host.carrier.test."]
        until(lambda: servers(running) == (("127.0.0.1", other.port),), "the new server is not known")
        phone.dial()
        other.ring()


def test_dns_that_fails_keeps_the_servers_for_a_time_and_then_the_trunk_is_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(srv, "SHORTEST", 0.1)
    with Callee() as first, DnsServer(zone((1, first.port))) as dns, line(dns) as running:
        names = running.line._engine.names  # type: ignore[union-attr]
        running.call(lambda: setattr(names, "_again", 0.1))
        dns.broken = True
        until(lambda: names.why, "the failure is not told")
        assert servers(running) == (("127.0.0.1", first.port),)
        assert any("carrier" in each for each in running.line.warnings())
        running.call(lambda: names._good_until.update(carrier=time.monotonic()))
        until(lambda: servers(running) == (), "the servers are kept for ever")
        with Phone(running.address) as phone:
            phone.dial()
            assert phone.recv(only="503").get("X-Dialgate-Reason") == "trunk_unreachable"
        dns.broken = False
        until(lambda: servers(running), "it is not looked up again")
        assert not names.why


def test_a_domain_that_is_unknown_lets_no_call_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with DnsServer({}) as dns, RunningLine(by_domain(dns)) as running, Phone(running.address) as phone:
        until(running.line.warnings, "that is not told")
        phone.dial()
        phone.recv(only="503")
        assert carrier_names.HOLD_SECONDS > 60


def test_a_server_that_is_this_machine_by_another_address_is_no_carrier() -> None:
    """Its calls would come back to the gate."""
    here = local_towards("192.0.2.1")
    if here.startswith("127."):
        pytest.skip("this machine has no other address")
    records = {SRV: ["1 1 5060 host.carrier.test."], ("host.carrier.test", "A"): [here]}
    with DnsServer(records) as dns, pytest.raises(LookupFailedError):
        Lookup(dns.address).servers("carrier.test", "udp")
