"""The evidence log in words: a leaf, a checkpoint, a key, a verification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from console import words
from console.theme import BAD, DIM, LOUD, OK, PLAIN, WARN
from console.widgets.report import Section
from gate.core.breaches import WARN_HOURS
from gate.core.rows.audit import CheckpointRow, LastVerification, Leaf, LeafShown, LogNow, LogVerified, VerifierKey
from gate.core.rows.keys import Recipient, RecipientWorth
from gate.operations.breaches import BreachRow
from gate.operations.keys.recipients import Recipients
from gate.showing import clean

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


def happened(row: Leaf) -> words.Shown:
    """A leaf in a sentence, and how many more stand in its line."""
    more = f"[+{row.folded:,}] " if row.folded else ""
    return more + clean(row.said or row.kind.replace("_", " ")), PLAIN


def copies(row: CheckpointRow) -> words.Shown:
    """Where the files of a checkpoint are."""
    return (clean(", ".join(row.copies)), PLAIN) if row.copies else ("NO FILE", BAD)


def purpose(row: Recipient) -> words.Shown:
    """What exports may go to a recipient for."""
    return words.text(row.purpose) if row.purpose else ("no exports", DIM)


def sealed_to(row: Recipient) -> words.Shown:
    """Whether new recordings are sealed to a recipient, and which half of a two-person key it holds."""
    if not row.seals:
        return "exports only", DIM
    return (f"{clean(row.half)} half" if row.half else "sealed to"), OK


def sole(row: RecipientWorth) -> words.Shown:
    """How many recordings nobody else could open."""
    return (f"sole of {row.alone:,}", WARN) if row.alone else ("-", DIM)


def breach_left(row: BreachRow) -> words.Shown:
    """``23 h``, ``OVER 5 h``, and ``told`` where the authority need not be told any more."""
    if row.hours_left is None:
        return ("told late", WARN) if row.late else ("not needed" if row.authority_told_at is None else "told", DIM)
    if row.hours_left < 0:
        return f"OVER {-row.hours_left} h", BAD
    return f"{row.hours_left} h", WARN if row.hours_left < WARN_HOURS else LOUD


def breach(row: BreachRow) -> list[Section]:
    """A breach with its hours, who was told, what was written and what is missing."""
    people = "not known" if row.people is None else f"about {row.people:,}"
    pairs = [
        ("Breach", words.text(row.reference)),
        ("Left", breach_left(row)),
        ("Aware since", words.moment(row.aware_at)),
        ("Entered", words.moment(row.entered_at)),
        ("Authority", words.moment(row.authority_told_at) if row.authority_told_at else ("not told", DIM)),
        ("People", words.moment(row.persons_told_at) if row.persons_told_at else ("not told", DIM)),
        ("Nature", words.text(", ".join(row.nature))),
        ("Concerns", (people, PLAIN)),
        ("Risk", words.text(row.risk.replace("_", " "))),
        ("Missing", words.text(", ".join(row.lacking))),
    ]
    written = [(_label(part), words.text(text)) for part, text in row.texts.items()]
    more = [("It is worked on with dialgate breach update, notify and close.", DIM)]
    return [Section("", pairs), Section("What was written", written, more)]


# --- the log as it is ---------------------------------------------------------------------------------------------


def now(status: LogNow, vkey: str) -> Section:
    """Length, last signature, last verification, key."""
    head = status.checkpoint
    unsigned = status.size - (head.size if head else 0)
    signed = f"signed to leaf {head.size - 1:,} on {words.moment(head.at)[0]}" if head else "not signed"
    length: words.Shown = (
        f"{words.many(status.size, 'leaf')}, {signed}" + (f", {unsigned:,} since" if unsigned else ""),
        PLAIN,
    )
    key = clean("+".join(vkey.split("+")[:2])) + "+…, K shows it" if vkey else "not for this account"
    return Section("", [("Log", length), ("Verified", verified(status.verified)), ("Key", (key, DIM))])


def verified(last: LastVerification | None) -> words.Shown:
    """What the last verification found."""
    if last is None:
        return "never: v verifies it", WARN
    by = f"on {words.moment(last.at)[0]} by {words.text(last.actor)[0]}"
    if last.ok is True:
        return f"it held, {words.many(last.size or 0, 'leaf')}, {by}", OK
    fault = last.first_fault.message if last.first_fault else None
    return f"it did NOT hold, {by}: {words.text(fault)[0]}", BAD


def keys_now(register: Recipients) -> Section:
    """Warnings, and retired keys that still open something."""
    lines = [(clean(each), WARN) for each in register.warnings]
    lines += [(f"retired, still opens {each.recordings:,}: {clean(each.name)}", DIM) for each in register.retired]
    if register.recipients and not lines:
        lines = [("Every new recording can be opened by more than one.", DIM)]
    return Section("", lines=lines)


# --- details ------------------------------------------------------------------------------------------------------


def leaf(found: LeafShown) -> list[Section]:
    """A leaf with what it commits to."""
    signed = found.signed
    fact = [
        ("What happened", (clean(found.said), PLAIN)),
        ("At", words.moment(found.at)),
        ("Kind", words.text(found.kind.replace("_", " "))),
        ("Id of its subject", words.text(found.subject)),
        ("By", words.text(found.actor)),
        ("Call", words.text(found.call_id)),
    ]
    if found.body is None:
        body = Section("What it commits to", lines=[("erased: the leaf stays, and says nothing any more", WARN)])
    else:
        pairs = [(_label(name), _value(name, each)) for name, each in found.body.items()]
        more = () if pairs else (("no more than stands above", DIM),)
        body = Section("What it commits to", pairs, more)
    proof = [
        ("Hash", _as_is(found.hash)),
        ("Commits by", _as_is(found.commit)),
        ("Leaf", words.text(found.leaf)),
        (
            "Signed",
            (f"by the checkpoint of {words.many(signed, 'leaf')}", OK) if signed else ("by no checkpoint yet", WARN),
        ),
    ]
    return [Section("Fact", fact), body, Section("Proof", proof)]


def _label(name: str) -> str:
    return clean(name.replace("_", " ").replace(".", " "))


def _value(name: str, value: Any) -> words.Shown:
    if name in ("number", "raw"):
        return words.number(value)
    if name == "at" or name.endswith("_at"):
        return words.moment(value)
    if isinstance(value, bool):
        return ("yes" if value else "no"), PLAIN
    if isinstance(value, Mapping | list | tuple):
        return words.text(_spelled(value)) if value else words.NOTHING
    return words.text(value)


def _spelled(value: Any) -> str:
    """Lists and tables within a body, in words: ``ack one call: 1210; ack may ask: law: UK GDPR Article 12(6)``."""
    if isinstance(value, Mapping):
        return "; ".join(f"{_label(name)}: {_spelled(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_spelled(each) for each in value)
    return {True: "yes", False: "no", None: "-"}[value] if value is None or isinstance(value, bool) else str(value)


def _as_is(value: Any) -> words.Shown:
    """Digests and keys hold no number, even where one looks like it."""
    return (clean(str(value)), PLAIN) if value else words.NOTHING


def checkpoint(row: CheckpointRow) -> list[Section]:
    """A signed head with its note."""
    pairs = [
        ("Over", (f"the first {words.many(row.size, 'leaf')}", PLAIN)),
        ("Root", _as_is(row.root)),
        ("Signed", words.moment(row.at)),
        ("Files", copies(row)),
    ]
    note = [(clean(line) or " ", PLAIN) for line in row.note.splitlines()]
    kept = "Keep the note somewhere else: whoever holds it can tell whether the log was changed."
    return [Section("", pairs), Section("The signed note", lines=[*note, (kept, DIM)])]


def verifier_key(verifier: VerifierKey) -> list[Section]:
    """The key that all signatures of the gate are checked with."""
    lines = [(clean(line), PLAIN) for line in verifier.pem.splitlines()]
    said = "Hand it to auditors separately from bundles: all that the gate signs is checked with it."
    return [
        Section("", [("Name", words.text(verifier.name)), ("Key", _as_is(verifier.vkey))]),
        Section("For OpenSSL", lines=[*lines, (said, DIM)]),
    ]


def recipient(row: RecipientWorth) -> list[Section]:
    """Somebody on the register of recipients."""
    alone, opens = row.alone, row.recordings
    worth: words.Shown = (words.many(opens, "recording"), PLAIN)
    pairs = [
        ("Name", words.text(row.name)),
        ("Id", _as_is(row.id)),
        ("Role", words.text(row.role)),
        ("Exports", purpose(row)),
        ("Recordings", sealed_to(row)),
        ("Opens", worth),
        ("Alone", (f"sole recipient of {alone:,}: lost, they are lost", WARN) if alone else ("of none", OK)),
        ("Since", words.day(row.created)),
        ("Fingerprint", _as_is(row.fingerprint)),
    ]
    for share, of in (("First", row.first), ("Second", row.second)):
        if of:
            pairs.insert(-2, (f"{share} half", (f"of {words.many(of, 'recording')}", PLAIN)))
    return [Section("", pairs)]


# --- a verification -----------------------------------------------------------------------------------------------


def verification(report: LogVerified) -> list[Section]:
    """What a verification found, in words."""
    size, checked = report.size, report.checked
    if report.ok:
        signed = size - checked.get("unsigned", 0)
        said: list[words.Shown] = [
            (f"The log holds: {words.many(size, 'leaf')}, each as its row, its hash and the lists say.", OK)
        ]
        if signed:
            said.append(
                (f"None of the first {signed:,} was changed, moved, added or taken away since it was signed.", OK)
            )
        if signed < size:
            said.append((f"Signed by no checkpoint yet: {size - signed:,}. c signs them.", WARN))
        head = Section("", lines=said)
    else:
        fault = report.first_fault
        where = f"Leaf {fault.leaf_index:,}: " if fault and fault.leaf_index is not None else ""
        first = words.text(fault.message if fault else None)[0]
        head = Section("", lines=[("The log does NOT hold.", BAD), (f"{where}{first}", BAD)])
    from_elsewhere = report.vkey_from == "elsewhere"
    trust: words.Shown = ("the one that you gave", OK) if from_elsewhere else ("the gate's own, as it lies there", WARN)
    pairs = [("Root", _as_is(report.root)), ("Key", _as_is(report.vkey)), ("That is", trust)]
    rows = sum(number for name, number in checked.items() if name not in _CHECKED)
    counted = [(f"{checked[name]:>9,}  {what}", PLAIN) for name, what in _CHECKED.items() if name in checked]
    counted.append((f"{rows:>9,}  rows of the lists, made again from the facts", PLAIN))
    shown = [
        Section(title, lines=[(clean(sentence), style) for sentence in sentences])
        for title, sentences, style in (("Proven", report.proven, OK), ("Not proven", report.not_proven, WARN))
        if sentences
    ]
    return [head, *_faults(report), *shown, Section("Looked at", lines=counted), Section("Trusted", pairs)]


def _faults(report: LogVerified) -> Sequence[Section]:
    count = report.fault_count
    if not report.faults:
        return ()
    lines = [(words.text(fault.message)[0], BAD) for fault in report.faults[:MOST_FAULTS]]
    if count > len(lines):
        lines.append((f"and {count - len(lines):,} more: dialgate audit verify --json", WARN))
    advice = "Keep this machine as it is, and ask what was kept elsewhere: checkpoints, bundles, a backup."
    return [Section(f"Faults: {count:,}", lines=[*lines, (advice, WARN)])]
