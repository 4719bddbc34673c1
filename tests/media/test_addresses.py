"""Whom a party's audio is taken from."""

from __future__ import annotations

import msgspec
import pytest

from gate.config import MediaConfig, Trunk
from gate.core.sdp import narrow
from gate.errors import ConfigError
from gate.media.proxy import Addresses, Facing, beside, expected
from tests.support.sip_line import config_for


def audio(address: str):
    family = "IP6" if ":" in address else "IP4"
    return narrow(
        f"v=0\r\no=- 1 1 IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
    )


@pytest.mark.parametrize(
    ("told", "signalled", "phone", "found"),
    [
        # A phone whose SDP says where it is.
        ("198.51.100.7", "198.51.100.7", True, ("198.51.100.7", False)),
        ("192.168.1.20", "192.168.1.20", True, ("192.168.1.20", False)),
        # Behind a NAT, its own or its provider's, or two of them.
        ("192.168.1.20", "81.2.69.142", True, ("81.2.69.142", True)),
        ("100.64.3.4", "81.2.69.142", True, ("81.2.69.142", True)),
        ("10.0.0.5", "192.168.1.1", True, ("192.168.1.1", True)),
        ("127.0.0.1", "81.2.69.142", True, ("81.2.69.142", True)),
        ("fd00::5", "[2a00:1450:4001::1]", True, ("2a00:1450:4001::1", True)),
        # A public address is believed, whoever signals: its audio may be somewhere else.
        ("81.2.69.143", "81.2.69.142", True, ("81.2.69.143", False)),
        # Phones behind a PBX in the office are where they say; a PBX behind a NAT is not.
        ("192.168.1.50", "192.168.1.10", False, ("192.168.1.50", False)),
        ("192.168.1.50", "81.2.69.142", False, ("81.2.69.142", True)),
        # Nothing is known of the signalling, or it is of another family, or nothing is to be sent.
        ("192.168.1.20", "", True, ("192.168.1.20", False)),
        ("192.168.1.20", "[2a00:1450:4001::1]", True, ("192.168.1.20", False)),
        ("0.0.0.0", "81.2.69.142", True, ("0.0.0.0", False)),  # noqa: S104 - "on hold", not a bind
    ],
)
def test_whom_audio_is_taken_from(told: str, signalled: str, phone: bool, found: tuple[str, bool]) -> None:
    assert expected(audio(told), signalled, phone=phone) == found


@pytest.mark.parametrize(
    ("told", "signalled", "bound", "sources"),
    [
        # A phone on this machine that names an interface, signals from loopback, and is sent to from either.
        ("127.0.0.2", "127.0.0.1", "127.0.0.1", ("127.0.0.1",)),
        ("127.0.0.2", "127.0.0.2", "127.0.0.1", ("127.0.0.1",)),
        ("127.0.0.2", "127.0.0.3", "127.0.0.4", ("127.0.0.3", "127.0.0.4")),
        ("127.0.0.2", "127.0.0.3", "0.0.0.0", ("127.0.0.3",)),  # noqa: S104 - behind a NAT
        # It is exactly where it says.
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", ()),
        # Elsewhere, whatever it says; or a phone system here whose phone is elsewhere.
        ("127.0.0.2", "198.51.100.7", "127.0.0.1", ()),
        ("198.51.100.7", "127.0.0.1", "127.0.0.1", ()),
        # Nothing is known, nothing is to be sent, or it signals by another family.
        ("127.0.0.2", "", "127.0.0.1", ()),
        ("127.0.0.2", "localhost", "127.0.0.1", ()),
        ("0.0.0.0", "127.0.0.1", "127.0.0.1", ()),  # noqa: S104 - "on hold", not a bind
        ("127.0.0.2", "[::1]", "127.0.0.1", ()),
    ],
)
def test_a_phone_on_this_machine_may_send_from_its_addresses(
    told: str, signalled: str, bound: str, sources: tuple[str, ...]
) -> None:
    assert beside(audio(told), signalled, Facing("IP4", bound, bound)) == sources


def test_a_trunk_of_a_family_without_a_media_address_is_told_of_at_the_start() -> None:
    config = msgspec.structs.replace(config_for("[::1]:5060"), media=MediaConfig(address="127.0.0.1"))
    with pytest.raises(ConfigError, match="reached over IPv6, and \\[media\\] has no such address") as told:
        Addresses.from_config(config)
    assert told.value.hint == "set media.address6"
    both = msgspec.structs.replace(config, media=MediaConfig(address="127.0.0.1", address6="::1"))
    assert Addresses.from_config(both).trunk_family == "IP6"
    mixed = msgspec.structs.replace(both, trunk=(*both.trunk, Trunk("127.0.0.1:5060", "second")))
    with pytest.raises(ConfigError, match="some trunks are reached over IPv4 and others over IPv6"):
        Addresses.from_config(mixed)
