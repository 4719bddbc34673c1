"""``dialgate request`` as a compliance officer works with it, on a real data folder."""

from __future__ import annotations

import hashlib
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from gate.config.write import amend
from gate.core.days import LONDON
from gate.core.deadlines import Clock
from gate.core.receipts import new_code, shown
from gate.exports.pack import checked
from gate.ports import Fact
from gate.showing import spoken_day
from tests.support.commands import PROGRAM, Done, dialgate
from tests.support.databases import query
from tests.support.example_answers import ExampleAnswers
from tests.support.packs import OpenedPack
from tests.support.requesting import ANN, OTHER, PERSON, SPELLED, START, opened, prepared, spelled_in
from tests.support.running_gate import free_port
from tests.support.waiting import PATIENCE
from tests.support.written import written

Officer = Callable[..., Done]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("officer") / "gate"
    prepared(folder)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(original, tmp_path / "gate")
    monkeypatch.setenv("DIALGATE_CONFIG", str(tmp_path / "gate" / "config.toml"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "gate"


@pytest.fixture
def officer(folder: Path) -> Officer:
    """Runs ``dialgate request …``; fails the test where that fails, unless another exit code is expected."""

    def run(*arguments: str, code: int = 0) -> Done:
        done = dialgate("request", *arguments)
        assert done.code == code, f"{arguments}: exit code {done.code}\n{done.out}{done.err}"
        return done

    return run


def key(folder: Path) -> tuple[str, ...]:
    keys = folder / "keys"
    return ("--key", str(keys / "first.key"), "--passphrase-file", str(keys / "first.passphrase"))


WHO = ("--name", "Pat Person", "--contact", "pat@example.org", "--number", SPELLED)


def test_access_from_the_phone_call_to_the_pack(officer: Officer, folder: Path, tmp_path: Path) -> None:
    done = officer("open", "access", "--by", "phone", *WHO)
    assert "DSR-" in done.out and "verify-identity" in done.err
    assert PERSON not in done.out, "numbers are hidden until asked for"
    reference = re.findall(r"DSR-\d{4}-\d{4}", done.out)[0]
    assert PERSON in officer("show", reference, "--show-numbers").out

    refused = officer("search", reference, code=3)
    assert "identity is not proven" in refused.err and "(identity_not_proven)" in refused.err
    assert refused.out == ""
    officer("verify-identity", reference, "--checked", "passport seen in person")
    found = officer("search", reference, "--json").json
    assert [call["outcome"] for call in found["calls"]] == [
        "answered, 1 s",
        "not dialled",
        "not dialled",
        "answered, 1 s",
        "answered, 1 s",
    ]
    assert [consent["who"] for consent in found["consents"]] == ["Pat Person"]
    text = officer("search", reference)
    assert "calls: 5" in text.out and "recording rec0 (closed)" in text.out and "decide" in text.err

    officer("decide", reference, "--grant")
    assert "--key FILE" in officer("fulfil", reference, "-o", "pack.html", code=2).err
    not_yet = officer("told", reference, code=3)
    assert "not done yet" in not_yet.err
    assert "not made yet" in officer("letter", reference, "response", code=3).err
    made = officer("fulfil", reference, *key(folder), "-o", "pack.html", "--letters", "out")
    passphrase = re.findall(r"by other means: (\S+)", made.err)[0]
    assert checked(passphrase) and passphrase not in made.out
    pack = (tmp_path / "pack.html").read_text()
    assert reference in pack
    assert spelled_in(tmp_path, passphrase) == [], "it is kept nowhere"
    inside = OpenedPack(tmp_path / "pack.html", passphrase).index
    assert [call["outcome"] for call in inside["calls"]].count("not dialled") == 2
    assert "No: your number was on the Telephone Preference Service." in {call["decision"] for call in inside["calls"]}
    assert [table["title"] for table in inside["held"] if table["rows"]] == ["Consents to our calls"]
    assert [each["recording_id"] for each in inside["recordings"]] == ["rec0", "rec1", "rec2"]
    assert "Pat Person" not in pack and "7700 900" not in pack, "nothing is readable without it"
    letter = (tmp_path / "out" / f"{reference}-response.txt").read_text()
    assert (
        "3 calls, 2 attempts to call you that we stopped before dialling, 3 recordings and 1 entry in our lists"
        in " ".join(letter.split())
        and "pack.html" in letter
    )
    names = sorted(path.name.removeprefix(reference) for path in (tmp_path / "out").iterdir())
    assert names == ["-proof.html", "-response.eml", "-response.html", "-response.txt"]
    assert "exists" in officer("fulfil", reference, *key(folder), "-o", "pack.html", code=2).err
    assert "access, done" in officer("told", reference).out
    with opened(folder) as data:
        taken = data.store.call(lambda tx: query(tx, "SELECT subject FROM facts WHERE kind = 'exported'"))
        assert sorted(row["subject"] for row in taken) == ["rec0", "rec1", "rec2"]
        assert data.log.verify().ok


def test_an_access_request_with_nothing_held_says_so(officer: Officer) -> None:
    reference = officer("open", "access", "--by", "web", "--name", "N", "--number", "07700900777", "--json").json[
        "reference"
    ]
    officer("verify-identity", reference, "--checked", "signed in")
    officer("search", reference)
    officer("decide", reference, "--grant")
    done = officer("fulfil", reference, "--letters", "out", "--told")
    assert "Nothing is held" in done.err
    assert "We hold nothing about you" in Path("out", f"{reference}-response.txt").read_text()
    assert "access, done" in done.out


def test_a_mistyped_day_does_not_become_we_hold_nothing(officer: Officer, folder: Path) -> None:
    wrong = f"{START - timedelta(days=300):%Y-%m-%d}"
    about = ("--on", wrong, "--around", "14:30")
    reference = officer("open", "access", "--by", "phone", *WHO, *about, "--json").json["reference"]
    officer("verify-identity", reference, "--checked", "bill seen")
    shown = officer("search", reference)
    assert "calls: 0" in shown.out and "outside what was searched for: 5" in shown.out
    assert "5 calls of the same numbers" in shown.err
    officer("decide", reference, "--grant")
    officer("fulfil", reference, *key(folder), "-o", "pack.html", "--letters", "out")
    letter = " ".join(Path("out", f"{reference}-response.txt").read_text().split())
    assert "hold nothing" not in letter and "We also hold 5 more calls at other times" in letter


def test_nothing_is_granted_where_all_calls_lie_outside_the_day(officer: Officer) -> None:
    about = ("--number", OTHER, "--on", f"{START - timedelta(days=300):%Y-%m-%d}")
    reference = officer("open", "erasure", "--by", "post", "--name", "O", *about, "--json").json["reference"]
    officer("verify-identity", reference, "--checked", "bill seen")
    assert officer("search", reference, "--json").json["found"] == 0
    refused = officer("decide", reference, "--grant", code=3)
    assert "at other times than were searched for: 1" in refused.err and f"search {reference}" in refused.err
    assert officer("search", reference, "--everything", "--json").json["found"] == 1
    officer("decide", reference, "--grant")


def test_we_hold_nothing_is_not_said_once_something_is_held(officer: Officer) -> None:
    number = "07700 900778"
    opened = officer("open", "access", "--by", "web", "--name", "N", "--number", number, "--json").json
    reference = opened["reference"]
    assert opened["missing"] == ["date and time"]
    officer("verify-identity", reference, "--checked", "signed in")
    officer("search", reference)
    officer("decide", reference, "--grant")
    letter = " ".join(officer("letter", reference, "response").out.split())
    assert "We hold nothing about you in connection with 07700 900778." in letter
    assert "We searched every date, and every way of writing the number." in letter
    given = ("--how", "phone", "--wording", "yes", "--who", "N", "--evidence", "file 7")
    assert dialgate("consent", "add", number, *given).code == 0
    refused = officer("letter", reference, "response", code=3)
    assert "(something_is_held)" in refused.err and "consents: 1" in refused.err
    officer("search", reference)
    assert "fulfil" in " ".join(officer("show", reference, "--json").json["next"])
    officer("fulfil", reference, "-o", "pack.html", "--letters", "out")
    assert "hold nothing" not in Path("out", f"{reference}-response.txt").read_text()


def test_number_and_time_are_asked_for_where_they_are_missing(officer: Officer) -> None:
    done = officer("open", "access", "--by", "phone", "--name", "Pat Person")
    assert "Ask them for: number, date and time of the call" in done.err
    reference = re.findall(r"DSR-\d{4}-\d{4}", done.out)[0]
    letter = " ".join(officer("letter", reference, "acknowledgement").out.split())
    assert "the phone number on which we called you" in letter and "the day and time of the call" in letter


def test_a_restricted_recording_is_not_in_the_pack_and_the_letter_says_why(officer: Officer, folder: Path) -> None:
    why = ("--reason", "contested", "--reference", "request 4")
    assert dialgate("hold", "add", "--recording", "rec1", *why, "--restriction").code == 0
    reference = officer("open", "access", "--by", "post", *WHO, "--json").json["reference"]
    officer("verify-identity", reference, "--checked", "bill seen")
    officer("search", reference)
    officer("decide", reference, "--grant")
    officer("fulfil", reference, *key(folder), "-o", "pack.html", "--letters", "out", "--leave-out", "rec2")
    letter = " ".join(Path("out", f"{reference}-response.txt").read_text().split())
    assert "We left out 1 recording. Its use is restricted" in letter
    assert "We left out 1 recording. Showing it would harm somebody else" in letter
    pack = officer("show", reference, "--json").json["pack"]
    assert (pack["recordings"], pack["left_out"], pack["calls"]) == (1, 2, 5)


def test_the_entries_of_every_list_are_in_the_pack(officer: Officer, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "crm.csv").write_text(f"id,phone\n20260302,{SPELLED}\n18,{OTHER}\n")
    assert dialgate("contacts", "import", "crm.csv", "--reference", "id").code == 0
    assert dialgate("objection", "add", SPELLED, "--note", "asked on the phone", "--scope", "all").code == 0
    assert dialgate("reveal", "call", "call-rec0", "--why", "a callback").code == 0
    with opened(folder) as data:
        code = new_code(lambda signs: 7)
        receipt = {"call_id": "call-rec0", "code": code}
        written(data, "receipt", "receipt-1", "gate", receipt)
        given = {"call_id": "call-rec1", "purpose": "case 17", "recipient": "k-gone", "bundle": "b-2"}
        written(data, "exported", "rec1", ANN, given)
        written(data, "exported", "other", ANN, given | {"call_id": "call-other", "recipient": "k-stranger"})
    reference = officer("open", "access", "--by", "post", *WHO, "--json").json["reference"]
    officer("verify-identity", reference, "--checked", "bill seen")
    (contact_line,) = [each for each in officer("search", reference).out.splitlines() if "reference 20260302" in each]
    assert re.search(r", since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", contact_line), "a time is shown as a time"
    officer("decide", reference, "--grant")
    made = officer("fulfil", reference, *key(folder), "-o", "pack.html")
    passphrase = re.findall(r"by other means: (\S+)", made.err)[0]
    pack = OpenedPack(tmp_path / "pack.html", passphrase).index
    rows = {table["title"]: table["rows"] for table in pack["held"]}
    ((number, made_at, source, note, scope, *_),) = rows["Objections to our calls"]
    assert (number, source) == (SPELLED, "you, or somebody for you, told us")
    assert (note, scope) == ("asked on the phone", "all calls") and made_at[-3:] in ("GMT", "BST")
    ((_, *contact),) = rows["Entries of our contact lists"]
    assert contact == ["20260302", "Yes: you had agreed to our calls.", "ours"]
    assert [code for _, code in rows["Receipts of calls"]] == [shown(code)]
    assert [what for _, what in rows["When we looked"]] == [
        "your number was shown in full",
        "a recording of a call with you was taken to be opened",
    ]
    ((given_to,),) = rows["Who was given recordings or records of you"]
    assert given_to.startswith("k-gone (no longer on our register): a bundle of evidence with recordings, on")
    assert "Your requests: 36 months after they are over." in pack["notice"]["retention"]
    assert not any("as long as claims" in each for each in pack["notice"]["retention"])


def test_what_is_of_somebody_else_on_the_line_is_left_out_and_a_wrong_id_shows_nothing(
    officer: Officer, folder: Path, tmp_path: Path
) -> None:
    theirs = ("--how", "phone", "--wording", "Olu says yes", "--who", "Olu Other", "--evidence", "note 2")
    dialgate("consent", "add", SPELLED, *theirs)
    hold = dialgate(
        "hold", "add", "--ground", "claim", "--number", SPELLED, "--reason", "an inquiry", "--reference", "17", "--json"
    ).json["id"]
    other = ("--name", "Olu Other", "--number", SPELLED)
    earlier = officer("open", "objection", "--by", "post", *other, "--json").json["reference"]
    own = ("--name", "Ms Person", "--number", SPELLED)
    before = officer("open", "objection", "--by", "post", *own, "--json").json["reference"]
    reference = officer("open", "access", "--by", "post", *WHO, "--json").json["reference"]
    officer("verify-identity", reference, "--checked", "bill seen")
    officer("search", reference)
    officer("decide", reference, "--grant")
    wrong = officer("fulfil", reference, *key(folder), "-o", "pack.html", "--leave-out", "rec9", code=2)
    assert "has the id rec9" in wrong.err and not (tmp_path / "pack.html").exists()
    taken = dialgate("audit", "leaves", "--kind", "exported", "--json").json["items"]
    assert taken == [], "nothing was taken for it"
    out = ("--leave-out", hold, "--leave-out", "rec1")
    made = officer("fulfil", reference, *key(folder), "-o", "pack.html", *out)
    passphrase = re.findall(r"by other means: (\S+)", made.err)[0]
    index = OpenedPack(tmp_path / "pack.html", passphrase).index
    assert "Olu" not in repr(index)
    rows = {table["title"]: table["rows"] for table in index["held"]}
    assert len(rows["Consents to our calls"]) == 1 and rows["What keeps data from being erased"] == []
    asked = [row[0] for row in rows["Requests you made before"]]
    assert asked == [before] and earlier not in repr(index), "a request in another name is that person's own"
    assert index["held_back"][1].startswith("We left out entries of our lists: 2. Showing them would harm")
    assert officer("show", reference, "--json").json["pack"]["left_out"] == 3


def test_an_objection_that_was_entered_late_is_not_said_to_have_held_before(officer: Officer) -> None:
    """It stops calls from when it is entered: what the firm learnt of days before may have been followed by calls."""
    came, today = datetime.now(LONDON).date() - timedelta(days=9), datetime.now(LONDON).date()
    late = officer("open", "objection", "--by", "post", *WHO, "--received", came.isoformat(), "--json").json[
        "reference"
    ]
    said = " ".join(officer("letter", late, "confirmation").out.split())
    assert f"reached us on {spoken_day(came)}. We stopped marketing calls to" in said
    assert f"on {spoken_day(today)}. That was later than it should have been" in said
    once = officer("open", "objection", "--by", "post", *WHO, "--json").json["reference"]
    said = " ".join(officer("letter", once, "confirmation").out.split())
    assert f"on {spoken_day(today)}. We will not start again" in said and "later than" not in said


def test_a_refusal_with_both_letters(officer: Officer, tmp_path: Path) -> None:
    reference = officer("open", "erasure", "--by", "email", *WHO, "--json").json["reference"]
    officer("verify-identity", reference, "--checked", "bill seen")
    officer("search", reference)
    assert "one way or the other" in officer("decide", reference, code=2).err
    assert "needs reasons" in officer("decide", reference, "--refuse", "legal_claims", code=2).err
    why = ("--refuse", "legal_claims", "--reasons", "Your claim of 3 March is before the court.")
    done = officer("decide", reference, *why, "--letters", "out")
    assert "refused: legal claims" in done.out
    person = " ".join((tmp_path / "out" / f"{reference}-refusal.txt").read_text().split())
    authority = " ".join((tmp_path / "out" / f"{reference}-authority.txt").read_text().split())
    for letter in (person, authority):
        assert reference in letter and "Your claim of 3 March is before the court." in letter
    assert "complain" in person and "court" in person
    assert "Pat Person" not in authority, "the authority is told of the refusal, not of the person"
    assert "(request_not_ready)" in officer("fulfil", reference, code=3).err
    assert "told " + reference + " authority" in officer("told", reference).err
    unproven = officer("told", reference, "authority", code=2)
    assert "needs a proof" in unproven.err and "--file" in unproven.err
    (tmp_path / "posted.pdf").write_bytes(b"proof of posting")
    posted = ("--file", str(tmp_path / "posted.pdf"))
    assert "one proof" in officer("told", reference, "authority", *posted, "--reference", "IC-1", code=2).err
    assert "erasure, closed" in officer("told", reference, "authority", *posted).out
    digest = hashlib.sha256(b"proof of posting").hexdigest()
    assert f"authority told (file posted.pdf, SHA-256 {digest}), user:" in officer("show", reference).out
    assert officer("list").out == ""
    assert reference in officer("list", "--all").out


def ready_to_erase(officer: Officer) -> str:
    """An erasure that is granted; its reference."""
    reference = str(officer("open", "erasure", "--by", "email", *WHO, "--json").json["reference"])
    officer("verify-identity", reference, "--checked", "called back")
    officer("search", reference)
    officer("decide", reference, "--grant")
    return reference


def hold_on(*ground: str) -> str:
    where = ("--recording", "rec1", "--reason", "a good sample for training", "--reference", "training 3")
    done = dialgate("hold", "add", *where, *ground, "--json")
    assert done.code == 0, done.err
    return str(done.json["id"])


def recordings_left() -> int:
    """Of calls to the person."""
    rows = dialgate("recording", "list", "--json").json["items"]
    return sum(row["state"] != "erased" and row["call_id"].startswith("call-rec") for row in rows)


def letters_of(folder: Path, reference: str) -> dict[str, str]:
    return {
        path.stem.partition(reference)[2].strip("-"): " ".join(path.read_text().split())
        for path in (folder / "out").glob("*.txt")
    }


def test_a_hold_without_a_ground_in_law_stops_no_erasure(officer: Officer, tmp_path: Path) -> None:
    """ "A good sample for training" made both letters say that a legal claim needed it."""
    where = ("--recording", "rec1", "--reason", "a good sample for training", "--reference", "training 3")
    refused = dialgate("hold", "add", *where)
    assert refused.code == 2 and "a hold needs its ground" in refused.err
    assert "stops no erasure that a person asks for" in dialgate("hold", "add", *where, "--ground", "none").err
    reference = ready_to_erase(officer)
    officer("fulfil", reference, "--yes", "--letters", "out")
    letter = letters_of(tmp_path, reference)["confirmation"]
    assert "must keep" not in letter and "17(3)" not in letter
    assert recordings_left() == 0


def test_a_ground_is_given_to_the_person_and_the_authority_as_it_is_logged(officer: Officer, tmp_path: Path) -> None:
    unnamed = dialgate(
        "hold", "add", "--recording", "rec1", "--ground", "legal_obligation", *("--reason", "x"), *("--reference", "y")
    )
    assert unnamed.code == 2 and "which law?" in unnamed.err
    hold_on("--ground", "legal_obligation", "--law", "FCA SYSC 10A.1.6R")
    reference = ready_to_erase(officer)
    officer("fulfil", reference, "--yes", "--letters", "out")
    letters = letters_of(tmp_path, reference)
    for name in ("confirmation", "authority"):
        assert "Article 17(3)(b)" in letters[name] and "FCA SYSC 10A.1.6R" in letters[name], name
        assert "17(3)(e)" not in letters[name] and "legal claim" not in letters[name], name
    assert "training 3" not in letters["authority"]


def test_a_hold_from_before_grounds_waits_for_one(officer: Officer, folder: Path, tmp_path: Path) -> None:
    """Nothing of it goes, and no letter gives a ground, until somebody has said it."""
    with opened(folder) as data:
        body = {"kind": "hold", "target": "recording", "recording_id": "rec1", "call_id": None, "number": None}
        old = Fact("hold", "old-hold", START, ANN, body | {"reason": "training", "reference": "training 3"})
        data.store.call(lambda tx: tx.append(old))
    (told,) = [each for each in dialgate("status", "--json").json["attention"] if "ground" in each]
    assert "Nobody has said the ground of 1 hold, the first of training 3: dialgate hold ground old-hold" in told
    reference = ready_to_erase(officer)
    waits = officer("fulfil", reference, "--yes", code=3)
    assert "(hold_without_ground)" in waits.err and "hold training 3 (old-hold)" in waits.err
    assert recordings_left() == 3
    assert "stops no erasure" in dialgate("hold", "ground", "old-hold", "--ground", "none").err
    officer("fulfil", reference, "--yes", "--letters", "out")
    assert recordings_left() == 0
    assert "17(3)" not in letters_of(tmp_path, reference)["confirmation"]
    assert dialgate("audit", "verify").code == 0


def test_a_hold_is_looked_at_again_on_its_day(officer: Officer) -> None:
    today = datetime.now(LONDON).date()
    hold = hold_on("--ground", "claim", "--review", today.isoformat())
    (told,) = [each for each in dialgate("status", "--json").json["attention"] if "was to be looked at" in each]
    assert f"dialgate hold ground {hold} --ground claim" in told and f"looked at on {today:%d %b %Y}:" in told
    later = (today + timedelta(days=90)).isoformat()
    assert dialgate("hold", "ground", hold, "--ground", "claim", "--review", later).code == 0
    assert not [each for each in dialgate("status", "--json").json["attention"] if "was to be looked at" in each]
    (row,) = dialgate("hold", "list", "--json").json["items"]
    assert (row["ground"], row["review_on"]) == ("claim", later)
    assert dialgate("hold", "ground", hold, "--ground", "claim", "--review", "2020-01-01").code == 2


def test_an_erasure_with_a_hold(officer: Officer, folder: Path, tmp_path: Path) -> None:
    hold = dialgate(
        "hold",
        "add",
        "--ground",
        "claim",
        "--recording",
        "rec1",
        "--reason",
        "claim",
        "--reference",
        "case 17/2026",
        "--json",
    )
    theirs = ("02079460999", "--how", "phone", "--wording", "yes", "--who", "Olu", "--evidence", f"from {SPELLED}")
    consent = dialgate("consent", "add", *theirs, "--json").json["id"]
    done = officer("open", "erasure", "--by", "phone", *WHO)
    reference = re.findall(r"DSR-\d{4}-\d{4}", done.out)[0]
    assert f"letter {reference} writing" in done.err, "it is asked for in writing besides"
    assert f"letter {reference} acknowledgement" in done.err
    assert "in writing" in officer("letter", reference, "writing").out
    officer("verify-identity", reference, "--checked", "called back")
    officer("search", reference)
    officer("decide", reference, "--grant")
    asked = officer("fulfil", reference, code=2)
    assert "To be erased: 4 calls, 2 recordings" in asked.err
    assert f"Held by: hold case 17/2026 ({hold.json['id']})" in asked.err
    assert "--yes" in asked.err
    fulfilled = officer("fulfil", reference, "--yes", "--letters", "out")
    assert f"letter {reference} acknowledgement" in fulfilled.err and "confirmation -o" not in fulfilled.err
    assert "erased: 4 calls, 2 recordings" in fulfilled.out and "held: hold case 17/2026" in fulfilled.out
    assert f"still mentioned in somebody else's consent {consent}" in fulfilled.out
    assert "erasure, partly done" in fulfilled.out and "told " + reference + " authority" in fulfilled.err
    letter = " ".join((tmp_path / "out" / f"{reference}-confirmation.txt").read_text().split())
    assert "must keep the rest for now" in letter and "We must keep 1 call record and 1 recording" in letter
    assert "We need it for a legal claim (case 17/2026)" in letter and "you can go to court" in letter
    assert "Article 17(3)(e)" in letter
    notified = " ".join((tmp_path / "out" / f"{reference}-authority.txt").read_text().split())
    assert "we refused part of a request" in notified and "case 17/2026" not in notified and "Pat" not in notified
    assert "still held by hold case 17/2026" in officer("fulfil", reference, "--yes", code=3).err
    assert "erasure, partly done" in officer("told", reference).out, "a refusal in part: it stays open"
    told = officer("told", reference, "authority", "--reference", "IC-301234-X9Y8", "--json").json
    assert (told["state"], told["due"], told["warning"], told["freed"]) == ("partly_done", None, "", [])
    assert [each["reference"] for each in officer("list", "--json").json["items"]] == [reference]

    assert dialgate("hold", "release", hold.json["id"], "--reason", "settled").code == 0
    (waiting,) = officer("list", "--state", "partly_done", "--json").json["items"]
    assert waiting["warning"] == "a hold has ended: erase the rest"
    assert f"dialgate request fulfil {reference}" in waiting["next"]
    whole = officer("fulfil", reference, "--yes", "--letters", "rest")
    assert "erasure, granted" in whole.out and "erased: 5 calls, 3 recordings" in whole.out
    letter = " ".join((tmp_path / "rest" / f"{reference}-confirmation.txt").read_text().split())
    assert "We have done what you asked" in letter and "must keep" not in letter
    assert "from: (forgotten)" in officer("told", reference).out
    assert "forgotten who asked" in officer("letter", reference, "confirmation", code=3).err
    course = officer("show", reference).out
    assert "part told (reference IC-301234-X9Y8), user:" in course
    assert course.count("erasure begun, user:") == 2 and "letter made (confirmation), user:" in course
    recordings = dialgate("recording", "list", "--json").json["items"]
    assert {each["recording_id"]: each["state"] for each in recordings} == {
        "rec0": "erased",
        "rec1": "erased",
        "rec2": "erased",
        "other": "closed",
    }
    assert dialgate("check", SPELLED, "--json").json["reason"] == "objected"
    assert dialgate("audit", "verify", "--json").json["ok"]
    assert not spelled_in(folder / "data", "Pat Person", "pat@example.org")


def test_the_confirmation_names_who_got_the_recordings_and_when_backups_end(officer: Officer, folder: Path) -> None:
    with opened(folder) as data:
        (own,) = (each for each in data.keyring().recipients() if not each.purpose)
        body = {"call_id": "call-rec0", "purpose": "yearly audit", "recipient": own.id}
        written(data, "exported", "rec0", ANN, body)  # opened inside the firm
        written(data, "exported", "rec1", ANN, body | {"bundle": "b-1"})
        written(data, "exported", "other", ANN, body | {"recipient": "somebody", "bundle": "b-2"})
    access = officer("open", "access", "--by", "post", *WHO, "--json").json["reference"]
    officer("verify-identity", access, "--checked", "bill seen")
    officer("search", access)
    officer("decide", access, "--grant")
    officer("fulfil", access, *key(folder), "-o", "pack.html", "--told")
    reference = officer("open", "erasure", "--by", "post", *WHO, "--json").json["reference"]
    officer("verify-identity", reference, "--checked", "bill seen")
    officer("search", reference)
    officer("decide", reference, "--grant")
    officer("fulfil", reference, "--yes", "--letters", "out")
    letter = " ".join(Path("out", f"{reference}-confirmation.txt").read_text().split())
    assert letter.count("a bundle of evidence with recordings, on") == 1 and own.name in letter
    assert ": a recording, on" not in letter, "the firm's own key receives nothing"
    assert f"the file that answered {access}" in letter and "nobody else" not in letter
    until = officer("show", reference, "--json").json["carried_out"]["backups_until"]
    assert f"until {spoken_day(date.fromisoformat(until))} at the latest" in letter and "nobody can read" not in letter


def test_each_recipient_of_what_is_erased_gets_a_letter_and_the_log_has_how_they_were_told(
    officer: Officer, folder: Path
) -> None:
    with opened(folder) as data:
        (own,) = (each for each in data.keyring().recipients() if not each.purpose)
        body = {"call_id": "call-rec0", "purpose": "yearly audit"}
        written(data, "exported", "rec0", ANN, body | {"recipient": own.id, "bundle": "b-1"})
        written(data, "exported", "rec1", ANN, body | {"recipient": own.id, "bundle": "b-1"})
        written(data, "exported", "rec2", ANN, body | {"recipient": "k-gone", "bundle": "b-2"})
        written(data, "exported", "rec1", ANN, body | {"recipient": "k-inside"})
        written(data, "exported", "other", ANN, body | {"recipient": "k-stranger", "bundle": "b-2"})
    hold = dialgate(
        "hold",
        "add",
        "--ground",
        "claim",
        "--recording",
        "rec1",
        "--reason",
        "claim",
        "--reference",
        "17/2026",
        "--json",
    ).json
    reference = officer("open", "erasure", "--by", "email", *WHO, "--json").json["reference"]
    officer("verify-identity", reference, "--checked", "bill seen")
    officer("search", reference)
    officer("decide", reference, "--grant")
    assert "nobody else is known" in officer("told", reference, "recipient", "--how", "mail", code=3).err
    done = officer("fulfil", reference, "--yes")
    assert f"told {reference} recipient" in done.err and f"letter {reference} recipient" in done.err
    untold = sorted([own.id, "k-gone"])
    assert officer("show", reference, "--json").json["untold"] == untold

    which = officer("letter", reference, "recipient", code=2)
    assert "which recipient?" in which.err and "k-gone" in which.err
    assert "was given nothing of this" in officer("letter", reference, "recipient", "--recipient", "k-x", code=2).err
    mine = ("recipient", "--recipient", own.id)
    letter = " ".join(officer("letter", reference, *mine, "--to", "1 Audit Street").out.split())
    assert (
        own.name in letter and "1 Audit Street" in letter and "recording rec0, in the bundle of evidence b-1" in letter
    )
    assert "rec1" not in letter, "it is held, and not erased"
    assert "rec2" not in letter and "Pat" not in letter and "900123" not in letter and "900 123" not in letter
    with mail_taken(folder) as taken:
        assert "no e-mail address" in officer("letter", reference, *mine, "--send", code=2).err
        sent = officer("letter", reference, *mine, "--to", "audit@example.org", "--send")
        assert "Sent to audit@example.org." in sent.err
    assert [each.rcpt_tos for each in taken] == [["audit@example.org"]]

    assert "say how" in officer("told", reference, *mine, code=2).err
    assert "of a recipient alone" in officer("told", reference, "--how", "mail", code=2).err
    assert officer("told", reference, *mine, "--how", "mail", "--reference", "mail 17", "--json").json["untold"] == [
        "k-gone"
    ]
    assert "this recipient is not to be told" in officer("told", reference, *mine, "--how", "post", code=3).err
    assert officer("told", reference, "recipient", "--how", "impossible", "--json").json["untold"] == []

    dialgate("hold", "release", hold["id"], "--reason", "settled")
    officer("fulfil", reference, "--yes")
    assert officer("told", reference, "authority", "--reference", "IC-1", "--json").json["untold"] == [own.id]
    over = officer("told", reference)
    assert "erasure, done" in over.out and f"recipients to be told: {own.id}" in over.out
    (left,) = officer("list", "--json").json["items"]
    assert (left["reference"], left["state"]) == (reference, "done") and "recipients are to be told" in left["warning"]
    assert left["next"] == [f"dialgate request told {reference} recipient --recipient ID --how HOW"]
    rest = " ".join(officer("letter", reference, "recipient").out.split())
    assert "recording rec0" in rest and "recording rec1" in rest and "Pat" not in rest
    assert officer("told", reference, "recipient", "--how", "post", "--json").json["untold"] == []
    assert officer("list", "--json").json["items"] == []
    told = [each for each in officer("show", reference, "--json").json["facts"] if "recipient_told" in each["kind"]]
    assert [(each["body"]["recipient"], each["body"]["how"]) for each in told] == [
        (own.id, "mail"),
        ("k-gone", "impossible"),
        (own.id, "post"),
    ]
    assert f"recipient told ({own.id}: mail) (reference mail 17), user:" in officer("show", reference).out
    assert dialgate("audit", "verify", "--json").json["ok"]
    assert not spelled_in(folder / "data", "Pat Person", "pat@example.org")


def test_recipients_are_told_of_a_restriction_and_it_is_left_to_do_until_they_are(
    officer: Officer, folder: Path
) -> None:
    with opened(folder) as data:
        (own,) = (each for each in data.keyring().recipients() if not each.purpose)
        body = {"call_id": "call-rec0", "purpose": "yearly audit"}
        written(data, "exported", "rec0", ANN, body | {"recipient": own.id, "bundle": "b-1"})
        written(data, "exported", "rec1", ANN, body | {"recipient": own.id})  # opened inside the firm
        written(data, "exported", "other", ANN, body | {"recipient": "k-stranger", "bundle": "b-2"})
    reference = officer("open", "restriction", "--by", "email", *WHO, "--json").json["reference"]
    granted = officer("decide", reference, "--grant")
    assert f"letter {reference} recipient" in granted.err and f"told {reference} recipient" in granted.err
    confirmed = " ".join(officer("letter", reference, "confirmation").out.split())
    assert own.name in confirmed and "We will tell them to stop using it" in confirmed
    letter = " ".join(officer("letter", reference, "recipient", "--to", "audit@example.org").out.split())
    assert "recording rec0, in the bundle of evidence b-1" in letter and "do not open, copy or pass it on" in letter
    assert "rec1" not in letter and "Pat" not in letter and "erase" not in letter
    assert "WARNING: over for the person: recipients are to be told" in officer("told", reference).out
    assert [each["reference"] for each in officer("list", "--json").json["items"]] == [reference]
    assert officer("told", reference, "recipient", "--how", "mail", "--json").json["untold"] == []
    assert officer("list", "--json").json["items"] == []
    assert dialgate("audit", "verify", "--json").json["ok"]


def test_a_complaint_can_take_longer_and_an_acknowledgement_is_not_sent_after_the_answer(officer: Officer) -> None:
    reference = officer("open", "complaint", "--by", "post", "--name", "C", "--json").json["reference"]
    assert officer("extend", reference, "--reasons", "we wait for the carrier", "--json").json["extended"]
    assert "we wait for the carrier" in officer("letter", reference, "extension").out
    access = officer("open", "access", "--by", "post", *WHO, "--json").json["reference"]
    assert "identity is not proven" in officer("extend", access, "--reasons", "much", code=3).err
    officer("decide", reference, "--grant", "--reasons", "We are sorry.")
    officer("told", reference)
    assert "no acknowledgement letter" in officer("letter", reference, "acknowledgement", code=3).err


def test_a_contract_is_no_ground_to_refuse_a_copy_and_each_ground_has_its_own_law(officer: Officer) -> None:
    reference = officer("open", "access", "--by", "post", *WHO, "--json").json["reference"]
    officer("verify-identity", reference, "--checked", "bill seen")
    refused = officer("decide", reference, "--refuse", "contract", "--reasons", "a contract", code=3)
    assert "no ground to refuse a copy" in refused.err
    officer("decide", reference, "--refuse", "legal_claims", "--reasons", "our solicitor's letters", "--letters", "out")
    letter = " ".join(Path("out", f"{reference}-refusal.txt").read_text().split())
    assert "Schedule 2, paragraph 19" in letter and "Article 17" not in letter


def test_a_call_is_found_by_its_time_and_chosen(officer: Officer) -> None:
    day, near = f"{START:%Y-%m-%d}", START.astimezone()
    about = ("--on", day, "--around", f"{near:%H:%M}", "--within", "45m")
    reference = officer("open", "access", "--by", "phone", "--name", "Pat Person", *about, "--json").json["reference"]
    officer("verify-identity", reference, "--checked", "bill seen")
    shown = officer("search", reference)
    assert "choose with" in shown.err and "call-rec0" in shown.out and "call-other" in shown.out
    assert "nothing was searched" in officer("decide", reference, "--grant", code=3).err
    found = officer("search", reference, "--call", "call-rec0", "--json", "--show-numbers").json
    assert (found["found"], found["lines"], found["whole"]) == (1, [PERSON], False)
    assert OTHER not in str(found)
    assert "these calls alone" in officer("search", reference, "--call", "call-rec0").err
    assert "these calls alone" not in officer("search", reference, "--everything").err
    assert officer("search", reference, "--everything", "--json").json["found"] == 5
    assert "no call nowhere" in officer("search", reference, "--call", "nowhere", code=2).err


def test_identity_asked_clarified_and_extended(officer: Officer) -> None:
    reference = officer("open", "access", "--by", "email", *WHO, "--json").json["reference"]
    assert "after the proof" in officer("ask-identity", reference, "--note", "a bill").out
    assert "a bill" in officer("letter", reference, "identity").out
    officer("verify-identity", reference, "--checked", "bill seen", "--number", "07700 900124")
    assert "stands still" in officer("clarify", reference, "--question", "Which of our calls?").out
    assert "Which of our calls?" in officer("letter", reference, "clarification").out
    officer("clarified", reference, "--answer", "all of them")
    officer("extend", reference, "--reasons", "Many recordings have to be heard.")
    assert "Many recordings" in officer("letter", reference, "extension").out
    assert "extended already" in officer("extend", reference, "--reasons", "again", code=3).err
    assert "access, closed" in officer("withdraw", reference, "--reason", "settled").out


def test_asking_for_identity_when_it_is_overdue_does_not_start_the_clock_again(officer: Officer) -> None:
    today = datetime.now(LONDON).date()
    came, due = today - timedelta(days=40), Clock(today - timedelta(days=40)).due
    reference = officer("open", "access", "--by", "email", *WHO, "--received", f"{came}", "--json").json["reference"]
    asked = officer("ask-identity", reference, "--json").json
    assert (asked["due"], asked["warning"], asked["late"]) == (f"{due}", "overdue", True)
    letter = " ".join(officer("letter", reference, "identity").out.split())
    assert (
        "does not stop while we wait" in letter
        and "we are sorry that we did not" in letter
        and "starts on" not in letter
    )
    proven = officer("verify-identity", reference, "--checked", "bill seen", "--json").json
    assert (proven["due"], proven["warning"], proven["policy_due"]) == (f"{due}", "overdue", f"{came + timedelta(30)}")
    dated = ("--dated", f"{came + timedelta(5)}", "--reference", "RN 1234 5678 9GB")
    extended = officer("clarify", reference, "--question", "Which of our calls?", *dated)
    assert "WARNING: overdue" in extended.out, "a question that is entered late does not make it good"
    officer("clarified", reference, "--answer", "all", "--dated", f"{today}")
    assert "late: a last day had passed" in officer("withdraw", reference).out
    month = dialgate("report", "--month", f"{today:%Y-%m}", "--json").json
    (row,) = (each for each in month["requests"] if each["reference"] == reference)
    assert row["late"] and row["due"] == f"{due}"


def test_a_question_about_an_erasure_stops_no_clock(officer: Officer) -> None:
    reference = officer("open", "erasure", "--by", "email", *WHO, "--json").json["reference"]
    due = officer("verify-identity", reference, "--checked", "bill seen", "--json").json["due"]
    asked = officer("clarify", reference, "--question", "All of it?")
    assert "stands still" not in asked.out and f"due: {due}" in asked.out
    letter = " ".join(officer("letter", reference, "clarification").out.split())
    assert "Our time to reply goes on while we wait" in letter and "stopped" not in letter


def test_an_objection_needs_no_decision_and_a_complaint_an_acknowledgement(officer: Officer) -> None:
    done = officer("open", "objection", "--by", "email", "--number", "07700 900450")
    assert "objection, granted" in done.out
    assert dialgate("check", "07700900450").code == 3
    complaint = officer("open", "complaint", "--by", "post", "--name", "C", "--received", "2026-10-01")
    assert "acknowledge by: 2026-10-30" in complaint.out
    reference = re.findall(r"DSR-\d{4}-\d{4}", complaint.out)[0]
    assert f"acknowledge {reference}" in officer("letter", reference, "acknowledgement").err
    assert "acknowledge by" not in officer("acknowledge", reference).out
    officer("decide", reference, "--grant", "--reasons", "You will not be called on Sundays again.")
    assert "on Sundays again" in officer("letter", reference, "response").out


def test_letters_as_files(officer: Officer, tmp_path: Path) -> None:
    reference = officer("open", "access", "--by", "email", *WHO, "--json").json["reference"]
    for name, mark in (("a.txt", "Dear Pat Person"), ("a.html", "<html"), ("a.eml", "Subject:")):
        officer("letter", reference, "acknowledgement", "-o", name)
        assert mark in (tmp_path / name).read_text()
    assert (tmp_path / "a.eml").stat().st_mode & 0o777 == 0o600
    assert ".txt, .html or .eml" in officer("letter", reference, "acknowledgement", "-o", "a.pdf", code=2).err
    assert "no confirmation letter" in officer("letter", reference, "confirmation", code=3).err
    assert "no mail server" in officer("letter", reference, "acknowledgement", "--send", code=1).err


@contextmanager
def mail_taken(folder: Path) -> Iterator[list[Envelope]]:
    """A mail server that the firm's configuration names, and what it was given."""
    taken: list[Envelope] = []

    class Taker:
        async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
            taken.append(envelope)
            return "250 taken as 17"

    server = Controller(Taker(), hostname="127.0.0.1", port=free_port(socket.SOCK_STREAM))
    server.start()
    try:
        amend(folder / "config.toml", {"mail": {"host": "127.0.0.1", "port": server.port, "security": "none"}})
        yield taken
    finally:
        server.stop()


def test_a_letter_goes_by_mail_and_the_log_says_so(officer: Officer, folder: Path) -> None:
    with mail_taken(folder) as taken:
        reference = officer("open", "access", "--by", "email", *WHO, "--json").json["reference"]
        assert "Sent to pat@example.org." in officer("letter", reference, "acknowledgement", "--send").err
        post = ("--name", "P", "--contact", "1 High Street")
        postal = officer("open", "access", "--by", "post", *post, "--json").json["reference"]
        assert "no e-mail address" in officer("letter", postal, "acknowledgement", "--send", code=2).err
    (envelope,) = taken
    assert envelope.rcpt_tos == ["pat@example.org"]
    facts = officer("show", reference, "--json").json["facts"]
    made, sent = (
        next(fact["body"] for fact in facts if fact["kind"] == kind) for kind in ("letter_made", "letter_sent")
    )
    assert made["sha256"] == sent["sha256"] and "17" in sent["server"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("open", "erasure"),
        ("open", "party", "--by", "phone"),
        ("open", "access", "--by", "phone", "--around", "14:30"),
        ("open", "access", "--by", "phone", "--on", "2026-03-02", "--from", "2026-03-01"),
        ("open", "access", "--by", "phone", "--on", "2026-03-02", "--around", "lunch"),
        ("open", "access", "--by", "phone", "--on", "2026-03-02", "--around", "14:00", "--within", "long"),
        ("decide", "DSR-2026-0001", "--refuse", "no_time"),
        ("letter", "DSR-2026-0001", "love"),
        ("told", "DSR-2026-0001", "everybody"),
    ],
)
def test_wrong_use_is_told(gate: ExampleAnswers, arguments: tuple[str, ...]) -> None:
    assert dialgate("request", *arguments).code == 2
    assert gate.asked == []


def test_times_are_those_of_london(gate: ExampleAnswers) -> None:
    assert dialgate("request", "open", "access", "--by", "phone", "--on", "2026-07-01", "--around", "14:30").code == 0
    asked = gate.asked[-1][1]
    assert (asked["since"].isoformat(), asked["until"].isoformat()) == (
        "2026-07-01T13:30:00+01:00",
        "2026-07-01T15:30:00+01:00",
    )
    dialgate("request", "search", "DSR-2026-0001", "--from", "2026-03-28", "--to", "2026-03-29")
    asked = gate.asked[-1][1]
    assert (asked["until"] - asked["since"]).total_seconds() == 47 * 3600, "the clocks went forward"


def test_help_has_examples_that_are_commands() -> None:
    done = subprocess.run([*PROGRAM, "request", "--help"], capture_output=True, text=True, timeout=PATIENCE, check=True)
    for name in ("open", "verify-identity", "clarify", "search", "decide", "fulfil", "list", "show", "told", "letter"):
        assert f"\n  {name} " in done.stdout
