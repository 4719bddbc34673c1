"""S3 servers as others run them: Ceph's gateway from Debian, and moto, which locks objects."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from gate.outgoing import NoAnswer, request
from tests.support.running_gate import free_port
from tests.support.waiting import until

MOTO = Path(sys.prefix) / "peers" / "bin" / "python"
KEY_ID, SECRET = "gate-of-the-firm", "never-in-a-message"


class S3Server:
    """Ended by ``close``, and begun again by ``start``."""

    region = "eu-west-2"
    locks = True

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        self.client = self._client(self.region)

    def _client(self, region: str) -> Any:
        return boto3.client(
            "s3", endpoint_url=self.url, region_name=region or "none", aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET, config=Config(retries={"total_max_attempts": 1}, read_timeout=10),
        )  # fmt: skip

    def _command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, cwd=self.folder)
        until(self._answers, "the S3 server answers", 30.0)

    def _answers(self) -> bool:
        try:
            return bool(request("GET", self.url, seconds=1, most=1 << 16).status)
        except NoAnswer:
            return False

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def make(self, name: str, *, region: str | None = None) -> None:
        """A bucket."""
        where = self.region if region is None else region
        more: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": where}} if where else {}
        self._client(where).create_bucket(
            Bucket=name, **more, **({"ObjectLockEnabledForBucket": True} if self.locks else {})
        )

    def everything(self, name: str) -> list[str]:
        """Every version, delete marker and part of a bucket, by key."""
        page = self.client.list_object_versions(Bucket=name)
        parts = self.client.list_multipart_uploads(Bucket=name).get("Uploads", ())
        return sorted(each["Key"] for each in [*page.get("Versions", ()), *page.get("DeleteMarkers", ()), *parts])


class Moto(S3Server):
    """Locks objects, keeps versions, knows regions; forgets all when it ends."""

    def _command(self) -> list[str]:
        if not MOTO.exists():
            pytest.skip("needs an S3 server: make peers, with Python 3.12 or later")
        return [str(MOTO), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]


class CephGateway(S3Server):
    """``radosgw`` on a database file: a server that firms run themselves. It says no region and locks nothing here."""

    region = ""
    locks = False

    def _command(self) -> list[str]:
        if not shutil.which("radosgw"):
            pytest.skip("needs radosgw, Ceph's gateway")
        config = self.folder / "ceph.conf"
        if not config.exists():
            config.write_text(
                "[global]\nauth_supported = none\n[client.rgw.t]\n"
                "rgw backend store = dbstore\nrgw config store = dbstore\n"
                f"dbstore db dir = {self.folder}\ndbstore_config_uri = file:{self.folder}/config.db\n"
                f"rgw frontends = beast endpoint=127.0.0.1:{self.port}\nrun dir = {self.folder}\n"
                f"log file = {self.folder}/rgw.log\nrgw data = {self.folder}\nadmin socket = {self.folder}/rgw.asok\n"
            )
            user = ["user", "create", "--uid", "gate", "--display-name", "gate"]
            keys = ["--access-key", KEY_ID, "--secret", SECRET]
            made = self.folder / "user.json"
            with made.open("wb") as out:
                admin = subprocess.Popen(["radosgw-admin", *self._of(), *user, *keys], stdout=out, stderr=out)
            until(lambda: b'"mfa_ids": []\n}' in made.read_bytes(), made.read_text, 30.0)
            admin.kill()  # it does not always end by itself
            admin.wait()
        return ["radosgw", *self._of(), "-f"]

    def _of(self) -> list[str]:
        return ["-c", str(self.folder / "ceph.conf"), "-n", "client.rgw.t", "--no-mon-config"]
