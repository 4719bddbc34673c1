"""Ten years of a firm: of a made-up person who stood in everything, nothing is left that has no term."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gate.core.facts.derived import personal
from gate.core.facts.fact import CATALOGUE, Term
from gate.store.projections import number_hash
from tests.support.commands import Done, dialgate
from tests.support.databases import query
from tests.support.firm_year import Year
from tests.support.requesting import ANN
from tests.support.vault import private_key
from tests.support.written import written

NAME = "Zebediah Quillfeather"
MAIL = "zeb.quill@post.invalid"
LINES = {"07700 900417": "+447700900417", "020 7946 0417": "+442079460417", "01632 960417": "+441632960417"}
MOBILE, HOME, WORK = LINES
CODE = "4K7X2Q9RMR"
"""Of a receipt."""
STANDING = "+447700900418"
"""Of somebody whose objection stands: that has no term."""


@pytest.fixture
def year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Year]:
    (tmp_path / "firm").mkdir()
    (tmp_path / "memory").mkdir()
    made = Year(tmp_path / "firm", monkeypatch)
    with (made.folder / "config.toml").open("a", encoding="utf-8") as file:
        file.write(f'[storage]\nmemory = "{tmp_path / "memory"}"\n')
    (made.config.data / "recordings").mkdir()
    yield made


def run(*arguments: str) -> Done:
    done = dialgate(*arguments)
    assert done.code == 0, f"{arguments}\n{done.out}{done.err}"
    return done


def lived(year: Year, outside: Path) -> None:
    """Everything that the gate can keep of them, and all of it over by the end of the first year."""
    year.move("2027-11-01")
    with year.opened() as data:
        year.recorded(data, "rec", "2027-11-01 09:00", LINES[MOBILE])
        year.refused(data, "refused", "2027-11-01 09:30", LINES[HOME])
        written(data, "proposed", "p-1", ANN, {"op": "hold_release", "arguments": {"reason": f"{NAME} settled"}})
        written(data, "register_imported", "i-1", ANN, {"name": "tps", "count": 1, "accepted": f"{NAME} says so"})
        written(data, "clock_accepted", "log", ANN, {"latest": "2027-11-01", "reason": f"{NAME} saw the clock"})
    run("objection", "add", HOME, "--note", f"{NAME} wrote from {MAIL}")
    run("objection", "remove", HOME, "--reason", f"{NAME} was mistaken")
    run("objection", "add", STANDING, "--source", "letter")
    consent = ("--how", "paper", "--wording", "I agree that Webeo may call me", "--evidence", f"form 17 of {NAME}")
    run("consent", "add", MOBILE, "--who", NAME, *consent)
    run("consent", "withdraw", MOBILE, "--reason", f"{NAME} rang from {HOME}")
    run("consent", "add", WORK, "--who", NAME, *consent)
    crm = outside / "crm.csv"
    crm.write_text(f"id,phone\n{MAIL},{HOME}\n{MAIL}.2,not {NAME}'s phone\n{MAIL}.3,{WORK} x9\n", encoding="utf-8")
    run("contacts", "import", str(crm), "--reference", "id")
    run("contacts", "forget", HOME, "--reason", f"{NAME} asked")
    run("subscriber", "set", MOBILE, "--kind", "individual", "--since", "2027-10-01")
    run("subscriber", "set", HOME, "--kind", "corporate")
    run("hold", "add", "--number", MOBILE, "--ground", "claim", "--reason", f"claim of {NAME}", "--reference", NAME)
    run("breach", "add", "--nature", "disclosed", "--facts", f"the letter to {NAME} went next door")
    hold = dialgate("hold", "list", "--json").json["items"][0]["id"]
    key = ("-k", str(year.key), "--passphrase-file", str(year.words))
    run("recording", "export", "rec", *key, "-o", str(outside / "a.wav"), "--purpose", f"to train with {NAME}")
    run("hold", "release", hold, "--reason", f"{NAME} settled")
    opened = run("request", "open", "access", "--by", "post", "--name", NAME, "--contact", MAIL, "--number", MOBILE)
    (reference,) = re.findall(r"DSR-\d{4}-\d{4}", opened.out)
    run("request", "withdraw", reference, "--reason", f"{NAME} needs it no more")
    year.move("2027-12-05")
    public = outside / "ico.recipient"
    public.write_text(private_key("I. Nspector", "auditor").recipient.to_text(), encoding="utf-8")
    run("key", "add", str(public), "--purpose", "regulator", "--exports-only")
    bundle = ("--from", "2027-11-01", "--to", "2027-12-01", "--recipient", "I. Nspector", *key)
    run("audit", "export", *bundle, "--purpose", f"because of {NAME}", "-o", str(outside / "bundle"))


def noted(year: Year) -> None:
    """The kinds that no command of a quiet year makes, each with the person in it."""
    at: dict[str, object] = {"verdict": "allow", "presentation": "+442079460000", "source": "192.0.2.10:5060"}
    with year.opened() as house:
        copies, holds, requests = (
            [row["id"] for row in house.read(lambda tx, name=name: query(tx, "SELECT id FROM " + name))]  # noqa: S608
            for name in ("copies", "holds", "requests")
        )
        bodies: list[tuple[str, str, dict[str, object]]] = [
            ("memory_renewed", "memory", {"reason": f"{NAME} moved the disk", "why": ""}),
            ("call_in", "in", at | {"number": LINES[HOME], "raw": HOME, "reason": "call_in", "claimed_by": "carrier:c",
                                    "sip_call_id": f"1@{LINES[HOME]}"}),
            ("against_refusal_acknowledged", "refused", {"why": f"{NAME} was rung"}),
            ("receipt", "rcp", {"call_id": "call-rec", "code": CODE, "decision": 1, "hour": "2027-11-01T09:00+00:00",
                                "verdict": "allow", "reason": "not_listed", "registers": [],
                                "made_by": {}, "object": {}}),
            ("recording_paused", "rec", {"call_id": "call-rec", "why": f"{NAME} read a card"}),
            ("recording_resumed", "rec", {"call_id": "call-rec", "why": f"{NAME} was done"}),
            ("hang_up_asked", "call-rec", {"why": f"{NAME} shouted"}),
            ("copy_destroyed", copies[0], {"how": f"{NAME} saw it shredded", "on": "2027-11-02"}),
            ("copy_failed", copies[-1], {"why": f"{NAME} pulled the plug"}),
            ("rectification", "call-rec", {"request": requests[0], "record": "call", "statement": f"{NAME} spoke",
                                           "call_id": "call-rec"}),
            ("letter_sent", requests[0], {"letter": "response", "sha256": "ab" * 32, "text_sha256": "ab" * 32,
                                          "html_sha256": "ab" * 32, "recipient": "person", "server": f"250 {MAIL}"}),
            ("campaign_stopped", "spring", {"claimed_by": "trunk:pbx1", "campaign": "spring", "stop_percent": 3.0,
                                            "day": "2027-11-01", "abandoned": 4, "live": 96, "least": 50}),
            ("contacts_dropped", "contacts", {"contacts": 1, "reason": f"{NAME} was the last of them"}),
            ("campaign_released", "spring", {"why": f"{NAME} answered for it"}),
            ("hold_grounded", holds[0], {"ground": "claim", "law": f"{NAME} v Webeo", "review_on": "2028-11-01"}),
            ("number_shown", requests[0], {"sort": "request", "why": f"{NAME} rang", "reference": ""}),
        ]  # fmt: skip
        for kind, subject, body in bodies:
            written(house, kind, subject, ANN, body)


def unused(year: Year) -> set[str]:
    """Kinds in which a person may be named, and for a term, of which the log has none."""
    with year.opened() as house:
        kinds = {row["kind"] for row in house.read(lambda tx: query(tx, "SELECT DISTINCT kind FROM facts"))}
    marked = {kind for kind, body in CATALOGUE.items() if personal(kind) and body.marks.term is not Term.STAYS}
    return marked - kinds


def swept(reason: str) -> None:
    digest = dialgate("retention", "sweep", "--dry-run", "--json").json["digest"]
    run("retention", "sweep", "--execute", digest, "--reason", reason)
    run("retention", "terms", "--execute")


def left(folder: Path, *texts: str) -> list[str]:
    """Every place in any file under a folder where one of these texts stands: pages of databases, what was written
    ahead, journals, keys."""
    return [
        f"{path.relative_to(folder)}: …{found[0].decode(errors='replace')}…"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for text in texts
        for content in contents(path)
        for found in re.finditer(rb"[\x20-\x7e]{0,40}" + re.escape(text.encode()), content)
    ]


def contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file, free pages of a database too; and what is packed in it."""
    raw = path.read_bytes()
    yield raw
    for start in (found.start() for found in re.finditer(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]", raw)):
        with suppress(zlib.error):
            if unpacked := zlib.decompressobj(47).decompress(raw[start:], 1 << 20):
                yield unpacked


@pytest.mark.engine("sqlite")
def test_after_ten_years_nothing_is_left_of_a_person_that_has_no_term(year: Year, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    lived(year, outside)
    noted(year)
    data = year.config.data
    texts = [CODE, *NAME.split(), MAIL, *(line[3:] for line in LINES.values()), *(line[1:] for line in LINES)]
    for text in (CODE, *NAME.split(), MAIL, *(line[3:] for line in LINES.values())):
        assert left(data, text), f"{text} was never kept: the test says nothing"
    for n in range(2028, 2038):
        year.move(f"{n}-12-10")
        swept(f"year {n}, {NAME} was here" if n == 2028 else f"year {n}")
        if n == 2028:
            assert unused(year) == set(), "each kind that may name somebody stands in the log once"
    assert left(data, *texts) == []
    assert left(tmp_path / "memory", *texts) == []
    assert left(data, STANDING[3:]), "an objection holds as long as it holds"
    assert run("audit", "verify", "--json").json["ok"]


def test_who_took_a_consent_back_stays_uncallable_when_it_is_forgotten(year: Year, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    lived(year, outside)

    def verdict(number: str) -> tuple[str, str]:
        done = dialgate("check", number, "--json")
        return done.json["verdict"], done.json["reason"]

    assert verdict(MOBILE) == ("block", "consent_withdrawn")
    year.move("2031-12-10")
    swept("four years")
    assert left(year.config.data, LINES[MOBILE][3:]) == []
    assert verdict(MOBILE) == ("block", "objected")
    with year.opened() as data:
        (row,) = data.read(
            lambda tx: query(tx, "SELECT number, number_hash FROM objections WHERE source = 'withdrawal'")
        )
        assert (row["number"], row["number_hash"]) == (None, number_hash(data.pepper, LINES[MOBILE]))


def test_a_consent_that_has_not_ended_is_kept_and_one_under_a_hold_too(year: Year) -> None:
    year.move("2027-11-01")
    words = ("--how", "paper", "--wording", "I agree that Webeo may call me", "--evidence", "form 17")
    for number in (MOBILE, WORK):
        run("consent", "add", number, "--who", NAME, *words)
    run("hold", "add", "--number", MOBILE, "--ground", "claim", "--reason", "a claim", "--reference", "17")
    year.move("2029-12-10")
    run("consent", "add", WORK, "--who", "Somebody Else", *words)
    year.move("2032-06-01")  # the second one ended in December 2031, the first two long before
    swept("too early")
    with year.opened() as data:
        rows = data.read(lambda tx: query(tx, "SELECT number, who FROM consents ORDER BY number, given_at"))
    assert [row["who"] for row in rows] == [NAME, "Somebody Else", NAME]
    year.move("2034-12-12")
    swept("in time")
    with year.opened() as data:
        rows = data.read(lambda tx: query(tx, "SELECT number, who FROM consents WHERE number IS NOT NULL"))
    assert [(row["number"], row["who"]) for row in rows] == [(LINES[MOBILE], NAME)]
