"""Spellings of addresses, networks, hours and names in the configuration; each check returns what is wrong, or
nothing."""

from __future__ import annotations

import re
from datetime import time
from ipaddress import IPv6Address, ip_address, ip_network

_NAME = re.compile(r"(?!.*\+?[0-9]{7})[A-Za-z0-9._+-]{1,64}")
"""A name stands in leaves, which are for good: no telephone number may be one."""


def name_fault(text: str) -> str:
    """What is wrong with the name of an account, a PBX, a client for recordings."""
    if _NAME.fullmatch(text):
        return ""
    return f'"{text}" is not a name: letters, digits and . _ + - only, and no telephone number'


def host_port(text: str, *, literal: bool) -> str:
    """What is wrong with ``host:port`` or ``[v6]:port``; ``literal`` asks for an IP address as the host."""
    fault = f'"{text}" is not an address; write "192.0.2.1:5060" or "[2001:db8::1]:5060"'
    match = re.fullmatch(r"(\[[^\[\]]+\]|[^\[\]:]+):(\d{1,5})", text)
    if not match:
        return fault
    host, port = match[1], int(match[2])
    if not 1 <= port <= 65535:
        return f"port {port} does not exist; between 1 and 65535"
    try:
        version6 = isinstance(ip_address(host.strip("[]")), IPv6Address)
    except ValueError:
        named = re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*\.?", host)
        return fault if literal or not named or re.fullmatch(r"[\d.]+", host) else ""
    return "" if version6 == host.startswith("[") else fault


def network(text: str) -> str:
    """What is wrong with an IP address or network that a PBX proves itself by."""
    try:
        found = ip_network(text)
    except ValueError as error:
        reason = "has bits set after its prefix" if "host bits" in str(error) else "is neither an address nor a network"
        return f'"{text}" {reason}; write "192.0.2.10" or "192.0.2.0/24"'
    if found.prefixlen < (8 if found.version == 4 else 32):
        return f"{found} lets almost anyone call; name the PBX's own addresses"
    return ""


def hours(text: str) -> str:
    """What is wrong with ``HH:MM-HH:MM`` (empty: no calls that day)."""
    if not text:
        return ""
    fault = f'"{text}" is not a span of hours; write "08:00-21:00", or "" for no calls'
    match = re.fullmatch(r"(\d{2}:\d{2})-(\d{2}:\d{2})", text)
    if not match:
        return fault
    try:
        opens, closes = time.fromisoformat(match[1]), time.fromisoformat(match[2])
    except ValueError:
        return fault
    return "" if opens < closes else f'"{text}" ends before it begins'
