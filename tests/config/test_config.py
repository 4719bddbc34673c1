"""The configuration: what is accepted, and for everything else the line, the key and the remedy."""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.config import Announcement, Config, Pbx, departures, load, origins, read_secret, review_due
from gate.config.call_rules import forgeable
from gate.config.faults import lines
from gate.config.load import of_node
from gate.config.write import NOTICE, amend, document, write_new
from gate.errors import ConfigError, UsageError
from gate.media.prompts import prepare
from tests.support.example import make_example
from tests.support.examples import examples
from tests.support.settings import VALID, secret, write

PBX = '[[pbx]]\nname = "keeps"\naddresses = ["192.0.2.99"]\npresentation = "+442079460000"\n'
TOKEN = '[[token]]\nname = "dialler"\ntoken_file = "token"\npurposes = ["marketing"]\n'


def faults(folder: Path, text: str) -> list[str]:
    """The faults that ``load`` finds, without the folder's name."""
    path = write(folder, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    return [line.replace(f"{folder}/", "") for line in caught.value.message.splitlines()]


def test_the_example_says_what_each_purpose_is_for(tmp_path: Path) -> None:
    text = (make_example(tmp_path / "gate") / "config.toml").read_text()
    for purpose, comment in re.findall(r'^purpose = "(.+)" # (.+)$', text, re.MULTILINE):
        assert purpose in ("marketing", "service")
        assert comment == "marketing; or service where nothing is sold: registers and hours are then skipped"
    assert text.count("\npurpose = ") == 2


def test_a_valid_file_is_read_whole(tmp_path: Path) -> None:
    config = load(write(tmp_path))
    assert config.firm.numbers == ("+442079460000", "+441632960100")
    assert [account.username for account in config.account] == ["alice"]
    assert config.pbx[0].purpose == "service"
    assert config.calling.live is False
    assert config.sip.listen == "127.0.0.1:5060"
    assert config.base == str(tmp_path)
    assert config.data == tmp_path / "data"
    assert config.control_socket == tmp_path / "data" / "control.sock"


def test_names_of_files_are_relative_to_the_file_not_to_where_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert load(Path("config.toml")).data == tmp_path / "data"
    monkeypatch.chdir("/")
    assert load(tmp_path / "config.toml").path("a.wav") == tmp_path / "a.wav"


TWO_TRUNKS = """[[trunk]]
address = "sip.carrier.example:5060"
name = "first"
prefixes = ["+4420"]
[[trunk]]
address = "192.0.2.9:5060"
name = "second"
"""


def test_one_trunk_is_a_section_and_several_are_an_array(tmp_path: Path) -> None:
    one = load(write(tmp_path))
    assert [each.name for each in one.trunk] == ["carrier"]
    assert "trunk.address" in [row.key for row in origins(one, tmp_path / "config.toml")]
    path = write(tmp_path, VALID.replace('[trunk]\naddress = "sip.carrier.example:5060"\n', TWO_TRUNKS))
    two = load(path)
    assert [(each.name, each.prefixes) for each in two.trunk] == [("first", ("+4420",)), ("second", ())]
    named = {row.key: row.origin for row in origins(two, path)}
    assert named["trunk[1].address"].endswith(":14")
    assert named["trunk[1].order"] == "default"


DATA = Path(__file__).parents[1] / "data" / "config"
CASES = tomllib.loads((DATA / "faults.toml").read_text(encoding="utf-8"))["case"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_every_fault_says_line_key_and_remedy(case: dict[str, Any], tmp_path: Path) -> None:
    text = VALID
    for old, new in case.get("edits", []):
        assert old in text
        text = text.replace(old, new)
    assert faults(tmp_path, text + case.get("append", "")) == case["faults"]


@pytest.mark.parametrize("key", ["legal_name", "trading_name", "address", "numbers"])
def test_law_1_8_the_gate_does_not_start_without_saying_who_calls(tmp_path: Path, key: str) -> None:
    text = re.sub(rf"(?m)^{key} = .*\n", "", VALID, count=1)
    assert text != VALID
    assert f"firm.{key}: is missing from [firm]" in "\n".join(faults(tmp_path, text))


def test_law_1_9_the_announcement_is_required_and_the_example_says_what_it_must(tmp_path: Path) -> None:
    assert "announcement.text: say who calls" in "\n".join(
        faults(tmp_path, re.sub("(?m)^text = .*$", 'text = " "', VALID))
    )
    spoken = str(document(example=True, today="2026-01-15")["announcement"]["text"])  # type: ignore[index]
    for part in ("This is Webeo", "calling about", "We record this call", "Press 9"):
        assert part in spoken


def test_law_3_4_the_far_end_may_ring_for_fifteen_seconds_at_least(tmp_path: Path) -> None:
    assert "ring at least 15 seconds" in "\n".join(faults(tmp_path, VALID + "[sip]\nno_answer_seconds = 14\n"))
    assert load(write(tmp_path, VALID + "[sip]\nno_answer_seconds = 15\n")).sip.no_answer_seconds == 15


def test_all_faults_come_together_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        VALID.replace("legal_name", "legal_nam").replace('"2026-01-15"', '"soon"').replace("live = false", "live = 1")
    )
    text += '[storage]\ncountry = "US"\n'
    found = faults(tmp_path, text)
    assert [line.split(": ")[1] for line in found] == [
        "firm.legal_name",
        "firm.legal_nam",
        "calling.live",
        "storage.country",
    ]


def test_secrets_must_be_there_and_closed_to_others(tmp_path: Path) -> None:
    path = write(tmp_path)
    password = tmp_path / "alice.password"
    password.chmod(0o644)
    with pytest.raises(ConfigError, match=r":14: account\[0\].password_file: .* is open to every account.*chmod 600"):
        load(path)
    password.chmod(0o640)
    load(path)
    secret(password, "\n")
    with pytest.raises(ConfigError, match="is empty"):
        load(path)
    password.unlink()
    with pytest.raises(ConfigError, match="does not exist; make it"):
        load(path)
    password.mkdir()
    with pytest.raises(ConfigError, match=r"cannot be read|is not a file"):
        load(path)


def test_who_may_ask_the_gate_need_not_read_its_secrets(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "alice.password").unlink()
    assert load(path, secrets=False).account[0].username == "alice"


def test_a_short_token_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, VALID + TOKEN)
    secret(tmp_path / "token", "short\n")
    with pytest.raises(ConfigError, match=r":30: token\[0\]\.token_file: the secret is too short; at least 16"):
        load(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TOKEN.replace("dialler", "A B"), "is not a name"),
        (TOKEN + "calls_a_minute = 0\n", "0 would allow none; at least 1"),
        (TOKEN + 'account = "nobody"\n', '"nobody" is no account and no PBX of this file'),
        ('[ingest]\nnames = ["{number}.wav"]\n', '"{number}.wav" says neither {call_id}'),
        ("[ingest]\nsettle_seconds = 0\n", "0 is too small"),
        (PBX + 'mode = "redirect"\nannounced_by = "the PBX"\n', "say who records"),
        (PBX + 'mode = "redirect"\nrecorded_by = "the PBX"\n', "say who tells the callee"),
        (PBX + 'announced_by = "the PBX"\n', "here the gate does it"),
        (TOKEN.replace('purposes = ["marketing"]\n', ""), "the token may do nothing"),
        (TOKEN.replace('["marketing"]', '["marketing", "marketing"]'), "is there twice"),
        (TOKEN + TOKEN, "holds the same token"),
        (TOKEN + TOKEN, "as token"),
        ('[control]\nhttp = "127.0.0.1:8080"\n', "nobody may ask there"),
        ("[control]\nconnections_each = 2\n", "at least 8"),
        ("[control]\nlookups_an_hour = 0\n", "at least 1"),
        ('[roles]\ndual_control = "perhaps"\n', "dual_control"),
    ],
)
def test_tokens_and_doors_that_cannot_be(text: str, said: str, tmp_path: Path) -> None:
    path = write(tmp_path, VALID + text)
    secret(tmp_path / "token", "long enough to be one\n")
    with pytest.raises(ConfigError, match=re.escape(said)):
        load(path)


def test_a_secret_is_the_first_line_of_a_file_or_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret(tmp_path / "password", "one two\r\nthree\n")
    assert read_secret(tmp_path, "password") == "one two"
    monkeypatch.setenv("DIALGATE_ALICE", "four")
    assert read_secret(tmp_path, "env:DIALGATE_ALICE") == "four"
    monkeypatch.delenv("DIALGATE_ALICE")
    with pytest.raises(ConfigError, match="DIALGATE_ALICE is not set"):
        read_secret(tmp_path, "env:DIALGATE_ALICE")


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "does not exist"), (b"\xff\xfe[firm]", "is not UTF-8"), (b"#" * (1 << 20) + b"\n", "larger than")],
)
def test_what_is_no_configuration_at_all(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        load(path)


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load(path).firm.trading_name == "Webeo"


def test_lines_are_not_led_astray_by_what_looks_like_keys_inside_texts_and_lists() -> None:
    text = (
        '[a]\nx = """\n[b]\ny = 1\n"""\nz = [\n  "]", # ]\n  "=",\n]\n'
        "s = '''\\'''\n[[c]]\nk = 1\n[[c]]\nk = 2\n\"q u\".r = 3\n"
    )
    found = lines(text)
    assert found[("a", "x")] == 2
    assert found[("a", "z")] == 6
    assert found[("a", "s")] == 10
    assert found[("c", 0, "k")] == 12
    assert found[("c", 1, "k")] == 14
    assert found[("c", 1, "q u", "r")] == 15
    assert ("b",) not in found
    assert ("a", "y") not in found


def test_origins_name_every_value_once_with_its_line_or_default(tmp_path: Path) -> None:
    path = write(tmp_path)
    rows = {row.key: row for row in origins(load(path), path)}
    assert rows["firm.trading_name"].origin == f"{path}:3"
    assert rows["pbx[0].addresses"].value == ["192.0.2.10", "2001:db8::/48"]
    assert rows["account[0].topic"].origin == "default"
    assert rows["calling.live"] == ("calling.live", False, f"{path}:27")
    assert rows["limits.max_calls"] == ("limits.max_calls", 1000, "default")
    assert len(rows) == len(origins(load(path), path))
    assert not any(key.startswith("base") for key in rows)


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 1, 15), ""),
        (date(2027, 1, 14), ""),
        (date(2027, 1, 15), "was last reviewed on 2026-01-15"),
        (date(2028, 1, 1), "was last reviewed on 2026-01-15"),
        (date(2026, 1, 14), "lies in the future"),
    ],
)
def test_the_policys_review_is_due_after_a_year(today: date, said: str, tmp_path: Path) -> None:
    reminder = review_due(load(write(tmp_path)), today)
    assert said in reminder
    assert bool(said) == bool(reminder)


def test_a_review_in_the_future_is_a_fault_and_a_clock_that_stands_in_the_past_is_not(tmp_path: Path) -> None:
    path = write(tmp_path, VALID.replace("2026-01-15", "2027-06-02"))
    with pytest.raises(ConfigError, match=r"config.toml:\d+: firm.policy_reviewed: 2027-06-02 lies in the future"):
        load(path, today=date(2027, 6, 1))
    assert load(path, today=date(2027, 6, 2)) == load(path) == load(path, today=date(1970, 1, 1))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", ""),
        ("[retention]\ncalls_months = 24", ""),
        ("[retention]\ncalls_months = 36", "retention.calls_months is 36: the policy allows at most 24"),
        ("[retention]\nbackup_days = 31", "retention.backup_days is 31: the policy allows at most 30"),
        ('[retention]\nclasses = ["topic:pensions=5"]', "retention.classes keeps topic:pensions for 5 years"),
        ('[retention]\nclasses = ["topic:pensions=5 FCA SYSC 10A", "account:alice=1"]', ""),
        ("[consent]\nmonths = 25", "consent.months is 25: the policy allows at most 24"),
        ("[requests]\nidentity_days = 8", "requests.identity_days is 8: the policy allows at most 7"),
        ("[calling]\nlive = false\nredial_hours = 1", "calling.redial_hours is 1: the policy asks for at least 72"),
        ('[calling]\nlive = false\nhours = "always"', 'calling.hours is "always"'),
        ('[calling]\nlive = false\nweekdays = "09:00-20:00"\nsaturday = ""', ""),
        ('[calling]\nlive = false\nweekdays = "08:00-21:30"', 'calling.weekdays is "08:00-21:30"'),
        ('[calling]\nlive = false\nsaturday = "08:00-12:00"', 'calling.saturday is "08:00-12:00"'),
        ('[calling]\nlive = false\nsunday = "10:00-12:00"', 'calling.sunday is "10:00-12:00"'),
    ],
)
def test_values_that_are_looser_than_the_policys_are_told(more: str, said: str, tmp_path: Path) -> None:
    text = VALID if "[calling]" not in more else VALID.replace("[calling]\nlive = false\n", "")
    found = departures(load(write(tmp_path, f"{text}\n{more}\n")))
    assert (found == []) if not said else (len(found) == 1 and said in found[0]), found


# --- a new configuration ------------------------------------------------------------------------------------------


def test_an_example_is_ready_to_load_and_not_live(tmp_path: Path) -> None:
    config = load(write_new(tmp_path / "gate", example=True, today="2026-03-02"))
    assert config.calling.live is False
    assert [account.username for account in config.account] == ["alice", "bob"]
    assert config.firm.policy_reviewed == "2026-03-02"


def test_everything_new_is_closed_to_others(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        write_new(tmp_path / "gate", example=True, today="2026-03-02")
    finally:
        os.umask(old)
    for path in (tmp_path / "gate").rglob("*"):
        group = 0o040 if path.name == "config.toml" else 0  # it holds no secret
        assert path.stat().st_mode & 0o077 == group, path
    assert {path.name for path in (tmp_path / "gate" / "data").iterdir()} >= {"recordings", "registers", "prompts"}


def test_passwords_are_random(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_new(tmp_path / name, example=True, today="2026-03-02")
    found = {path.read_text() for path in tmp_path.rglob("*.password")}
    assert len(found) == 4
    assert all(len(text) > 20 for text in found)


def test_a_new_configuration_of_ones_own_names_what_is_to_be_filled_in(tmp_path: Path) -> None:
    path = write_new(tmp_path, example=False, today="2026-03-02")
    with pytest.raises(ConfigError) as caught:
        load(path)
    for key in ("firm.legal_name", "firm.numbers", "trunk.address", "announcement.text", "account[0].presentation"):
        assert key in caught.value.message
    assert "not a key" not in caught.value.message


def test_an_existing_configuration_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        write_new(tmp_path, example=True, today="2026-03-02")
    assert (tmp_path / "config.toml").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [tmp_path / "config.toml"]


def test_the_documents_keys_are_all_known() -> None:
    for example in (True, False):
        for name, section in document(example=example, today="2026-03-02").unwrap().items():
            assert name in Config.__struct_fields__, section


# --- whatever is in the file --------------------------------------------------------------------------------------

_ODD_LINES = (DATA / "odd_lines.txt").read_text().splitlines()


_ODD_VALUES = [
    r'"\u0000"',
    r'"a\r\nVia: b"',
    "5",
    "[]",
    '""',
    '"x"',
    "true",
    "{}",
    r'["\u0000"]',
    "1.5",
    "2026-01-01",
    "inf",
]


@pytest.mark.deep
def test_a_file_with_any_line_gone_wrong_is_a_configuration_or_one_error(tmp_path: Path) -> None:
    rows = VALID.splitlines()
    for place, row in enumerate(rows):
        for odd in [*_ODD_LINES, *(row.partition("=")[0] + "= " + value for value in _ODD_VALUES)]:
            path = write(tmp_path, "\n".join([*rows[:place], odd, *rows[place + 1 :]]))
            try:
                assert load(path).firm.numbers
            except ConfigError as error:
                for line in error.message.splitlines():
                    assert line.startswith(str(path)), odd
                    if found := re.match(rf"{re.escape(str(path))}:(\d+): ", line):
                        assert 1 <= int(found[1]) <= len(rows)


@pytest.mark.parametrize("key", ["trading_name", "legal_name", "address"])
def test_what_goes_into_headers_is_one_printable_line(key: str, tmp_path: Path) -> None:
    text = re.sub(rf"(?m)^{key} = .*$", rf'{key} = "a\\r\\nVia: b"', VALID, count=1)
    assert [line.split(": ")[1:] for line in faults(tmp_path, text)] == [
        [f"firm.{key}", "printable text on one line only"]
    ]


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_any_bytes_are_a_configuration_or_one_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load(path)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("session_seconds = 60", "60 is too short; -1 for that of sip, 0 for none, or at least 90"),
        ("session_seconds = -5", "-5 is too short"),
        ("session_seconds = 0", ""),
        ('codecs = ["PCMA", "PCMA"]', "codecs"),
        ('codecs = ["opus"]', "codecs"),
        ('codecs = ["G722", "PCMA"]', ""),
    ],
)
def test_codecs_and_session_timer_of_a_trunk(tmp_path: Path, line: str, fault: str) -> None:
    text = VALID.replace("[trunk]\n", f"[trunk]\n{line}\n")
    assert text != VALID
    if fault:
        assert fault in "\n".join(faults(tmp_path, text))
    else:
        load(write(tmp_path, text), secrets=False)


def test_a_pbx_that_anybody_can_be_by_udp_is_told_of() -> None:
    def told(*addresses: str, **values: Any) -> list[str]:
        return list(forgeable([Pbx("office", addresses, "+442079460000", **values)]))

    (said,) = told("10.0.0.5", "203.0.112.5")
    assert said.startswith("office is known by 203.0.112.5 alone") and "pbx.udp = false" in said
    assert told("2001:4860::/64")
    assert not told("10.0.0.5", "127.0.0.1", "fd00::/8")
    assert not told("203.0.112.5", udp=False)
    assert not told(certificate="office.pem")


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is missing: it speaks the announcement")
def test_what_is_proposed_is_spoken_in_under_seven_seconds(tmp_path: Path) -> None:
    text = NOTICE.format(name="Webeo", about="your web site", digit=9)
    assert prepare(tmp_path, Announcement(text=text), tmp_path).seconds < 7


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ('["Open", ""]', "give its words, its roles, a program"),
        ('["Open", "boss", "/bin/true"]', "boss: no role"),
        ('["Open", "", "true"]', "name the program by its whole path"),
        ('["", "admin", "/bin/true"]', "say what it does"),
        ('["Open", "", "/bin/sh", "-c", "crm {claimed_by}"]', "would be run as code"),
        ('["Open", "", "/usr/bin/bash", "-lc", "crm {claimed_by}"]', "would be run as code"),
        ('["Open", "", "/usr/bin/python3.11", "-c", "print({number})"]', "would be run as code"),
    ],
)
def test_a_command_of_the_console_is_whole(tmp_path, given, wrong):
    path = write(tmp_path, VALID + f'\n[console.commands]\n"f7" = {given}\n')
    with pytest.raises(ConfigError, match=wrong):
        load(path)
    for whole in (
        ("Open", "admin", "/bin/true", "{call_id}"),
        ("Open", "", "/bin/sh", "-c", 'crm "$1"', "-", "{number}"),
    ):
        path = write(tmp_path, VALID + f"\n[console.commands]\n'f7' = {json.dumps(whole)}\n")
        assert load(path).console.commands == {"f7": whole}


def test_several_gates_read_one_file_each_with_a_folder_a_log_and_ports_of_its_own(tmp_path: Path) -> None:
    make_example(tmp_path / "gate")
    path = tmp_path / "gate" / "config.toml"
    amend(
        path,
        {
            "store": {"dsn": "postgresql://dialgate@/evidence?host=/run", "log": 4},
            "storage": {"memory": "/mnt/second"},
            "sip": {"listen": "127.0.0.1:5060", "tcp": "127.0.0.1:5060"},
            "control": {"socket": "/run/dialgate/control.sock"},
            "registers": {"watch": "drop"},
            "limits": {"max_calls": 100},
            "edge": {"address": "127.0.0.1:5099", "public": "203.0.113.5", "udp": 5090},
        },
    )
    alone, *gates = load(path), *(load(path, node=(number, 3)) for number in range(3))
    assert [each.data.relative_to(alone.data).as_posix() for each in gates] == [".", "nodes/1", "nodes/2"]
    assert [each.store.log for each in gates] == [4, 5, 6]
    assert [each.storage.memory for each in gates] == ["/mnt/second", "/mnt/second/node-1", "/mnt/second/node-2"]
    assert [(each.sip.listen, each.sip.tcp) for each in gates] == [(f"127.0.0.1:{n}",) * 2 for n in (5060, 5070, 5080)]
    assert of_node({"control": {"http": "127.0.0.1:8080"}}, 2, 3)["control"]["http"] == "127.0.0.1:8100"
    assert len({each.control_socket for each in gates}) == 3
    assert [each.registers.watch for each in gates] == ["drop", "", ""]
    assert all(each.edge.gates == ("127.0.0.1:5060", "127.0.0.1:5070", "127.0.0.1:5080") for each in gates)
    taken = [range(each.media.port_min, each.media.port_max + 1) for each in gates]
    assert (taken[0].start, taken[-1].stop <= alone.media.port_max + 1) == (alone.media.port_min, True)
    assert taken[0].stop == taken[1].start and taken[1].stop == taken[2].start
    assert gates[0].account == gates[2].account == alone.account


@pytest.mark.parametrize("text", ["3/3", "x", "1/65", "1/3/4", "-1/3"])
def test_a_gate_that_is_named_and_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("DIALGATE_NODE", text)
    with pytest.raises(ConfigError, match="names no gate"):
        load(write(tmp_path, VALID))


def test_several_gates_without_a_database_or_with_too_few_ports_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, VALID)
    with pytest.raises(ConfigError, match=r"store\.dsn: several gates share one database") as refused:
        load(path, node=(1, 3))
    assert "media.port_max" in str(refused.value)
