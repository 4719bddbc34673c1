"""Letters to a real mail server on loopback: what it gets, what it says, and every way in which it does not work."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gate.config import Config, Mail, load
from gate.core.letters import Letter
from gate.exports.letter_samples import NOW, samples
from gate.exports.letters import firm_of, render
from gate.exports.mail import Delivery, MailError, checkpoint_mail, send
from tests.support.settings import VALID, secret, write
from tests.support.smtp import PASSWORD, USER, Mailbox, certificate, mail_server


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def starttls(keys: tuple[Path, ssl.SSLContext]) -> Iterator[Mailbox]:
    with mail_server(starttls=keys[1], auth=True) as mailbox:
        yield mailbox


@pytest.fixture
def plain() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


def config_of(folder: Path, **mail: Any) -> Config:
    values = {"host": "localhost", "sender": "letters@example.invalid", "timeout_seconds": 5} | mail
    secret(folder / "mail.password", PASSWORD)
    return msgspec.structs.replace(load(write(folder, VALID)), mail=Mail(**values))


def clear(folder: Path, mailbox: Mailbox, **mail: Any) -> Config:
    return config_of(folder, **({"host": "127.0.0.1", "port": mailbox.port, "security": "none"} | mail))


def guarded(folder: Path, mailbox: Mailbox, pem: Path, **mail: Any) -> Config:
    login = {"username": USER, "password_file": "mail.password"}
    return config_of(folder, **({"port": mailbox.port, "ca_file": str(pem)} | login | mail))


def test_a_checkpoint_of_one_entry_is_of_one_entry() -> None:
    mail = checkpoint_mail("note", log="dialgate.example", size=1, sender="g@x.uk", to="a@x.uk", now=datetime.now(UTC))
    assert b"Checkpoint of dialgate.example: 1 entry\r\n" in mail and b"had 1 entry when this was signed." in mail


def sent(letter: Letter, config: Config) -> Delivery:
    return send(letter.to, letter.eml, config)


def letter_for(config: Config, **changes: Any) -> Letter:
    return render(replace(samples()[0], **changes), firm_of(config, NOW.date()), now=NOW, sender=config.mail_sender)


def test_over_starttls_with_a_password(tmp_path: Path, starttls: Mailbox, keys: tuple[Path, ssl.SSLContext]) -> None:
    config = guarded(tmp_path, starttls, keys[0])
    letter = letter_for(config, name="Zoë Example")
    done = sent(letter, config)
    [(sender, to, text)] = starttls.letters
    assert (sender, to) == ("letters@example.invalid", ["ann@example.invalid"])
    assert text == letter.eml.replace(b"X-Unsent: 1\r\n", b""), "byte for byte, but no longer a draft"
    assert starttls.encrypted == [True]
    assert done.said == "250 2.0.0 queued as 1" and done.to == "ann@example.invalid"
    assert done.tls == "TLSv1.3" and done.server == f"localhost:{starttls.port}"
    assert set(starttls.helo) == {"example.invalid"}, "not the name of this machine"
    assert socket.gethostname().encode() not in text


def test_over_tls_from_the_first_byte(tmp_path: Path, keys: tuple[Path, ssl.SSLContext]) -> None:
    with mail_server(tls=keys[1]) as mailbox:
        config = config_of(tmp_path, port=mailbox.port, security="tls", ca_file=str(keys[0]))
        assert sent(letter_for(config), config).tls.startswith("TLSv1.")
        assert mailbox.encrypted == [True] and len(mailbox.letters) == 1


def test_in_clear_to_this_machine_only(tmp_path: Path, plain: Mailbox) -> None:
    config = clear(tmp_path, plain)
    assert sent(letter_for(config), config).tls == ""
    elsewhere = clear(tmp_path, plain, host="mail.example.invalid")
    with pytest.raises(MailError, match="over TLS only"):
        sent(letter_for(elsewhere), elsewhere)
    assert len(plain.letters) == 1


def test_no_tls_no_letter(tmp_path: Path, plain: Mailbox) -> None:
    config = config_of(tmp_path, port=plain.port)
    with pytest.raises(MailError, match="gives no protected connection"):
        sent(letter_for(config), config)
    assert plain.letters == []


def test_a_certificate_that_is_not_trusted_or_of_another_gets_nothing(
    tmp_path: Path, starttls: Mailbox, keys: tuple[Path, ssl.SSLContext]
) -> None:
    other, _ = certificate(tmp_path, "other.example.invalid")
    for config in (guarded(tmp_path, starttls, other), guarded(tmp_path, starttls, keys[0], host="127.0.0.1")):
        with pytest.raises(MailError, match=r"(?i)certificate") as caught:
            sent(letter_for(config), config)
        assert "mail.ca_file" in caught.value.hint and not caught.value.uncertain
    assert starttls.letters == []
    broken = guarded(tmp_path, starttls, tmp_path / "mail.password")
    with pytest.raises(MailError, match="holds no certificates"):
        sent(letter_for(broken), broken)


def test_a_wrong_password_says_so(tmp_path: Path, starttls: Mailbox, keys: tuple[Path, ssl.SSLContext]) -> None:
    config = guarded(tmp_path, starttls, keys[0])
    secret(tmp_path / "mail.password", "wrong")
    with pytest.raises(MailError, match="does not let gate in: 535") as caught:
        sent(letter_for(config), config)
    assert "mail.password_file" in caught.value.hint and "wrong" not in str(caught.value)
    assert starttls.letters == []


@pytest.mark.parametrize(
    ("changes", "said", "hint"),
    [
        (
            {"rcpt_says": "550 5.1.1 no such mailbox\r\n"},
            "does not deliver to ann@example.invalid: 550 5.1.1 no such",
            "post",
        ),
        (
            {"mail_says": "553 5.7.1 not yours"},
            "takes no mail from letters@example.invalid: 553 5.7.1 not yours",
            "mail.sender",
        ),
        ({"data_says": "554 5.7.1 looks like spam"}, "refused the letter: 554 5.7.1 looks like spam", "nothing"),
        ({"rcpt_says": "451 4.7.1 greylisted"}, "451 4.7.1 greylisted", "later"),
    ],
)
def test_what_the_server_refuses_is_told_in_its_words(
    changes: dict[str, str], said: str, hint: str, tmp_path: Path, plain: Mailbox
) -> None:
    for name, value in changes.items():
        setattr(plain, name, value.strip())
    config = clear(tmp_path, plain)
    with pytest.raises(MailError) as caught:
        sent(letter_for(config), config)
    assert said in caught.value.message and not caught.value.uncertain and hint in caught.value.hint
    assert plain.letters == []


def test_a_server_that_breaks_off_after_the_text_leaves_it_open_and_gets_it_once(
    tmp_path: Path, plain: Mailbox
) -> None:
    plain.hang_up_at_data = True
    config = clear(tmp_path, plain)
    with pytest.raises(MailError, match="before it said whether it took the letter") as caught:
        sent(letter_for(config), config)
    assert caught.value.uncertain and "log" in caught.value.hint
    assert len(plain.letters) == 1, "one try"


def test_a_server_that_is_away_or_silent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    config = config_of(tmp_path, host="127.0.0.1", port=port, security="none")
    with pytest.raises(MailError, match=rf"127\.0\.0\.1:{port} cannot be reached"):
        sent(letter_for(config), config)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = config_of(tmp_path, host="127.0.0.1", port=silent.getsockname()[1], security="none", timeout_seconds=1)
        with pytest.raises(MailError, match=r"does not answer|cannot be reached") as caught:
            sent(letter_for(config), config)
    assert not caught.value.uncertain


def test_what_cannot_be_sent_at_all(tmp_path: Path, plain: Mailbox) -> None:
    config = clear(tmp_path, plain)
    with pytest.raises(MailError, match="no email address") as caught:
        sent(letter_for(config, contact="1 Example Street\nPortsmouth"), config)
    assert "post" in caught.value.hint
    unset = msgspec.structs.replace(config, mail=Mail())
    with pytest.raises(MailError, match="no mail server is configured"):
        sent(letter_for(config), unset)
    assert plain.letters == []


def test_the_sender_is_the_firms_address_where_none_is_set(tmp_path: Path, plain: Mailbox) -> None:
    config = clear(tmp_path, plain, sender="")
    config = msgspec.structs.replace(
        config, firm=msgspec.structs.replace(config.firm, contact_email="f@example.invalid")
    )
    assert config.mail_sender == "f@example.invalid"
    sent(letter_for(config), config)
    assert plain.letters[0][0] == "f@example.invalid"
