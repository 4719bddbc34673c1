"""The evidence log in words: a leaf, a checkpoint, a key, a verification."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from console import words
from console.theme import BAD, DIM, OK, PLAIN, WARN
from console.widgets.report import Section
from console.widgets.rows import Row
from gate.core.showing import clean

MOST_FAULTS: Final = 20
_CHECKED: Final = {
    "leaves": "leaves, each with its row and hash",
    "erased": "of them erased, each with the fact that says so",
    "unsigned": "leaves after the last checkpoint",
    "tiles": "stored roots of the tree",
    "checkpoints": "checkpoints: signature, root, and that the log has grown from it",
    "checkpoint_files": "files of checkpoints",
    "checkpoints_given": "checkpoints from elsewhere",
    **{
        f"{table}_unverified": f"{table} of erased persons that no receipt speaks of"
        for table in ("facts", "calls", "recordings", "objections", "consents", "holds", "requests")
    },
}


def copies(row: Row) -> words.Shown:
    """Where the files of a checkpoint are."""
    places = row.get("copies")
    if places is None:
        return words.NOTHING
    return (clean(", ".join(map(str, places))), PLAIN) if places else ("NO FILE", BAD)


def purpose(row: Row) -> words.Shown:
    """What exports may go to a recipient for."""
    return words.text(row["purpose"]) if row.get("purpose") else ("no exports", DIM)


def sealed_to(row: Row) -> words.Shown:
    """Whether new recordings are sealed to a recipient, and which half of a two-person key it holds."""
    if not row.get("seals"):
        return "exports only", DIM
    half = row.get("half")
    return (f"{clean(str(half))} half" if half else "sealed to"), OK


def sole(row: Row) -> words.Shown:
    """How many recordings nobody else could open."""
    alone = row.get("alone")
    return (f"sole of {alone:,}", WARN) if alone else ("-", DIM)


# --- the log as it is ---------------------------------------------------------------------------------------------


def now(status: Mapping[str, Any], vkey: str) -> Section:
    """Length, last signature, last verification, key: ``status`` is the answer to ``audit_status``."""
    size, head = status.get("size") or 0, status.get("checkpoint") or {}
    unsigned = size - (head.get("size") or 0)
    signed = (
        f"signed to leaf {head['size'] - 1:,} on {words.moment(head.get('at'))[0]}"
        if head.get("size")
        else "not signed"
    )
    told: words.Shown = (f"{size:,} leaves, {signed}" + (f", {unsigned:,} since" if unsigned else ""), PLAIN)
    key = clean("+".join(vkey.split("+")[:2])) + "+…, K shows it" if vkey else "not for this account"
    return Section("", [("Log", told), ("Verified", verified(status.get("verified"))), ("Key", (key, DIM))])


def verified(last: Mapping[str, Any] | None) -> words.Shown:
    """What the last verification found."""
    if not last:
        return "never: v verifies it", WARN
    by = f"on {words.moment(last.get('at'))[0]} by {words.text(last.get('actor'))[0]}"
    if last.get("ok"):
        return f"it held, {last.get('size') or 0:,} leaves, {by}", OK
    fault = (last.get("first_fault") or {}).get("message")
    return f"it did NOT hold, {by}: {words.text(fault)[0]}", BAD


def keys_now(answer: Mapping[str, Any]) -> Section:
    """Warnings, and retired keys that still open something: ``answer`` is that to ``key_list``."""
    lines = [(clean(str(each)), WARN) for each in answer.get("warnings") or ()]
    lines += [
        (f"retired, still opens {row.get('recordings', 0):,}: {clean(str(row.get('name')))}", DIM)
        for row in answer.get("retired") or ()
    ]
    return Section("", lines=lines or [("Every new recording can be opened by more than one.", DIM)])


# --- details ------------------------------------------------------------------------------------------------------


def leaf(row: Row) -> list[Section]:
    """A leaf with what it commits to: ``row`` is the answer to ``audit_leaf``."""
    signed = row.get("signed")
    fact = [
        ("At", words.moment(row.get("at"))),
        ("Kind", words.text(row.get("kind"))),
        ("Of", words.text(row.get("subject"))),
        ("By", words.text(row.get("actor"))),
        ("Call", words.text(row.get("call_id"))),
    ]
    if row.get("erased"):
        body = Section("What it commits to", lines=[("erased: the leaf stays, and says nothing any more", WARN)])
    else:
        pairs = [(_label(name), _value(name, each)) for name, each in row["body"].items()]
        more = () if pairs else (("no more than stands above", DIM),)
        body = Section("What it commits to", pairs, more)
    proof = [
        ("Hash", _as_is(row.get("hash"))),
        ("Commits by", _as_is(row.get("commit"))),
        ("Leaf", words.text(row.get("leaf"))),
        ("Signed", (f"by the checkpoint of {signed:,} leaves", OK) if signed else ("by no checkpoint yet", WARN)),
    ]
    return [Section("Fact", fact), body, Section("Proof", proof)]


def _label(name: str) -> str:
    return clean(name.replace("_", " "))


def _value(name: str, value: Any) -> words.Shown:
    if name in ("number", "raw"):
        return words.number(value)
    if name == "at" or name.endswith("_at"):
        return words.moment(value)
    if isinstance(value, bool):
        return ("yes" if value else "no"), PLAIN
    if isinstance(value, Mapping | list | tuple):
        return words.text(json.dumps(value, ensure_ascii=False)) if value else words.NOTHING
    return words.text(value)


def _as_is(value: Any) -> words.Shown:
    """Digests and keys hold no number, even where one looks like it."""
    return (clean(str(value)), PLAIN) if value else words.NOTHING


def checkpoint(row: Row) -> list[Section]:
    """A signed head with its note."""
    pairs = [
        ("Over", (f"the first {row.get('size') or 0:,} leaves", PLAIN)),
        ("Root", _as_is(row.get("root"))),
        ("Signed", words.moment(row.get("at"))),
        ("Files", copies(row)),
    ]
    note = [(clean(line) or " ", PLAIN) for line in str(row.get("note") or "").splitlines()]
    kept = "Keep the note somewhere else: whoever holds it can tell whether the log was changed."
    return [Section("", pairs), Section("The signed note", lines=[*note, (kept, DIM)])]


def verifier_key(answer: Mapping[str, Any]) -> list[Section]:
    """The key that all signatures of the gate are checked with."""
    lines = [(clean(line), PLAIN) for line in str(answer.get("pem") or "").splitlines()]
    said = "Hand it to auditors by another way than bundles: all that the gate signs is checked with it."
    return [
        Section("", [("Name", words.text(answer.get("name"))), ("Key", _as_is(answer.get("vkey")))]),
        Section("For OpenSSL", lines=[*lines, (said, DIM)]),
    ]


def recipient(row: Row) -> list[Section]:
    """Somebody on the register of recipients."""
    alone, opens = row.get("alone") or 0, row.get("recordings") or 0
    worth: words.Shown = (f"{opens:,} recordings", PLAIN)
    pairs = [
        ("Name", words.text(row.get("name"))),
        ("Id", _as_is(row.get("id"))),
        ("Role", words.text(row.get("role"))),
        ("Exports", purpose(row)),
        ("Recordings", sealed_to(row)),
        ("Opens", worth),
        ("Alone", (f"sole recipient of {alone:,}: lost, they are lost", WARN) if alone else ("of none", OK)),
        ("Since", words.day(row.get("created"))),
        ("Fingerprint", _as_is(row.get("fingerprint"))),
    ]
    for share in ("first", "second"):
        if row.get(share):
            pairs.insert(-2, (f"{share.capitalize()} half", (f"of {row[share]:,} recordings", PLAIN)))
    return [Section("", pairs)]


# --- a verification -----------------------------------------------------------------------------------------------


def verification(answer: Mapping[str, Any]) -> list[Section]:
    """What a verification found, in words: ``answer`` is that to ``audit_verify``."""
    size, checked = answer.get("size") or 0, answer.get("checked") or {}
    if answer.get("ok"):
        signed = size - (checked.get("unsigned") or 0)
        said: list[words.Shown] = [
            (f"The log holds: {size:,} leaves, each as its row, its hash and the lists say.", OK)
        ]
        if signed:
            said.append(
                (f"None of the first {signed:,} was changed, moved, added or taken away since it was signed.", OK)
            )
        if signed < size:
            said.append((f"Signed by no checkpoint yet: {size - signed:,}. c signs them.", WARN))
        head = Section("", lines=said)
    else:
        fault = answer.get("first_fault") or {}
        where = f"Leaf {fault['leaf_index']:,}: " if isinstance(fault.get("leaf_index"), int) else ""
        head = Section(
            "", lines=[("The log does NOT hold.", BAD), (f"{where}{words.text(fault.get('message'))[0]}", BAD)]
        )
    from_elsewhere = answer.get("vkey_from") == "elsewhere"
    trust: words.Shown = ("the one that you gave", OK) if from_elsewhere else ("the gate's own, as it lies there", WARN)
    pairs = [("Root", _as_is(answer.get("root"))), ("Key", _as_is(answer.get("vkey"))), ("That is", trust)]
    rows = sum(number for name, number in checked.items() if name not in _CHECKED)
    counted = [(f"{checked[name]:>9,}  {what}", PLAIN) for name, what in _CHECKED.items() if name in checked]
    counted.append((f"{rows:>9,}  rows of the lists, made again from the facts", PLAIN))
    shown = [
        Section(title, lines=[(clean(str(sentence)), style) for sentence in answer[name]])
        for title, name, style in (("Proven", "proven", OK), ("Not proven", "not_proven", WARN))
        if answer.get(name)
    ]
    return [head, *_faults(answer), *shown, Section("Looked at", lines=counted), Section("Trusted", pairs)]


def _faults(answer: Mapping[str, Any]) -> Sequence[Section]:
    faults, count = answer.get("faults") or (), answer.get("fault_count") or 0
    if not faults:
        return ()
    lines = [(words.text(fault.get("message"))[0], BAD) for fault in faults[:MOST_FAULTS]]
    if count > len(lines):
        lines.append((f"and {count - len(lines):,} more: dialgate audit verify --json", WARN))
    told = "Keep this machine as it is, and ask what was kept elsewhere: checkpoints, bundles, a backup."
    return [Section(f"Faults: {count:,}", lines=[*lines, (told, WARN)])]
