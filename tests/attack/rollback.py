"""A thief (or a careless administrator) has an older copy of ``gate.db`` and wants calls to people who have objected
since: the older store knows nothing of it.

    python -m tests.attack.rollback save DATA COPY                 copy the store of a running gate
    python -m tests.attack.rollback put DATA COPY [--checkpoints]  put it back on a stopped one; with its checkpoints:
                                                                   newer files of the data folder are taken away too
    python -m tests.attack.rollback mail FOLDER OLDER SIZE         send mails to the mailbox for checkpoints: an older
                                                                   one 500 times, forged ones of that size, and bombs
    python -m tests.attack.rollback dial NUMBER --gate HOST:PORT --trunk HOST:PORT

``dial`` calls through the gate, as a PBX on this machine, and is the carrier as well. Each prints one line of JSON:
``dial`` how the gate ``answered`` and whether the call ``reached`` the carrier.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import socket
import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path

SECONDS = 8.0
"""A call is given up after this."""
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 41000 RTP/AVP 8\r\n"
    "a=rtpmap:8 PCMA/8000\r\n"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    steps = parser.add_subparsers(dest="step", required=True)
    for step in ("save", "put"):
        each = steps.add_parser(step)
        each.add_argument("data", type=Path)
        each.add_argument("copy", type=Path)
        each.add_argument("--checkpoints", action="store_true")
    mailing = steps.add_parser("mail")
    mailing.add_argument("folder", type=Path)
    mailing.add_argument("older", type=Path)
    mailing.add_argument("size", type=int)
    dialling = steps.add_parser("dial")
    dialling.add_argument("number")
    dialling.add_argument("--gate", required=True)
    dialling.add_argument("--trunk", required=True)
    asked = parser.parse_args(arguments)
    if asked.step == "dial":
        told = dial(asked.number, _address(asked.gate), _address(asked.trunk))
    elif asked.step == "mail":
        told = mail(asked.folder, asked.older.read_text(), asked.size)
    else:
        told = save(asked.data, asked.copy) if asked.step == "save" else put(asked.data, asked.copy, asked.checkpoints)
    print(json.dumps(told))
    return 0


def save(data: Path, copy: Path) -> dict[str, object]:
    """A whole copy, also while a gate writes."""
    source, target = sqlite3.connect(f"file:{data / 'gate.db'}?mode=ro", uri=True), sqlite3.connect(copy)
    source.backup(target)
    source.close()
    target.close()
    return {"leaves": _leaves(copy)}


def put(data: Path, copy: Path, checkpoints: bool) -> dict[str, object]:
    """The copy in the place of the store."""
    for beside in ("gate.db-wal", "gate.db-shm"):
        (data / beside).unlink(missing_ok=True)
    shutil.copyfile(copy, data / "gate.db")
    size, gone = _leaves(copy), 0
    for path in (data / "checkpoints").iterdir():
        if checkpoints and int(path.name[:12]) > size:
            path.unlink()
            gone += 1
    return {"leaves": size, "checkpoints_gone": gone}


def mail(folder: Path, older: str, size: int) -> dict[str, object]:
    """What anybody may send to a mailbox, here into its copy as files; half of it before the newest checkpoint came."""
    own = int(older.split("\n")[1])
    head = "Content-Disposition: attachment; filename="
    mails = [f"{head}{own}.checkpoint\n\n{older}"] * 500
    mails += [f"{head}{size}.checkpoint\n\n{older.replace(str(own), str(size), 1)}", f"{head}{size}.checkpoint\n\nnone"]
    mails += ["Content-Type: message/rfc822\n\n" * 1500 + f"{head}{size}.checkpoint\n\n{older}"]
    mails += [f"{head}{'9' * 5000}.checkpoint\n\n{older}", f"{head}{'9' * 18}.checkpoint\n\n{older}"]
    for number, text in enumerate(mails):
        path = folder / f"sent{number}.eml"
        path.write_text(text)
        moment = time.time() + (number % 2 - 0.5) * 100_000
        os.utime(path, (moment, moment))
    return {"mails": len(mails)}


def _leaves(path: Path) -> int:
    database = sqlite3.connect(path)
    try:
        return int(database.execute("SELECT count(*) FROM leaves").fetchone()[0])
    finally:
        database.close()


def dial(number: str, gate: tuple[str, int], trunk: tuple[str, int]) -> dict[str, object]:
    """One call; refused by the carrier as busy where it gets there."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        near.bind(("127.0.0.1", 0))
        far.bind(trunk)
        for sock in (near, far):
            sock.settimeout(0.1)
        near.sendto(_invite(number, near.getsockname()), gate)
        answered, reached, end = "", False, time.monotonic() + SECONDS
        while not answered and time.monotonic() < end:
            if (got := _heard(far)) and got[0].startswith("INVITE"):
                reached = True
                far.sendto(_busy(got[0]), got[1])
            if (got := _heard(near)) and not got[0].startswith("SIP/2.0 1"):
                answered = got[0]
    lines = answered.split("\r\n")
    return {"answered": lines[0], "reason": " ".join(lines[1:]), "reached": reached}


def _heard(sock: socket.socket) -> tuple[str, tuple[str, int]] | None:
    try:
        data, source = sock.recvfrom(65535)
    except TimeoutError:
        return None
    return data.decode("utf-8", "replace"), source


def _invite(number: str, own: tuple[str, int]) -> bytes:
    host, port = own
    call = secrets.token_hex(8)
    lines = [f"INVITE sip:{number}@gate.invalid SIP/2.0", f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{call}"]
    lines += ["Max-Forwards: 70", f"From: <sip:x@{host}>;tag={call}", f"To: <sip:{number}@gate.invalid>"]
    lines += [f"Call-ID: {call}", "CSeq: 1 INVITE", f"Contact: <sip:x@{host}:{port}>"]
    lines += ["Content-Type: application/sdp", f"Content-Length: {len(SDP)}", "", SDP]
    return "\r\n".join(lines).encode()


def _busy(invite: str) -> bytes:
    kept = [line for line in invite.split("\r\n") if line.lower().startswith(("via:", "from:", "call-id:", "cseq:"))]
    to = next(line for line in invite.split("\r\n") if line.lower().startswith("to:"))
    return "\r\n".join(["SIP/2.0 486 Busy Here", *kept, f"{to};tag=far", "Content-Length: 0", "", ""]).encode()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    sys.exit(main())
