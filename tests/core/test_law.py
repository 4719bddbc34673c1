"""Every rule of LAW.md's sections on calling, registers, conduct and numbers, and the tests that show it.

A rule without a test fails here, and so does a test of this table that is gone. The name of a test of the rules
themselves begins with ``test_law_`` and the rule's number.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAW = (ROOT / "gate" / "core" / "LAW.md").read_text(encoding="utf-8")
SECTIONS = ("1", "2", "3", "6")

SCREENING = "core/test_screening.py"
NUMBERS = "core/test_numbers.py"
HOURS = "core/test_hours.py"

SHOWN_BY: dict[str, tuple[str, ...]] = {
    "1.1": (
        f"{SCREENING}::test_law_1_1_the_line_identity_is_never_withheld",
        "sip/test_bridge.py::test_identity_is_the_firms_and_nothing_of_the_callers_goes_on",
    ),
    "1.2": (
        f"{SCREENING}::test_law_1_2_an_objection_holds_from_the_next_call",
        "calls/test_call_manager.py::test_nine_objects_at_once_and_the_next_call_is_refused",
        "e2e/test_objection.py::test_nine_during_the_talk_is_kept_while_the_call_goes_on",
    ),
    "1.3": (
        f"{SCREENING}::test_law_1_3_both_registers_are_screened",
        f"{SCREENING}::test_law_1_3_a_register_that_is_not_there",
        "e2e/test_stock_sipp.py::test_a_listed_number_is_refused_and_nothing_reaches_the_trunk",
    ),
    "1.4": (
        f"{SCREENING}::test_law_1_4_the_27th_day_and_the_28th",
        f"{SCREENING}::test_law_1_4_the_grace_is_never_applied_to_a_number",
        "calls/test_freshness.py::test_law_1_4_to_the_second_across_both_clock_changes",
    ),
    "1.5": (
        f"{SCREENING}::test_law_1_5_a_live_consent_allows_a_listed_number",
        f"{SCREENING}::test_law_1_5_a_consent_that_is_withdrawn_blocks_even_an_unlisted_number",
        "operations/test_use_cases.py::test_a_consent_needs_its_evidence_and_ends_when_withdrawn",
        f"{SCREENING}::test_law_1_5_a_general_yes_is_none_to_claims_or_pensions_nor_theirs_to_general_calls",
        f"{SCREENING}::test_law_1_5_a_consent_holds_so_many_months_and_blocks_when_it_is_older",
        f"{SCREENING}::test_law_1_5_a_consent_without_evidence_is_none",
        "cli/test_consents.py::test_a_consent_to_another_firm_is_refused",
        "cli/test_consents.py::test_a_consent_holds_until_the_day_that_it_names",
        "cli/test_consents.py::test_a_yes_to_service_calls_is_none_to_marketing",
    ),
    "1.5a": (
        f"{SCREENING}::test_law_1_5a_a_consent_of_an_earlier_subscriber_is_none_and_every_objection_stands",
        f"{SCREENING}::test_law_1_3_the_register_on_which_a_line_may_be_is_looked_at_whatever_is_configured",
    ),
    "1.6": (
        f"{SCREENING}::test_law_1_6_claims_and_pensions_are_opt_in_only",
        f"{SCREENING}::test_law_1_6_only_an_authorised_firm_calls_about_pensions",
        f"{SCREENING}::test_law_1_6_every_topic_has_its_row_with_the_day_from_which_it_binds",
        f"{SCREENING}::test_law_1_6_a_refusal_names_the_row_that_refused_and_no_other_does",
        f"{SCREENING}::test_law_1_6_what_is_no_topic_is_refused",
        "cli/test_consents.py::test_pensions_and_claims_need_their_own_words_and_pensions_an_authorised_firm",
        "e2e/test_claims.py::test_no_other_claim_opens_a_way",
    ),
    "1.7": (
        f"{SCREENING}::test_law_1_7_order_of_checks",
        f"{SCREENING}::test_law_1_7_service_calls_never_skip_destination_and_identity",
        "sip/test_purpose_claims.py::test_law_1_7_any_other_claim_is_refused_and_the_strictest_presumed",
        "e2e/test_claims.py::test_a_service_call_of_one_who_may_goes_out_and_its_claim_stays_here",
    ),
    "1.7a": (
        f"{SCREENING}::test_law_1_7a_the_last_word_is_by_the_order_in_which_it_was_learnt",
        f"{SCREENING}::test_law_1_7a_only_a_consent_by_name_that_is_entered_after_it_lifts_an_objection",
        f"{SCREENING}::test_law_1_7a_requests_and_restrictions_stop_marketing_at_once",
        f"{SCREENING}::test_law_1_7a_who_wants_no_calls_at_all_gets_no_service_call_either",
        "cli/test_last_word.py::test_an_objection_entered_today_blocks_whatever_date_it_bears",
        "operations/test_request_stops.py::test_an_open_erasure_or_objection_request_stops_marketing",
        "operations/test_request_stops.py::test_a_granted_restriction_stops_marketing_until_it_is_released",
    ),
    "1.8": (
        "config/test_config.py::test_law_1_8_the_gate_does_not_start_without_saying_who_calls",
        "calls/test_call_manager.py::test_an_unlisted_number_is_dialled_in_its_one_form_with_the_firms_name",
    ),
    "1.8a": (
        "cli/test_calls_for_others.py::test_what_stops_which_calls",
        "cli/test_calls_for_others.py::test_a_firm_that_is_not_configured_is_called_for_by_nobody",
        "cli/test_calls_for_others.py::test_a_consent_lifts_an_objection_for_the_calls_alone_that_it_is_to",
        "e2e/test_calls_for_others.py::test_the_callee_is_told_for_whom_the_firm_calls_and_so_is_the_log",
    ),
    "1.8b": (
        "cli/test_lists_apart.py::test_who_objects_in_the_list_of_another_firm_objects_to_every_call",
        "cli/test_lists_apart.py::test_a_list_is_screened_as_calls_on_behalf_of_its_firm_are",
    ),
    "1.9": ("config/test_config.py::test_law_1_9_the_announcement_is_required_and_the_example_says_what_it_must",),
    "1.10": (
        "calls/test_call_manager.py::test_evidence_comes_before_the_effect_it_allows",
        "e2e/test_crash.py::test_a_killed_gate_in_the_middle_of_setting_up_has_a_leaf_for_each_invite",
    ),
    "1.11": (
        "core/test_record.py::test_law_1_11_the_decision_holds_its_proof",
        "operations/test_use_cases.py::test_a_decision_is_kept_before_it_is_given",
    ),
    "2.1": (
        "registers/test_source.py::test_both_variants_with_both_line_ends",
        "registers/test_lines.py::test_a_line_is_a_number",
        "registers/test_lines.py::test_a_line_is_no_number",
    ),
    "2.2": (
        "registers/test_importer.py::test_the_report_says_what_changed",
        "registers/test_importer.py::test_the_other_registers_file_is_seen_by_what_vanishes",
    ),
    "2.3": (
        "registers/test_source.py::test_a_faulty_file_is_refused_by_line",
        "registers/test_source.py::test_a_cut_anywhere_but_between_records_is_seen",
        "registers/test_source.py::test_one_bad_line_in_a_thousand_is_tolerated_and_noted",
        "registers/test_importer.py::test_a_register_may_shrink_by_a_twentieth",
    ),
    "2.4": (
        f"{SCREENING}::test_law_2_4_outside_the_coverage_absence_is_no_clearance",
        "registers/test_library.py::test_outside_its_coverage_absence_is_no_clearance",
    ),
    "2.5": (
        "registers/test_importer.py::test_files_are_for_the_gates_account_alone",
        "registers/test_importer.py::test_the_last_three_snapshots_are_kept_and_none_for_more_than_35_days",
    ),
    "3.1": (
        f"{NUMBERS}::test_law_3_1_presentable",
        f"{SCREENING}::test_law_3_1_the_number_shown_is_the_firms_own",
        "core/test_rules.py::test_law_3_1_a_number_that_may_not_be_shown_is_no_own_number",
    ),
    "3.2": (
        f"{NUMBERS}::test_law_3_2_a_prefix_that_hides_is_refused_not_repaired",
        "sip/test_pieces.py::test_who_hides",
        "sip/test_purpose_claims.py::test_what_the_line_itself_finds_in_a_claim",
    ),
    "3.3": (
        f"{HOURS}::test_law_3_3_strict_default",
        f"{HOURS}::test_law_3_3_holidays_are_the_union_of_the_four_countries",
        f"{HOURS}::test_law_3_3_the_table_of_holidays_is_what_the_library_says",
        f"{HOURS}::test_law_3_3_hours_are_wall_time_across_the_clock_changes",
    ),
    "3.4": (
        f"{SCREENING}::test_law_3_4_no_redial_for_72_hours_after_a_call_without_an_agent",
        "config/test_config.py::test_law_3_4_the_far_end_may_ring_for_fifteen_seconds_at_least",
    ),
    "3.5": (
        f"{SCREENING}::test_law_3_5_emergency_and_short_numbers_are_refused_with_advice",
        "core/test_emergency.py::test_law_3_5_no_other_number_gets_that_way",
        "core/test_calls.py::test_law_3_5_an_emergency_call_waits_for_nothing_and_is_not_ended_by_the_gate",
        "e2e/test_emergency.py::test_law_3_5_it_rings_whatever_has_failed_and_is_written_down_after",
    ),
    "3.6": (
        f"{SCREENING}::test_law_3_6_one_attempt_at_a_number_at_a_time",
        f"{SCREENING}::test_law_3_6_attempts_in_a_minute_an_hour_and_a_day",
        "attack/test_harassed.py::test_fifty_agents_ring_one_person_once",
        "attack/test_harassed.py::test_who_gives_up_at_once_rings_them_twice_a_minute_and_a_restart_forgets_none",
    ),
    "6.1": (f"{NUMBERS}::test_law_6_1_lengths", f"{NUMBERS}::test_law_6_1_first_digit"),
    "6.2": (
        f"{NUMBERS}::test_law_6_2_vectors",
        f"{NUMBERS}::test_law_6_2_every_spelling_is_one_number",
        "e2e/test_scenarios.py::test_a_listed_number_in_twelve_spellings_is_refused_and_each_has_its_leaf",
    ),
    "6.3": (
        f"{NUMBERS}::test_law_6_3_islands_share_44",
        f"{SCREENING}::test_law_6_3_islands_are_screened_the_same",
    ),
    "6.4": (
        f"{SCREENING}::test_law_6_4_other_countries_and_premium_ranges",
        "core/test_emergency.py::test_law_6_4_no_number_that_costs_or_is_no_help_can_be_given_a_route",
    ),
    "6.5": (
        f"{SCREENING}::test_law_6_5_a_live_gate_does_not_dial_the_drama_ranges",
        "registers/test_samples.py::test_registers_hold_drama_numbers_only",
    ),
}


def rules() -> list[str]:
    """The numbers of all rules."""
    return re.findall(r"^([0-9]+\.[0-9]+[a-z]?) ", LAW, re.MULTILINE)


@cache
def names_in(path: Path) -> frozenset[str]:
    """The test functions of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_rule_of_these_sections_is_in_the_table() -> None:
    asked = [rule for rule in rules() if rule.partition(".")[0] in SECTIONS]
    assert len(asked) > 20
    assert list(SHOWN_BY) == asked


@pytest.mark.parametrize("rule", SHOWN_BY)
def test_a_rule_is_shown_by_tests_that_are_there(rule: str) -> None:
    assert SHOWN_BY[rule]
    for test in SHOWN_BY[rule]:
        file, _, name = test.partition("::")
        assert name in names_in(ROOT / "tests" / file), f"{rule}: {test} is not there"


def test_a_test_that_names_a_rule_names_one_that_exists() -> None:
    known = set(rules())
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name, section, rule in re.findall(r"def (test_law_([0-9]+)_([0-9]+[a-z]?)_\w+)", path.read_text("utf-8")):
            assert f"{section}.{rule}" in known, f"{path.name}: {name}"
