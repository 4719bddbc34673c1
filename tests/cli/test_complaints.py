"""Complaints (DPA 2018 s.164A), through the command line with the clock moved."""

from __future__ import annotations

import hashlib
import json
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.moved import Moved
from tests.support.plain import faults


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    return Moved(tmp_path / "gate", monkeypatch)


def test_a_complaint_is_granted_with_its_outcome_which_the_letter_tells(firm: Moved) -> None:
    firm.on("2027-01-05")
    reference = firm.open("complaint")
    firm("request", "acknowledge", reference)
    firm.on("2027-01-15")
    for nothing in ((), ("--reasons", "  ")):
        refused = firm("request", "decide", reference, "--grant", "--calls", "stop", *nothing, code=2)
        assert "this needs the outcome, which goes into the letter" in refused.err
    assert "complaint, received" in firm("request", "show", reference).out, "nothing was granted"
    outcome = "We rang you twice by mistake. Your number is blocked now."
    firm("request", "decide", reference, "--grant", "--reasons", outcome, "--calls", "stop")
    letter = " ".join(firm("request", "letter", reference, "response").out.split())
    assert outcome in letter


def test_the_report_counts_complaints(firm: Moved) -> None:
    firm.on("2027-01-05")
    granted, refused, forgotten = (firm.open("complaint") for _ in range(3))
    firm("request", "acknowledge", granted)
    firm("request", "decide", granted, "--grant", "--reasons", "We rang by mistake.", "--calls", "resume")
    firm("request", "told", granted, "person")
    firm.on("2027-02-20")
    firm("request", "acknowledge", refused, "--dated", "2027-01-10", "--reference", "RN 1234 5678 9GB")
    why = ("--reasons", "there was no such call", "--calls", "resume")
    firm("request", "decide", refused, "--refuse", "manifestly_unfounded", *why)
    firm("request", "told", refused, "person")
    firm("request", "told", refused, "authority", "--reference", "IC-301234-X9Y8")

    def figures(month: str) -> dict[str, int]:
        return dict(firm("report", "--month", month, "--json").json["complaints"])

    january = {"received": 3, "acknowledged": 1, "acknowledged_late": 0, "granted": 1, "refused": 0, "open": 2}
    assert figures("2027-01") == january | {"median_days": 0.0}
    february = {"received": 0, "acknowledged": 0, "acknowledged_late": 2, "granted": 0, "refused": 1, "open": 1}
    assert figures("2027-02") == february | {"median_days": 46.0}
    page = firm.folder / "month.html"
    firm("report", "--month", "2027-02", "-o", str(page))
    assert "0 received, 0 acknowledged in time, 2 late, 0 granted, 1 refused, 1 open." in page.read_text()
    assert forgotten in page.read_text()


def test_marketing_to_whoever_complains_waits(firm: Moved) -> None:
    firm("request", "open", "complaint", "--by", "email", "--name", "Pat Person", "--number", "020 7946 0123")
    assert firm("check", "020 7946 0123", "--json", code=3).json["reason"] == "request_pending"


def test_a_complaint_without_news_for_three_weeks_is_warned_of_until_a_letter_says_how_it_goes(firm: Moved) -> None:
    firm.on("2027-01-05")
    reference = firm.open("complaint")
    firm("request", "acknowledge", reference)
    firm.on("2027-01-25")
    assert firm("request", "show", reference, "--json").json["warning"] == "20 days have passed"
    firm.on("2027-01-26")
    shown = firm("request", "show", reference, "--json").json
    assert shown["warning"].startswith("no answer and no news since 05 Jan 2027") and shown["stuck"]
    assert "progress" in shown["letters"]
    assert "Requests that wait too long" in firm("status", code=None).out
    done = ("--note", "We have listened to both calls.")
    assert "has no note" in firm("request", "letter", reference, "acknowledgement", *done, code=2).err
    letter = " ".join(firm("request", "letter", reference, "progress", *done).out.split())
    assert "We are still looking into it" in letter and "We have listened to both calls." in letter
    assert "While your complaint is open, we will not call 07700 900123 for marketing." in letter
    assert not firm("request", "show", reference, "--json").json["stuck"]
    firm("request", "decide", reference, "--grant", "--reasons", "A mistake.", "--calls", "resume")
    late = firm("request", "letter", reference, "progress", code=3)
    assert "there is no progress letter to write" in late.err


@pytest.mark.parametrize("decision", [("--grant",), ("--refuse", "manifestly_unfounded")])
def test_whoever_decides_a_complaint_decides_whether_marketing_goes_on(firm: Moved, decision: tuple[str, ...]) -> None:
    reasons = ("--reasons", "We rang by mistake.")

    def reason() -> str:
        return str(firm("check", "07700 900123", "--json", code=None).json["reason"])

    before = reason()
    first, second = firm.open("complaint"), firm.open("complaint")
    assert reason() == "request_pending"
    undecided = firm("request", "decide", first, *decision, *reasons, code=2)
    assert "marketing to the number of this complaint waits: is it to go on?" in undecided.err
    firm("request", "decide", first, *decision, *reasons, "--calls", "resume")
    letter = "response" if decision == ("--grant",) else "refusal"
    assert "From now on we may call 07700 900123 for marketing again" in " ".join(
        firm("request", "letter", first, letter).out.split()
    )
    firm("request", "told", first, "person")
    if letter == "refusal":
        firm("request", "told", first, "authority", "--reference", "IC-301234-X9Y8")
    assert reason() == "request_pending", "the other complaint is open"
    firm("request", "decide", second, *decision, *reasons, "--calls", "stop")
    assert "We will not call 07700 900123 for marketing again" in " ".join(
        firm("request", "letter", second, letter).out.split()
    )
    explained = firm("letters", "explain", second).out
    assert "complaint.stopped" in explained or "We will not call {numbers}" in explained
    firm("request", "told", second, "person")
    if letter == "refusal":
        firm("request", "told", second, "authority", "--reference", "IC-301235-X9Y8")
    assert reason() == "objected" != before
    third = firm.open("complaint")
    stays = firm("request", "decide", third, *decision, *reasons, "--calls", "resume", code=2)
    assert "they have objected to our calls" in stays.err


def test_a_withdrawn_consent_is_confirmed_from_the_log(firm: Moved, tmp_path: Path) -> None:
    firm.on("2027-01-05")
    words = ("--how", "phone", "--wording", "Yes, call me about offers", "--who", "Pat Person")
    consent = firm("consent", "add", "07700 900123", *words, "--evidence", "form-8812", "--json").json["id"]
    assert "no consent" in firm("consent", "letter", consent, code=2).err, "it is not withdrawn"
    firm.on("2027-02-02")
    firm("consent", "withdraw", consent, "--reason", "asked by email")
    to = ("--to", "pat@example.org")
    letter = firm("consent", "letter", consent, *to).out
    text = " ".join(letter.split())
    assert "Dear Pat Person," in text and "You withdrew your consent to our calls to 07700 900123." in text
    assert "You had given it on Tuesday 5 January 2027." in text and consent[:8] not in text
    assert "We stopped marketing calls to you on Tuesday 2 February 2027." in text
    assert "Our reference" not in text and faults(letter) == []
    explained = firm("letters", "explain", consent, "--json").json["letters"]
    rests = {each["name"]: each["rests"] for each in explained[0]["sentences"]}
    assert [each["kind"] for each in rests["withdrawal.since"]] == ["consent_withdrawn"]
    assert rests["withdrawal.given"][0]["kind"] == "consent" and all(rests.values())
    file = tmp_path / "letter.eml"
    firm("consent", "letter", consent, *to, "-o", str(file))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert firm("letters", "explain", digest, "--json").json["letters"][-1]["sha256"] == digest
    firm.on("2027-03-02")
    firm("consent", "add", "07700 900123", *words, "--evidence", "form-8999")
    assert "agreed to calls again" in firm("consent", "letter", consent, code=2).err
    assert firm("audit", "verify", "--json").json["ok"]


# --- the page, and what its form sends ----------------------------------------------------------------------------


class Fields(HTMLParser):
    """What a page has: its fields, their labels, and everything that could load or run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: dict[str, str] = {}
        self.labels: set[str] = set()
        self.tags: list[str] = []
        self.form: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        if tag == "label":
            self.labels.add(found["for"])
        elif tag == "form":
            self.form = found
        elif tag in ("input", "textarea"):
            self.names[found["name"]] = found["id"]


def entered(done: Any) -> list[str]:
    return [each["reference"] for each in done.json["items"]]


def test_the_page_has_procedure_times_authority_and_a_form_that_needs_no_script(firm: Moved, tmp_path: Path) -> None:
    firm("complaint", "page", str(tmp_path / "www"), "--action", "https://www.example.org/complaints")
    html = (tmp_path / "www" / "complaints.html").read_text()
    page, text = Fields(html), (tmp_path / "www" / "complaints.txt").read_text()
    assert page.names == {each: each for each in ("name", "contact", "number", "about")}
    assert page.labels == set(page.names) and page.form["action"] == "https://www.example.org/complaints"
    assert not {"script", "img", "iframe", "link"} & set(page.tags) and page.tags.count("h1") == 1
    for words in ("Within 30 days", "without delay", "Information Commissioner's Office", "Webeo Example Ltd"):
        assert words in " ".join(unescape(html).split()) and words in " ".join(text.split()), words
    assert max(map(len, text.splitlines())) <= 72 and faults(text) == []
    for wrong in ("javascript:alert(1)", "http://www.example.org/x", '"><script>'):
        refused = firm("complaint", "page", str(tmp_path / "www"), "--action", wrong, code=2)
        assert "no address for a form" in refused.err
    firm("complaint", "page", str(tmp_path / "mail"))
    by_mail = Fields((tmp_path / "mail" / "complaints.html").read_text())
    assert by_mail.form["action"].startswith("mailto:") and by_mail.form["enctype"] == "text/plain"


FORM = {
    "name": "Ann Lee",
    "contact": "ann@example.org",
    "number": "07700 900321",
    "about": "You rang at night.\nTwice.",
}
MAIL = "From: Ann Lee <ann@example.org>\nDate: Mon, 4 Jan 2027 10:00:00 +0000\nSubject: Complaint\n\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("form.json", json.dumps(FORM)),
        ("form.txt", urlencode(FORM)),
        ("lines.txt", "".join(f"{name}={value}\r\n" for name, value in FORM.items())),
        ("form.eml", MAIL + "".join(f"{name}={value}\n" for name, value in FORM.items())),
        ("mail.eml", MAIL + "You rang 07700 900321 at night.\nTwice.\n"),
    ],
)
def test_what_the_form_sends_becomes_a_complaint_once(firm: Moved, tmp_path: Path, name: str, content: str) -> None:
    firm.on("2027-01-05")
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    done = firm("complaint", "import", str(file), str(file), "--json")
    first, second = done.json["items"]
    assert first["reference"] == second["reference"] and second["notice"] and not first["notice"]
    mailed = name.endswith(".eml")
    shown = firm("request", "show", first["reference"], "--json", "--show-numbers").json
    assert (shown["asks"], shown["name"], shown["contact"]) == ("complaint", "Ann Lee", "ann@example.org")
    assert "at night.\nTwice." in shown["about"] and shown["channel"] == ("email" if mailed else "web")
    assert shown["received"] == ("2027-01-04" if mailed else "2027-01-05"), "the earlier day is the stricter"
    assert shown["lines"] == ([] if name == "mail.eml" else ["+447700900321"])
    if shown["lines"]:
        assert firm("check", "07700 900321", "--json", code=3).json["reason"] == "request_pending"
        firm("request", "decide", first["reference"], "--grant", "--reasons", "A mistake.", "--calls", "resume")
        firm("request", "told", first["reference"], "person")
        again = firm("complaint", "import", str(file), "--json").json["items"][0]
        assert again["reference"] != first["reference"], "once it is over the same words are another complaint"


def test_a_number_that_somebody_else_typed_waits_until_the_handler_lets_it_go_on(firm: Moved, tmp_path: Path) -> None:
    firm.on("2027-01-05")
    before = firm("check", "07700 900301", "--json", code=None).json["reason"]
    files = []
    for number in range(50):
        files.append(tmp_path / f"form-{number}")
        form = {"name": "A. Nother", "number": f"07700 9003{number:02}", "about": f"You rang me. {number}"}
        files[-1].write_text(json.dumps(form), encoding="utf-8")
    references = entered(firm("complaint", "import", *map(str, files[:49]), "--json"))
    assert "complaints came through the form today" not in firm("status", code=None).out
    firm("complaint", "import", str(files[49]))
    told = " ".join(firm("status", code=None).out.split())
    assert "50 complaints came through the form today (it takes 500), and marketing waits for the numbers of 50" in told

    def reason() -> str:
        return str(firm("check", "07700 900301", "--json", code=None).json["reason"])

    assert reason() == "request_pending" != before
    shown = firm("request", "show", references[1]).out
    assert "marketing waits: until it is decided (a form named it, and nobody has proven whose number it is)" in shown
    on = ("request", "decide", references[1], "--refuse", "cannot_identify", "--calls", "resume")
    assert "reasons" in firm(*on, code=2).err
    firm(*on, "--reasons", "The line is not theirs: its owner told us so by phone.")
    assert "marketing waits: until the person is told" in firm("request", "show", references[1]).out
    firm("request", "told", references[1], "person")
    firm("request", "told", references[1], "authority", "--reference", "IC-301236-X9Y8")
    assert reason() == before and "marketing waits" not in firm("request", "show", references[1]).out
    assert "marketing waits for the numbers of 49 of them" in " ".join(firm("status", code=None).out.split())


def test_hostile_forms_do_no_harm(firm: Moved, tmp_path: Path) -> None:
    file = tmp_path / "form"
    html = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    file.write_text(
        json.dumps({"name": html, "contact": "x", "about": html + "\x1b[2J\u202e** **" + "y" * 9000, "a": [1]})
    )
    (reference,) = entered(firm("complaint", "import", str(file), "--json"))
    shown = firm("request", "show", reference, "--json").json
    assert len(shown["about"]) <= 4000 and "\x1b" not in shown["about"] and "[cut here]" in shown["about"]
    made = firm("request", "letter", reference, "acknowledgement", "--json").json
    assert "<script" not in made["html"] and "<img" not in made["html"]
    bad: dict[str, tuple[bytes, str]] = {
        "nobody": (json.dumps({"about": "x"}).encode(), "nobody can be answered"),
        "nothing": (json.dumps({"name": "x", "about": " \n"}).encode(), "says what it is about"),
        "number": (json.dumps({"name": 7, "about": "x"}).encode(), "name is no text"),
        "deep": (b"[" * 100_000, "not JSON"),
        "list": (b"[1]", "no list of"),
        "bytes": (b"\xff\xfe=", "not UTF-8"),
        "other": (b"hello", "no complaint of the form"),
        "large": (b"{" + b" " * (1 << 20), "larger than"),
    }
    for name, (content, said) in bad.items():
        file.write_bytes(content)
        assert said in firm("complaint", "import", str(file), code=2).err, name
    odd = {"name": "x", "number": "call me maybe", "about": "You rang."}
    file.write_text(json.dumps(odd))
    (reference,) = entered(firm("complaint", "import", str(file), "--json"))
    assert "(Number as they wrote it: call me maybe)" in firm("request", "show", reference, "--json").json["about"]


def test_an_erasure_leaves_an_open_complaint_until_it_is_over(firm: Moved, tmp_path: Path) -> None:
    firm.on("2027-01-05")
    file = tmp_path / "form.json"
    file.write_text(json.dumps(FORM | {"name": "Pat Person", "number": "07700 900123"}))
    (complaint,) = entered(firm("complaint", "import", str(file), "--json"))
    erasure = firm.open("erasure")
    firm("request", "verify-identity", erasure, "--checked", "bill seen")
    firm("request", "search", erasure)
    firm("request", "decide", erasure, "--grant")
    firm("request", "fulfil", erasure, "--yes")
    assert complaint in firm("request", "show", erasure, "--json").json["carried_out"]["open_requests"]
    firm("request", "told", erasure, "person")
    assert firm("request", "show", complaint, "--json").json["name"], "it can still be answered"
    firm("request", "decide", complaint, "--grant", "--reasons", "A mistake.", "--calls", "stop")
    firm("request", "told", complaint, "person")
    over = firm("request", "show", complaint, "--json").json
    assert (over["name"], over["about"], over["state"]) == (None, None, "done")
    assert firm("check", "07700 900123", "--json", code=3).json["reason"] == "objected"
