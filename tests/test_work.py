"""Readers of what comes from outside, given twice and four times as much of what is hard to read: work grows as much.

Work is counted, not timed: lines of Python run, in the readers and in what they call. What one line costs inside the
interpreter (a search, a copy) is no part of that count; so the same readers are run once more on texts so long that
copying the rest at every step would take an hour, in a process that the kernel ends after a minute of processor.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from types import FrameType
from typing import Any

import pytest

from gate import showing
from gate.core import numbers, sdp
from gate.sip import auth, header_fields, message
from gate.sip.bridge import digits_of
from tests.attack.stall import shapes
from tests.support.outside import READERS

pytestmark = pytest.mark.deep

SIZES = (1_000, 4_000, 16_000, 64_000)
UNITS = [
    '"',
    '\\"',
    '"\\',
    "\\",
    ";",
    ",",
    "<",
    "<,",
    ";tag",
    "; tag = ",
    "=",
    " ",
    "\n",
    "\r\n ",
    "%",
    "%41",
    "a",
    "a=",
    "9",
    "(",
    "+44",
    "[",
    "{",
    "x:",
]
TEXTS: dict[str, Callable[[str], Any]] = {
    "tag_of": header_fields.tag_of,
    "uri_of": header_fields.uri_of,
    "parameters_of": header_fields.parameters_of,
    "split_address": header_fields.split_address,
    "split_list": header_fields.split_list,
    "pairs": lambda text: list(header_fields.pairs(text)),
    "user_of": lambda text: header_fields.user_of(f"sip:{text}@x"),
    "host_of": lambda text: header_fields.host_of(f"sip:x@{text}"),
    "usable_uri": lambda text: header_fields.usable_uri(f"sip:{text}"),
    "read_via": lambda text: message.read_via(f"SIP/2.0/UDP {text}"),
    "credentials": lambda text: auth.credentials(f"Digest {text}"),
    "codecs": lambda text: sdp.codecs(f"m=audio 1 RTP/AVP 0{text}"),
    "digits_of": lambda text: digits_of("application/dtmf-relay", text),
    "masked": showing.masked,
    "beginning_of": numbers.beginning_of,
    "is_emergency_or_short": numbers.is_emergency_or_short,
}  # fmt: skip
BYTES = {
    "rtp": ["\x80", "\x9f\0", "\xb0\0\0"],
    "control": ["{", "[", '"', '{"a":', '"a",', "9", " ", '{"number":"+44', "\\u0041"],
    "line": ["0", "\n", "\r\n", " ", "01635506160\n", "01635 506160\r\n", "0\n01635506160 \n"],
    "bundle": ["\0", "{", "[", '"', "a\n", '{"a":'],
    "sealed": ["\0", "DGSEAL", "\xff"],
}


def lines_run(work: Callable[[], Any]) -> int:
    """Lines of Python that ``work`` runs."""
    count = 0

    def line(_frame: FrameType, event: str, _value: Any) -> Any:
        nonlocal count
        count += event == "line"
        return line

    before = sys.gettrace()
    sys.settrace(line)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def grows_with(texts: list[Any], read: Callable[[Any], Any]) -> None:
    """Four times the text, at most four times the work and a little."""
    read(texts[0])  # what is imported at first use is no part of it
    counts = [lines_run(lambda text=text: read(text)) for text in texts]
    added = [more - less for less, more in pairwise(counts)]  # what is the same for every length is left out
    for less, more in pairwise(added):
        assert more <= 4.4 * max(less, 0) + 200, counts


@pytest.mark.parametrize("name", [name for name, _ in shapes(1000)])
def test_a_datagram(name):
    texts = [dict(shapes(size))[name].encode("latin-1") for size in SIZES]
    grows_with(texts, READERS["sip"])


@pytest.mark.parametrize("name", TEXTS)
def test_a_value(name):
    for unit in UNITS:
        grows_with([unit * (size // len(unit)) for size in SIZES], TEXTS[name])


@pytest.mark.parametrize("kind", BYTES)
def test_what_is_no_sip(kind):
    for unit in BYTES[kind]:
        grows_with([(unit * (size // len(unit))).encode("latin-1") for size in SIZES], READERS[kind])


LONG = 400_000
SECONDS = 90


def test_nothing_is_copied_again_and_again():
    """Half a million signs each: in proportion that is seconds; with the rest copied at every step, hours."""
    program = f"import tests.test_work as work; work.read_long({LONG})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS)),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def read_long(size: int) -> None:
    """Every reader, every shape, once."""
    for name, read in TEXTS.items():
        print(name, file=sys.stderr)
        for unit in UNITS:
            read(unit * (size // len(unit)))
    for kind, units in BYTES.items():
        print(kind, file=sys.stderr)
        for unit in units:
            READERS[kind]((unit * (size // len(unit))).encode("latin-1"))
    for name, text in shapes(size):
        print(name, file=sys.stderr)
        READERS["sip"](text.encode("latin-1"))


def test_the_count_sees_what_is_quadratic():
    def slow(text: str) -> None:
        while text:
            for _ in text:
                pass
            text = text[100:]

    with pytest.raises(AssertionError):
        grows_with(["a" * size for size in SIZES[:3]], slow)
