"""Sealed recordings in a bucket (S3), where the configuration names one, beside the folder in which they are made.

A sealed file goes there when its recording is closed, is read again, byte for byte, and only then leaves the folder.
The bucket's region is asked for before anything is sent, and where the configuration asks for a lock each object has a
governance lock until its term ends: nobody deletes it early by mistake, and an erasure that is owed still can. A
compliance lock is refused, for not even an erasure could end it. An object goes with all of its versions and with the
parts of uploads that were broken off, and is looked for again.

boto3 and not obstore: that one cannot lock an object, read the versions of one or delete past a lock.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from boto3 import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gate.durable import whole_file
from gate.vault.files import SUFFIX, BucketAway, BucketError, Stored, make_folder, trouble

if TYPE_CHECKING:
    from gate.config import Bucket as Settings

PART: Final = 32 << 20
"""A longer file goes up in parts of so many bytes; one is in memory at a time."""
PIECE: Final = 1 << 20
LOCK_OF: Final = {"governance": "GOVERNANCE", "none": ""}
_HINT: Final = "See [bucket] of the configuration, and: dialgate doctor"


class Bucket:
    """Blocking, with the time limits of its settings. Any thread. Every method raises ``BucketError``."""

    def __init__(self, settings: Settings, key_id: str, secret: str, ca_file: str | None) -> None:
        """Nothing is asked yet."""
        self._settings = settings
        self._credentials = (key_id, secret)
        self._ca_file = ca_file

    @property
    def place(self) -> str:
        """Bucket and prefix, as the log names them: ``s3://BUCKET/PREFIX``."""
        return f"s3://{self._settings.name}/{self._settings.prefix}"

    def check(self) -> None:
        """Ask where the bucket is and how it locks. Raises also where that is not what the configuration says."""
        settings = self._settings
        with self._asked("its region"):
            found = self._client.get_bucket_location(Bucket=settings.name).get("LocationConstraint") or ""
        if found != settings.region:
            raise BucketError(
                f"the bucket {settings.name} says that it lies in {found or 'no region'}, and the configuration says"
                f" {settings.region or 'none'}: nothing is sent there",
                hint="Recordings stay in the United Kingdom: name a bucket that does.",
            )
        if not self._lock:
            return
        with self._asked("how it locks"):
            lock = self._client.get_object_lock_configuration(Bucket=settings.name)["ObjectLockConfiguration"]
        default = lock.get("Rule", {}).get("DefaultRetention", {}).get("Mode", "")
        if lock.get("ObjectLockEnabled") != "Enabled" or default == "COMPLIANCE":
            why = "locks for compliance by default: no erasure could end that" if default else "does not lock objects"
            raise BucketError(f"the bucket {settings.name} {why}", hint="Make one with object lock, without a default.")

    def put(self, path: Path, name: str, sha256: str, keep_until: datetime) -> Stored:
        """Send a sealed file, locked until ``keep_until`` where objects are locked, and read it again.

        ``sha256``: what the log says of it, in hexadecimal. Raises also where what is read is not that.
        """
        key = self._settings.prefix + name
        if self._head(key) is None:
            self._abort(key)
            with self._asked(f"to take {name}"):
                self._send(path, key, keep_until)
        found = self._head(key)
        if found is None or self._digest(name) != sha256:
            raise BucketError(f"what the bucket keeps of {name} is not what it was sent", hint=_HINT)
        if self._lock and (found.locked_until is None or found.locked_until < keep_until.replace(microsecond=0)):
            self._lock_until(key, keep_until)
            found = found._replace(locked_until=keep_until)
        return found

    def holds(self, name: str) -> bool:
        """Whether there is an object of this name."""
        return self._head(self._settings.prefix + name) is not None

    def fetch(self, name: str, sha256: str, into: Path) -> None:
        """Write the sealed file to ``into``, whole or not at all. Raises also where it is not the one in the log."""
        digest = hashlib.sha256()
        try:
            make_folder(into.parent)
            with self._asked(f"for {name}"), whole_file(into) as file:
                for piece in self._pieces(name):
                    digest.update(piece)
                    file.write(piece)
                if digest.hexdigest() != sha256:
                    raise BucketError(f"what the bucket keeps of {name} is not the file whose digest is in the log")
        except OSError as error:
            raise trouble(error, f"cannot write {into.name}") from error

    def piece(self, name: str, offset: int, count: int) -> tuple[bytes, int]:
        """So many bytes of the sealed file from ``offset`` on, fewer at its end and none after it, and its size. Only
        the whole of it shows whether it is the one in the log."""
        found = self._head(self._settings.prefix + name)
        if found is None:
            raise BucketError(f"{name} is not in the bucket {self._settings.name}", hint=_HINT)
        if offset >= found.size:
            return b"", found.size
        where = {"Bucket": self._settings.name, "Key": self._settings.prefix + name}
        with self._asked(f"for {name}"):
            body = self._client.get_object(**where, Range=f"bytes={offset}-{offset + count - 1}")["Body"]
            with body:
                return body.read(count), found.size

    def remove(self, name: str) -> bool:
        """Delete every version of the object and every part of it, past a governance lock; whether there was one.

        Whatever begins with its name is a part of it. Raises also where something of it is still there.
        """
        key = self._settings.prefix + name
        found = self._abort(key)
        past = {"BypassGovernanceRetention": True} if self._lock else {}
        for part, version in self._versions(key):
            with self._asked(f"to delete {name}"):
                self._client.delete_object(Bucket=self._settings.name, Key=part, VersionId=version, **past)
            found = True
        if found and (self._versions(key) or self._abort(key)):
            raise BucketError(f"{name} is still in the bucket", hint=_HINT)
        return found

    def names(self) -> Iterator[str]:
        """The names of all sealed files there, those that are hidden behind a delete marker too."""
        prefix, before = self._settings.prefix, ""
        with self._asked("what it keeps"):
            for page in self._client.get_paginator("list_object_versions").paginate(
                Bucket=self._settings.name, Prefix=prefix
            ):
                for each in page.get("Versions", ()):
                    if each["Key"] != before and each["Key"].endswith(SUFFIX):
                        yield each["Key"].removeprefix(prefix)
                    before = each["Key"]

    # --- the client

    @property
    def _lock(self) -> str:
        return LOCK_OF[self._settings.lock]

    @cached_property
    def _client(self) -> Any:
        settings = self._settings
        seconds = settings.timeout_seconds
        session = Session(*self._credentials, region_name=settings.region or "none")
        return session.client(
            "s3",
            endpoint_url=settings.endpoint or None,
            verify=self._ca_file,
            config=Config(
                connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 2, "mode": "standard"},
                proxies={}, ignore_configured_endpoint_urls=True, s3={"addressing_style": "path"},
                # What boto3 adds by itself is kept as a part of the object by servers that do not know it.
                request_checksum_calculation="when_required", response_checksum_validation="when_required",
            ),
        )  # fmt: skip

    @contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        kind: type[BucketError]
        try:
            yield
        except ClientError as error:
            said = error.response.get("Error", {})
            code = said.get("Code") or type(error).__name__
            why = f"it answers {code}: {said.get('Message') or 'without a word'}"
            kind = BucketError
        except BotoCoreError as error:
            why, kind = str(error), BucketAway
        else:
            return
        raise kind(f"the bucket {self._settings.name} was asked {what}: {why}"[:400], hint=_HINT)

    def _head(self, key: str) -> Stored | None:
        with self._asked("what it keeps"):
            try:
                found = self._client.head_object(Bucket=self._settings.name, Key=key)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                    return None
                raise
        mode = found.get("ObjectLockMode")
        if mode == "COMPLIANCE":
            raise BucketError(f"{key} is locked for compliance: no erasure could end that", hint=_HINT)
        return Stored(found["ContentLength"], found.get("VersionId") or "", found.get("ObjectLockRetainUntilDate"))

    def _send(self, path: Path, key: str, keep_until: datetime) -> None:
        place = {"Bucket": self._settings.name, "Key": key}
        lock = {"ObjectLockMode": self._lock, "ObjectLockRetainUntilDate": keep_until} if self._lock else {}
        with path.open("rb") as file:
            piece = file.read(PART)
            if len(piece) < PART:
                self._client.put_object(**place, **lock, Body=piece, ContentMD5=_md5(piece))
                return
            upload = {"UploadId": self._client.create_multipart_upload(**place, **lock)["UploadId"]}
            parts: list[dict[str, Any]] = []
            while piece:
                number = len(parts) + 1
                sent = self._client.upload_part(
                    **place, **upload, PartNumber=number, Body=piece, ContentMD5=_md5(piece)
                )
                parts.append({"PartNumber": number, "ETag": sent["ETag"]})
                piece = file.read(PART)
        self._client.complete_multipart_upload(**place, **upload, MultipartUpload={"Parts": parts})

    def _lock_until(self, key: str, keep_until: datetime) -> None:
        retention = {"Mode": self._lock, "RetainUntilDate": keep_until}
        with self._asked("to lock"):
            self._client.put_object_retention(Bucket=self._settings.name, Key=key, Retention=retention)

    def _pieces(self, name: str) -> Iterator[bytes]:
        with self._asked(f"for {name}"):
            body = self._client.get_object(Bucket=self._settings.name, Key=self._settings.prefix + name)["Body"]
            with body:
                while piece := body.read(PIECE):
                    yield piece

    def _digest(self, name: str) -> str:
        digest = hashlib.sha256()
        for piece in self._pieces(name):
            digest.update(piece)
        return digest.hexdigest()

    def _abort(self, key: str) -> bool:
        """End the uploads in parts of this key that were broken off; whether there were any."""
        with self._asked("for broken uploads"):
            found = self._client.list_multipart_uploads(Bucket=self._settings.name, Prefix=key).get("Uploads", ())
            for each in found:
                self._client.abort_multipart_upload(
                    Bucket=self._settings.name, Key=each["Key"], UploadId=each["UploadId"]
                )
        return bool(found)

    def _versions(self, key: str) -> list[tuple[str, str]]:
        with self._asked("for its versions"):
            page = self._client.list_object_versions(Bucket=self._settings.name, Prefix=key)
        return [
            (each["Key"], each["VersionId"]) for each in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        ]


def _md5(piece: bytes) -> str:
    """What a server that locks objects asks for; what it keeps is compared with the log's SHA-256."""
    return base64.b64encode(hashlib.md5(piece, usedforsecurity=False).digest()).decode()
