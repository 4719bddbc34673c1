"""A firm's hour: of a hundred attempts twenty are refused, fifty are not answered, thirty are answered and spoken in.

    python -m tests.bench.bench_hour [ATTEMPTS A SECOND [SECONDS [TALK]]]

SIPp dials for so many seconds, with real audio both ways for ``TALK`` seconds of each answered call; who does not
answer rings for ``RINGS`` seconds. First through the gate: each attempt screened with its leaf, each answered call
announced for a second, relayed, and its recording sealed. Then the same through what would be built in its place:
Kamailio, which looks the number up in a table in memory and keeps nothing, and rtpengine, which relays and records in
clear; nobody is told who calls. The figure is the processor that one attempt costs, of all processes of the tool.

All must go well: each attempt ends as it should, and each answered call has a recording with 95 of the 100 packets
that it would have if SIPp began and ended in the same moment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.bench_capacity import Meter, served
from tests.bench.bench_transport import PCAP_OF_A_PACKET, Relay
from tests.bench.kamailio_peer import wait_answering
from tests.support.running_gate import LISTED, UNLISTED, RunningGate, free_port
from tests.support.sipp import Result, Sipp
from tests.support.waiting import PATIENCE

Row = dict[str, Any]
"""``what``, ``tool``, ``figure``, ``unit``, ``note``."""
REFUSED, AWAY, ANSWERED = 0.2, 0.5, 0.3
RINGS = 5.0
"""Seconds that it rings where nobody answers."""
NOT_ANSWERED = UNLISTED[:-1] + "7"
WARM = (2.0, 5.0, 1.0)
"""A small one before it, that is not counted: attempts a second, seconds, seconds of talk."""
SCENARIOS = Path(__file__).parent / "scenarios"
OTHERS = Path(__file__).parents[1] / "sip" / "scenarios"


@dataclass(frozen=True)
class Hour:
    """How it went for one tool."""

    attempts: int
    failed: int
    talks: int
    whole: int
    """Recordings with 95 of 100 packets."""
    processor: float
    """Seconds, of all processes."""

    @property
    def cost(self) -> float:
        """Milliseconds of processor for one attempt."""
        return 1000 * self.processor / self.attempts


def dialled(to: tuple[str, int], far_port: int, rate: float, seconds: float, talk: float, place: Path) -> Result:
    """All of it; returns how many attempts ended as they should."""
    voice = place / "voice.ulaw"
    voice.write_bytes(bytes(range(256)) * 32)
    away = place / "uac_away.xml"
    rings = OTHERS / "uac_cancel_after_180.xml"
    away.write_text(rings.read_text().replace('<pause milliseconds="200"/>', "<pause/>"))
    spoken = {}
    for name in ("firms_callees", "uac_talks"):
        spoken[name] = place / f"{name}.xml"
        spoken[name].write_text((SCENARIOS / f"{name}.xml").read_text().replace("voice.ulaw", str(voice)))
    count = {share: round(rate * seconds * share) for share in (REFUSED, AWAY, ANSWERED)}
    longest = seconds + talk + 60
    far = Sipp(
        spoken["firms_callees"], port=far_port, calls=count[AWAY] + count[ANSWERED], timeout=longest, trace=False,
        extra=("-min_rtp_port", "41000", "-max_rtp_port", "44999"),
    )  # fmt: skip
    far.wait_listening()

    def caller(scenario: Path, share: float, number: str, pause: float, *extra: str) -> Sipp:
        words = ("-l", str(count[share]), "-d", str(round(1000 * pause)), *extra)
        return Sipp(
            scenario, remote=to, calls=count[share], rate=rate * share, service=number, timeout=longest, trace=False,
            extra=words,
        )  # fmt: skip

    callers = [
        caller(OTHERS / "uac_refused.xml", REFUSED, LISTED, 0),
        caller(away, AWAY, NOT_ANSWERED, RINGS),
        caller(spoken["uac_talks"], ANSWERED, UNLISTED, talk, "-min_rtp_port", "45000", "-max_rtp_port", "48999"),
    ]
    results = [each.result() for each in callers]
    callees = far.result(10)
    assert callees.failed == 0, callees.errors[-2000:]
    failed = sum(each.failed for each in results)
    assert failed == 0, "\n".join(each.errors[-1000:] for each in results)
    return Result(0, sum(each.successful for each in results), failed, 0, "", "")


def through_the_gate(rate: float, seconds: float, talk: float) -> Hour:
    """Screened, announced, recorded."""
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as place, served() as gate:
        assert gate.process is not None
        dialled(gate.address, gate.trunk_port, *WARM, Path(place))
        before, meter = _recorded(gate), Meter([gate.process.pid])
        near = dialled(gate.address, gate.trunk_port, rate, seconds, talk, Path(place))
        gate.wait(lambda: not gate.client.call("status")["calls"], PATIENCE, "calls are left")
        spent, _ = meter.read()
        kept = [packets for number, packets in _recorded(gate).items() if number not in before]
    return _hour(near, kept, talk, spent)


def _recorded(gate: RunningGate) -> dict[str, int]:
    rows = gate.rows("SELECT recording_id, packets FROM recordings WHERE state = 'closed'")
    return {row["recording_id"]: sum(json.loads(row["packets"]).values()) for row in rows}


_PROXY = """
debug=1
children=2
disable_tcp=yes
auto_aliases=no
listen=udp:127.0.0.1:{port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "htable.so"
loadmodule "rtpengine.so"
modparam("htable", "htable", "listed=>size=16;initval=0")
modparam("rtpengine", "rtpengine_sock", "udp:127.0.0.1:{relay}")
event_route[htable:mod-init] {{ $sht(listed=>{listed}) = 1; }}
request_route {{
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        if (is_method("BYE")) rtpengine_delete();
        if (loose_route() || t_check_trans()) t_relay();
        exit;
    }}
    if (!is_method("INVITE")) {{ sl_send_reply("200", "OK"); exit; }}
    t_newtran();
    if ($sht(listed=>$rU) == 1) {{ t_reply("603", "Decline"); exit; }}
    record_route();
    rtpengine_offer("replace-origin record-call=on");
    t_on_reply("ANSWERED");
    t_on_failure("FAILED");
    $du = "sip:127.0.0.1:{far}";
    t_relay();
}}
onreply_route[ANSWERED] {{ if (has_body("application/sdp")) rtpengine_answer("replace-origin record-call=on"); }}
failure_route[FAILED] {{ rtpengine_delete(); }}
"""


@contextmanager
def in_its_place(folder: Path) -> Iterator[tuple[list[int], tuple[str, int], int]]:
    """Kamailio and rtpengine: their processes, where they listen, and the port that they call."""
    relay = Relay(folder / "clear")
    try:
        port, far = free_port(), free_port()
        config = folder / "kamailio.cfg"
        config.write_text(_PROXY.format(port=port, relay=relay.port, far=far, listed=LISTED))
        words = ["-f", str(config), "-DD", "-E", "-m", "256", "-w", str(folder), "-Y", str(folder)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(["kamailio", *words, "-P", str(folder / "pid")], stdout=log, stderr=log)
        try:
            wait_answering(process, port, folder / "log")
            yield [relay.process.pid, process.pid], ("127.0.0.1", port), far
        finally:
            process.terminate()
            process.wait(PATIENCE)
    finally:
        relay.stop()


def without_the_gate(rate: float, seconds: float, talk: float) -> Hour:
    """Looked up, relayed, recorded in clear."""
    with tempfile.TemporaryDirectory(prefix="dialgate-bench-") as place:
        folder = Path(place)
        with in_its_place(folder) as (pids, at, far):
            dialled(at, far, *WARM, folder)
            before, meter = set(folder.glob("clear/pcaps/*.pcap")), Meter(pids)
            near = dialled(at, far, rate, seconds, talk, folder)
            spent, _ = meter.read()
        sizes = [file.stat().st_size for file in folder.glob("clear/pcaps/*.pcap") if file not in before]
    packets = [(size - 24) // PCAP_OF_A_PACKET for size in sizes]
    return _hour(near, [each for each in packets if each], talk, spent)


def _hour(near: Result, packets: list[int], talk: float, spent: float) -> Hour:
    enough = 0.95 * 2 * 50 * talk
    return Hour(near.successful, near.failed, len(packets), sum(each >= enough for each in packets), spent)


def run(rate: float = 4.0, seconds: float = 60.0, talk: float = 60.0) -> list[Row]:
    """Processor for one attempt by both, and how many times as much the gate takes."""
    ways: dict[str, Callable[[float, float, float], Hour]] = {
        "dialgate": through_the_gate, "Kamailio and rtpengine, in clear": without_the_gate,
    }  # fmt: skip
    found = {tool: way(rate, seconds, talk) for tool, way in ways.items()}
    rows = [_row(tool, hour.cost, _note(hour, rate, talk)) for tool, hour in found.items()]
    ours, theirs = (hour.cost for hour in found.values())
    return [*rows, _row("ratio", ours / theirs, f"load average {os.getloadavg()[0]:.1f}", "times")]


def _note(hour: Hour, rate: float, talk: float) -> str:
    return f"{hour.attempts} at {rate:g} a second, {hour.whole} of {hour.talks} recordings whole, {talk:g} s of talk"


def _row(tool: str, figure: float, note: str, unit: str = "ms") -> Row:
    return {"what": "an attempt of a firm's hour", "tool": tool, "figure": round(figure, 2), "unit": unit, "note": note}


def main() -> None:
    """Print the rows."""
    began = time.monotonic()
    for row in run(*(float(word) for word in sys.argv[1:4])):
        print(f"{row['tool']:34} {row['what']:30} {row['figure']:9,.2f} {row['unit']:6} {row['note']}")
    print(f"in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
