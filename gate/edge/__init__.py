"""The configuration of an edge in front of the gates: Kamailio for SIP, rtpengine for audio.

The files are templates beside this module, filled from ``[edge]``. ``gate.sip.edge`` decides what the gate trusts in
an edge's requests; the head of ``kamailio.cfg.j2`` describes what the edge does for that.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gate.config import Config
from gate.errors import ConfigError

CONTROL = "127.0.0.1:2223"
"""Where rtpengine takes commands: its own default."""
HOME = "/etc/kamailio"
"""Where the files lie on the edge's machine."""
_KEPT_SECONDS = 3600


def files(config: Config, home: str = HOME) -> dict[str, str]:
    """The text of each file by its name; ``home``: the folder in which Kamailio's will lie.

    Raises:
        ConfigError: there is no edge in the configuration.
    """
    edge = config.edge
    if not edge.address or not edge.public:
        missing = "edge.public" if edge.address else "edge.address"
        raise ConfigError(
            f"{missing} is not set: there is no edge to configure",
            hint='set [edge] address = "10.0.0.5:5080" (towards the gate) and public = "203.0.113.5" (towards phones)',
        )
    inner_host, _, inner_port = edge.address.rpartition(":")
    gates = edge.gates or (edge.gate or config.sip.listen,)
    streams = [("tcp", edge.tcp), ("tls", edge.tls), ("tls", edge.wss)]
    outer = [(proto, port) for proto, port in (("udp", edge.udp), *streams) if port]
    values = {
        "inner": edge.address,
        "inner_host": inner_host,
        "inner_port": inner_port,
        "gates": [(gate, *gate.rpartition(":")[::2]) for gate in gates],
        "public": _in_uri(edge.public),
        "local": _in_uri(edge.local or edge.public),
        "outer": outer,
        "streams": any(proto != "udp" for proto, _ in outer),
        "secure": any(proto == "tls" for proto, _ in outer),
        "udp": edge.udp,
        "wss": edge.wss,
        "children": 4,
        "lifetime": max(_KEPT_SECONDS, config.sip.registration_seconds) + 60,
        "invite_ms": (config.sip.no_answer_seconds + 120) * 1000,
        "folder": home.rstrip("/") or "/",
        "control": CONTROL,
        "certificate": edge.certificate,
        "key": edge.key,
        "port_min": edge.port_min,
        "port_max": edge.port_max,
        "longest": config.limits.max_call_seconds + 300,
    }
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,  # noqa: S701 - no page: configuration files
    )  # fmt: skip
    names = ["kamailio.cfg", "dispatcher.list", "rtpengine.conf", *(["tls.cfg"] if values["secure"] else [])]
    return {name: made.get_template(f"{name}.j2").render(values) for name in names}


def _in_uri(address: str) -> str:
    return f"[{address}]" if ":" in address else address
