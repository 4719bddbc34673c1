"""Where sealed recordings lie: in the folder in which they are made, and in a bucket where the configuration names one.

A file is sent, fetched and removed one at a time. What is to be erased is removed wherever it is, and looked for again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gate.config import read_secret
from gate.durable import read_below, sync_folder
from gate.vault.files import SUFFIX, BucketAway, BucketError, Removal, Stored, remove, sealed_at, sealed_files, trouble

if TYPE_CHECKING:
    from gate.config import Config
    from gate.vault.bucket import Bucket


class Lying(NamedTuple):
    """Where a sealed file lies."""

    path: str
    """Relative to the folder of recordings, and to the prefix of the bucket."""
    stored_in: str | None = None
    """The bucket that the log says it lies in."""


class SealedFiles:
    """The sealed files of a gate: in the folder of recordings, and in its bucket where it has one. Any thread.

    One file is sent, fetched or removed at a time: what is being erased is not sent meanwhile.
    """

    def __init__(self, folder: Path, bucket: Bucket | None = None) -> None:
        self.folder = folder
        self.bucket = bucket
        self._one = threading.Lock()

    def store(self, name: str, sha256: str, keep_until: datetime, wanted: Callable[[], bool]) -> Stored | None:
        """Send the file to the bucket; None where, now that it is its turn, it is not ``wanted`` any more.

        Raises ``BucketError``.
        """
        with self._one:
            if self.bucket is None or not wanted():
                return None
            return self.bucket.put(sealed_at(self.folder, name), name, sha256, keep_until)

    def drop(self, name: str) -> None:
        """Remove the copy in the folder: it lies in the bucket. Raises ``VaultError``."""
        path = sealed_at(self.folder, name)
        try:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
        except OSError as error:
            raise trouble(error, f"cannot remove {path.name}") from error

    def at(self, lying: Lying, sha256: str | None) -> Path:
        """Where a sealed file lies here; one that lies in the bucket alone is fetched first. So is one of which the log
        does not say so: a backup may be older than its copy there.

        It may be missing, where the log does not say that it is in a bucket. Raises ``VaultError``.
        """
        path = sealed_at(self.folder, lying.path)
        if path.is_file() or not lying.path or not (lying.stored_in or self.bucket):
            return path
        with self._one:
            bucket = self._bucket_of(lying)
            if not path.is_file() and (lying.stored_in or bucket.holds(lying.path)):
                bucket.fetch(lying.path, sha256 or "", path)
        return path

    def is_there(self, lying: Lying) -> bool:
        """It lies in the folder, or in the bucket, which is asked. Raises ``VaultError``."""
        if not lying.path or sealed_at(self.folder, lying.path).is_file():
            return bool(lying.path)
        return bool(lying.stored_in or self.bucket) and self._bucket_of(lying).holds(lying.path)

    def piece(self, lying: Lying, offset: int, count: int) -> tuple[bytes, int]:
        """So many bytes of a sealed file from ``offset`` on, and its size: of what lies in the bucket alone no copy is
        made here. Raises ``OSError``, ``UsageError`` and ``VaultError``."""
        if (lying.stored_in or self.bucket) and not sealed_at(self.folder, lying.path).is_file():
            return self._bucket_of(lying).piece(lying.path, offset, count)
        with read_below(self.folder, lying.path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(offset)
            return file.read(count), size

    def remove(self, files: Sequence[Lying]) -> list[Removal]:
        """Remove these files wherever they are, durably, and look again: as ``gate.vault.files.remove``."""
        with self._one:
            removals, away = remove(self.folder, [each.path for each in files]), ""
            for index, each in enumerate(files):
                if not each.path or (self.bucket is None and not each.stored_in):
                    continue
                here, found = removals[index], False
                try:
                    found = not away and self._bucket_of(each).remove(each.path)
                except BucketError as error:
                    away = error.message if isinstance(error, BucketAway) else ""  # the others are not waited for
                    here = here._replace(fault=here.fault or error.message)
                removals[index] = here._replace(found=here.found or found, fault=here.fault or away)
            return removals

    def each_here(self) -> Iterator[tuple[str, str]]:
        """(recording id, name) of every sealed file in the folder, as ``sealed_files``. Raises ``VaultError``."""
        return sealed_files(self.folder)

    def each_there(self) -> Iterator[tuple[str, str]]:
        """The same of the bucket; none where there is no bucket. Raises ``BucketError``."""
        for name in self.bucket.names() if self.bucket is not None else ():
            yield Path(name).name.partition(SUFFIX)[0], name

    def _bucket_of(self, lying: Lying) -> Bucket:
        """Raises ``BucketError`` where it lies in another bucket than the one that is configured."""
        if self.bucket is None or lying.stored_in not in (None, self.bucket.place):
            named = self.bucket.place if self.bucket else "no bucket"
            raise BucketError(
                f"it lies in {lying.stored_in}, and the configuration names {named}",
                hint="Name that bucket in [bucket] until nothing lies there any more.",
            )
        return self.bucket


def bucket_of(config: Config) -> Bucket | None:
    """The bucket that the configuration names; None where it names none. Raises ``ConfigError`` for the secret, and
    ``BucketError`` where boto3 is missing."""
    settings = config.bucket
    if not settings.name:
        return None
    try:
        from gate.vault.bucket import Bucket  # with boto3, which a gate without a bucket need not have
    except ImportError as error:
        raise BucketError("a bucket needs the package boto3", hint="pip install 'dialgate[s3]'") from error
    ca_file = str(config.path(settings.ca_file)) if settings.ca_file else None
    return Bucket(settings, settings.key_id, read_secret(config.base, settings.secret_file), ca_file)
