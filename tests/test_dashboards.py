"""The dashboard and the alert rules that come with the program: of metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from gate import manual
from gate.service.metrics import Metrics
from tests.support.gatehouse import DIALGATE

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


def test_panels_lie_beside_each_other() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here")
def test_prometheus_takes_the_rules() -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", str(manual.FOLDER / "alerts.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_line_gives_them_as_they_are() -> None:
    done = subprocess.run([*DIALGATE, "manual", "alerts.yml"], capture_output=True, text=True, check=True)
    assert done.stdout == RULES


def test_a_mistyped_command_is_told_the_nearest() -> None:
    done = subprocess.run([*DIALGATE, "chek", "020 7946 0000"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Did you mean 'check'?" in done.stderr, done.stderr
