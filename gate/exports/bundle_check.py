"""What is inside a bundle, opened with its recipient's key: every fact against its leaf, every leaf against the
checkpoint, every row against its facts, every recording against the digest in the log.

Logs are opened into streams and read side by side; what is kept is 33 bytes for each leaf, and a number for each call.

What a gate claims beside the facts is held against them: what became of each recording, who is on the register of
recipients, which sound was played.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from msgspec.structs import asdict, replace

from gate.core.evidence import index_of, leaf_name, log_of
from gate.core.facts.audit import BundleExported, LogSigned
from gate.core.facts.calls import CallIn, Decision, Transferred
from gate.core.facts.derived import OF_CALL, OF_RECIPIENT
from gate.core.facts.gate import GateStopped
from gate.core.facts.keys import RecipientRetired
from gate.core.facts.lists import RegisterImported
from gate.core.facts.recordings import Exported, RecordingOpened
from gate.core.facts.retention import FactsErased, Hold, HoldReleased
from gate.errors import GateError, WrapDamaged
from gate.exports import bundle as form
from gate.exports import bundle_rows as rows
from gate.exports.bundle import BundleError, Entry
from gate.exports.bundle_read import Bundle, Faults, Findings, Leaves, named
from gate.types import Progress
from gate.vault.keyfile import PrivateKey
from gate.vault.reader import open_recording

TERMS: Final = ("name", "role", "purpose", "half", "seals", "fingerprint")
"""What the log keeps of a recipient (``gate.operations.keys.recipients``)."""


class Claims:
    """Takes all facts and rows in any order; then ``tell``."""

    def __init__(self, manifest: form.Manifest) -> None:
        self._bundle = manifest.bundle
        self._own = manifest.number or 0
        self._to = manifest.recipient
        self._until = manifest.period.until
        self._begun = ""
        """When the export began."""
        self._reader = next((each.sha256 for each in manifest.members if each.name == form.READER), "")
        self._reader_logged = ""
        self._alone = bool(manifest.evidence_only)
        self._alone_logged = False
        """Whether the log has it that no recordings were asked for."""
        self._holds: dict[str, Mapping[str, Any]] = {}
        self._released: set[str] = set()
        self._joined: set[str] = set()
        """Calls to which somebody was transferred."""
        self._recipients: dict[str, rows.FactRow] = {}
        self._restricted: list[tuple[str, Mapping[str, Any]]] = []
        """Recording, and the values that a restriction on it may bear."""
        self._late: list[tuple[str, str]] = []
        """Recording that is said to have been open, and when it was closed."""
        self._statuses = Faults()

    def fact(self, fact: rows.FactRow) -> None:
        """One of the facts that are given."""
        if fact.kind == Hold.kind:
            self._holds[fact.subject] = rows.body_of(fact)
        elif fact.kind == HoldReleased.kind:
            self._released.add(fact.subject)
        elif fact.kind == Transferred.kind:
            self._joined.add(str(rows.body_of(fact).get("to")))
        elif fact.kind in OF_RECIPIENT:
            before = self._recipients.get(fact.subject)
            if before is None or _later(before, fact):
                self._recipients[fact.subject] = fact
        elif fact.kind == BundleExported.kind and fact.subject == self._bundle:
            body = rows.body_of(fact)
            self._begun, self._reader_logged = fact.at, str(body.get("reader") or "")
            self._alone_logged = body.get("evidence_only") is True

    def recording(self, status: str, row: rows.RecordingRow, call: rows.CallRow, facts: Sequence[rows.FactRow]) -> bool:
        """Whether the call's facts bear out what is said of a recording, as far as they can tell."""
        name, closed, gone = row.recording_id, row.closed_at, bool(row.erased_at)
        taken = any(
            fact.kind == Exported.kind and fact.subject == name and rows.body_of(fact).get("bundle") == self._bundle
            for fact in facts
        )
        if status == "restricted":
            self._restricted.append((name, {"recording_id": name, "call_id": row.call_id, "number": call.number}))
        if status == "open" and closed:
            self._late.append((name, str(closed)))
        bears = {
            "included": taken and bool(row.sha256) and not gone and not self._alone,
            "restricted": not gone and not taken,
            "erased": gone,
            "erasing": bool(row.erasure_decided_at) and not gone,
            "open": not gone and not taken,
            "empty": bool(closed) and not row.size and not gone,
            "missing": bool(closed) and not gone and not taken,
            "elsewhere": not taken and not gone and self._made_elsewhere(name, facts),
            form.NOT_ASKED: self._alone and bool(row.sha256) and not taken and not gone,
        }
        return bears.get(status, False)

    def _made_elsewhere(self, recording_id: str, facts: Sequence[rows.FactRow]) -> bool:
        opened = (fact for fact in facts if fact.kind == RecordingOpened.kind and fact.subject == recording_id)
        return all(log_of(fact.leaf) != self._own for fact in opened)

    def report(self, findings: Findings, rows: Sequence[Mapping[str, Any]]) -> None:
        """What came of it; ``told`` is the register of recipients."""
        if self._begun and self._until > self._begun:
            findings.fails("complete", f"The period was not over when it was exported ({self._begun}): it goes on.")
        if self._reader_logged and self._reader != self._reader_logged:
            findings.fails("reader", f"{form.READER} is not the program whose digest is in the log: do not run it.")
        if self._alone != self._alone_logged:
            other = "with recordings" if self._alone else "of evidence alone"
            findings.fails("evidence_only", f"The log does not have it so: the export was begun as one {other}.")
        for name, closed in self._late:
            if not self._begun or closed < self._begun:
                self._statuses.add(f"{name} (said to have been open; it was closed before the export began)")
        for name, values in self._restricted:
            if not self._held(values):
                self._statuses.add(f"{name} (said to be restricted; no restriction on it is in force)")
        self._statuses.report(
            findings, "statuses", "What became of each recording is what the facts say.",
            "What is said to have become of recordings is not what the facts say",
        )  # fmt: skip
        self._report_recipients(findings, rows)

    def _held(self, values: Mapping[str, Any]) -> bool:
        for hold, body in self._holds.items():
            target = {"recording": "recording_id", "call": "call_id", "number": "number"}.get(
                str(body.get("target")), ""
            )
            bears = target and values[target] and body.get(target) == values[target]
            # That of whoever was transferred to the call, too; their talk may be of another period than the bundle.
            bears = bears or (target == "number" and values["call_id"] in self._joined)
            if body.get("kind") == "restriction" and hold not in self._released and bears:
                return True
        return False

    def _report_recipients(self, findings: Findings, told: Sequence[Mapping[str, Any]]) -> None:
        faults, seen = Faults(), set()
        for row in told:
            who, retired = str(row.get("id")), row.get("retired") is True
            seen.add(who)
            last = self._recipients.get(who)
            body = rows.body_of(last) if last is not None else {}
            if last is None or retired != (last.kind == RecipientRetired.kind):
                faults.add(f"{who[:64]} (the log does not have it so)")
            elif any(name in body and body[name] != row.get(name) for name in TERMS):
                faults.add(f"{who[:64]} (on other terms than in the log)")
            elif _fingerprint(row.get("public")) != row.get("fingerprint"):
                faults.add(f"{who[:64]} (its public key is another one)")
            elif who == self._to.id and (self._to.name, self._to.fingerprint) != (
                row.get("name"),
                row.get("fingerprint"),
            ):
                faults.add(f"{who[:64]} (named otherwise in the manifest)")
        for who, fact in self._recipients.items():
            # Of several gates each has a register, and its own log must have who is on it.
            if who not in seen and fact.kind != RecipientRetired.kind and log_of(fact.leaf) == self._own:
                faults.add(f"{who[:64]} (left out)")
        if self._to.id not in seen:
            faults.add("the recipient of the bundle itself (left out)")
        faults.report(
            findings, "recipients", f"{form.many(len(told), 'recipient')} on the register, each as the log has it.",
            "The register of recipients is not what the log says",
        )  # fmt: skip


def _later(one: rows.FactRow, other: rows.FactRow) -> bool:
    """Whether the other fact came after the one: by their log, of two logs by their times."""
    return one.leaf < other.leaf if log_of(one.leaf) == log_of(other.leaf) else one.at <= other.at


def _fingerprint(public: Any) -> str:
    """SHA-256 of a public key given in base64; empty for what is none."""
    try:
        return sha256(base64.b64decode(str(public), validate=True)).hexdigest()
    except (binascii.Error, ValueError):
        return ""


Key = tuple[str, str, list[tuple[str, bytes]]]
"""What it opens, its id, and (recipient, wrap)."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where things are put: ``sealed`` takes sealed files for a moment, ``logs`` (None: nowhere) the clear logs."""

    sealed: Path
    logs: Path | None = None
    to_wav: Callable[[Iterator[bytes], str, bytes | None], None] | None = None
    """(clear chunks, recording id, WAV of the announcement); None: what is opened is not kept."""
    line: Callable[[str, bytes], None] = lambda name, line: None
    """(name of a log, a clear line of it), each line once, in its order; whoever takes them answers for them."""


def check_contents(
    bundle: Bundle, private: PrivateKey, findings: Findings, place: Workplace, progress: Progress | None = None
) -> None:
    """Open everything with the recipient's key. Raises ``BundleError`` where what was signed is no bundle inside, and
    what ``open_recording`` raises for the logs: without them nothing can be said."""
    with form.one_error("what is sealed inside"):
        _Contents(bundle, private, findings, place, progress or (lambda done, what: None)).run()


class _Contents:
    def __init__(
        self, bundle: Bundle, private: PrivateKey, findings: Findings, place: Workplace, progress: Progress
    ) -> None:
        self._bundle = bundle
        self._columns = rows.COLUMNS
        self._private = private
        self._findings = findings
        self._place = place
        self._progress = progress
        self._manifest = bundle.manifest
        self._leaves = Leaves(bundle)
        self._counts = dict.fromkeys(self._manifest.counts, 0)
        self._facts = Faults()
        self._rows = Faults()
        self._aside = Faults()
        self._calls_given: set[int] = set()
        self._emptied: set[int] = set()
        self._receipts: set[int] = set()
        self._claims = Claims(self._manifest)
        self._ends: dict[int, dict[str, rows.FactRow]] = {}
        """Of the other logs: the facts at the end of what was signed."""
        self._sounds = {name for name in self._bundle.members if name.startswith("announcements/")}
        """Those that no recording has named yet."""
        self._unheard = 0
        """Recordings whose announcement's sound, or its digest in the log, is not there."""
        self._sealed: dict[str, tuple[Path, Key]] = {}

    def run(self) -> None:
        with ExitStack() as stack:
            keys = self._keys()
            logs = {name: self._told(name, self._log(name, keys, stack)) for name in form.LOGS}
            self._findings.holds("opened", "The logs open with your key, whole and unchanged.")
            self._leaves.read(logs["leaves.jsonl"], self._findings, self._progress)
            self._calls(logs)
            self._others(logs)
            told = [form.from_line(line, "recipients.jsonl") for line in logs["recipients.jsonl"]]
            self._report()
            self._claims.report(self._findings, told)
            if next(keys, None) is not None:
                raise BundleError(f"{form.KEYS} holds keys of no log")
            self._recordings(self._parsed(self._bundle.wraps(), form.WRAPS), self._again("recordings.jsonl"))

    # --- logs

    def _keys(self) -> Iterator[Key]:
        return self._parsed(self._bundle.lines(form.KEYS), form.KEYS)

    def _parsed(self, lines: Iterator[dict[str, Any]], where: str) -> Iterator[Key]:
        for line in lines:
            try:
                wrap = base64.b64decode(line["wrap"], validate=True)
                what, key_id, recipient = (str(line[name]) for name in ("id", "key_id", "recipient"))
            except (KeyError, TypeError, ValueError) as error:
                raise BundleError(f"{where} holds a line that is no key") from error
            yield what, key_id, [(recipient, wrap)]

    def _log(self, name: str, keys: Iterator[Key], stack: ExitStack) -> Iterator[bytes]:
        """The lines of a log, opened once to its end before anything of it is read."""
        key = next(keys, ("", "", []))
        if key[0] != form.log_id(self._manifest.bundle, name):
            raise BundleError(f"{form.KEYS} has no key for {name} in its place")
        sealed = self._place.sealed / name
        _extract(self._bundle.members[form.log_member(name)], sealed)
        stack.callback(sealed.unlink, missing_ok=True)
        clear = None if self._place.logs is None else (self._place.logs / name).open("xb")
        try:
            for chunk in self._opened(sealed, key):
                if clear:
                    clear.write(chunk)
        finally:
            if clear:
                clear.close()
        self._sealed[name] = (sealed, key)
        return self._again(name)

    def _told(self, name: str, lines: Iterator[bytes]) -> Iterator[bytes]:
        for line in lines:
            yield line
            self._place.line(name, line)  # which whoever reads it has found to be one

    def _again(self, name: str) -> Iterator[bytes]:
        return form.lines_of(self._opened(*self._sealed[name]), name)

    def _opened(self, path: Path, key: Key, *, allow_interrupted: bool = False) -> Iterator[bytes]:
        """The clear chunks of a sealed file. Raises ``GateError``."""
        what, key_id, wraps = key
        header, chunks = open_recording(
            path, wraps, self._private, recording_id=what, allow_interrupted=allow_interrupted
        )
        if header["key_id"] != key_id:
            raise WrapDamaged(f"recording {what} was sealed with another key than the list of keys says")
        return chunks

    # --- facts and rows

    def _calls(self, logs: Mapping[str, Iterator[bytes]]) -> None:
        heads = {name: next(logs[f"{name}.csv"], b"") for name in rows.COLUMNS}
        if heads["calls"] == rows.csv_head(rows.COLUMNS_BEFORE["calls"])[:-1]:
            self._columns = rows.COLUMNS_BEFORE
        for name, columns in self._columns.items():
            self._same(heads[name], rows.csv_head(columns)[:-1], f"{name}.csv, first line")
        total = max(self._manifest.counts.get("calls", 1), 1)
        for line in logs["calls.jsonl"]:
            value = form.from_line(line, "calls.jsonl")
            told, raw = value.get("call"), value.get("facts")
            if not isinstance(told, dict) or not isinstance(raw, list):
                raise BundleError("calls.jsonl holds a line that is no call")
            facts = [self._fact(each) for each in raw]
            call_id = str(told.get("call_id"))
            self._calls_given.add(_short(call_id))
            self._call(call_id, told, facts, logs)
            self._counts["calls"] += 1
            if self._counts["calls"] % 200 == 0:
                self._progress(0.4 + 0.2 * self._counts["calls"] / total, f"{form.many(self._counts['calls'], 'call')}")
        for name in ("calls.csv", "decisions.jsonl", "decisions.csv", "recordings.jsonl", "recordings.csv"):
            if next(logs[name], None) is not None:
                self._rows.add(f"{name} has rows that belong to no call")

    def _call(
        self, call_id: str, told: Mapping[str, Any], facts: Sequence[rows.FactRow], logs: Mapping[str, Iterator[bytes]]
    ) -> None:
        for fact in facts:
            if rows.call_of(fact) != call_id and (fact.body is not None or fact.kind in OF_CALL):
                self._aside.add(f"leaf {leaf_name(fact.leaf)}")
        call = rows.call_row(call_id, facts)
        if self._values("calls", call) != told:
            self._rows.add(f"call {call_id[:64]}")
        self._csv(logs, "calls", call)
        for decision in rows.decision_rows(facts):
            line = form.json_line(self._values("decisions", decision))[:-1]
            self._same(next(logs["decisions.jsonl"], b""), line, f"decision of {call_id[:64]}")
            self._csv(logs, "decisions", decision)
            self._counts["decisions"] += 1
        for each in rows.recording_rows(facts):
            given = form.from_line(next(logs["recordings.jsonl"], b"{}"), "recordings.jsonl")
            status = given.get("status")
            recording = replace(each, status=status, why=given.get("why"))
            same = self._values("recordings", recording) == given and status in self._counts
            if not same or not self._claims.recording(str(status), recording, call, facts):
                self._rows.add(f"recording {recording.recording_id[:64]}")
                continue
            self._csv(logs, "recordings", recording)
            self._counts["recordings"] += 1
            self._counts[str(status)] += 1

    def _values(self, name: str, row: rows.BundleRow) -> dict[str, Any]:
        """The row as the log's lines of JSON have it: an older bundle has fewer columns."""
        return {column: getattr(row, column) for column in self._columns[name]}

    def _csv(self, logs: Mapping[str, Iterator[bytes]], name: str, row: rows.BundleRow) -> None:
        first, second, *_ = columns = self._columns[name]
        wanted = rows.csv_lines(columns, [row]).split(b"\n")[:-1]
        found = [next(logs[f"{name}.csv"], b"") for _ in wanted]  # a text may hold a newline, inside of quotes
        if found != wanted:
            self._rows.add(f"{name}.csv, {getattr(row, first) or getattr(row, second)}")

    def _same(self, found: bytes, wanted: bytes, where: str) -> None:
        if found != wanted:
            self._rows.add(where)

    def _others(self, logs: Mapping[str, Iterator[bytes]]) -> None:
        for line in logs["facts.jsonl"]:
            fact = self._fact(form.from_line(line, "facts.jsonl"))
            attempt = fact.kind in (Decision.kind, CallIn.kind) and self._leaves.in_period(fact.at)
            if attempt or _short(rows.call_of(fact)) in self._calls_given:
                self._aside.add(f"leaf {leaf_name(fact.leaf)}")
            if fact.kind == FactsErased.kind:
                self._receipts.update(rows.emptied_by(fact))
            if fact.kind == RegisterImported.kind:
                row = form.json_line(asdict(rows.register_row(fact)))[:-1]
                self._same(next(logs["registers.jsonl"], b""), row, f"registers.jsonl, leaf {fact.leaf}")
        if next(logs["registers.jsonl"], None) is not None:
            self._rows.add("registers.jsonl has rows that are made by no fact")

    def _fact(self, value: Any) -> rows.FactRow:
        fact, leaf = rows.read_fact(value)
        self._counts["facts"] += 1
        self._claims.fact(fact)
        if fact.body is None:
            self._emptied.add(fact.leaf)
        if not self._leaves.meet(fact.leaf, leaf):
            self._facts.add(f"fact {leaf_name(fact.leaf)} ({fact.kind[:40]})")
        head = self._bundle.checkpoints.get(log_of(fact.leaf))
        if head and index_of(fact.leaf) >= head.size - 2 and fact.kind in (LogSigned.kind, GateStopped.kind):
            self._ends.setdefault(log_of(fact.leaf), {})[fact.kind] = fact
        return fact

    def _report_ends(self) -> None:
        """Whether each other log was signed after the period, or its gate had stopped by then."""
        for log in self._manifest.others or ():
            ends, which = self._ends.get(log.number, {}), named(self._manifest, log.number)
            signed, stopped = ends.get(LogSigned.kind), ends.get(GateStopped.kind)
            if signed is None or index_of(signed.leaf) != log.checkpoint.size - 1:
                self._findings.fails("complete", f"{which}it is not shown when its newest checkpoint was signed.")
            elif signed.at < self._manifest.period.until and stopped is None:
                told = f"it was signed last at {signed.at}, before the period ended: what came after is not shown"
                self._findings.fails("complete", f"{which}{told}.")
            elif signed.at < self._manifest.period.until:
                self._findings.holds("complete", f"{which}its gate stopped at {signed.at}, and has not run since.")

    def _report(self) -> None:
        findings, manifest = self._findings, self._manifest
        emptied = self._emptied - self._receipts
        self._facts.report(
            findings, "facts",
            f"{form.many(self._counts['facts'], 'fact')} given, each the one that its leaf commits to.",
            "Facts are not those that their leaves commit to",
        )  # fmt: skip
        if self._emptied and not emptied:
            findings.holds("erased_facts", f"{form.many(len(self._emptied), 'fact')} erased, each with its receipt.")
        elif emptied:
            findings.fails(
                "erased_facts", f"{form.many(len(emptied), 'fact', 'is')} empty, and no receipt speaks of an erasure."
            )
        self._leaves.report(findings)
        self._report_ends()
        calls, decisions, recordings = (
            form.many(self._counts[f"{one}s"], one) for one in ("call", "decision", "recording")
        )
        self._rows.report(
            findings, "rows",
            f"{calls}, {decisions} and {recordings}, listed as their facts say, in JSON lines and CSV alike.",
            "Rows are not what their facts say",
        )  # fmt: skip
        if self._aside.count:
            self._aside.report(
                findings, "aside", "", "Facts that belong to calls of the period are not given with them"
            )
        told = {name: count for name, count in manifest.counts.items() if self._counts.get(name) != count}
        if told:
            findings.fails("counts", f"The manifest counts other numbers of: {', '.join(sorted(told))[:200]}.")

    # --- recordings

    def _recordings(self, keys: Iterator[Key], lines: Iterator[bytes]) -> None:
        listed = (form.from_line(line, "recordings.jsonl") for line in lines)
        included = (row for row in listed if row.get("status") == "included")
        faults, done, total = Faults(), 0, max(len(self._bundle.recordings), 1)
        for name, row, key in zip_longest(self._bundle.recordings, included, keys):
            if name is None or row is None or key is None or name != form.recording_member(str(row["recording_id"])):
                faults.add("files, keys and the list of recordings do not agree")
                break
            if key[0] != row["recording_id"] or key[1] != row["key_id"]:
                faults.add(f"{row['recording_id']} (its key is another one's)")
                continue
            if problem := self._recording(self._bundle.members[name], row, key):
                faults.add(f"{row['recording_id']} ({problem})")
            done += 1
            self._progress(0.6 + 0.4 * done / total, f"{done:,} of {form.many(total, 'recording')}")
        faults.report(
            self._findings, "recordings",
            form.ALONE if self._manifest.evidence_only else
            f"{form.many(done, 'recording')} in the bundle, each the one of the log, and each opens with your key.",
            "Recordings that do not hold",
        )  # fmt: skip
        if self._unheard:
            told = (
                f"{form.many(self._unheard, 'recording')} whose announcement's sound cannot be compared with the log."
            )
            self._findings.holds("announcements", told)
        if self._sounds:
            self._findings.fails("announcements", "There are announcements that no recording was made after.")
        left = [f"{self._counts[status]:,} {words}" for status, words in form.STATUSES.items()
                if status != "included" and self._counts.get(status)]  # fmt: skip
        if self._counts["missing"]:
            self._findings.fails("not_included", f"Recordings that are not in the bundle: {'; '.join(left)}.")
        elif left:
            self._findings.holds("not_included", f"Recordings that are not in the bundle: {'; '.join(left)}.")

    def _recording(self, entry: Entry, row: Mapping[str, Any], key: Key) -> str:
        """What is wrong with it; empty where it holds."""
        sealed = self._place.sealed / "recording.dgr"
        try:
            if _extract(entry, sealed) != row["sha256"]:
                return "not the file whose digest is in the log"
            if problem := self._played(row):
                return problem
            chunks = self._opened(sealed, key, allow_interrupted=row["interrupted"] is True)
            if self._place.to_wav is not None:
                self._place.to_wav(chunks, key[0], self._announcement(row))
            else:
                for _ in chunks:
                    pass
        except GateError as error:
            return error.message.replace(str(sealed), "the file")
        finally:
            sealed.unlink(missing_ok=True)
        return ""

    def _played(self, row: Mapping[str, Any]) -> str:
        """Whether the sound in the bundle is the one whose digest is in the log."""
        name = form.announcement_member(rows.announcement_of(row["announcement"], row["announcement_version"]))
        self._sounds.discard(name)
        given = next((each.sha256 for each in self._manifest.members if each.name == name), None)
        if given is None or row["announcement_sha256"] is None:
            self._unheard += 1
            return ""
        return (
            "" if given == row["announcement_sha256"] else "its announcement is not the one whose digest is in the log"
        )

    def _announcement(self, row: Mapping[str, Any]) -> bytes | None:
        entry = self._bundle.members.get(
            form.announcement_member(rows.announcement_of(row["announcement"], row["announcement_version"]))
        )
        return entry.read(form.MAX_SOUND) if entry else None


def _short(call_id: str) -> int:
    """Stands for a call's id in memory."""
    return int.from_bytes(sha256(call_id.encode("utf-8", "surrogatepass")).digest()[:8])


def _extract(entry: Entry, path: Path) -> str:
    """A member into a file; its SHA-256."""
    digest = sha256()
    try:
        with path.open("wb") as file:
            for block in entry.blocks():
                file.write(block)
                digest.update(block)
    except OSError as error:
        raise BundleError(f"cannot write to {path.parent}: {error.strerror or error}") from error
    return digest.hexdigest()
