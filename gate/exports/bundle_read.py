"""Reading an auditor's bundle, and what can be said of it without a private key.

``open_bundle`` looks at every byte of the file: container, members against the manifest, manifest against the seal,
seal against the gate's key, checkpoint and proofs of consistency. What it gives is what was signed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from gate.core.evidence import HASH_SIZE, Checkpoint, EvidenceError, parse_checkpoint, verify_consistency
from gate.errors import GateError
from gate.exports import bundle as form
from gate.exports.bundle import BundleError
from gate.exports.bundle_tar import Entry, entries
from gate.types import Progress
from gate.vault.signing import public_pem, verify_note, verify_signature


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    text: str
    """One sentence in plain words; no numbers, no names of persons."""

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"check": self.name, "holds": self.ok, "text": self.text}


@dataclass(slots=True)
class Findings:
    """What holds and what does not."""

    checks: list[Check] = field(default_factory=list)

    def holds(self, name: str, text: str) -> None:
        """It does."""
        self.checks.append(Check(name, True, text))

    def fails(self, name: str, text: str) -> None:
        """It does not."""
        self.checks.append(Check(name, False, text))

    @property
    def ok(self) -> bool:
        """All of it holds."""
        return all(check.ok for check in self.checks)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose every byte is the signed one."""

    manifest: form.Manifest
    members: dict[str, Entry]
    checkpoint: Checkpoint

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        """The JSON lines of a clear member. Raises ``BundleError``."""
        for line in form.lines_of(self.members[name].blocks(), name):
            yield form.from_line(line, name)

    @property
    def recordings(self) -> list[str]:
        """Names of the members that hold recordings, in their order."""
        return [name for name in self.members if name.startswith("recordings/")]

    def wraps(self) -> Iterator[dict[str, Any]]:
        """The recordings' keys, which are not signed. Raises ``BundleError``."""
        for line in form.wraps_lines(self.members[form.WRAPS].read(form.MAX_WRAPS)):
            yield form.from_line(line, form.WRAPS)


def open_bundle(
    file: BinaryIO,
    findings: Findings,
    *,
    vkey: str = "",
    older: Sequence[tuple[str, str]] = (),
    progress: Progress | None = None,
) -> Bundle:
    """The bundle, and in ``findings`` what was looked at.

    ``vkey`` is the gate's verifier key as it is known from elsewhere; without it the bundle's own is used, which shows
    only that the bundle was not changed since somebody signed it. ``older`` are checkpoints from elsewhere, as (where,
    signed note). Raises ``BundleError`` where the file is no bundle, or not the one that was signed: then nothing of
    it is to be believed.
    """
    found = {entry.name: entry for entry in entries(file)}
    manifest = _manifest(found, findings, vkey)
    _members(found, manifest, findings, progress)
    with form.one_error("what the manifest lists"):
        _key_files(found, manifest)
        checkpoint = _checkpoint(found, manifest, findings)
        bundle = Bundle(manifest, found, checkpoint)
        heads = _consistency(bundle, findings)
        for where, note in older:
            _older(bundle, heads, where, note, findings)
    return bundle


def _manifest(found: dict[str, Entry], findings: Findings, vkey: str) -> form.Manifest:
    if form.MANIFEST in found:
        form.parse_manifest(found[form.MANIFEST].read(form.MAX_MANIFEST))  # an older form is told as such
    for name in (*form.CLOSING, form.WRAPS):
        if name not in found:
            raise BundleError(f"not a bundle of Dialgate, or cut off: it has no {name}")
    data = found[form.MANIFEST].read(form.MAX_MANIFEST)
    manifest = form.parse_manifest(data)
    seal = found[form.SEAL].read(form.MAX_SMALL)
    if seal != form.seal_text(manifest.bundle, hashlib.sha256(data).hexdigest()).encode():
        raise BundleError(f"{form.MANIFEST} is not the one that {form.SEAL} speaks of: one of them was changed")
    trusted = vkey or manifest.vkey
    try:
        verify_signature(seal, found[form.SIGNATURE].read(form.MAX_SMALL), trusted)
    except (GateError, ValueError) as error:
        other = vkey and vkey != manifest.vkey
        named = f"; the bundle names another key, {manifest.vkey}" if other else ""
        raise BundleError(
            f"the signature does not hold under {trusted}{named}",
            hint="the bundle was changed, or another gate made it: believe nothing of it",
        ) from error
    if vkey:
        findings.holds("key", f"The gate's key is the one you gave: {vkey}")
    else:
        findings.holds(
            "key",
            f"The gate's key was trusted on first sight, because none was given: {trusted}. "
            "Compare it with one from another way (on the gate: dialgate audit key).",
        )
    findings.holds("seal", "The manifest is signed with that key.")
    return manifest


def _members(found: dict[str, Entry], manifest: form.Manifest, findings: Findings, progress: Progress | None) -> None:
    names = [member.name for member in manifest.members]
    if list(found) != [*names, *form.CLOSING, form.WRAPS]:
        raise BundleError("the files in the bundle are not those of the manifest, in its order")
    recordings = [name for name in names if name.startswith("recordings/")]
    logs = [form.log_member(name) for name in form.LOGS]
    first = [form.README, form.VKEY, form.PEM, form.CHECKPOINT, form.CONSISTENCY]
    sounds = [name for name in names if name.startswith("announcements/")]
    for name in (*recordings, *sounds):
        folder, _, inner = name.partition("/")
        bare = inner.rpartition(".")[0]
        if name != (form.announcement_member(bare) if folder == "announcements" else form.recording_member(bare)):
            raise BundleError(f"the manifest lists {name[:80]!r}, which cannot be the name of a member")
    if names != [*first, *logs, *recordings, *sounds, form.KEYS]:
        raise BundleError("the manifest does not list what a bundle holds")
    total, done = sum(member.size for member in manifest.members) or 1, 0
    for member in manifest.members:
        entry, digest = found[member.name], hashlib.sha256()
        if entry.size != member.size:
            raise BundleError(f"{member.name} has {entry.size} bytes, the manifest says {member.size}")
        for block in entry.blocks():
            digest.update(block)
            done += len(block)
            if progress:
                progress(done / total, member.name)
        if digest.hexdigest() != member.sha256:
            raise BundleError(f"{member.name} was changed: its SHA-256 is not the one in the manifest")
    findings.holds("files", f"All {len(names)} files are those of the manifest, byte for byte.")
    form.wraps_lines(found[form.WRAPS].read(form.MAX_WRAPS))


def _key_files(found: dict[str, Entry], manifest: form.Manifest) -> None:
    for name, wanted in ((form.VKEY, manifest.vkey.encode() + b"\n"), (form.PEM, public_pem(manifest.vkey))):
        if found[name].read(form.MAX_SMALL) != wanted:
            raise BundleError(f"{name} is not the key of the manifest")


def _checkpoint(found: dict[str, Entry], manifest: form.Manifest, findings: Findings) -> Checkpoint:
    checkpoint = read_note(found[form.CHECKPOINT].read(form.MAX_SMALL), manifest.vkey, form.CHECKPOINT)
    told = form.Head(checkpoint.size, base64.b64encode(checkpoint.root).decode())
    if checkpoint.origin != manifest.log or told != manifest.checkpoint:
        raise BundleError(f"{form.CHECKPOINT} is not the checkpoint of the manifest")
    findings.holds(
        "checkpoint",
        f"The checkpoint is signed with that key: {checkpoint.size:,} entries of the log {checkpoint.origin}.",
    )
    return checkpoint


def read_note(note: bytes | str, vkey: str, where: str) -> Checkpoint:
    """A signed checkpoint. Raises ``BundleError``."""
    try:
        text = note if isinstance(note, str) else note.decode()
        return parse_checkpoint(verify_note(text, vkey))
    except (GateError, ValueError) as error:
        raise BundleError(f"{where} is not a checkpoint signed with {vkey}: {error}") from error


def proof_of(text: Any, where: str) -> list[bytes]:
    """A proof from its text: base64 of its hashes, one after the other. Raises ``BundleError``."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise BundleError(f"{where}: a proof is not base64") from error
    if len(data) % HASH_SIZE or len(data) > 64 * HASH_SIZE:
        raise BundleError(f"{where}: a proof is no row of hashes")
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


def _consistency(bundle: Bundle, findings: Findings) -> dict[int, bytes]:
    """Roots of the older sizes from which the log is shown to have grown."""
    heads: dict[int, bytes] = {}
    head = bundle.checkpoint
    for line in bundle.lines(form.CONSISTENCY):
        try:
            size, root = line["size"], base64.b64decode(line["root"], validate=True)
            if type(size) is not int or not isinstance(line["note"], str | None):
                raise TypeError("a field of another type")
            held = verify_consistency(size, root, head.size, head.root, proof_of(line["proof"], form.CONSISTENCY))
        except (KeyError, TypeError, ValueError, EvidenceError) as error:
            raise BundleError(f"{form.CONSISTENCY} holds a line that is no head: {error}") from error
        if not held:
            findings.fails("consistency", f"The log did not grow from its first {size:,} entries as they were signed.")
            continue
        if line["note"] is not None:
            noted = read_note(line["note"], bundle.manifest.vkey, f"checkpoint {size}")
            if (noted.origin, noted.size, noted.root) != (head.origin, size, root):
                findings.fails("consistency", f"Checkpoint {size:,} is not what its note says.")
                continue
        heads[size] = root
    if heads and all(check.ok for check in findings.checks if check.name == "consistency"):
        since = f"{form.many(len(heads), 'older checkpoint')} (the first: {min(heads):,} entries)"
        findings.holds("consistency", f"The log has only grown since {since}.")
    return heads


def _older(bundle: Bundle, heads: dict[int, bytes], where: str, note: str, findings: Findings) -> None:
    """A checkpoint that the reader has from elsewhere."""
    head = bundle.checkpoint
    try:
        known = read_note(note, bundle.manifest.vkey, where)
    except BundleError as error:
        findings.fails("older_checkpoint", f"{error.message}.")
        return
    if known.origin != head.origin:
        findings.fails("older_checkpoint", f"{where} is of another log: {known.origin}.")
        return
    root = head.root if known.size == head.size else heads.get(known.size)
    if root == known.root:
        findings.holds("older_checkpoint", f"The log has grown from {where} ({known.size:,} entries), and only grown.")
    elif root is not None:
        findings.fails(
            "older_checkpoint",
            f"The log was rewritten: its first {known.size:,} entries are not those that {where} was signed over.",
        )
    elif known.size > head.size:
        findings.fails(
            "older_checkpoint",
            f"{where} is newer than the bundle ({known.size:,} entries against {head.size:,}): the bundle cannot "
            "show anything about it.",
        )
    else:
        findings.fails(
            "older_checkpoint",
            f"The bundle holds no proof from {where} ({known.size:,} entries): ask for one made with it "
            "(dialgate audit export --checkpoint FILE).",
        )
