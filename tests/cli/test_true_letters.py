"""What the firm's officer must be able to rely on, and the tests that show it through the command line.

``SHOWN_BY`` names them; a test that is gone fails here. What has no other place is tested below: with the clock moved,
through the command line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.commands import Done, dialgate
from tests.support.evidence import decision
from tests.support.example import amend
from tests.support.firm_year import Year, _london
from tests.support.moved import Moved

TESTS = Path(__file__).parents[1]
GOLDEN = TESTS / "data" / "golden" / "year"
HERE = "cli/test_true_letters.py"

SHOWN_BY: dict[str, tuple[str, ...]] = {
    "no claimed day makes an answer less late": (
        "cli/test_two_dates.py::test_claimed_days_make_no_late_answer_one_in_time",
        "cli/test_two_dates.py::test_in_whatever_order_and_with_whatever_claims_a_complaint_is_as_late",
        "cli/test_two_dates.py::test_a_claimed_day_of_the_proof_never_makes_an_answer_less_late",
    ),
    "a hold without a ground in law stops no erasure": (
        "cli/test_requests.py::test_a_hold_without_a_ground_in_law_stops_no_erasure",
        "cli/test_requests.py::test_a_ground_is_given_to_the_person_and_the_authority_as_it_is_logged",
        "cli/test_requests.py::test_a_hold_is_looked_at_again_on_its_day",
    ),
    "a person's own restriction does not stop their erasure": (
        f"{HERE}::test_a_restriction_of_their_own_ends_with_their_erasure",
    ),
    "a register covers what it holds": (
        "cli/test_live_registers.py::test_a_register_that_does_not_hold_what_its_coverage_says_clears_nobody",
        "registers/test_plausible.py::test_law_2_4_a_list_that_is_nearly_the_old_one_becomes_no_newer",
    ),
    "a receipt of a service call says so": (
        "cli/test_receipts.py::test_the_receipt_of_a_service_call_says_that_it_was_not_screened_and_what_speaks_against_it",
    ),
    "a restore loses no request": (
        "cli/test_restored_requests.py::test_a_restore_loses_no_request_and_gives_no_reference_twice",
    ),
    "copies in clear are in a ledger": (
        "operations/test_copies.py::test_a_wav_stands_in_the_ledger_until_it_is_destroyed_with_its_proof",
        "operations/test_copies.py::test_an_erasure_lists_open_copies_and_its_letter_tells_of_them",
    ),
    "what is another's on a shared line stays theirs": (
        "operations/test_shared_lines.py::test_a_pack_has_nothing_of_another_on_the_line",
        "operations/test_shared_lines.py::test_a_new_subscriber_is_not_told_of_the_calls_of_the_one_before",
    ),
    "whatever names a person has a term": (
        "operations/test_ten_years.py::test_after_ten_years_nothing_is_left_of_a_person_that_has_no_term",
    ),
    "an objection has an effect, or says that it has none": (
        "cli/test_last_word.py::test_only_a_consent_by_name_lifts_it_and_what_changes_nothing_says_so",
        "cli/test_last_word.py::test_a_consent_to_some_calls_lifts_no_objection_to_all",
        "cli/test_last_word.py::test_an_objection_that_comes_as_a_request_says_to_which_calls",
        "cli/test_lists.py::test_an_objector_whose_number_a_spreadsheet_changed_is_blocked",
        "cli/test_last_word.py::test_who_complains_is_not_sold_to_meanwhile",
    ),
    "a consent has evidence that proves it": (
        "cli/test_consent_evidence.py::test_a_dash_is_no_evidence",
        "cli/test_consent_evidence.py::test_an_empty_file_is_no_evidence",
        "cli/test_consent_evidence.py::test_a_recording_of_another_number_is_no_evidence",
        "cli/test_consent_evidence.py::test_the_sample_consents_are_of_the_sample_firm",
        "cli/test_consent_evidence.py::test_words_that_name_another_firm_are_not_taken",
        "cli/test_consent_evidence.py::test_words_that_deny_it_are_not_taken",
    ),
    "a complaint is granted with its outcome": (
        "cli/test_complaints.py::test_a_complaint_is_granted_with_its_outcome_which_the_letter_tells",
    ),
    "a bundle is of a period that is over": (
        "cli/test_audit.py::test_a_period_that_is_not_over_is_not_exported",
        "exports/test_bundle_check.py::test_a_period_that_was_not_over_does_not_hold_whatever_the_gates_clock_said",
    ),
    "who only asks raises the alarm too": (
        "e2e/test_ask.py::test_answers_by_http_raise_the_alarm_on_service_calls_to_listed_numbers",
    ),
    "a request that waits is warned of": (
        "cli/test_waiting_requests.py::test_a_proof_of_identity_that_does_not_come_is_warned_of",
        "cli/test_waiting_requests.py::test_a_refusal_that_nobody_is_told_of_is_warned_of",
    ),
    "an announcement says what it must, and sells nothing": (
        "cli/test_policy.py::test_an_announcement_that_lacks_something_or_sells_is_warned_of_on_a_live_gate",
    ),
    "a refusal has its own ground, and the policy's word where it has one": (
        "cli/test_grounds.py::test_the_policy_of_telling_the_authority_is_named_for_erasures_alone",
        "cli/test_grounds.py::test_each_ground_is_in_the_letter",
    ),
    "an auditor opens a bundle without the gate": (
        "exports/test_reader.py::test_a_bundle_is_opened_and_checked",
        "exports/test_reader.py::test_the_vectors_of_the_manual_hold",
    ),
    "the authority is that of the day": (f"{HERE}::test_a_letter_names_the_authority_of_its_day",),
    "every letter is in plain English, and every sentence has its leaf": (
        "exports/test_plain_letters.py::test_every_letter_of_the_year_is_in_plain_english",
        "cli/test_request_year.py::test_every_letter_of_the_year_reads_as_it_was_approved",
        "cli/test_request_year.py::test_every_sentence_of_every_letter_of_the_year_is_explained",
        f"{HERE}::test_there_are_forty_situations_and_more_with_their_letters",
    ),
    "complaints are made easy, and answered": (
        "cli/test_complaints.py::test_a_complaint_without_news_for_three_weeks_is_warned_of_until_a_letter_says_how_it_goes",
        "cli/test_complaints.py::test_the_report_counts_complaints",
        "cli/test_complaints.py::test_the_page_has_procedure_times_authority_and_a_form_that_needs_no_script",
        "cli/test_complaints.py::test_what_the_form_sends_becomes_a_complaint_once",
        "cli/test_complaints.py::test_hostile_forms_do_no_harm",
        "cli/test_complaints.py::test_a_withdrawn_consent_is_confirmed_from_the_log",
    ),
    "nobody is rung again and again, nor by a machine that has nobody to talk": (
        "cli/test_abandoned_calls.py::test_a_campaign_is_told_of_at_the_alarm_and_stopped_at_the_bound_until_an_officer_releases_it",
        "cli/test_abandoned_calls.py::test_a_number_that_found_nobody_is_left_alone_for_72_hours_unless_an_agent_is_at_hand",
        "cli/test_attempts_a_week.py::test_a_number_is_tried_so_often_in_seven_days_and_no_more",
    ),
    "papers and breaches": (
        "cli/test_papers.py::test_each_draft_lists_what_a_person_must_still_fill_in",
        "cli/test_breaches.py::test_the_hours_run_from_when_the_firm_became_aware_and_status_reminds",
        "cli/test_breaches.py::test_a_breach_that_was_entered_late_with_an_earlier_date_is_late",
    ),
    "topics have their law, and calls for another firm its name": (
        f"{HERE}::test_a_topic_is_refused_by_the_row_of_its_law",
        f"{HERE}::test_an_access_letter_names_the_firm_for_which_a_call_was_made",
        "cli/test_calls_for_others.py::test_what_stops_which_calls",
        "cli/test_lists_apart.py::test_each_firm_has_its_list_and_a_list_replaces_its_own_alone",
        "cli/test_lists_apart.py::test_a_list_is_screened_as_calls_on_behalf_of_its_firm_are",
        "cli/test_lists_apart.py::test_who_objects_in_the_list_of_another_firm_objects_to_every_call",
    ),
    "a line is somebody's since a day, a person's or a company's": (
        "cli/test_subscribers.py::test_a_consent_of_an_earlier_subscriber_counts_no_more_and_every_objection_stands",
        "cli/test_subscribers.py::test_a_line_is_looked_up_in_the_register_that_it_may_be_on",
        "cli/test_subscribers.py::test_the_crms_file_says_who_has_a_line_and_no_file_brings_a_consent_back",
        "cli/test_subscribers.py::test_a_new_subscriber_is_not_told_of_earlier_calls_without_anybody_thinking_of_it",
        "cli/test_subscribers.py::test_a_search_from_before_it_was_noted_makes_neither_pack_nor_erasure",
        "cli/test_subscribers.py::test_a_restore_brings_no_consent_of_an_earlier_subscriber_back",
    ),
}


@cache
def names_in(path: Path) -> set[str]:
    return {each.name for each in ast.parse(path.read_text("utf-8")).body if isinstance(each, ast.FunctionDef)}


@pytest.mark.parametrize("what", SHOWN_BY)
def test_what_must_be_true_is_shown_by_tests_that_are_there(what: str) -> None:
    for test in SHOWN_BY[what]:
        file, _, name = test.partition("::")
        assert name in names_in(TESTS / file), test


def test_there_are_forty_situations_and_more_with_their_letters() -> None:
    stories = sorted(GOLDEN.glob("[0-9]*.txt"))
    with_letters = [each for each in stories if re.search(r"^    \| ", each.read_text("utf-8"), re.MULTILINE)]
    assert len(with_letters) >= 40


# --- what has no other place ---------------------------------------------------------------------------------------


@pytest.fixture
def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moved:
    return Moved(tmp_path / "gate", monkeypatch)


@pytest.mark.parametrize(
    ("day", "name", "not_yet"),
    [
        ("2027-05-31", "Information Commissioner's Office", "Information Commission,"),
        ("2027-06-01", "Information Commission", "Information Commissioner's Office"),
    ],
)
def test_a_letter_names_the_authority_of_its_day(firm: Moved, day: str, name: str, not_yet: str) -> None:
    amend(firm.config, {"authority": {"commencement": "2027-06-01"}})
    firm.on(day)
    reference = firm.open("access")
    letter = " ".join(firm("request", "letter", reference, "acknowledgement").out.split())
    assert f"complain to the {name}" in letter and not_yet not in letter


def test_a_topic_is_refused_by_the_row_of_its_law(firm: Moved) -> None:
    firm.on("2027-03-02")
    number = "07700 900417"
    refused = firm("check", number, "--topic", "funeral_plans", "--json", code=3).json
    assert refused["reason"] == "topic_needs_consent"
    assert refused["topic_rule"] == "funeral_plans: FCA rules on funeral plans (PS21/8), since 29 July 2022"
    assert "'shares'" in firm("check", number, "--topic", "shares", code=2).err
    given = ("--how", "paper", "--who", "Pat", "--evidence", "form 17", "--topic", "funeral_plans")
    words = ("--wording", "Yes, you may call me about a funeral plan")
    said = firm("consent", "add", number, *given, *words, code=2).err
    assert "only a firm that the FCA has authorised for funeral plans may call" in said
    amend(firm.config, {"firm": {"funeral_plans_authorisation": "FRN 123456"}})
    assert (
        "says nothing of funeral_plans"
        in firm("consent", "add", number, *given, "--wording", "Yes, you may call me", code=2).err
    )
    firm("consent", "add", number, *given, *words)
    allowed = firm("check", number, "--topic", "funeral_plans", "--json").json
    assert (allowed["reason"], allowed["topic_rule"]) == ("consented", "")
    firm.on("2029-03-02")
    assert firm("check", number, "--topic", "funeral_plans", "--json", code=3).json["reason"] == "consent_expired"


@pytest.fixture
def year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Year]:
    (tmp_path / "firm").mkdir()
    yield Year(tmp_path / "firm", monkeypatch)


def run(*arguments: str) -> Done:
    done = dialgate(*arguments)
    assert done.code == 0, f"{arguments}\n{done.out}{done.err}"
    return done


def granted(asks: str) -> str:
    opened = run("request", "open", asks, "--by", "post", "--name", "Pat Person", "--number", "07700 900417")
    (reference,) = re.findall(r"DSR-\d{4}-\d{4}", opened.out)
    run("request", "verify-identity", reference, "--checked", "answers to two questions")
    run("request", "search", reference)
    run("request", "decide", reference, "--grant")
    run("request", "fulfil", reference, "--yes")
    return reference


def test_a_restriction_of_their_own_ends_with_their_erasure(year: Year) -> None:
    """Their request is their consent (UK GDPR Article 18(2)), months later too."""
    year.move("2027-11-01")
    with year.opened() as folder:
        year.recorded(folder, "rec", "2027-11-01 09:00", "+447700900417")
    granted("restriction")
    assert [each["state"] for each in run("recording", "list", "--json").json["items"]] == ["closed"]
    year.move("2028-03-01")
    granted("erasure")
    assert [each["state"] for each in run("recording", "list", "--json").json["items"]] == ["erased"]
    assert run("audit", "verify", "--json").json["ok"]


def test_an_access_letter_names_the_firm_for_which_a_call_was_made(year: Year) -> None:
    year.move("2027-11-01")
    with year.opened() as folder:
        at = _london("2027-11-01 09:00")
        made = decision("made", "+447700900417", at=at, reason="not_listed", on_behalf_of="Acme Windows Ltd")
        own = decision("own", "+447700900417", at=at, reason="not_listed")
        folder.store.call(lambda tx: [tx.append(each) for each in (made, own)])
    year.move("2028-03-01")
    opened = run("request", "open", "access", "--by", "post", "--name", "Pat Person", "--number", "07700 900417")
    (reference,) = re.findall(r"DSR-\d{4}-\d{4}", opened.out)
    run("request", "verify-identity", reference, "--checked", "answers to two questions")
    run("request", "search", reference)
    run("request", "decide", reference, "--grant")
    key = ("--key", str(year.key), "--passphrase-file", str(year.words))
    run("request", "fulfil", reference, *key, "-o", "pack.html")
    text = " ".join(run("request", "letter", reference, "response").out.split())
    assert "We found 2 calls." in text and "We made 1 call on behalf of Acme Windows Ltd." in text
    letters = run("letters", "explain", reference, "--json").json["letters"]
    sentences = [each for letter in letters for each in letter["sentences"]]
    assert next(each for each in sentences if each["name"] == "found.for_others")["rests"]
