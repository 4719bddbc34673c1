"""``dialgate contacts forecast`` on an example's folder."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from gate.core.days import LONDON
from tests.support.commands import dialgate
from tests.support.example import make_example


def test_the_forecast_is_told_in_words_and_as_json(tmp_path: Path) -> None:
    config = ("-c", str(make_example(tmp_path / "gate") / "config.toml"))
    assert "there are no contacts" in dialgate("contacts", "forecast", *config).err
    crm = tmp_path / "crm.csv"
    crm.write_text("id,phone\na,07700 900417\nb,07700 900418\nc,7700900419\n", encoding="utf-8")
    assert "a spreadsheet has eaten its leading 0" in dialgate("contacts", "import", str(crm), *config).err
    far = (datetime.now(LONDON) + timedelta(days=60)).date().isoformat()
    found = dialgate("contacts", "forecast", "--day", far, "--json", *config).json
    assert (found["day"], found["contacts"], found["may_be_called"]) == (far, 2, 0)
    assert found["no_longer"] == {"register_stale": 2}
    said = dialgate("contacts", "forecast", "--day", far, *config)
    assert "TPS is too old by then: import a newer file." in said.err
    assert "may be called: 0" in said.out
