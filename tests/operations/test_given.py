"""What the gate reads because somebody asks it to was opened by whoever asks: the gate opens no path."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate.errors import GateError, UsageError
from gate.operations.catalogue import OPERATIONS
from gate.operations.contacts.list_import import ContactsImport
from gate.operations.contacts.pages import ContactsStatus
from gate.operations.data_folder import DataFolder
from gate.operations.registers.importing import RegisterImport
from gate.operations.registers.in_force import RegisterStatus
from tests.support.asking import ask
from tests.support.databases import query

COLE = "user:cole(1001)"
PASSWORD = "s3cret word"


def test_no_operation_opens_a_path() -> None:
    for name, operation in OPERATIONS.items():
        asked = set(operation.request.__struct_fields__)
        assert (asked & {"path", "file", "folder"} == {"path", "file"}) == bool(operation.file), name


def test_a_refusal_tells_nothing_that_stands_in_the_file(data: DataFolder, tmp_path: Path) -> None:
    path = tmp_path / "shadow"
    path.write_text(f"{PASSWORD}\n07700 900123 x\n")
    told = [str(ask(data, RegisterStatus(), COLE))]
    for asked in (
        lambda: ask(data, ContactsImport(path=str(path), columns=("phone",)), COLE),
        lambda: ask(data, ContactsImport(path=str(path)), COLE),
        lambda: ask(data, RegisterImport(name="tps", path=str(path)), COLE),
    ):
        with pytest.raises(GateError) as refused:
            asked()
        told.append(f"{refused.value.message} {refused.value.hint}")
    assert not any(PASSWORD in said or "900123" in said for said in told)


def test_the_path_is_kept_as_what_was_said(data: DataFolder, tmp_path: Path) -> None:
    path = tmp_path / "crm.csv"
    path.write_text("id,phone\n17,07700 900123\n")
    assert ask(data, ContactsImport(path=str(path)), COLE).contacts == 1
    (fact,) = data.store.call(lambda tx: query(tx, "SELECT body FROM facts WHERE kind = 'contacts_imported'"))
    assert f'"path_said":"{path}"' in fact["body"]
    with pytest.raises(UsageError, match="not there") as refused:
        ask(data, ContactsImport(path=str(path), columns=("fax",)), COLE)
    assert "id, phone" in refused.value.hint


def test_a_list_that_changes_while_it_is_read_is_not_taken(data: DataFolder, tmp_path: Path) -> None:
    path = tmp_path / "crm.csv"
    path.write_text("id,phone\n17,07700 900124\n")

    def upload(_done: float, _text: str) -> None:
        with path.open("a") as file:
            file.write("18,07700 900125\n")

    before = ask(data, ContactsStatus(), COLE)
    with pytest.raises(UsageError, match="changed while it was read"):
        ask(data, ContactsImport(path=str(path)), COLE, progress=upload)
    assert ask(data, ContactsStatus(), COLE).contacts == before.contacts


@pytest.mark.parametrize("hole", [b"\0", b'id,phone\n17,"'])
def test_a_sparse_gigabyte_is_given_up_early(data: DataFolder, tmp_path: Path, hole: bytes) -> None:
    path = tmp_path / "zeros.csv"
    with path.open("wb") as file:
        file.write(hole)
        file.truncate(500 << 20)
    seen: list[float] = []
    with pytest.raises(UsageError, match="more than 1,048,576 characters"):
        ask(data, ContactsImport(path=str(path), columns=("1",)), COLE, progress=lambda done, _: seen.append(done))
    assert max(seen, default=0.0) < 0.05
