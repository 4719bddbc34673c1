"""``dialgate store move``: a firm's evidence goes to PostgreSQL and back, and nobody sees a difference."""

from __future__ import annotations

import shutil
import sqlite3
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="pip install dialgate[postgresql]")

from gate.cli import store as command
from gate.config import load
from gate.store.postgresql import Postgresql, unlike
from gate.store.reader import DataLock, Reader, open_reader, place_of
from gate.store.slices import LogSlice
from tests.support import postgresql
from tests.support.bundles import Made, make
from tests.support.evidence import rows

pytestmark = pytest.mark.skipif(not postgresql.PROGRAMS.exists(), reason="apt-get install postgresql-17")

SHOWN = (
    ("calls", "list"),
    ("calls", "show", "call-plain"),
    ("objection", "list"),
    ("consent", "list"),
    ("contacts", "list"),
    ("contacts", "status"),
    ("recording", "list"),
    ("hold", "list"),
    ("request", "list", "--all"),
    ("retention", "status"),
    ("audit", "leaves"),
    ("audit", "checkpoints"),
    ("key", "list"),
)
_numbers = count(1)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Calls, recordings, a restriction and an erasure; a request, a hold and contacts."""
    made = make(tmp_path_factory.mktemp("firm"))
    crm = made.folder / "crm.csv"
    crm.write_text("id,phone\n1,020 7946 0101\n2,020 7946 0123\n3,07700 900123\n")
    for words in (
        ("request", "open", "access", "--by", "email", "--name", "Pat Person", "--contact", "pat@example.org",
         "--number", "02079460123", "--about", "all calls"),
        ("request", "open", "objection", "--by", "phone", "--number", "07700900123", "--name", "Jo", "--about", "stop"),
        ("hold", "add", "--recording", "rec-plain", "--ground", "claim", "--reason", "a claim", "--reference", "17"),
        ("contacts", "import", str(crm), "--reference", "id"),
        ("audit", "checkpoint"),
    ):  # fmt: skip
        done = made.command(*words)
        assert done.code == 0, done.err
    return made


@pytest.fixture
def made(original: Made, tmp_path: Path) -> Made:
    return replace(original, folder=Path(shutil.copytree(original.folder, tmp_path / "gate")))


@pytest.fixture
def dsn() -> Iterator[str]:
    """That of a database that no gate has written to."""
    server, name = postgresql.server(), f"moved_{next(_numbers)}"
    server.do(f"CREATE DATABASE {name}")
    yield f"postgresql://dialgate@/{name}?host={server.folder}"
    server.do(f"DROP DATABASE {name} WITH (FORCE)")


def shown(made: Made) -> dict[str, object]:
    """What people see, and what a bundle is made from."""
    found: dict[str, object] = {}
    for words in SHOWN:
        done = made.command(*words, "--json")
        assert done.code == 0, done.err
        found[" ".join(words)] = done.json
    place = place_of(load(made.config))
    with Reader(place) as reader:
        found["head"] = size, _ = reader.head()
    log = LogSlice(place, size=size, since="2026-03-02", until="2026-03-03")
    found["bundle"] = (list(log.calls()), list(log.leaves([])), log.bundle_sizes(), log.run)
    return found


def letter(made: Made) -> str:
    done = made.command("request", "letter", "DSR-2026-0001", "acknowledgement")
    assert done.code == 0, done.err
    return done.out


def same_rows(one: object, other: object) -> bool:
    with closing(open_reader(one)) as here, closing(open_reader(other)) as there:  # type: ignore[arg-type]
        here.execute("BEGIN")
        there.execute("BEGIN")
        return not unlike(here, there)


def test_a_firm_goes_to_postgresql_and_back_and_shows_the_same(made: Made, dsn: str) -> None:
    config = made.config.read_text()
    written, before = letter(made), shown(made)
    done = made.command("store", "move", "--to", dsn, "--json")
    assert done.code == 0, done.err
    assert not (made.data / "gate.db").exists()
    left = Path(done.json["left"])
    assert f"{left} still holds the evidence" in done.err
    assert (done.json["leaves"], b64decode(done.json["root"])) == before["head"]
    place = place_of(load(made.config))
    assert isinstance(place, Postgresql)
    assert same_rows(left, place)
    assert shown(made) == before
    assert letter(made) == written
    assert made.command("audit", "verify").code == 0
    assert made.command("objection", "add", "02079460177", "--source", "told", "--note", "").code == 0
    before = shown(made)

    done = made.command("store", "move", "--to", "sqlite", "--json")
    assert done.code == 0, done.err
    assert made.config.read_text().rstrip() == config.rstrip()
    assert shown(made) == before
    assert letter(made) == written
    with closing(place.connect()) as session:
        assert session.execute("SELECT to_regclass('dialgate.facts')").fetchone() == (None,)
    assert made.command("store", "move", "--to", dsn).code == 0, "the database may be used again"


def test_where_a_gate_runs_it_is_refused_and_nothing_is_changed(made: Made, dsn: str) -> None:
    config = made.config.read_text()
    with DataLock(made.data):
        done = made.command("store", "move", "--to", dsn)
    assert done.code == 1
    assert "is in use by process" in done.err
    assert made.config.read_text() == config
    assert (made.data / "gate.db").exists()


def test_a_log_that_does_not_hold_goes_nowhere(made: Made, dsn: str) -> None:
    with closing(sqlite3.connect(made.data / "gate.db", isolation_level=None)) as database:
        database.execute("UPDATE facts SET actor = 'user:eve(7)' WHERE subject = 'call-refused'")
    done = made.command("store", "move", "--to", dsn)
    assert done.code == 1
    assert "does not hold" in done.err and "audit verify" in done.err
    assert "[store]" not in made.config.read_text()


def test_a_database_with_another_firms_evidence_is_refused(
    made: Made, original: Made, tmp_path: Path, dsn: str
) -> None:
    other = replace(original, folder=Path(shutil.copytree(original.folder, tmp_path / "other")))
    assert other.command("objection", "add", "02079460178", "--source", "told", "--note", "").code == 0
    assert other.command("store", "move", "--to", dsn, "--log", "1").code == 0
    done = made.command("store", "move", "--to", dsn)
    assert done.code == 1
    assert "there is evidence in the database already" in done.err
    assert (made.data / "gate.db").exists()


@pytest.mark.parametrize("stopped", ["copied", "told"])
def test_what_was_stopped_half_way_is_finished_by_the_same_command(
    made: Made, dsn: str, monkeypatch: pytest.MonkeyPatch, stopped: str
) -> None:
    """Stopped before the configuration names the database, or when it does and the file is still there."""
    before = shown(made)
    with monkeypatch.context() as patch:
        if stopped == "copied":
            patch.setattr(command, "put_text", _dies)
        else:
            patch.setattr(command, "open_writer", _dies_for(made.data / "gate.db", command.open_writer, 2))
        assert made.command("store", "move", "--to", dsn).code != 0
    if stopped == "told":
        done = made.command("calls", "list")
        assert done.code == 2 and "[store] names a database" in done.err
    done = made.command("store", "move", "--to", dsn)
    assert done.code == 0, done.err
    assert shown(made) == before


def test_going_back_is_finished_too(made: Made, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert made.command("store", "move", "--to", dsn).code == 0
    before = shown(made)
    with monkeypatch.context() as patch:
        patch.setattr(command, "put_text", _dies)
        assert made.command("store", "move", "--to", "sqlite").code != 0
    assert (made.data / "gate.db").exists()
    assert made.command("calls", "list").code == 2
    assert made.command("store", "move", "--to", "sqlite").code == 0
    assert shown(made) == before


def _dies(*_: object) -> None:
    raise OSError(28, "No space left on device", "config.toml")


def _dies_for(file: Path, real: object, nth: int) -> object:
    seen = count(1)

    def opened(place: object) -> object:
        if place == file and next(seen) == nth:
            raise OSError(5, "Input/output error", str(file))
        return real(place)  # type: ignore[operator]

    return opened


def test_wrong_words_say_what_is_right(made: Made) -> None:
    done = made.command("store", "move", "--to", "sqlite")
    assert done.code == 2 and "the evidence is in SQLite already" in done.err
    done = made.command("store", "move", "--to", "postgresql://dialgate:geheim@db.example/dialgate")
    assert done.code == 2 and "holds a password" in done.err and "geheim" not in done.err
    assert rows(made.data / "gate.db", "SELECT count(*) FROM facts")[0][0] > 0
