"""What the gate reads because somebody asks it to, it reads with the rights of its own account: never its own files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gate.config import load
from gate.daemon.house import House
from gate.errors import GateError, UsageError
from tests.support.example import make_example

COLE = "user:cole(1001)"
PASSWORD = "s3cret word"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("given") / "gate"
    make_example(folder)
    with ExitStack() as stack:
        yield House(load(folder / "config.toml"), stack)


def asked(house: House, path: Path) -> list[str]:
    """What the two imports say of a file."""
    said = []
    for ask in (
        lambda: house.desk.contacts_import(path=str(path), columns=("phone",), actor=COLE),
        lambda: house.desk.contacts_import(path=str(path), actor=COLE),
        lambda: house.desk.register_import(name="tps", path=str(path), actor=COLE),
    ):
        with pytest.raises(GateError) as refused:
            ask()
        said.append(f"{refused.value.message} {refused.value.hint}")
    return said


@pytest.mark.parametrize("name", ["secrets/alice.password", "data/gate.key", "data/number.key", "data/recipients"])
@pytest.mark.parametrize("linked", [False, True])
def test_nobody_has_the_gates_own_files_read_out(house: House, tmp_path: Path, name: str, linked: bool) -> None:
    path = Path(house.config.base) / name
    assert path.exists()
    if linked:
        (tmp_path / "list.csv").symlink_to(path)
        path = tmp_path / "list.csv"
    assert all("file of the gate's own" in said for said in asked(house, path))
    assert house.desk.register_status(actor=COLE)["registers"][0]["refused"] is None


def test_a_refusal_tells_nothing_that_stands_in_the_file(house: House, tmp_path: Path) -> None:
    path = tmp_path / "shadow"
    path.write_text(f"{PASSWORD}\n07700 900123 x\n")
    told = [*asked(house, path), str(house.desk.register_status(actor=COLE))]
    assert not any(PASSWORD in said or "900123" in said for said in told)


def test_a_list_that_lies_beside_the_gate_is_read(house: House) -> None:
    path = Path(house.config.base) / "crm.csv"
    path.write_text("id,phone\n17,07700 900123\n")
    assert house.desk.contacts_import(path=str(path), actor=COLE)["contacts"] == 1
    with pytest.raises(UsageError, match="not there") as refused:
        house.desk.contacts_import(path=str(path), columns=("fax",), actor=COLE)
    assert "id, phone" in refused.value.hint
