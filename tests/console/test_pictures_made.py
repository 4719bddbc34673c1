"""The README's pictures: the same on every run, and nothing in them that is fetched or that is a number in full."""

from __future__ import annotations

import re
from pathlib import Path

from tests.console.pictures import FOLDER, PICTURES, svg


async def test_a_picture_is_the_same_on_every_run(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    made = await svg("audit", one)
    assert made == await svg("audit", other)
    assert "dialgate.example" in made


def test_each_is_there_and_names_nobody() -> None:
    assert {path.stem for path in FOLDER.glob("*.svg")} == set(PICTURES)
    for name in PICTURES:
        text = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
        assert "@font-face" not in text and "<script" not in text
        shown = re.sub(r"<[^>]+>", " ", text).replace("&#160;", " ")
        others = shown.replace("020 7946 0000", "")  # the firm's own
        assert not re.search(r"\+44 ?\d{4} ?\d{3} ?\d|0\d{10}|0\d{2,4} \d{3,4} ?\d{3,4}", others), name
