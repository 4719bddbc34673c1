"""No file that leaves the gate is run by a spreadsheet, and the gate's own import takes it back word for word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.operations.lists.entries import COLUMNS
from tests.attack.csv_cells import HOSTILE
from tests.support.attacks import attack
from tests.support.running_gate import RunningGate, dialgate, running


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGate]:
    with running(tmp_path_factory.mktemp("cells") / "gate") as gate:
        attack("csv_cells", "--plant", gate.folder)
        for what in ("objection", "consent"):
            dialgate(what, "import", str(gate.folder / f"{what}s.csv"), config=gate.config)
        contacts = str(gate.folder / "contacts.csv")
        dialgate("contacts", "import", contacts, "--reference", "id", config=gate.config)
        yield gate


def evaluated(*files: Path) -> list[str]:
    told = attack("csv_cells", *files)
    assert told["cells"] > len(HOSTILE)
    return list(told["evaluated"])


def entries(gate: RunningGate, what: str) -> list[dict[str, Any]]:
    """What is held, in the columns of its file."""
    rows = gate.client.call(f"{what}_export", limit=1000)["items"]
    return [{column: row[column] for column in COLUMNS[f"{what}s"]} for row in rows]


@pytest.mark.parametrize("what", ["objection", "consent"])
def test_own_lists_leave_as_text_and_come_back_unharmed(gate: RunningGate, tmp_path: Path, what: str) -> None:
    file = tmp_path / "out.csv"
    dialgate(what, "export", "-o", str(file), config=gate.config)
    assert evaluated(file) == []
    held = entries(gate, what)
    column = {"objection": "note", "consent": "wording"}[what]
    assert {text.strip() for text in HOSTILE} <= {row[column].strip() for row in held}
    with running(tmp_path / "other") as other:
        dialgate(what, "import", str(file), config=other.config)
        back = entries(other, what)
    assert [row for row in held if row not in back] == []


def test_changes_and_screened_files_leave_as_text(gate: RunningGate, tmp_path: Path) -> None:
    changes = tmp_path / "changes.csv"
    dialgate("contacts", "changes", "--since", "yesterday", "-o", str(changes), config=gate.config)
    assert evaluated(changes) == []
    held = gate.client.call("contacts_list", limit=1000)["items"]
    dialgate("contacts", "import", str(changes), "--reference", "reference", config=gate.config)
    again = gate.client.call("contacts_list", limit=1000)["items"]
    assert [row["reference"] for row in again] == [row["reference"] for row in held]

    crm, screened = tmp_path / "crm.csv", tmp_path / "screened.csv"
    crm.write_text("=1+1 phone,@phone\n02079460101,'+44 20 7946 0123\n")
    dialgate("screen", str(crm), "-o", str(screened), "--column", "1", "--column", "2", config=gate.config)
    assert evaluated(screened) == [
        "=1+1 phone",
        "@phone",
    ]  # the file's own cells stay byte for byte
    assert "+442079460123" in screened.read_text().split(",")
    columns = ("--column", "1", "--column", "2", "--escape")
    dialgate("screen", str(crm), "-o", str(screened), *columns, config=gate.config)
    assert evaluated(screened) == []
    assert screened.read_text().splitlines()[1].startswith("02079460101,'+44 20 7946 0123,block,")
