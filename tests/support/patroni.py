"""A PostgreSQL that Patroni keeps: two servers of which one is the primary and the other its synchronous standby, and
etcd that knows which. Debian's packages ``patroni``, ``etcd-server`` and ``postgresql-17``."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psycopg

from tests.support.postgresql import PROGRAMS, _as_postgres, folder_of_server
from tests.support.running_gate import free_port
from tests.support.waiting import until

MISSING = [name for name in ("patroni", "etcd") if not shutil.which(name)]
TTL = 20
"""Seconds after which a primary of which nothing is heard has lost its place; Patroni takes no fewer."""
_LONG = 180.0


def _tcp() -> int:
    return free_port(socket.SOCK_STREAM)


class Member:
    """One server, with its Patroni."""

    def __init__(self, folder: Path, name: str, etcd: int) -> None:
        self.name, self.port, self.rest = name, _tcp(), _tcp()
        self.data, self._config, self._log = folder / name, folder / f"{name}.json", folder / f"{name}.log"
        local = f"127.0.0.1:{self.port}"
        parameters = {
            "max_connections": 60,
            "shared_buffers": "32MB",
            "unix_socket_directories": "",
            "wal_log_hints": "on",
        }
        dcs = {
            "ttl": TTL, "loop_wait": 2, "retry_timeout": 5, "synchronous_mode": True, "synchronous_mode_strict": True,
            "postgresql": {"use_pg_rewind": False, "parameters": parameters},
        }  # fmt: skip
        everybody = ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
        self._config.write_text(json.dumps({
            "scope": "dialgate", "name": name,
            "restapi": {"listen": f"127.0.0.1:{self.rest}", "connect_address": f"127.0.0.1:{self.rest}"},
            "etcd3": {"host": f"127.0.0.1:{etcd}"},
            "bootstrap": {"dcs": dcs, "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, {"wal-segsize": "1"}]},
            "postgresql": {
                "listen": local, "connect_address": local, "data_dir": str(self.data), "bin_dir": str(PROGRAMS),
                "pgpass": str(folder / f"{name}.pgpass"), "pg_hba": everybody,
                "authentication": {"superuser": {"username": "dialgate"}, "replication": {"username": "dialgate"}},
                "remove_data_directory_on_diverged_timelines": True, "remove_data_directory_on_rewind_failure": True,
            },
        }))  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Its Patroni, which starts the server."""
        with self._log.open("ab") as output:
            command = [*_as_postgres(), shutil.which("patroni") or "patroni", str(self._config)]
            self._process = subprocess.Popen(command, stdout=output, stderr=output)

    def kill(self, *, server_alone: bool = False) -> None:
        """Both at once, as a power cut does, or the server alone, which its Patroni then sees."""
        assert self._process is not None
        pids = [int((self.data / "postmaster.pid").read_text().split()[0])]
        with suppress(OSError):
            pids += map(int, Path(f"/proc/{pids[0]}/task/{pids[0]}/children").read_text().split())
        if not server_alone:
            self._process.kill()
            self._process.wait()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End both in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def asked(self, path: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
        """Its REST interface; 0 where nobody answers."""
        door = HTTPConnection("127.0.0.1", self.rest, timeout=10)
        try:
            door.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
            answer = door.getresponse()
            text = answer.read().decode()
            return answer.status, json.loads(text) if text.startswith(("{", "[")) else text
        except (OSError, HTTPException):
            return 0, None
        finally:
            door.close()

    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-4000:]


class Cluster:
    """Both members and their etcd, with an empty database ``evidence``."""

    def __init__(self) -> None:
        folder = folder_of_server()
        etcd, peers = _tcp(), _tcp()
        client, peer = f"http://127.0.0.1:{etcd}", f"http://127.0.0.1:{peers}"
        words = {
            "name": "e", "data-dir": str(folder / "etcd"), "unsafe-no-fsync": "true",
            "listen-client-urls": client, "advertise-client-urls": client,
            "listen-peer-urls": peer, "initial-advertise-peer-urls": peer, "initial-cluster": f"e={peer}",
        }  # fmt: skip
        with (folder / "etcd.log").open("ab") as output:
            command = ["etcd", *(f"--{name}={value}" for name, value in words.items())]
            self._etcd = subprocess.Popen([*_as_postgres(), *command], stdout=output, stderr=output)
        atexit.register(self.stop)
        self.members = [Member(folder, name, etcd) for name in ("north", "south")]
        self.members[0].start()
        until(lambda: self.primary() is not None, "there is no primary", _LONG)
        self.members[1].start()
        self.whole()
        self.do("CREATE DATABASE evidence", "postgres")

    @property
    def dsn(self) -> str:
        """Of both hosts; the gate takes the one that can be written to."""
        return f"postgresql://dialgate@{','.join(f'127.0.0.1:{each.port}' for each in self.members)}/evidence"

    def primary(self) -> Member | None:
        """The one that Patroni says is."""
        return next((each for each in self.members if each.asked("/primary")[0] == 200), None)

    def whole(self) -> None:
        """Wait until there is a primary that its standby follows, synchronously."""
        until(self._is_whole, lambda: "\n".join(each.said() for each in self.members), _LONG)

    def _is_whole(self) -> bool:
        primary = self.primary()
        members = primary.asked("/cluster")[1]["members"] if primary is not None else ()
        return sorted((each["role"], each["state"]) for each in members) == [
            ("leader", "running"),
            ("sync_standby", "streaming"),
        ]

    def do(self, sql: str, database: str = "evidence") -> list[tuple[Any, ...]]:
        """A statement at the primary, in a session of its own."""
        where = ",".join("127.0.0.1" for _ in self.members), ",".join(str(each.port) for each in self.members)
        with psycopg.connect(
            f"host={where[0]} port={where[1]} dbname={database} user=dialgate target_session_attrs=read-write",
            autocommit=True, connect_timeout=5,
        ) as session:  # fmt: skip
            found = session.execute(sql)  # type: ignore[call-overload]
            return found.fetchall() if found.description else []

    def switch(self) -> None:
        """Have the standby take over in order."""
        primary = self.primary()
        assert primary is not None
        code, said = primary.asked("/switchover", "POST", {"leader": primary.name})
        assert code == 200, said

    def stop(self) -> None:
        """End all; harmless twice."""
        for each in reversed(self.members):
            each.stop()
        self._etcd.kill()
        self._etcd.wait()
