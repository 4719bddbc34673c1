"""The dashboard and the alert rules that come with the program: of metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gate import manual
from gate.calls.metrics import Metrics
from tests.support.running_gate import DIALGATE

RULES = manual.read_file("alerts.yml")
DASHBOARD = json.loads(manual.read_file("grafana.json"))
SAMPLES = ("_total", "_bucket", "_count", "_sum")


def test_every_metric_in_them_is_one_of_the_gates() -> None:
    known = {family.name for family in Metrics().registry.collect()}
    expressions = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    named = set(re.findall(r"dialgate_\w+", " ".join([*expressions, *re.findall(r"expr: (?:>-\n)?(.*)", RULES)])))
    assert len(named) > 15
    for name in named:
        plain = next((name.removesuffix(end) for end in SAMPLES if name.endswith(end)), name)
        assert plain in known, name


def test_every_alert_says_what_is_so_and_how_bad_it_is() -> None:
    alerts = RULES.split("- alert: ")[1:]
    assert len(alerts) >= 10
    for alert in alerts:
        assert "expr: " in alert and "summary: " in alert and re.search(r"severity: (critical|warning)", alert), alert


def test_every_alert_says_what_to_do_and_where_to_read_on() -> None:
    pages = re.findall(r'description: ".*Page: dialgate manual ([a-z-]+)"', RULES)
    assert len(pages) == RULES.count("- alert: ")
    assert set(pages) <= {page.name for page in manual.pages()}


def test_panels_lie_beside_each_other() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here")
def test_prometheus_takes_the_rules() -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", str(manual.FOLDER / "alerts.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


WELL = {
    'up{job="dialgate"}': 1,
    "dialgate_called_against_refusal": 0,
    "dialgate_one_sided_talks": 0,
    "dialgate_campaigns_over_alarm": 0,
    "dialgate_campaigns_stopped": 0,
    "dialgate_recorder_up": 1,
    'dialgate_trunk_up{trunk="carrier"}': 1,
    "dialgate_refused_without_evidence_total": 7,
    "dialgate_evidence_behind": 0,
    "dialgate_evidence_rolled_back": 0,
    'dialgate_objections_held{trunk="carrier"}': 0,
    "dialgate_clock_behind": 0,
    "dialgate_unsigned_seconds": 0,
    'dialgate_register_remaining_seconds{register="tps"}': 6 * 86400,
    "dialgate_disk_free_bytes": 10,
    "dialgate_disk_bytes": 100,
    "dialgate_retention_waits": 0,
    "dialgate_requests_overdue": 0,
    "dialgate_breaches_due": 0,
    'dialgate_usage_highest{limit="calls_a_minute"}': 0.9,
    "dialgate_many_service_calls": 0,
    "dialgate_many_listed_service_calls": 0,
    'dialgate_attempts_total{verdict="block",reason="listed_tps"}': 9,
}
"""What a gate says of itself that needs nobody."""
SICK = {
    "DialgateAway": ('up{job="dialgate"}', "0x40"),
    "DialgateCalledAgainstRefusal": ("dialgate_called_against_refusal", "1x40"),
    "DialgateOneSidedTalk": ("dialgate_one_sided_talks", "1x40"),
    "DialgateCampaignAbandons": ("dialgate_campaigns_over_alarm", "1x40"),
    "DialgateCampaignStopped": ("dialgate_campaigns_stopped", "1x40"),
    "DialgateUnwitnessed": ("dialgate_unwitnessed_seconds", "3700x40"),
    "DialgateRecordingsNotStored": ("dialgate_recordings_unstored_seconds", "3700x40"),
    "DialgateRecorderDown": ("dialgate_recorder_up", "0x40"),
    "DialgateTrunkDown": ('dialgate_trunk_up{trunk="carrier"}', "0x40"),
    "DialgateWithoutEvidence": ("dialgate_refused_without_evidence_total", "7x25 8x15"),
    "DialgateEvidenceBehind": ("dialgate_evidence_behind", "1x40"),
    "DialgateEvidenceRolledBack": ("dialgate_evidence_rolled_back", "1x40"),
    "DialgateObjectionsHeld": ('dialgate_objections_held{trunk="carrier"}', "1x40"),
    "DialgateClockBehind": ("dialgate_clock_behind", "1x40"),
    "DialgateLogNotSigned": ("dialgate_unsigned_seconds", "601x40"),
    "DialgateRegisterAges": ('dialgate_register_remaining_seconds{register="tps"}', "432000x40"),
    "DialgateDiskFull": ("dialgate_disk_free_bytes", "9x40"),
    "DialgateSweepWaits": ("dialgate_retention_waits", "1x40"),
    "DialgateBreachDue": ("dialgate_breaches_due", "1x40"),
    "DialgateRequestOverdue": ("dialgate_requests_overdue", "1x40"),
    "DialgateLimitNear": ('dialgate_usage_highest{limit="calls_a_minute"}', "0.91x40"),
    "DialgateServiceCalls": ("dialgate_many_listed_service_calls", "1x40"),
    "DialgateRefusalsJumped": ('dialgate_attempts_total{verdict="block",reason="listed_tps"}', "9+9x40"),
}
"""Alert -> the series that makes it, minute by minute."""


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here")
def test_each_alert_fires_where_it_should_and_none_else(tmp_path: Path) -> None:
    names = re.findall(r"- alert: (\w+)", RULES)
    assert sorted(SICK) == sorted(names)
    (tmp_path / "alerts.yml").write_text(RULES)
    cases = []
    for sick in (None, *names):
        series = {name: f"{value}x40" for name, value in WELL.items()} | dict([SICK[sick]] if sick else [])
        cases.append(
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": "30m",
                        "exp_samples": [{"labels": f'{{alertname="{sick}"}}', "value": 1}] if sick else [],
                    }
                ],
            }
        )
    suite = {"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": cases}
    (tmp_path / "cases.yml").write_text(json.dumps(suite))  # JSON is YAML
    done = subprocess.run(
        ["promtool", "test", "rules", "cases.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here")
def test_prometheus_takes_the_configuration_of_the_manual(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", manual.read("operations"), re.DOTALL)
    assert "job_name: dialgate" in block and 'job="dialgate"' in RULES
    token, rules = tmp_path / "dialgate.token", tmp_path / "dialgate.yml"
    token.write_text("a token of sixteen signs")
    rules.write_text(RULES)
    text = block.replace("/etc/prometheus/dialgate.token", str(token)).replace(
        "/etc/prometheus/dialgate.yml", str(rules)
    )
    (tmp_path / "prometheus.yml").write_text(text)
    done = subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_line_gives_them_as_they_are() -> None:
    done = subprocess.run([*DIALGATE, "manual", "alerts.yml"], capture_output=True, text=True, check=True)
    assert done.stdout == RULES


def test_a_mistyped_command_is_told_the_nearest() -> None:
    done = subprocess.run([*DIALGATE, "chek", "020 7946 0000"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Did you mean 'check'?" in done.stderr, done.stderr
