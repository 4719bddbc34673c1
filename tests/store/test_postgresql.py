"""What is PostgreSQL's own: how a database is opened, whose log it is, what becomes of a commit whose answer is lost.
Facts, lists and pages are tested in the other files here, on both engines."""

from __future__ import annotations

import json
import queue
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count

import pytest
from msgspec.structs import replace

from gate.audit.heads import Findings
from gate.audit.leaves import LeafCheck, check_derived
from gate.config import Config, Store
from gate.core.evidence import LOG_BITS, leaf_key, stamp
from gate.core.evidence import log_of as log_of_key
from gate.core.facts import lists
from gate.core.numbers import mask
from gate.core.screening import standing_objection
from gate.errors import AuditError, ConfigError, StoreError, UsageError
from gate.operations.audit.leaves import sentences
from gate.ports import Fact
from gate.store import contacts, kept, queries, reader, schema, search
from gate.store import postgresql as postgresql_store
from gate.store.erasure import call_leaves, erase_facts
from gate.store.projections import TABLES
from gate.store.queries import logs
from gate.store.reader import Reader, open_reader, open_writer, place_from_words, place_in_words
from gate.store.schema import BESIDE, STEPS, Step, made_by
from gate.store.store import EvidenceStore
from gate.store.transaction import NODE_LASTS, LookUps, last_word
from tests.support.evidence import NUMBER, PEPPER, START, a_call, decision, own_lists, put, root_of, rows

pytest.importorskip("psycopg", reason="pip install dialgate[postgresql]")

from gate.store.dialect import FUNCTIONS, INSTEAD, statements, translated
from gate.store.past import PastReader, erased_since, erasures_of, find
from gate.store.postgresql import GROUP, Postgresql, PostgresqlConnection, PostgresqlStore, copy_rows, plain_columns
from gate.store.postgresql import _tables as plain_tables
from tests.support import postgresql
from tests.support.running_gate import free_port
from tests.support.sip_stream import certificate
from tests.support.waiting import until

pytestmark = pytest.mark.engine("postgresql")


def place_of(store) -> Postgresql:
    assert isinstance(store, PostgresqlStore)
    return store.place


# --- one SQL --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a FROM t WHERE b = ? AND c = ?", "SELECT a FROM t WHERE b = $1 AND c = $2"),
        ("SELECT :b, :a, :b", "SELECT $1, $2, $1"),
        ("SELECT ?2, ?1, ?2", "SELECT $2, $1, $2"),
        ("SELECT '?', ':x', \"a?\", b::text FROM t", "SELECT '?', ':x', \"a?\", b::text FROM t"),
        ("SELECT 1 FROM calls AS c INDEXED BY calls_at WHERE x", "SELECT 1 FROM calls AS c WHERE x"),
        ("SELECT 1 FROM a CROSS JOIN b USING (c)", "SELECT 1 FROM a JOIN b USING (c)"),
        ("a IS NOT 'x' AND b IS ? AND c IS NULL", "a IS DISTINCT FROM 'x' AND b IS NOT DISTINCT FROM $1 AND c IS NULL"),
        ("a IS NOT NULL AND b IS TRUE", "a IS NOT NULL AND b IS TRUE"),
        ("SELECT 1 ORDER BY +at DESC, a + b", "SELECT 1 ORDER BY at DESC, a + b"),
        ("WHERE (+at, call_id) < (?, ?)", "WHERE (at, call_id) < ($1, $2)"),
        ("BEGIN IMMEDIATE", "BEGIN"),
        ("CAST(x AS INTEGER) -- so\n AND y", "CAST(x AS bigint) AND y"),
    ],
)
def test_what_the_engines_spell_differently(sql, expected):
    assert translated(sql).sql == expected


def test_values_are_given_by_name_or_in_order():
    assert translated("SELECT :b, :a, :b").values({"a": 1, "b": 2, "c": 3}) == [2, 1]
    assert translated("SELECT ?, ?").values([1, 2]) == [1, 2]


def test_the_changes_one_by_one_make_what_is_made_at_once(store):
    """A database that was made by an earlier version has the same columns and indexes as a new one. Changes up to
    m029 have met no row in PostgreSQL: what they do to rows is left out."""
    place = place_of(store)
    one, name = postgresql.server(), f"steps_{next(_numbers)}"
    one.do(f"CREATE DATABASE {name}")
    with closing(Postgresql(one.dsn(name)).connect()) as other:
        for sql in ("CREATE SCHEMA dialgate", "SET search_path = dialgate"):
            other.execute(sql)
        with closing(place.connect()) as made:
            for sql in statements(FUNCTIONS):
                other.session.execute(sql)
            for step in STEPS:
                for statement in statements(step.sql):
                    if not (step.name < "m030" and statement.startswith("UPDATE")):
                        other.execute(statement)
            assert columns_of(other) == columns_of(made)
            assert indexes_of(other) == indexes_of(made)
    one.do(f"DROP DATABASE {name} WITH (FORCE)")


def columns_of(connection):
    return connection.execute(
        "SELECT table_name, column_name, data_type, is_nullable, generation_expression FROM information_schema.columns"
        " WHERE table_schema = 'dialgate' AND table_name <> 'migrations' ORDER BY 1, 2"
    ).fetchall()


def indexes_of(connection):
    return connection.execute(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'dialgate' AND tablename <> 'migrations' ORDER BY 1"
    ).fetchall()


_numbers = count(1)


def test_every_index_that_is_another_one_is_there(store):
    names = {name for name, (kind, *_) in made_by(STEPS).items() if kind == "index"}
    assert INSTEAD.keys() <= names


# --- the same rows --------------------------------------------------------------------------------------------------


def test_rows_leaves_and_tiles_are_those_of_sqlite_byte_for_byte(store, tmp_path):
    """The same facts with the same salts, in both."""
    facts = [*own_lists(), *(fact for n in range(60) for fact in a_call(n, f"+44770090{n:04}"))]
    odd = b"\xff\x00\xe9".decode("utf-8", "surrogateescape") + "\ufffe0 \ufffe1 \0\ufffe"
    facts.append(Fact("decision", "odd", START, f"account:{odd}", {"raw": odd, "verdict": "block", "number": odd}))
    store.close()
    found = []
    for open_one in (
        lambda salts: EvidenceStore(tmp_path / "other.db", pepper=PEPPER, salts=salts),
        lambda salts: PostgresqlStore(place_of(store), pepper=PEPPER, salts=salts),
    ):
        numbers = count(1)
        kept = open_one(lambda numbers=numbers: next(numbers).to_bytes(16))
        put(kept, *facts)
        size, root = kept.call(lambda tx: tx.head())
        kept.call(lambda tx, size=size, root=root: tx.keep_checkpoint(size, root, "note\n", START))
        tables = [name for name, (kind, *_) in made_by(STEPS).items() if kind == "table"]
        found.append({each: sorted(rows(kept.path, f"SELECT * FROM {each}"), key=repr) for each in tables})  # noqa: S608
        kept.close()
    assert found[0] == found[1]
    assert len(found[0]["tiles"]) == 1


# --- opened ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("CREATE VIEW dialgate.v AS SELECT 1", "not the gate's: v"),
        ("CREATE RULE gone AS ON INSERT TO dialgate.objections DO INSTEAD NOTHING", "not the gate's: gone"),
        ("DROP INDEX dialgate.calls_number", "no index calls_number"),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            " CREATE TRIGGER forget BEFORE INSERT ON dialgate.facts FOR EACH ROW EXECUTE FUNCTION f()",
            "not the gate's: forget",
        ),
    ],
)
def test_a_database_with_something_foreign_in_it_does_not_start(store, sql, says):
    store.close()
    with closing(place_of(store).connect()) as other:
        other.session.execute(sql)
    with pytest.raises(AuditError, match=says):
        PostgresqlStore(place_of(store), pepper=PEPPER)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ("ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0", "sorts by a language"),
        ("ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0", "encoding is not UTF8"),
    ],
)
def test_a_database_that_orders_or_spells_otherwise_is_refused(engine, made, says):
    name = f"odd_{next(_numbers)}"
    postgresql.server().do(f"CREATE DATABASE {name} {made}")
    with pytest.raises(StoreError, match=says):
        PostgresqlStore(Postgresql(postgresql.server().dsn(name)), pepper=PEPPER)
    postgresql.server().do(f"DROP DATABASE {name}")


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_forgets_at_a_power_cut_is_refused(store, setting):
    server = postgresql.server()
    put(store, decision("c1"))
    server.set(setting, "off")
    try:
        with pytest.raises(StoreError, match=f"{setting} = off"):
            place_of(store).connect()
    finally:
        server.set(setting, "on")


def test_a_commit_is_durable_whatever_the_role_is_set_to(store):
    name = place_of(store).dsn.split("dbname=")[1].split()[0]
    postgresql.server().do(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with closing(place_of(store).connect()) as other:
        assert other.execute("SHOW synchronous_commit").fetchone() == ("on",)


def test_a_reader_cannot_write(store):
    with Reader(store.path) as reader, pytest.raises(sqlite3.Error, match="read-only"):
        reader.connection.execute("DELETE FROM facts")


def test_a_newer_database_is_refused(store):
    store.close()
    with closing(place_of(store).connect()) as other:
        other.execute("INSERT INTO migrations VALUES ('m999_from_the_future')")
    for opened in (place_of(store).open_writer, place_of(store).open_reader):
        with pytest.raises(StoreError, match="newer version"):
            opened()


def test_nothing_of_a_password_is_in_an_error(engine, tmp_path):
    kept = tmp_path / "password"
    kept.write_text("secret2\n")
    kept.chmod(0o600)
    place = Postgresql("host=127.0.0.1 port=1 dbname=none user=x password=secret1", password_file=str(kept))
    with pytest.raises(StoreError) as raised:
        place.connect()
    told = f"{raised.value} {raised.value.hint} {place!r} {place}"
    assert "secret" not in told


# --- found by the configuration ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def proven(engine, tmp_path_factory):
    """A server that speaks TLS to whoever comes over a network, as db.example, and the file that vouches for it."""
    chain, key = certificate(tmp_path_factory.mktemp("tls"), "db.example", literal=False)
    folder = postgresql.folder_of_server()
    for name, source in (("server.crt", chain), ("server.key", key)):
        (folder / name).write_bytes(source.read_bytes())
        (folder / name).chmod(0o600)
        shutil.chown(folder / name, user=folder.stat().st_uid)
    server = postgresql.Server(
        folder,
        {
            "listen_addresses": "127.0.0.1",
            "port": str(free_port(socket.SOCK_STREAM)),
            "ssl": "on",
            "ssl_cert_file": str(folder / "server.crt"),
            "ssl_key_file": str(folder / "server.key"),
        },
    )
    server.do("CREATE DATABASE evidence")
    yield server, chain
    server.stop()


def over_a_network(server, host):
    return f"host={host} hostaddr=127.0.0.1 port={server.port} dbname=evidence user=dialgate"


def test_over_a_network_the_server_proves_who_it_is(proven):
    server, chain = proven
    with closing(Postgresql(over_a_network(server, "db.example"), ca_file=str(chain)).open_writer()) as session:
        (speaks,) = session.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
        assert speaks == 1


@pytest.mark.parametrize(
    ("host", "vouched", "more"),
    [("other.example", True, ""), ("db.example", False, ""), ("other.example", True, " sslmode=disable")],
)
def test_one_that_does_not_is_refused_whatever_the_dsn_asks_for(proven, host, vouched, more):
    server, chain = proven
    dsn = over_a_network(server, host) + more
    with pytest.raises(StoreError, match="cannot reach the database evidence on") as raised:
        Postgresql(dsn, ca_file=str(chain) if vouched else "").connect()
    assert "certificate" in raised.value.hint


def test_the_primary_is_found_among_several_hosts(proven):
    """One is not there, one may not be written to."""
    server, _ = proven
    with closing(socket.create_server(("127.0.0.1", 0))) as nobody:
        port = nobody.getsockname()[1]
    server.do("ALTER DATABASE evidence SET default_transaction_read_only = on")
    hosts = f"host=127.0.0.1,127.0.0.1,{postgresql.server().folder} port={port},{server.port},5432 dbname=evidence"
    postgresql.server().do("CREATE DATABASE evidence")
    try:
        with closing(Postgresql(f"{hosts} user=dialgate").connect()) as session:
            assert session.execute("SHOW unix_socket_directories").fetchone() == (str(postgresql.server().folder),)
    finally:
        server.do("ALTER DATABASE evidence RESET default_transaction_read_only")
        postgresql.server().do("DROP DATABASE evidence WITH (FORCE)")


def test_a_place_is_found_by_the_configuration_and_by_other_processes(tmp_path):
    config = Config(firm=None, trunk=(), base=str(tmp_path))
    assert reader.place_of(config) == tmp_path / "data" / "gate.db"
    assert place_from_words(place_in_words(reader.place_of(config))) == reader.place_of(config)
    dsn = "postgresql://gate@/evidence?host=/run/postgresql"
    named = replace(config, store=Store(dsn=dsn, password_file="secret", ca_file="ca.pem", log=7))
    place = reader.place_of(named)
    assert place == Postgresql(dsn, 7, str(tmp_path / "secret"), str(tmp_path / "ca.pem"))
    assert place_from_words(place_in_words(place)) == place
    assert str(place) == "the database evidence on /run/postgresql"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "gate.db").touch()
    with pytest.raises(ConfigError, match="holds evidence, and"):
        reader.place_of(named)


def test_without_the_extra_the_error_says_what_to_install():
    program = """import sys; sys.modules["psycopg"] = None
from gate.store.reader import place_from_words
place_from_words('{"dsn": ""}')"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ConfigError: psycopg is not installed, which [store] needs" in done.stderr, done.stderr


# --- one log, one writer --------------------------------------------------------------------------------------------


def test_a_second_writer_of_a_log_stops_and_nothing_of_it_is_there(store):
    put(store, decision("c1"))
    other = PostgresqlStore(place_of(store), pepper=PEPPER)
    put(store, decision("c2"))
    with pytest.raises(StoreError):
        put(other, decision("x1"))
    for _ in range(2):
        with pytest.raises(StoreError, match="another gate has written to log 0"):
            put(other, decision("x2"))
    put(store, decision("c3"))
    assert rows(store.path, "SELECT subject FROM facts ORDER BY leaf_index") == [("c1",), ("c2",), ("c3",)]
    other.close()


def test_of_two_writers_of_an_empty_log_one_stops(store):
    """Both are open before either has written."""
    other = PostgresqlStore(place_of(store), pepper=PEPPER)
    put(store, decision("c1"))
    for _ in range(2):
        with pytest.raises(StoreError):
            put(other, decision("x1"))
    with pytest.raises(StoreError, match="another gate has written to log 0"):
        put(other, decision("x2"))
    assert log_of(store) == ["c1"]
    other.close()


# --- many logs ------------------------------------------------------------------------------------------------------


def objection(key: str, at=START, **body) -> Fact:
    return Fact("objection", key, at, "tester", {"source": "call", "note": ""} | body)


def consent(key: str, at=START, **body) -> Fact:
    said = {"given_at": at.isoformat(), "how": "form", "wording": "yes", "who": "A", "evidence": "kept"}
    return Fact("consent", key, at, "tester", said | body)


@pytest.fixture
def beside(store):
    """The store of a second gate in the same database, with log 3."""
    opened = PostgresqlStore(Postgresql(place_of(store).dsn, log=3), pepper=PEPPER)
    yield opened
    opened.close()


def test_two_gates_have_a_log_each_and_the_same_calls(store, beside):
    assert put(store, decision("c1"), decision("c2")) == [0, 1]
    assert put(beside, decision("d1")) == [leaf_key(3, 0)]
    assert put(store, decision("c3")) == [2]
    assert [each.call(lambda tx: tx.head()[0]) for each in (store, beside)] == [3, 1]
    for each in (store, beside):
        assert each.call(lambda tx: tx.values(str, "SELECT call_id FROM calls ORDER BY call_id")) == [
            "c1",
            "c2",
            "c3",
            "d1",
        ]
        assert each.call(logs) == [0, 3]
    with closing(place_of(store).connect()) as session:
        assert session.execute("SELECT log, count(*) FROM dialgate.leaves GROUP BY log ORDER BY log").fetchall() == [
            (0, 3),
            (3, 1),
        ]


def test_a_gate_with_another_number_key_is_refused_whoever_writes_first(store):
    """Both are open before either has written: of numbers hashed with two keys nobody would know who objected."""
    other = PostgresqlStore(Postgresql(place_of(store).dsn, log=1), pepper=bytes(32))
    put(store, decision("c1"))
    with pytest.raises(StoreError, match="the key of the number hashes is not the one"):
        put(other, decision("c2"))
    with pytest.raises(StoreError, match="the key of the number hashes is not the one"):
        PostgresqlStore(Postgresql(place_of(store).dsn, log=2), pepper=bytes(32))
    assert log_of(store) == ["c1"]
    other.close()


def test_an_objection_kept_by_one_gate_is_found_by_the_next_look_of_the_other(store, beside):
    for number in range(50):
        e164 = f"+44163296{number:04}"
        put((store, beside)[number % 2], objection(f"o{number}", number=e164))
        (found,) = (beside, store)[number % 2].call(lambda tx, e164=e164: tx.objections(e164))
        assert found.id == f"o{number}"


ENDED = {"by": "callee", "cause": "hung_up", "code": 200, "seconds": 30.5, "bridged": True}


def heard_of(each, at, state="open") -> None:
    """The gate of this store has written its row."""
    log = each.place.log
    values = [log, f"10.0.0.{log}:5060", "0", state, "", 0, "{}", stamp(at)]
    each.call(
        lambda tx: [
            tx.write("DELETE FROM nodes WHERE gate = ?", [log]),
            tx.write("INSERT INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values),
        ]
    )


def dials(each, key, claimed_by="account:alice", at=START, most=2) -> tuple:
    """A decision that keeps a call where it has room: the work, and what it looks up."""

    def work(tx):
        if tx.in_hand_elsewhere(claimed_by, at) >= most:
            return False
        tx.append(decision(key, claimed_by=claimed_by))
        return True

    number = f"+44163296{sum(map(ord, key)) % 10000:04}"
    return work, lambda: LookUps(number, at, claimed_by, at, claimed_by, "", "", claimed_by, at)


def test_calls_in_hand_at_other_gates_are_counted_until_their_gate_is_lost(store, beside):
    heard_of(store, START)
    heard_of(beside, START)
    put(
        store,
        *(decision(f"c{n}", claimed_by="account:alice") for n in range(3)),
        decision("b1", claimed_by="account:bob"),
    )

    def elsewhere(each, at=START) -> int:
        return each.call(lambda tx: tx.in_hand_elsewhere("account:alice", at))

    assert (elsewhere(beside), elsewhere(store)) == (3, 0)
    put(store, Fact("ended", "c1", START, "gate", ENDED))
    assert elsewhere(beside) == 2
    assert elsewhere(beside, START + NODE_LASTS + timedelta(seconds=1)) == 0
    heard_of(store, START + NODE_LASTS)
    assert elsewhere(beside, START + NODE_LASTS + timedelta(seconds=1)) == 2


def test_of_two_gates_that_ask_for_the_last_place_at_the_same_moment_one_gets_it(store, beside):
    """Decisions in groups, alone, and of several accounts at once: nobody waits for ever, and none has too many."""
    for each in (store, beside):
        heard_of(each, START)
    names = [f"account:{n}" for n in range(4)]
    for turn in range(25):
        answers = queue.SimpleQueue()
        asked = [(each, name, f"t{turn}-{log}-{name}") for name in names for log, each in enumerate((store, beside))]
        begin = threading.Barrier(2)

        def noted(name, let, error, answers=answers):
            answers.put((name, let, error))

        def ask(mine, begin=begin, noted=noted):
            begin.wait()
            for each, name, key in mine:
                work, asks = dials(each, key, name, most=1)
                each.submit(work, partial(noted, name), asks)

        by_gate = ([one for one in asked if one[0] is each] for each in (store, beside))
        threads = [
            threading.Thread(target=ask, args=(mine[::-1] if turn % 2 and n else mine,))
            for n, mine in enumerate(by_gate)
        ]
        for thread in threads:
            thread.start()
        got = [answers.get(timeout=30) for _ in asked]
        for thread in threads:
            thread.join()
        assert [error for _, _, error in got if error] == []
        taken = Counter(name for name, let, _ in got if let)
        assert dict(taken) == dict.fromkeys(names, 1), turn
        for _, _, key in asked:
            store.call(lambda tx, key=key: tx.write("UPDATE calls SET ended_at = at WHERE call_id = ?", [key]))


def test_two_gates_that_decide_on_the_same_accounts_in_another_order_never_wait_for_each_other(
    store, beside, monkeypatch
):
    alone = []
    perform_all = EvidenceStore._perform_all

    def noted(self, group, answers):
        alone.extend(each for each in group if each.asks is not None)
        perform_all(self, group, answers)

    monkeypatch.setattr(EvidenceStore, "_perform_all", noted)
    for each in (store, beside):
        heard_of(each, START)
    for turn in range(6):
        answers = queue.SimpleQueue()
        for log, each in enumerate((store, beside)):
            for name in ("account:a", "account:b")[:: 1 - 2 * log]:
                for n in range(32):  # a group of one account, and then one of the other
                    work, asks = dials(each, f"{turn}-{log}-{name}-{n}", name, most=10**6)
                    each.submit(work, lambda let, error: answers.put(error or let), asks)  # noqa: B023 - asked for below
        assert [answers.get(timeout=30) for _ in range(128)] == [True] * 128
    assert alone == []


def test_decisions_that_count_calls_are_made_in_groups_commit_by_commit(store, monkeypatch):
    sizes = []
    together = PostgresqlStore._together

    def noted(self, group, answers):
        sizes.append(len(group))
        together(self, group, answers)

    monkeypatch.setattr(PostgresqlStore, "_together", noted)
    begin, answers = threading.Event(), queue.SimpleQueue()
    store.submit(lambda tx: begin.wait(60), lambda *_: None)
    for n in range(3 * GROUP):
        work, asks = dials(store, f"c{n}", most=10**6)
        store.submit(work, lambda let, error: answers.put(error or let), asks)
    begin.set()
    assert [answers.get(timeout=30) for _ in range(3 * GROUP)] == [True] * (3 * GROUP)
    assert sizes == [GROUP] * 3


def test_a_gate_that_stands_still_in_a_decision_holds_nobody_up(store, beside):
    """Its session is ended by the server, and its decision is not made."""
    for each in (store, beside):
        heard_of(each, START)
    reached, go_on = threading.Event(), threading.Event()
    work, asks = dials(store, "still")

    def stands_still(tx):
        tx.in_hand_elsewhere("account:alice", START)
        reached.set()
        go_on.wait(60)
        return work(tx)

    answers = queue.SimpleQueue()
    store.submit(stands_still, lambda got, error: answers.put(error), None)
    assert reached.wait(30)
    work, asks = dials(beside, "other")
    got = queue.SimpleQueue()
    until = time.monotonic() + 30
    while True:
        beside.submit(work, lambda let, error: got.put((let, error)), asks)
        let, error = got.get(timeout=30)
        if let or time.monotonic() > until:
            break
    assert let, error
    go_on.set()
    assert isinstance(answers.get(timeout=30), StoreError)
    assert beside.call(lambda tx: tx.values(str, "SELECT call_id FROM calls")) == ["other"]


def test_gates_of_two_versions_write_beside_each_other_until_the_older_is_replaced(store, monkeypatch):
    """The newer adds a column, a table and an index. The older goes on through a lost session and a start anew."""
    put(store, decision("c1"))
    added = Step(
        f"m999_more{BESIDE}",
        "ALTER TABLE calls ADD COLUMN more TEXT;\nCREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;\n"
        "CREATE INDEX calls_more ON calls (more) WHERE more IS NOT NULL;\n",
    )
    place = place_of(store)

    def newer(more=(added,)):
        with monkeypatch.context() as patched:
            for module in (schema, postgresql_store):
                patched.setattr(module, "STEPS", (*STEPS, *more))
            return PostgresqlStore(Postgresql(place.dsn, log=1), pepper=PEPPER)

    beside = newer()
    for n in range(4):
        assert put(store, decision(f"o{n}")) == [1 + n]
        put(beside, decision(f"n{n}"))
        with closing(open_reader(place)) as read:
            assert read.execute("SELECT count(*) FROM calls").fetchone() == (3 + 2 * n,)
    with closing(place.connect()) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname = current_database()"
        )
    for each in (store, beside):
        with suppress(StoreError):
            put(each, decision("lost"))
    put(store, decision("o9"))
    store.close()
    again = PostgresqlStore(place, pepper=PEPPER)
    assert again.call(lambda tx: tx.head()[0]) >= 6
    put(again, decision("o10"))
    again.close()
    beside.close()
    newer((added, Step("m999_taken_away", "DROP INDEX calls_more"))).close()
    with pytest.raises(StoreError, match="of a newer version of Dialgate: it has had m999_taken_away"):
        PostgresqlStore(place, pepper=PEPPER)


def test_the_last_word_through_two_gates_is_the_one_that_was_entered_later(store, beside):
    """Whatever the numbers of their logs are; and in doubt the objection stands."""

    def stands(number):
        return beside.call(lambda tx: standing_objection(tx.objections(number), tx.consents(number)))

    first, second = START, START + timedelta(minutes=5)
    for place, (one, other) in enumerate(((store, beside), (beside, store))):
        lifted, kept, doubtful = (f"+4416329601{place}{each}" for each in range(3))
        put(one, objection(f"lifted{place}", at=first, number=lifted))
        put(other, consent(f"c-lifted{place}", at=second, number=lifted, after_objection=True))
        assert stands(lifted) is None
        put(other, consent(f"c-kept{place}", at=first, number=kept, after_objection=True))
        put(one, objection(f"kept{place}", at=second, number=kept))
        assert stands(kept).id == f"kept{place}"
        put(other, consent(f"c-doubtful{place}", at=second, number=doubtful, after_objection=True))
        late = lists.Objection(number=doubtful, source="call", note="").fact(f"doubtful{place}", first, "tester")
        one.call(lambda tx, fact=late: tx.append(last_word(tx, fact)))
        assert stands(doubtful).id == f"doubtful{place}", "the other gate's clock was ahead"


def test_the_sentences_of_a_log_are_of_its_own_facts(store, beside):
    """Both have a leaf of each of these numbers; the call of the second is shown there, and never one of the first."""
    put(store, decision("c1"), decision("c2"))
    put(beside, decision("d1", number="+441632960999"))

    def read(tx):
        return [*sentences(tx, search.leaves_window(tx).items, whole=True).values()]

    assert [mask(NUMBER)[-2:] in each for each in store.call(read)] == [True, True]
    (said,) = beside.call(read)
    assert "99" in said, said


def test_what_runs_at_one_gate_is_not_closed_nor_erased_by_another(store, beside):
    """Of a gate that starts, or sweeps: it has neither the calls of the other, nor files and keys of its recordings."""
    running = list(a_call(1))
    last = next(n for n, fact in enumerate(running) if fact.kind == "recording_closed")
    put(store, *running[:last])
    (call,) = store.call(queries.open_calls)
    (recording,) = store.call(queries.open_recordings)
    assert beside.call(queries.open_calls) == beside.call(queries.open_recordings) == []
    put(store, *running[last:])
    put(beside, Fact("recording_erasing", recording.recording_id, START, "x", {"call_id": call.call_id, "basis": "a"}))
    late = START + timedelta(days=800)
    ids = [recording.recording_id]
    for gate, found in ((store, ids), (beside, [])):
        assert [each.recording_id for each in gate.call(lambda tx: kept.oldest(tx, late)).items] == found
        assert [each.recording_id for each in gate.call(kept.erasing)] == found, (
            "the owner carries out what both decide"
        )
        assert gate.call(lambda tx: kept.here_among(tx, ids)) == set(found)


def test_the_store_of_two_gates_as_it_stood(store, beside):
    """Each log has its own order; what either has entered since is not there, and what it has changed is as it was."""
    times = [START + timedelta(hours=hour) for hour in range(4)]
    put(store, decision("c1", at=times[0]), objection("o1", at=times[0], number="+441632960111"))
    put(
        beside,
        decision("d1", at=times[1], number="+441632960999"),
        objection("o2", at=times[1], number="+441632960112"),
    )
    moment = times[1] + timedelta(minutes=1)
    put(beside, lists.ObjectionRemoved(reason="a slip").fact("o1", times[2], "tester"))
    put(store, decision("c2", at=times[3]))
    leaves = beside.call(lambda tx: call_leaves(tx, ["c1"], [NUMBER]))
    beside.call(lambda tx: erase_facts(tx, leaves, subject="r", at=times[3], actor="t", basis="request", what="calls"))
    put(beside, Fact("note", "n", times[3], "t", {}))
    for place, size in ((place_of(store), 2), (place_of(beside), 2)):
        with Reader(place) as now:
            then = find(now, moment, times[3])
            assert (then.size, dict(then.sizes)) == (size, {0: 2, 3: 2})
            (act,) = erased_since(now, then)
            assert (act.why, act.facts) == ("r", 1)
            assert now.values(str, "SELECT id FROM objections WHERE removed_at IS NULL ORDER BY id") == ["o2"]
        with PastReader(place, then) as past:
            assert past.head()[0] == size
            assert past.values(str, "SELECT call_id FROM calls ORDER BY call_id") == ["c1", "d1"]
            assert past.values(str, "SELECT id FROM objections WHERE removed_at IS NULL ORDER BY id") == ["o1", "o2"]
            assert past.values(int, "SELECT count(*) FROM facts") == [4]
    with Reader(place_of(store)) as now, pytest.raises(UsageError, match="it began on"):
        find(now, times[0] - timedelta(seconds=1), times[3])


def fill_calls(place: Postgresql, count: int, logs: int) -> None:
    """So many calls, one after the other through so many gates."""
    with closing(place.connect()) as connection:
        connection.session.execute(
            "INSERT INTO dialgate.calls (leaf_index, call_id, at, number, raw, claimed_by, verdict, reason, source)"  # noqa: S608
            f" SELECT ((n % {logs})::bigint << {LOG_BITS}) + n, 'k-' || n,"
            " to_char(timestamp '2026-03-02 08:00' + n * interval '1 second', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
            " '+44113' || (4960000 + n % 20000), '', 'account:a' || n % 40,"
            " CASE n % 5 WHEN 0 THEN 'block' ELSE 'allow' END,"
            " CASE n % 5 WHEN 0 THEN 'listed_tps' ELSE 'not_listed' END,"
            f" '127.0.0.1:5060' FROM generate_series(1, {count}) AS n"
        )
        connection.session.execute("ANALYZE dialgate.calls")


SEARCHES = {
    "list": {},
    "number": {"number": "+441134960007"},
    "reason": {"reason": "listed_tps"},
    "found by a number": {"text": "0113 4960007"},
    "found by the beginning of one": {"text": "011349600"},
    "found by words": {"text": "listed_tps a5"},
    "of a day": {"since": datetime(2026, 3, 2, 9, tzinfo=UTC), "until": datetime(2026, 3, 2, 10, tzinfo=UTC)},
}


@pytest.mark.parametrize("logs", [1, 3])
def test_lists_and_searches_of_all_gates_calls_go_by_indexes(store, logs, monkeypatch):
    """Of one gate, and of three that share the database, whose calls are one behind the other."""
    place = place_of(store)
    fill_calls(place, 60_000, logs)
    asked = []
    execute = PostgresqlConnection.execute

    def noted(self, sql, parameters=()):
        if " calls" in sql and sql.startswith(("SELECT", "WITH")):
            asked.append((sql, parameters))
        return execute(self, sql, parameters)

    with Reader(place) as reader:
        monkeypatch.setattr(PostgresqlConnection, "execute", noted)
        for name, which in SEARCHES.items():
            asked.clear()
            page = search.calls_window(reader, **which)
            assert page.items and {log_of_key(row.leaf_index) for row in page.items} == set(range(logs)), name
            assert asked
            for sql, parameters in [*asked]:
                plan = "\n".join(row for (row,) in execute(reader.connection, f"EXPLAIN {sql}", parameters))
                assert "Seq Scan" not in plan and "Index" in plan, (name, sql, plan)


def faults_of(place: Postgresql) -> list[str]:
    """What is wrong with a log, and with the rows that were made from all of them."""
    findings = Findings()
    with closing(open_reader(place)) as connection:
        connection.execute("BEGIN")
        LeafCheck(connection, [], findings).run(None)
        for table in TABLES:
            check_derived(connection, table, PEPPER, findings)
    return [each.message for each in findings.faults]


def test_what_one_gate_erases_goes_from_every_log_and_its_receipt_proves_it(store, beside):
    places = place_of(store), place_of(beside)
    put(store, *a_call(1), decision("c2", number="+441632960999"))
    put(beside, *a_call(2))
    put(store, *a_call(3))

    def erase(tx):
        calls = tx.values(str, "SELECT call_id FROM calls WHERE number = ? ORDER BY call_id", [NUMBER])
        leaves = call_leaves(tx, calls, [NUMBER])
        return (
            len(calls),
            leaves,
            erase_facts(tx, leaves, subject="dsr-1", at=START, actor="tester", basis="request", what="calls"),
        )

    calls, leaves, receipt = beside.call(erase)
    assert calls == 3 and {log_of_key(leaf) for leaf in leaves} == {0, 3}
    assert log_of_key(receipt) == 3
    for each in (store, beside):
        emptied = each.call(lambda tx: tx.values(int, "SELECT leaf_index FROM facts WHERE body IS NULL ORDER BY 1"))
        assert emptied == sorted(leaves)
        assert each.call(lambda tx: tx.values(int, "SELECT count(*) FROM calls WHERE number = ?", [NUMBER])) == [0]
    (body,) = store.call(lambda tx: tx.values(str, "SELECT body FROM facts WHERE leaf_index = ?", [receipt]))
    assert json.loads(body)["elsewhere"] == [f"0/{leaf}" for leaf in sorted(leaves) if log_of_key(leaf) == 0]
    assert [faults_of(place) for place in places] == [[], []]
    of_log = {log: [leaf for leaf in leaves if log_of_key(leaf) == log] for log in (0, 3)}
    acts = beside.call(lambda tx: erasures_of(tx, of_log[3]))
    assert [(act.actor, act.facts) for act in acts] == [("tester", len(of_log[3]))]
    assert store.call(lambda tx: erasures_of(tx, of_log[0])) == [], (
        "the act is in the other log, under the same indexes"
    )
    with closing(places[0].connect()) as session:
        session.execute("UPDATE facts SET salt = NULL, body = NULL WHERE subject = 'c2'")
    assert any("is empty, and no fact says that it was erased" in each for each in faults_of(places[0]))


def test_a_database_whose_rows_were_keyed_by_log_and_index_is_taken_over(store):
    """As an earlier version made it, of a gate with log 5; another gate joins it then."""
    put(store, *own_lists(), decision("c1"))
    place = Postgresql(place_of(store).dsn, log=5)
    store.close()
    keyed = [table for table in plain_tables() if "leaf_index" in plain_columns(table) and table != "leaves"]
    with closing(place.connect()) as session:
        session.execute("DROP SCHEMA dialgate_log CASCADE")
        session.execute("SET search_path = dialgate")
        for table in keyed:
            session.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey")
            session.execute(f"ALTER TABLE {table} ADD COLUMN log integer NOT NULL DEFAULT 5")
            session.execute(f"ALTER TABLE {table} ADD CONSTRAINT {table}_pkey PRIMARY KEY (log, leaf_index)")
        session.execute("UPDATE leaves SET log = 5")
        session.execute("ALTER TABLE objections DROP COLUMN noted_at")
        session.execute("ALTER TABLE consents DROP COLUMN withdrawn_noted")
        session.execute("DELETE FROM migrations WHERE name = 'm033_logs_of_many_gates'")
    gates = [PostgresqlStore(Postgresql(place.dsn, log=log), pepper=PEPPER) for log in (5, 1)]
    assert put(gates[0], decision("c2")) == [leaf_key(5, 8)]
    assert put(gates[1], decision("c3")) == [leaf_key(1, 0)]
    (withdrawn,) = gates[1].call(lambda tx: tx.consents("+447700900004"))
    assert (log_of_key(withdrawn.learnt), withdrawn.withdrawn_learnt) == (5, leaf_key(5, 5))
    assert faults_of(place) == []
    assert gates[0].call(lambda tx: tx.head()[0]) == 9
    for gate in gates:
        gate.close()


# --- away -----------------------------------------------------------------------------------------------------------


class Cut:
    """Between a store and its server: cuts the line at a COMMIT, before it is passed on or instead of its answer."""

    def __init__(self, server: postgresql.Server) -> None:
        self.at = ""
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def dsn(self, dsn: str) -> str:
        return dsn.replace(
            f"host={self._server.folder} port=5432",
            f"host=127.0.0.1 port={self.port} sslmode=disable gssencmode=disable",
        )

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(str(self._server.folder / ".s.PGSQL.5432"))
                threading.Thread(target=self._pass, args=(near, far), daemon=True).start()
                threading.Thread(target=self._pass, args=(far, near), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                if b"COMMIT" in data and self.at == "before" and one.family == socket.AF_INET:
                    self.at = ""
                    break
                if b"COMMIT" in data and self.at == "after" and one.family == socket.AF_UNIX:
                    self.at = ""
                    break
                other.sendall(data)
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def cut(store):
    made = Cut(postgresql.server())
    yield made
    made.close()


@pytest.fixture
def behind(store, cut):
    """A store on the other side of the cut."""
    opened = PostgresqlStore(Postgresql(cut.dsn(place_of(store).dsn)), pepper=PEPPER)
    yield opened
    opened.close()


def test_a_commit_whose_answer_was_lost_is_looked_for_and_answered_as_done(behind, cut):
    put(behind, decision("c1"))
    cut.at = "after"
    assert put(behind, decision("c2"), decision("c3")) == [1, 2]
    assert cut.at == "", "it was not cut"
    assert put(behind, decision("c4")) == [3]
    assert log_of(behind) == ["c1", "c2", "c3", "c4"]


def test_a_commit_that_never_arrived_is_an_error_and_not_there(behind, cut):
    put(behind, decision("c1"))
    cut.at = "before"
    with pytest.raises(StoreError, match="could not commit"):
        put(behind, decision("c2"))
    assert put(behind, decision("c3")) == [1]
    assert log_of(behind) == ["c1", "c3"]


def log_of(store) -> list[str]:
    """The subjects in the log, whose leaves make its root."""
    size, root = store.call(lambda tx: tx.head())
    assert root_of(digest for (digest,) in rows(store.path, "SELECT hash FROM leaves ORDER BY leaf_index")) == root
    found = [subject for (subject,) in rows(store.path, "SELECT subject FROM facts ORDER BY leaf_index")]
    assert len(found) == size
    return found


def test_a_session_that_was_ended_is_replaced(store):
    put(store, decision("c1"))
    with closing(place_of(store).connect()) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname = current_database()"
        )
    with pytest.raises(StoreError):
        put(store, decision("c2"))
    assert put(store, decision("c3")) == [1]
    assert log_of(store) == ["c1", "c3"]


def test_a_server_killed_under_load_has_all_that_was_acknowledged(engine):
    """And the store goes on by itself when the server is there again."""
    server = postgresql.Server(postgresql.folder_of_server())
    server.do("CREATE DATABASE evidence")
    store = PostgresqlStore(Postgresql(server.dsn("evidence")), pepper=PEPPER)
    acknowledged: list[str] = []
    enough, failed = threading.Event(), threading.Event()

    def done(name):
        def tell(_result, error):
            if error is None:
                acknowledged.append(name)
                if len(acknowledged) == 300:
                    enough.set()
            else:
                failed.set()

        return tell

    numbers = count()

    def load():
        while not failed.is_set():
            n = next(numbers)
            room.acquire()
            store.submit(
                lambda tx, n=n: tx.append(decision(f"c{n}", at=START + timedelta(seconds=n))),
                lambda *told, n=n: (room.release(), done(f"c{n}")(*told)),
            )

    room = threading.Semaphore(100)
    pump = threading.Thread(target=load)
    pump.start()
    assert enough.wait(60)
    server.kill()
    assert failed.wait(60)
    pump.join(60)
    with pytest.raises(StoreError):
        put(store, decision("away"))
    server.start()
    put(store, decision("again"))
    assert set(acknowledged) <= set(log_of(store))
    assert log_of(store)[-1] == "again"
    store.close()
    server.stop()


def test_what_is_committed_and_no_standby_has_is_not_answered_as_done(engine):
    """The session ended while its commit waited for the standby, which may be promoted any moment without it."""
    server = postgresql.Server(postgresql.folder_of_server())
    server.do("CREATE DATABASE evidence")
    standby = server.standby()
    store = PostgresqlStore(Postgresql(server.dsn("evidence")), pepper=PEPPER)
    put(store, decision("c1"))
    standby.stop()
    answers = []
    store.submit(lambda tx: tx.append(decision("c2")), lambda *answer: answers.append(answer))

    def waiting(but=0):
        sql = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND datname = 'evidence'"
        return next((pid for (pid,) in server.do(sql) if pid != but), 0)

    until(waiting, "the commit waits for nobody")
    ended = waiting()
    server.do(f"SELECT pg_terminate_backend({ended})")
    until(lambda: answers or waiting(but=ended), "the store does not come again")
    assert not answers
    assert server.do("SELECT count(*) FROM dialgate.leaves", "evidence") == [(2,)]
    standby.start()
    until(lambda: answers, "it is not answered")
    assert answers == [(1, None)]
    assert log_of(store) == ["c1", "c2"]
    store.close()
    server.stop()
    standby.stop()


def test_a_million_rows_are_not_in_memory_at_once(store):
    """``Reader.each`` takes them from the server some at a time, and nothing is left when it is given up."""
    put(store, *(decision(f"c{n}") for n in range(20)))
    with Reader(store.path) as reader:
        assert isinstance(reader.connection, PostgresqlConnection)
        for n, (leaf,) in enumerate(reader.each("SELECT leaf_index FROM facts WHERE leaf_index >= ? ORDER BY 1", [5])):
            assert leaf == n + 5
            if n == 3:
                break
        assert [row for (row,) in reader.each("SELECT count(*) FROM facts")] == [20]


# --- from one to the other ------------------------------------------------------------------------------------------


def test_evidence_goes_from_sqlite_to_postgresql_and_back_row_by_row(store, tmp_path):
    first, last = tmp_path / "first.db", tmp_path / "last.db"
    kept = EvidenceStore(first, pepper=PEPPER)
    put(kept, *own_lists(), *(fact for n in range(40) for fact in a_call(n, f"+44770090{n:04}")))
    kept.call(lambda tx: erase_facts(tx, [0, 9], subject="r", at=START, actor="x", basis="request", what="facts"))
    outcome = kept.call(lambda tx: contacts.outcome_of(tx, "block", "tps"))
    kept.close()
    for source, target in ((first, place_of(store)), (place_of(store), last)):
        with closing(open_reader(source)) as one, closing(open_writer(target)) as other:
            one.execute("BEGIN")
            size = copy_rows(one, other)
            with pytest.raises(StoreError, match="there is evidence"):
                copy_rows(one, other)
    assert size == 288
    for name, (kind, *_) in made_by(STEPS).items():
        if kind == "table":
            there = [sorted(rows(place, f"SELECT * FROM {name}"), key=repr) for place in (first, store.path, last)]  # noqa: S608
            assert there[0] == there[1] == there[2], name
    with closing(PostgresqlStore(place_of(store), pepper=PEPPER)) as again:
        assert put(again, decision("next")) == [size]
        assert again.call(lambda tx: contacts.outcome_of(tx, "allow", "none")) > outcome


def test_a_copy_whose_leaves_are_others_is_given_up(store, tmp_path):
    kept = EvidenceStore(tmp_path / "first.db", pepper=PEPPER)
    put(kept, decision("c1"), decision("c2"))
    kept.close()
    with closing(open_reader(tmp_path / "first.db")) as source, closing(place_of(store).open_writer()) as target:
        target.session.execute(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.hash := NEW.leaf; RETURN NEW; END';"
            " CREATE TRIGGER other BEFORE INSERT ON dialgate.leaves FOR EACH ROW EXECUTE FUNCTION f()"
        )
        source.execute("BEGIN")
        with pytest.raises(AuditError, match="not those of the log"):
            copy_rows(source, target)
        assert target.execute("SELECT count(*) FROM facts").fetchone() == (0,)
