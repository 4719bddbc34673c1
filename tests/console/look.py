"""Turn the SVG pictures of the tests into PNG, to be looked at: ``python -m tests.console.look [FOLDER] [WORD]``."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

PICTURES = Path(__file__).with_name("__snapshots__")


def png(svg: Path, out: Path) -> None:
    """One picture, drawn by Chromium."""
    text = svg.read_text(encoding="utf-8")
    width, height = (float(each) for each in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text).groups())
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *("/usr/bin/chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"),
                *(f"--window-size={int(width)},{int(height)}", f"--screenshot={out}", svg.absolute().as_uri()),
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
