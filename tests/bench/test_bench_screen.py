"""The comparison at a small size: every verdict of ``screen`` is that of a plain loop over another database."""

from __future__ import annotations

from tests.bench.bench_screen import run


def test_every_row_has_the_verdict_of_the_plain_loop() -> None:
    rows = run(3000, tps=40_000, ctps=4000)
    assert {row["what"] for row in rows} >= {"screen", "a row", "peak memory"}
    assert all(row["figure"] > 0 for row in rows)
