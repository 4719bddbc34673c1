"""What is erased is in no file of PostgreSQL any more: a primary, a standby that follows it, an archive of their
write-ahead log and a base backup, read byte by byte."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gate.errors import StoreError
from gate.ports import Fact
from gate.store.erasure import erase_facts
from gate.store.reader import Reader
from tests.support.evidence import PEPPER, START, a_call, put
from tests.support.waiting import until

pytest.importorskip("psycopg", reason="pip install dialgate[postgresql]")

from gate.store import postgresql as gate_postgresql
from gate.store.postgresql import Postgresql, PostgresqlStore
from tests.support import postgresql

pytestmark = pytest.mark.engine("postgresql")

SEED = 5
PERSONS = [f"+447911960{n:03}" for n in range(31)]


COMMON = "7911960"
"""What all of them have, and nobody else."""


def spelled(digits: str) -> list[bytes]:
    """Digits in the encodings in which a file could have them."""
    return [
        *(digits.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be")),
        digits.encode().hex().encode(),
        # base64 has three forms of what stands within more; its ends are those of the neighbours
        *(base64.b64encode(b" " * shift + digits.encode())[4 if shift else 0 : 8] for shift in range(3)),
    ]


ANY = [each for text in (COMMON, f"{COMMON[:4]} {COMMON[4:]}", f"{COMMON[:4]}-{COMMON[4:]}") for each in spelled(text)]


def persons_in(root: Path) -> set[str]:
    """Who is found in the files of a folder; ``somebody`` by a number that is not whole."""
    found: set[str] = set()
    for path in root.rglob("*"):
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:  # the server has let go of it meanwhile
            continue
        if any(each in content for each in ANY):
            found.update([person for person in PERSONS if person[3:].encode() in content] or ["somebody"])
    return found


@pytest.fixture
def servers(engine) -> Iterator[tuple[postgresql.Server, postgresql.Server, Path]]:
    archive = postgresql.folder_of_server()
    settings = {"archive_mode": "on", "archive_command": f"cp %p {archive}/%f", "wal_recycle": "off"}
    primary = postgresql.Server(postgresql.folder_of_server(), settings)
    standby = primary.standby()
    primary.do("CREATE DATABASE evidence")
    yield primary, standby, archive
    standby.stop()
    primary.stop()


def test_an_erased_number_is_in_no_file_of_the_servers(servers):
    """Numbers at thirty places of the pages, the last ones written among them; several spellings."""
    primary, standby, archive = servers
    store = PostgresqlStore(Postgresql(primary.dsn("evidence")), pepper=PEPPER)
    chance, others = random.Random(SEED), iter(range(1000))
    leaves: list[int] = []
    for n, person in enumerate(PERSONS):
        for _ in range(chance.randrange(3)):
            put(store, *a_call(next(others), "+442079460001"))
        if chance.random() < 0.5 or person == PERSONS[-1]:
            leaves += put(store, *a_call(next(others), person))
        else:
            note = f"rang from 0{person[3:7]} {person[7:]}, also {person[3:7]}-{person[7:10]}-{person[10:]}"
            leaves += put(store, Fact("objection", f"o{n}", START, "x", {"number": person, "note": note}))
    primary.do("SELECT pg_switch_wal()")
    primary.do("CHECKPOINT")
    until(lambda: persons_in(archive) == set(PERSONS))
    standby.do("CHECKPOINT")
    for place in (primary.data / "base", standby.data / "base"):
        assert persons_in(place) == set(PERSONS), place

    store.call(lambda tx: erase_facts(tx, leaves, subject="r", at=START, actor="x", basis="request", what="facts"))
    assert store.scrub()
    assert persons_in(primary.data / "base") == set(), SEED

    def gone(server: postgresql.Server) -> bool:
        server.do("CHECKPOINT")  # which the server does by itself every five minutes: archived segments go then
        return not persons_in(server.data)

    for server in (primary, standby):
        until(lambda server=server: gone(server))
    # After backup_days the archive is cut behind the erasure: what is left of it has nothing.
    (name,) = primary.do("SELECT pg_walfile_name(pg_current_wal_lsn())")[0]
    primary.do("SELECT pg_switch_wal()")
    until((archive / name).exists)
    assert persons_in(archive), "there was nothing to cut"
    primary.run("pg_archivecleanup", str(archive), name)
    assert persons_in(archive) == set()
    copy = postgresql.folder_of_server() / "copy"
    primary.run("pg_basebackup", "-h", str(primary.folder), "-U", "dialgate", "-D", str(copy), "-c", "fast")
    assert persons_in(copy) == set()
    assert put(store, *a_call(next(others))), "the store works on the new tables"
    store.close()


def test_tables_that_somebody_reads_are_rewritten_later(store, monkeypatch):
    monkeypatch.setattr(gate_postgresql, "LOCK_SECONDS", 1)
    erase(store, put(store, *a_call(1)))
    with Reader(store.path) as reader:
        reader.values(int, "SELECT leaf_index FROM facts")
        assert store.scrub() is False
        assert put(store, *a_call(2)), "decisions wait for no reader"
        with pytest.raises(StoreError, match="read by somebody"):
            store.rewrite(lambda done, what: None)
    assert store.scrub() is True


def erase(store, leaves):
    store.call(lambda tx: erase_facts(tx, leaves, subject="r", at=START, actor="x", basis="request", what="facts"))


def standing(store, *numbers):
    """Those of these numbers that the files of its database still hold."""
    with closing(store.place.connect()) as session:
        (folder,) = session.execute(
            "SELECT 'base/' || oid FROM pg_database WHERE datname = current_database()"
        ).fetchone()
        (data,) = session.execute("SHOW data_directory").fetchone()
        session.execute("CHECKPOINT")
    files = b"".join(path.read_bytes() for path in (Path(data) / folder).iterdir())
    return [each for each in numbers if any(one in files for one in spelled(each[3:]))]


def test_a_table_too_large_to_wait_for_is_not_said_to_be_clean_before_it_was_written_anew(store, monkeypatch):
    """Whatever is tried meanwhile, started anew or not, until somebody has asked for it."""
    erased, other = PERSONS[0], PERSONS[1]
    leaves = put(store, *a_call(1, erased))
    put(store, *a_call(2, other))
    assert store.scrub() is True, "nothing was erased"
    erase(store, leaves)
    monkeypatch.setattr(gate_postgresql, "REWRITTEN", 0)
    for _ in range(2):
        assert store.scrub() is False
    assert {"dialgate.calls", "dialgate.facts"} <= {*store.unscrubbed()}
    assert standing(store, erased, other) == [erased, other]
    with closing(PostgresqlStore(store.place, pepper=PEPPER)) as again:
        assert again.scrub() is False
        shown = []
        assert again.rewrite(lambda done, what: shown.append((done, what))) > 0
        assert shown[-1][0] == 1.0
        assert standing(again, erased, other) == [other]
        assert again.unscrubbed() == []
        assert again.scrub() is True, "it is as large as before, and nothing was erased since"
        erase(again, again.call(lambda tx: tx.values(int, "SELECT leaf_index FROM facts WHERE body IS NOT NULL")))
        assert again.scrub() is False


def test_what_another_gate_has_erased_meanwhile_is_not_said_to_be_gone(store, monkeypatch):
    first, second = put(store, *a_call(1)), put(store, *a_call(2))
    erase(store, first)
    monkeypatch.setattr(gate_postgresql, "REWRITTEN", 0)
    begun = iter([True])
    store.rewrite(lambda done, what: erase(store, second) if next(begun, False) else None)
    assert store.unscrubbed()
    assert store.scrub() is False
