"""A live gate and the lists that it is given, by the command line: nobody is cleared by a list that cannot be whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gate.config.write import amend
from tests.support.commands import Done, dialgate
from tests.support.example import go_live, make_example
from tests.support.registers import write
from tests.support.terminal import Terminal

SAMPLES = Path(__file__).parents[2] / "sample_lists"
CODE = "0330000"
NUMBERS = [f"{CODE}{number:04d}" for number in range(60)]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = make_example(tmp_path / "gate") / "config.toml"
    go_live(path)
    return path


def importing(config: Path, name: str, file: Path, *options: str) -> str:
    """What an import says that is refused."""
    done = taking(config, name, file, *options)
    assert done.code != 0, done.out
    return done.err


def taking(config: Path, name: str, file: Path, *options: str) -> Done:
    return dialgate("register", "import", name, str(file), "--accept-shrink", *options, "-c", str(config))


def check(config: Path, number: str) -> str:
    done = dialgate("check", number, "--json", "-c", str(config))
    return f"{done.json['verdict']} {done.json['reason']}"


def attention(config: Path) -> list[str]:
    return [str(each) for each in dialgate("status", "--json", "-c", str(config)).json["attention"]]


def test_a_gate_that_goes_live_on_sample_lists_clears_nobody(config: Path) -> None:
    """It cleared the whole country on 340 numbers."""
    assert check(config, "033 0000 4000") == "block register_damaged"
    assert any("TPS supports no calls: a live gate does not rest on it" in each for each in attention(config))


def test_what_cannot_be_the_register_is_refused_by_name(config: Path, tmp_path: Path) -> None:
    sample = shutil.copyfile(SAMPLES / "tps_ns.txt", tmp_path / "tps_ns.txt")  # of today, as the one in force
    assert "it is a sample list" in importing(config, "tps", sample)
    one = write(tmp_path / "one.txt", NUMBERS[:1])
    for name in ("tps", "ctps"):
        said = importing(config, name, one)
        assert f"is refused as the {name.upper()} of a live gate: it holds 1 number of the whole country" in said
        assert "--accept-implausible" in said
    wide = tmp_path / "wide.txt"
    wide.write_bytes(one.read_text().encode("utf-16"))
    assert "it is UTF-16 text: save it as plain text" in importing(config, "tps", wide)
    status = dialgate("register", "status", "--json", "-c", str(config)).json["registers"][0]
    assert status["refused"]["source_name"] == "wide.txt"
    assert check(config, "033 0000 4000") == "block register_damaged"


def test_taking_it_all_the_same_is_a_warning_until_a_whole_file_comes(config: Path, tmp_path: Path) -> None:
    few, why = write(tmp_path / "few.txt", NUMBERS[:5]), "a test line before the licence begins"
    options = ("--accept-shrink", "--accept-narrower", "--coverage", CODE, "-c", str(config))
    done = dialgate("register", "import", "tps", str(few), "--accept-implausible", why, *options)
    assert done.code == 0, done.err
    (warned,) = [each for each in attention(config) if "is in force although it holds 5 numbers" in each]
    assert f"Taken because: {why}." in warned
    assert why in dialgate("register", "status", "-c", str(config)).err
    assert dialgate("register", "import", "tps", str(write(tmp_path / "t.txt", NUMBERS)), *options).code == 0
    assert not any("is in force although" in each for each in attention(config))
    assert "those of the TPS in force" in importing(
        config, "ctps", tmp_path / "t.txt", "--accept-narrower", "--coverage", CODE
    )


def test_a_register_that_does_not_hold_what_its_coverage_says_clears_nobody(config: Path, tmp_path: Path) -> None:
    """A list of one street with the coverage of London cleared London."""
    file = write(tmp_path / "street.txt", NUMBERS)
    accepted = ("--accept-narrower", "--accept-implausible", "it is what we have")
    said = importing(config, "tps", file, "--coverage", f"{CODE},020", *accepted)
    assert "it holds no number of 020, so it does not cover it" in said
    assert check(config, "020 8099 9077") == "block register_damaged"


def test_a_narrower_coverage_is_refused_with_what_it_would_mean(config: Path, tmp_path: Path) -> None:
    """The coverage of another firm's example narrowed a whole register for good."""
    amend(config, {"calling": {"live": False}})
    far, near = "01612345678", NUMBERS[0]
    whole, part = write(tmp_path / "whole.txt", [near, far]), write(tmp_path / "part.txt", [near, NUMBERS[1]])
    assert taking(config, "tps", whole).code == 0
    said = importing(config, "tps", part, "--coverage", CODE)
    assert f"the TPS in force covers the whole country, and would cover {CODE} alone" in said
    assert "marketing calls to other numbers would all be refused" in said and "--accept-narrower" in said
    assert check(config, far) == "block listed_tps"
    assert taking(config, "tps", part, "--coverage", CODE, "--accept-narrower").code == 0
    assert check(config, far) == "block outside_coverage"


def test_at_a_terminal_a_narrower_coverage_is_explained_and_asked_about(config: Path, tmp_path: Path) -> None:
    amend(config, {"calling": {"live": False}})
    far, near = "01612345678", NUMBERS[0]
    whole, part = write(tmp_path / "whole.txt", [near, far]), write(tmp_path / "part.txt", [near, NUMBERS[1]])
    for name in ("tps", "ctps"):
        assert taking(config, name, whole).code == 0
    words = ("register", "import", "ctps", str(part), "--accept-shrink", "--coverage", CODE, "-c", str(config))
    with Terminal(*words) as terminal:
        terminal.answer("Narrow the CTPS to this coverage? [y/N]", "")
        assert terminal.end() != 0
    shown = " ".join(terminal.text.split())
    assert f"The CTPS in force covers the whole country. With this file it covers {CODE} alone." in shown
    assert "Marketing calls to all other numbers are then refused (outside_coverage)" in shown
    assert "The TPS stays as it is: it covers the whole country." in shown
    assert coverages(config) == {"tps": ["full"], "ctps": ["full"]}
    with Terminal(*words) as terminal:
        terminal.answer("Narrow the CTPS to this coverage? [y/N]", "y")
        assert terminal.end() == 0, terminal.text
    assert coverages(config) == {"tps": ["full"], "ctps": [CODE]}
    with Terminal(*words) as terminal:
        assert terminal.end() == 0, terminal.text
    assert "Narrow" not in terminal.text, "it is no narrower than the one in force"


def coverages(config: Path) -> dict[str, list[str]]:
    """What each register in force covers."""
    rows = dialgate("register", "status", "--json", "-c", str(config)).json["registers"]
    return {row["name"]: row["coverage"] for row in rows}
