"""Recordings in a bucket: none is lost, none stays when it is erased, none goes where it must not."""

from __future__ import annotations

import base64
import hashlib
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from gate.config import load
from gate.core.request_words import Asks
from gate.daemon.opening import open_folder
from gate.errors import ConfigError, GateError
from gate.operations.calls.recordings import RecordingPiece, RecordingTake, RecordingVerify
from gate.operations.data_folder import DataFolder
from gate.operations.retention.uploads import FETCHED, Uploads
from gate.vault import bucket as buckets
from gate.vault.bucket import Bucket
from gate.vault.files import BucketAway, Removal
from gate.vault.sealed_files import Lying
from tests.support import bundles, requesting
from tests.support.asking import ask
from tests.support.commands import dialgate
from tests.support.databases import query
from tests.support.keeping import NOW, OLD, YOUNG, SetClock, plant
from tests.support.s3 import KEY_ID, SECRET, CephGateway, Moto, S3Server
from tests.support.vault import private_key

pytestmark = pytest.mark.peer

ANN = "user:ann(1000)"
UPLOADER = Path(__file__).parents[1] / "support" / "uploader.py"
NAME = "recordings/2026/03/03/young.dgr"
OTHER = "recordings/2026/03/03/youn.dgr"
SERVERS = {"moto": Moto, "ceph": CephGateway}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = SERVERS[request.param](tmp_path_factory.mktemp("s3") / request.param)
    yield server
    server.close()


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    server = Moto(tmp_path_factory.mktemp("s3") / "moto")
    yield server
    server.close()


class Firm:
    """A data folder whose recordings go to a bucket of its own."""

    def __init__(self, folder: Path, server: S3Server, **settings: Any) -> None:
        self.folder, self.server, self.clock = folder, server, SetClock(NOW - timedelta(days=1))
        self.bucket = f"b-{hashlib.sha256(str(folder).encode()).hexdigest()[:20]}"
        (folder / "bucket.secret").write_text(SECRET + "\n")
        (folder / "bucket.secret").chmod(0o600)
        self.configure(
            {
                "name": self.bucket, "region": server.region, "uk": "Own machines in Leeds", "endpoint": server.url,
                "key_id": KEY_ID, "secret_file": "bucket.secret", "timeout_seconds": 2,
                "lock": "governance" if server.locks else "none",
            } | settings
        )  # fmt: skip

    def configure(self, settings: dict[str, Any] | None) -> None:
        path = self.folder / "config.toml"
        document = tomlkit.parse(path.read_text())
        document.pop("bucket", None)
        if settings:
            document["bucket"] = settings
        path.write_text(tomlkit.dumps(document))

    @contextmanager
    def opened(self) -> Iterator[DataFolder]:
        with ExitStack() as stack:
            yield open_folder(load(self.folder / "config.toml"), stack, self.clock)

    def record(self, data: DataFolder, name: str = "young", at: datetime = YOUNG) -> Path:
        place = data.config.data / "recordings"
        plant(data.store, data.keys, place, private_key().recipient, name, at)
        return place / f"{at:%Y/%m/%d}/{name}.dgr"

    def there(self) -> list[str]:
        return self.server.everything(self.bucket)


@pytest.fixture
def firm(folder: Path, server: S3Server) -> Firm:
    firm = Firm(folder, server)
    server.make(firm.bucket)
    return firm


@pytest.fixture
def locked(folder: Path, moto: S3Server) -> Firm:
    firm = Firm(folder, moto)
    moto.make(firm.bucket)
    return firm


@pytest.fixture
def kept(folder: Path, tmp_path: Path) -> Iterator[Firm]:
    """Its server remembers what it has when it is started again."""
    server = CephGateway(tmp_path / "ceph")
    firm = Firm(folder, server)
    server.make(firm.bucket)
    yield firm
    server.close()


def kinds(data: DataFolder, name: str = "young") -> list[str]:
    rows = data.store.call(lambda tx: query(tx, "SELECT kind FROM facts WHERE subject = ? ORDER BY leaf_index", [name]))
    return [row["kind"] for row in rows]


def fails(data: DataFolder) -> str:
    with pytest.raises(GateError) as failed:
        data.one(Uploads).look()
    return failed.value.message


# --- none is lost


def test_a_file_leaves_the_folder_once_it_was_read_back_and_is_heard_as_before(firm: Firm) -> None:
    with firm.opened() as data:
        path = firm.record(data)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        data.one(Uploads).look()
        assert not path.exists()
        assert firm.there() == [NAME]
        stored = firm.server.client.get_object(Bucket=firm.bucket, Key=NAME)["Body"].read()
        assert hashlib.sha256(stored).hexdigest() == digest
        assert kinds(data)[-1] == "recording_stored"
        assert data.one(Uploads).waiting.count == 0
        piece = None
        taken = ask(data, RecordingTake(recording_id="young", purpose="complaint 17"), ANN)
        assert Path(taken.path).read_bytes() == stored
        data.files.drop("2026/03/03/young.dgr")
        piece = ask(data, RecordingPiece(recording_id="young"), ANN)
        assert piece.size == len(stored)
        data.files.drop("2026/03/03/young.dgr")
        assert ask(data, RecordingVerify(), ANN).items[-1].ok
        assert not path.exists(), "verifying all leaves no copies"


def test_what_was_fetched_leaves_again_and_nothing_is_sent_twice(firm: Firm) -> None:
    with firm.opened() as data:
        path = firm.record(data)
        data.one(Uploads).look()
        ask(data, RecordingTake(recording_id="young", purpose="complaint 17"), ANN)
        firm.clock.time = datetime.now(UTC)
        data.one(Uploads).look()
        assert path.exists()
        firm.clock.time += FETCHED + timedelta(seconds=1)
        data.one(Uploads).look()
        assert not path.exists()
        assert kinds(data).count("recording_stored") == 1
        assert firm.there() == [NAME]


def test_a_long_file_goes_up_in_parts(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "PART", 5 << 20)
    with firm.opened() as data:
        plant(
            data.store, data.keys, data.config.data / "recordings", private_key().recipient, "young", YOUNG,
            sound=[b"x" * (1 << 20)] * 11,
        )  # fmt: skip
        if isinstance(firm.server, CephGateway):  # on a database file it gives the parts back in another order
            assert "is not what it was sent" in fails(data)
            assert "recording_stored" not in kinds(data)
            assert (data.config.data / "recordings/2026/03/03/young.dgr").exists()
            return
        data.one(Uploads).look()
        assert firm.there() == [NAME]
        assert ask(data, RecordingVerify(recording_id="young"), ANN).items[0].ok


def test_a_bucket_that_is_away_keeps_files_here_and_somebody_is_told(firm: Firm) -> None:
    with firm.opened() as data:
        path = firm.record(data)
        firm.server.close()
        try:
            assert SECRET not in fails(data)
            assert path.exists()
            assert data.one(Uploads).waiting.count == 1
            firm.clock.time = YOUNG + timedelta(minutes=59)
            assert [*data.one(Uploads).warnings()] == []
            firm.clock.time = YOUNG + timedelta(minutes=61)
            (warning,) = data.one(Uploads).warnings()
            assert "1 recording waits for the bucket since" in warning
        finally:
            firm.server.start()
        if isinstance(firm.server, Moto):  # it forgets
            firm.server.make(firm.bucket)
        data.one(Uploads).look()
        assert not path.exists()
        assert [*data.one(Uploads).warnings()] == []


def test_an_end_between_bucket_and_log_costs_nothing(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    with firm.opened() as data:
        path = firm.record(data)
        with monkeypatch.context() as patch:
            patch.setattr("gate.operations.retention.uploads.RecordingStored", None)
            with pytest.raises(TypeError):
                data.one(Uploads).look()
        assert path.exists()
        data.one(Uploads).look()
        assert not path.exists()
        assert firm.there() == [NAME]
        assert kinds(data).count("recording_stored") == 1


def test_a_backup_that_is_older_than_the_copy_in_the_bucket_loses_nothing(firm: Firm) -> None:
    with firm.opened() as data:
        path = firm.record(data)
        sealed = path.read_bytes()
        firm.server.client.put_object(Bucket=firm.bucket, Key=NAME, Body=sealed)
        path.unlink()
        assert (
            Path(ask(data, RecordingTake(recording_id="young", purpose="complaint"), ANN).path).read_bytes() == sealed
        )
        data.one(Uploads).look()
        assert kinds(data)[-1] == "recording_stored"


@pytest.mark.deep
def test_killed_at_thirty_points_no_recording_is_in_neither_place(locked: Firm) -> None:
    chance, names = random.Random(20270302), [f"call{n:02}" for n in range(12)]
    with locked.opened() as data:
        for name in names:
            locked.record(data, name)
        sound = [b"x" * (1 << 20)] * 6
        plant(
            data.store, data.keys, data.config.data / "recordings", private_key().recipient, "long", YOUNG, sound=sound
        )
    folder = locked.folder / "data" / "recordings"
    killed = 0
    command = [sys.executable, str(UPLOADER), str(locked.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as uploader:
        assert uploader.stdin and uploader.stdout
        for steps in (chance.randrange(40) for _ in range(30)):
            uploader.stdin.write(f"{steps}\n")
            ended = uploader.stdout.readline()
            assert ended in ("ended -9\n", "ended 0\n")
            killed += ended == "ended -9\n"
            there = {Path(key).stem for key in locked.there()} | {path.stem for path in folder.rglob("*.dgr")}
            assert there >= {*names, "long"}, steps
        uploader.stdin.close()
    assert killed
    with locked.opened() as data:
        data.one(Uploads).look()
        assert [kinds(data, name).count("recording_stored") for name in (*names, "long")] == [1] * 13
        assert [*data.files.each_here()] == []
        assert all(each.ok for each in ask(data, RecordingVerify(), ANN).items)
    assert len(locked.there()) == 13, "no part of a broken upload stays"


def test_a_bucket_that_is_away_is_asked_once_a_look_however_many_wait(
    locked: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked.opened() as data:
        for name in ("one", "two", "three"):
            locked.record(data, name)
        asked: list[str] = []

        def check(_: Bucket) -> None:
            asked.append("check")
            raise BucketAway("it does not answer")

        monkeypatch.setattr(Bucket, "check", check)
        assert fails(data) == "it does not answer"
        assert (asked, data.one(Uploads).waiting.count) == (["check"], 3)


# --- none goes where it must not


def test_a_file_that_is_not_the_one_in_the_log_is_never_sent(firm: Firm) -> None:
    with firm.opened() as data:
        path = firm.record(data)
        good = firm.record(data, "good")
        path.write_bytes(path.read_bytes()[:-1] + b"!")
        assert "not the one in the log" in fails(data)
        assert path.exists()
        assert not good.exists()
        assert firm.there() == ["recordings/2026/03/03/good.dgr"]


def test_what_lies_there_under_the_same_name_is_not_believed(firm: Firm) -> None:
    with firm.opened() as data:
        path = firm.record(data)
        firm.server.client.put_object(Bucket=firm.bucket, Key=NAME, Body=b"another")
        assert "is not what it was sent" in fails(data)
        assert path.exists()
        assert "recording_stored" not in kinds(data)


def test_what_was_changed_there_is_not_handed_out(firm: Firm) -> None:
    with firm.opened() as data:
        path = firm.record(data)
        data.one(Uploads).look()
        firm.server.client.put_object(Bucket=firm.bucket, Key=NAME, Body=b"another")
        with pytest.raises(GateError, match="not the file whose digest is in the log"):
            ask(data, RecordingTake(recording_id="young", purpose="complaint 17"), ANN)
        assert not path.exists()
        assert not ask(data, RecordingVerify(recording_id="young"), ANN).items[0].ok
        assert "exported" in kinds(data)


def test_a_bucket_in_another_region_gets_nothing(folder: Path, moto: S3Server) -> None:
    firm = Firm(folder, moto)
    moto.make(firm.bucket, region="eu-west-1")
    with firm.opened() as data:
        path = firm.record(data)
        assert "eu-west-1" in fails(data)
        assert path.exists()
    assert firm.there() == []


@pytest.mark.parametrize("mode", ["COMPLIANCE", ""])
def test_a_bucket_that_locks_for_compliance_or_not_at_all_gets_nothing(folder: Path, moto: S3Server, mode: str) -> None:
    firm = Firm(folder, moto)
    if mode:
        moto.make(firm.bucket)
        rule = {"DefaultRetention": {"Mode": mode, "Days": 1}}
        moto.client.put_object_lock_configuration(
            Bucket=firm.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
        )
    else:
        place = {"LocationConstraint": moto.region}
        moto.client.create_bucket(Bucket=firm.bucket, CreateBucketConfiguration=place)
    with firm.opened() as data:
        path = firm.record(data)
        fails(data)
        assert path.exists()
    assert firm.there() == []


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"uk": ""}, "bucket.uk"),
        ({"endpoint": "http://s3.example.org"}, "bucket.endpoint"),
        ({"endpoint": "", "uk": "", "region": "eu-west-1"}, "bucket.uk"),
        ({"name": ""}, "bucket.name"),
        ({"prefix": "../"}, "bucket.prefix"),
        ({"secret_file": "none"}, "bucket.secret_file"),
        ({"lock": "compliance"}, "bucket.lock"),
    ],
)
def test_a_configuration_that_would_take_recordings_elsewhere_is_refused(
    folder: Path, changed: dict[str, Any], key: str
) -> None:
    class Nobody(S3Server):
        def __init__(self) -> None:
            self.url = "https://s3.example.org"

    Firm(folder, Nobody(), **changed)
    with pytest.raises(ConfigError, match=key.replace(".", r"\.")):
        load(folder / "config.toml")


# --- none stays


def erased(data: DataFolder, name: str = "young") -> bool:
    return kinds(data, name)[-1] == "recording_erased"


def test_an_object_is_locked_until_its_term_and_goes_with_the_sweep(locked: Firm) -> None:
    with locked.opened() as data:
        locked.record(data)
        data.one(Uploads).look()
        head = locked.server.client.head_object(Bucket=locked.bucket, Key=NAME)
        assert head["ObjectLockMode"] == "GOVERNANCE"
        assert head["ObjectLockRetainUntilDate"] == datetime(2027, 3, 3, tzinfo=UTC)
        with pytest.raises(locked.server.client.exceptions.ClientError):
            locked.server.client.delete_object(Bucket=locked.bucket, Key=NAME, VersionId=head["VersionId"])
        locked.clock.time = NOW + timedelta(days=1)
        assert data.retention.sweep(actor="gate").erased == 1
        assert erased(data)
    assert locked.there() == []


def test_an_erasure_that_is_owed_goes_past_the_lock_with_every_version_and_part(firm: Firm) -> None:
    with firm.opened() as data:
        firm.record(data)
        data.one(Uploads).look()
        client = firm.server.client
        if firm.server.locks:
            client.put_object(Bucket=firm.bucket, Key=NAME, Body=b"an older one")
            client.delete_object(Bucket=firm.bucket, Key=NAME)  # a marker hides all of them
        client.create_multipart_upload(Bucket=firm.bucket, Key=NAME)
        client.put_object(Bucket=firm.bucket, Key=OTHER, Body=b"of somebody else")
        outcome = data.retention.erase_asked(["young"], basis="request", actor=ANN)
        assert (outcome.erased, outcome.faults) == (1, [])
        assert erased(data)
        assert firm.there() == [OTHER]


def test_an_erasure_while_the_bucket_is_away_has_no_receipt_before_it_is_done(kept: Firm) -> None:
    firm = kept
    with firm.opened() as data:
        for name in ("young", "other"):
            firm.record(data, name)
        data.one(Uploads).look()
        firm.server.close()
        try:
            outcome = data.retention.erase_asked(["young", "other"], basis="request", actor=ANN)
            assert (outcome.erased, len(outcome.faults)) == (0, 2)
            assert data.keys.wraps("young") == []
            assert kinds(data)[-1] == "recording_erasing"
            data.retention.at_start()  # nor is the gate kept from starting
            assert kinds(data)[-1] == "recording_erasing"
        finally:
            firm.server.start()
        data.retention.sweep(actor="gate")
        assert erased(data)
        assert erased(data, "other")
    assert firm.there() == []


@pytest.mark.parametrize("settings", [None, {"name": "another"}], ids=["no bucket", "another bucket"])
def test_a_recording_in_a_bucket_that_is_named_no_more_is_not_said_to_be_erased(
    locked: Firm, settings: dict[str, Any] | None
) -> None:
    with locked.opened() as data:
        locked.record(data)
        data.one(Uploads).look()
        before = tomlkit.parse((locked.folder / "config.toml").read_text())["bucket"]
    locked.configure(before | settings if settings else None)
    with locked.opened() as data:
        outcome = data.retention.erase_asked(["young"], basis="request", actor=ANN)
        assert outcome.erased == 0
        assert locked.bucket in outcome.faults[0].fault
        assert not erased(data)
        with pytest.raises(GateError):
            data.files.at(Lying("2026/03/03/young.dgr", f"s3://{locked.bucket}/recordings/"), "")
    locked.configure(before)
    with locked.opened() as data:
        data.retention.at_start()
        assert erased(data)
    assert locked.there() == []


def test_what_is_being_sent_while_its_erasure_begins_does_not_stay(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    sending, go = threading.Event(), threading.Event()
    put = Bucket.put

    def slow(self: Bucket, *args: Any) -> Any:
        sending.set()
        assert go.wait(10)
        return put(self, *args)

    monkeypatch.setattr(Bucket, "put", slow)
    with firm.opened() as data:
        path = firm.record(data)
        upload = threading.Thread(target=data.one(Uploads).look)
        upload.start()
        assert sending.wait(10)
        erase = threading.Thread(
            target=data.retention.erase_asked, args=(["young"],), kwargs={"basis": "request", "actor": ANN}
        )
        erase.start()
        go.set()
        upload.join()
        erase.join()
        assert erased(data)
        assert not path.exists()
    assert firm.there() == []


def test_what_is_to_be_erased_is_not_sent_any_more(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    with firm.opened() as data:
        firm.record(data)
        with monkeypatch.context() as patch:
            patch.setattr(type(data.files), "remove", lambda *_: [Removal("", False, "not now")])
            data.retention.erase_asked(["young"], basis="request", actor=ANN)
        data.one(Uploads).look()
        assert firm.there() == []


def test_an_erased_object_that_is_there_again_goes_again(firm: Firm) -> None:
    with firm.opened() as data:
        path = firm.record(data)
        sealed = path.read_bytes()
        data.one(Uploads).look()
        data.retention.erase_asked(["young"], basis="request", actor=ANN)
        firm.server.client.put_object(Bucket=firm.bucket, Key=NAME, Body=sealed)
        data.retention.sweep(actor="gate")
        assert kinds(data)[-1] == "erased_came_back"
    assert firm.there() == []


def test_a_bucket_that_is_away_keeps_no_sweep_from_what_lies_here(firm: Firm) -> None:
    with firm.opened() as data:
        firm.configure(None)
        old = firm.record(data, "old", OLD)
        firm.clock.time = NOW
        firm.server.close()
        try:
            outcome = data.retention.sweep(actor="gate")
        finally:
            firm.server.start()
        assert data.keys.wraps("old") == []
        assert not old.exists()
        assert outcome.faults


# --- handed out


def test_a_bundle_of_what_lies_in_the_bucket_alone_holds(moto: S3Server, tmp_path: Path) -> None:
    made = bundles.make(tmp_path / "made")
    firm = Firm(made.config.parent, moto)
    moto.make(firm.bucket)
    firm.clock.time = bundles.BEGAN + timedelta(days=30)
    with firm.opened() as data:
        data.one(Uploads).look()
        assert len(firm.there()) == 5
        assert [*data.files.each_here()] == []
    done = made.export(tmp_path / "b.bundle", "--json")
    assert done.code == 0, done.err
    assert done.json["counts"]["included"] == 3
    opened = made.open(tmp_path / "b.bundle", "-o", str(tmp_path / "out"))
    assert opened.code == 0, opened.out
    with firm.opened() as data:
        assert [*data.files.each_here()] == [], "an export of all of them would fill the disk"


def test_a_pack_of_what_lies_in_the_bucket_alone_leaves_no_copies(moto: S3Server, tmp_path: Path) -> None:
    config = requesting.prepared(tmp_path / "made")
    firm = Firm(config.parent, moto)
    moto.make(firm.bucket)
    firm.clock.time = datetime.now(UTC)
    with firm.opened() as data:
        data.one(Uploads).look()
        assert [*data.files.each_here()] == []
        reference = requesting.granted(data, Asks.ACCESS)
    key, pack = config.parent / "keys" / "first", tmp_path / "pack.html"
    own = ("--key", f"{key}.key", "--passphrase-file", f"{key}.passphrase")
    done = dialgate("request", "fulfil", reference, "-o", str(pack), *own, "--json", "-c", str(config))
    assert done.code == 0 and pack.exists(), done.err
    with firm.opened() as data:
        assert [*data.files.each_here()] == []
    assert len(firm.there()) == 4


def test_a_bundle_with_a_recording_that_was_changed_in_the_bucket_is_not_made(moto: S3Server, tmp_path: Path) -> None:
    made = bundles.make(tmp_path / "made")
    firm = Firm(made.config.parent, moto)
    moto.make(firm.bucket)
    firm.clock.time = bundles.BEGAN + timedelta(days=30)
    with firm.opened() as data:
        data.one(Uploads).look()
    for name in firm.there():
        sealed = moto.client.get_object(Bucket=firm.bucket, Key=name)["Body"].read()
        moto.client.put_object(Bucket=firm.bucket, Key=name, Body=sealed[:-1] + bytes([sealed[-1] ^ 1]))
    done = made.export(tmp_path / "b.bundle", "--json")
    assert (done.code, [*tmp_path.glob("*b.bundle*")]) == (1, [])
    assert "is not the one whose digest is in the log" in done.err


def test_a_sealed_file_is_handed_out_piece_by_piece_from_the_bucket(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    with firm.opened() as data:
        path = firm.record(data)
        sealed = path.read_bytes()
        ask(data, RecordingTake(recording_id="young", purpose="complaint 17"), ANN)
        data.one(Uploads).look()
        monkeypatch.setattr("gate.operations.calls.recordings.PIECE", 1000)
        got = b""
        while (piece := ask(data, RecordingPiece(recording_id="young", offset=len(got)), ANN)).data:
            assert piece.size == len(sealed)
            got += base64.b64decode(piece.data)
        assert got == sealed
        assert not path.exists()


def test_an_export_that_the_bucket_does_not_give_leaves_no_leaf_that_says_so(tmp_path: Path) -> None:
    made = bundles.make(tmp_path / "made")
    server = CephGateway(tmp_path / "ceph")
    try:
        firm = Firm(made.config.parent, server)
        server.make(firm.bucket)
        firm.clock.time = bundles.BEGAN + timedelta(days=30)
        with firm.opened() as data:
            data.one(Uploads).look()
            before = exports(data)
    finally:
        server.close()
    done = made.export(tmp_path / "b.bundle", "--json")
    assert (done.code, (tmp_path / "b.bundle").exists()) == (1, False)
    assert firm.bucket in done.err
    with firm.opened() as data:
        assert exports(data) == before


def exports(data: DataFolder) -> int:
    return int(data.store.call(lambda tx: query(tx, "SELECT count(*) AS n FROM facts WHERE kind = 'exported'"))[0]["n"])
