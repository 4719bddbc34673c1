"""What Linux says of a process: processor time, memory, descriptors, threads."""

from __future__ import annotations

import os
import re
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
_KIB = re.compile(r"^(Rss\w+):\s+(\d+) kB", re.MULTILINE)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def family(pid: int) -> list[int]:
    """A process, and those that it has started, and theirs."""
    found = [pid]
    for each in found:
        for listed in Path(f"/proc/{each}/task").glob("*/children"):
            found += [int(child) for child in listed.read_text().split()]
    return found


def family_seconds(pid: int) -> float:
    """Of a process and those that it has started, which live as long as it does."""
    return sum(map(cpu_seconds, family(pid)))


def family_mib(pid: int) -> float:
    """Memory of them that is in RAM; what they may share is counted once."""
    counts = [dict(_KIB.findall(Path(f"/proc/{each}/status").read_text())) for each in family(pid)]
    shared = sum(max(int(count[kind]) for count in counts) for kind in ("RssFile", "RssShmem"))
    return (sum(int(count["RssAnon"]) for count in counts) + shared) / 1024


def resident_mib(pid: int) -> float:
    """Memory that is in RAM."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def descriptors(pid: int) -> int:
    """Open files and sockets."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def threads(pid: int) -> int:
    """Threads."""
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())


def machine_busy() -> tuple[float, float]:
    """(busy, all) seconds of every core since the start of the machine; whoever used them."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS, sum(fields) / TICKS
