"""Who attacks: an account that may export (an auditor of the firm, say) and would keep calls from an auditor outside.
What they want: the gate's signature under a bundle from which calls have been taken out.

    python -m tests.attack.bundle_signing SOCKET RECIPIENT KEY-ID SINCE UNTIL OUTPUT

begins an export over the control socket, takes its pages, makes a manifest of its own that leaves calls out, and asks
the gate to sign it in every way that it can think of. Then it has the gate make the true bundle, and puts its manifest
into that one, with the signature of the true one. Prints one line of JSON: how often something of its own was
``signed``; the doctored bundle lies in OUTPUT.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import socket
import sys
import tarfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any


class Ingress(http.client.HTTPConnection):
    """The control interface: ``POST /v1/op/NAME`` over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("gate", timeout=120)
        self._path = path

    def connect(self) -> None:
        """To the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(120)
        self.sock.connect(self._path)


def ask(path: str, op: str, **fields: Any) -> dict[str, Any] | None:
    """What the gate answers; None where it refuses."""
    door = Ingress(path)
    door.request("POST", f"/v1/op/{op}", json.dumps(fields), {"Content-Type": "application/json"})
    answer = door.getresponse()
    lines = answer.read().decode().splitlines()
    door.close()
    told: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    if answer.status != 200 or "error" in told:
        return None
    result = told.get("result", told)
    return result if isinstance(result, dict) else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Try it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    for name in ("socket", "recipient", "key", "since", "until", "output"):
        parser.add_argument(name)
    given = parser.parse_args(arguments)
    period = {"since": given.since, "until": given.until}
    begun = ask(given.socket, "audit_export", recipient=given.recipient, purpose="audit", openers=[given.key], **period)
    if begun is None:
        print(json.dumps({"signed": -1}))
        return 1
    bundle = begun["bundle"]
    ask(given.socket, "audit_export_take", bundle=bundle)
    manifest = b'{"dialgate": "audit bundle", "counts": {"calls": 0}}\n'
    own = hashlib.sha256(manifest).hexdigest()
    signed = 0
    for op, more in (
        ("audit_export_sign", {"manifest_sha256": own, "size": len(manifest), "checkpoint": 1}),
        ("audit_export_make", {"manifest_sha256": own}),
        ("audit_export_make", {"manifest": manifest.decode()}),
        ("audit_export_make", {"statuses": {}}),
        ("audit_export_make", {"checkpoints": [["mine", f"{own}\n1\n\n"]]}),
    ):
        signed += ask(given.socket, op, bundle=bundle, **more) is not None
    made = ask(given.socket, "audit_export_make", bundle=bundle)
    if made is not None:
        Path(given.output).write_bytes(_doctored(Path(made["folder"])))
    print(json.dumps({"signed": signed, "made": made is not None}))
    return 0


def _doctored(folder: Path) -> bytes:
    """The true bundle, but for its manifest: it counts no calls."""
    whole = (folder / "head").read_bytes() + (folder / "tail").read_bytes() + bytes(1024)
    out = BytesIO()
    with (
        tarfile.open(fileobj=BytesIO(whole)) as true,
        tarfile.open(fileobj=out, mode="w:", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for entry in true:
            data = true.extractfile(entry).read()  # type: ignore[union-attr]
            if entry.name == "manifest.json":
                told = json.loads(data)
                told["counts"]["calls"] = 0
                data = json.dumps(told, indent=2).encode() + b"\n"
                digest = hashlib.sha256(data).hexdigest()
            if entry.name == "seal.txt":
                data = data[: data.rindex(b"\n", 0, -1) + 1] + f"{digest}  manifest.json\n".encode()
            member = tarfile.TarInfo(entry.name)
            member.size = len(data)
            tar.addfile(member, BytesIO(data))
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
