"""Turn the SVG pictures of the tests into PNG, to be looked at: ``python -m tests.console.look [FOLDER] [WORD]``."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PICTURES = Path(__file__).with_name("__snapshots__")


def png(svg: Path, out: Path) -> None:
    """One picture, drawn by Chromium."""
    _drawn(svg.absolute(), *_size(svg), out)


def page(pictures: Sequence[Path], columns: int, out: Path, width: int = 1560) -> None:
    """Several on one page, beside and below each other."""
    wide = width // columns
    sizes = [_size(each) for each in pictures]
    rows = [sizes[at : at + columns] for at in range(0, len(sizes), columns)]
    height = sum(max(int(wide * high / broad) for broad, high in row) for row in rows)
    images = "".join(f'<img src="{each.absolute().as_uri()}" width="{wide}">' for each in pictures)
    with tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as html:
        html.write(f'<body style="margin:0; font-size:0; line-height:0">{images}</body>')
        html.flush()
        _drawn(Path(html.name), width, height, out)


def _size(svg: Path) -> tuple[float, float]:
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg.read_text(encoding="utf-8"))
    assert found, svg
    return float(found[1]), float(found[2])


def _drawn(what: Path, width: float, height: float, out: Path) -> None:
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *(
                    "/usr/bin/chromium",
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--hide-scrollbars",
                    f"--user-data-dir={profile}",
                ),
                *(f"--window-size={int(width)},{int(height)}", f"--screenshot={out}", what.as_uri()),
            ],
            check=True,
            capture_output=True,
        )


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="pictures-"))
    folder.mkdir(parents=True, exist_ok=True)
    for picture in sorted(PICTURES.rglob("*.svg")) + sorted(PICTURES.rglob("*.raw")):
        if len(sys.argv) < 3 or sys.argv[2] in picture.name:
            target = folder / f"{picture.stem}.png"
            png(picture, target)
            print(target)
