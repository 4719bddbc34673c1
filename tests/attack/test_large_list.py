"""Who attacks: an account that may import contacts, with a list as large as is taken. What they want: the memory and
the processor of the gate that carries calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.running_gate import RunningGate

ROWS, REFERENCE = 300_000, "r" * 150


def peak(pid: int) -> int:
    """The most memory that a process has had, in bytes."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.deep
@pytest.mark.parametrize("add", [False, True])
def test_a_large_list_is_read_beside_the_gate_in_a_process_that_makes_way(add: bool, tmp_path: Path) -> None:
    """Nor does the gate hold its references where the list is merged with the one before."""
    gate = RunningGate(tmp_path / "gate")
    given = tmp_path / "list.csv"
    with given.open("w") as file:
        file.write("id,telephone\n")
        file.writelines(f"{REFERENCE}{row},0{7700000000 + row}\n" for row in range(ROWS))
    gate.start()
    try:
        assert gate.process is not None
        pid = gate.process.pid
        asked = {"path": str(given), "reference": "id", "columns": ["telephone"]}
        if add:
            small = tmp_path / "before.csv"
            small.write_text(f"id,telephone\n{REFERENCE}7,07700900417\nheld,07700900418\n")
            gate.client.call("contacts_import", **asked | {"path": str(small)})
        before = peak(pid)
        answer = gate.client.call("contacts_import", **asked, add=add)
        grown = peak(pid) - before
        assert answer["contacts"] == ROWS + add, "what is named again has gone, what is not has stayed"
        assert grown < given.stat().st_size, f"{grown:,} bytes for a list of {given.stat().st_size:,}"
    finally:
        gate.stop()
