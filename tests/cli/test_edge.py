"""``dialgate edge config``: what is written, and what is wrong with an edge."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.config.write import amend
from tests.support.commands import dialgate
from tests.support.example import make_example

GOOD = {"address": "192.0.2.5:5080", "public": "203.0.113.5", "gate": "192.0.2.4:5060"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    make_example(tmp_path / "gate")
    return tmp_path / "gate" / "config.toml"


def test_the_files_are_written_for_where_they_will_lie(config: Path, tmp_path: Path) -> None:
    amend(config, {"edge": {**GOOD, "local": "10.0.0.5", "wss": 443}})
    done = dialgate("edge", "config", str(tmp_path / "out"), "--at", "/opt/edge", "-c", str(config), "--json")
    assert done.json["files"] == ["kamailio.cfg", "dispatcher.list", "rtpengine.conf", "tls.cfg"]
    main, media = ((tmp_path / "out" / name).read_text() for name in ("kamailio.cfg", "rtpengine.conf"))
    assert 'modparam("tls", "config", "/opt/edge/tls.cfg")' in main
    assert "listen=tls:10.0.0.5:443 advertise 203.0.113.5:443" in main
    assert "interface = inner/192.0.2.5;outer/10.0.0.5!203.0.113.5" in media


def test_without_tls_there_is_no_certificate(config: Path, tmp_path: Path) -> None:
    amend(config, {"edge": {**GOOD, "tls": 0, "tcp": 0}})
    done = dialgate("edge", "config", str(tmp_path / "out"), "-c", str(config), "--json")
    assert done.json["files"] == ["kamailio.cfg", "dispatcher.list", "rtpengine.conf"]


def test_where_there_is_no_edge_nothing_is_written(config: Path, tmp_path: Path) -> None:
    done = dialgate("edge", "config", str(tmp_path / "out"), "-c", str(config))
    assert (done.code, (tmp_path / "out").exists()) == (2, False)
    assert "edge.address is not set" in done.err


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"address": "edge.example:5080"}, "edge.address"),
        ({"address": "0.0.0.0:5080"}, "no address that anything comes from"),
        ({"address": "127.0.0.1:5060", "gate": ""}, "is the gate's own"),
        ({"public": "edge.example"}, "is not an IP address"),
        ({"wss": 5061}, "each need a port of their own"),
        ({"tls": 70000}, "does not exist"),
        ({"udp": 0, "tcp": 0, "tls": 0}, "no phone could reach the edge"),
        ({"certificate": ""}, "TLS needs a certificate"),
        ({"port_min": 50000}, "is not a port range"),
    ],
)
def test_a_fault_of_the_edge_is_named(config: Path, tmp_path: Path, values: dict[str, object], fault: str) -> None:
    amend(config, {"edge": GOOD | values})
    done = dialgate("edge", "config", str(tmp_path / "out"), "-c", str(config))
    assert done.code == 2
    assert fault in done.err


def test_an_account_that_needs_srtp_needs_an_edge(config: Path) -> None:
    text = config.read_text().replace("[[account]]", '[[account]]\nsrtp = "required"', 1)
    config.write_text(text)
    assert "set edge.address" in dialgate("config", "show", "-c", str(config)).err


def test_the_edges_address_is_no_pbxs(config: Path, tmp_path: Path) -> None:
    pbx = '\n[[pbx]]\nname = "all"\naddresses = ["192.0.2.0/24"]\npresentation = "+442079460000"\n'
    config.write_text(config.read_text() + pbx)
    amend(config, {"edge": GOOD})
    assert "whoever comes by it would be this PBX" in dialgate("config", "show", "-c", str(config)).err
