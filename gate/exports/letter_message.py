"""A letter as an e-mail message (RFC 5322 and 2046): text and HTML of the same wording, ready to be sent.

The same letter at the same moment is the same bytes: boundary and Message-ID come from its content, and name no host.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from gate.core.days import LONDON
from gate.exports.letter_blocks import one_line

DRAFT = "X-Unsent"
"""Makes mail programs open the file as a draft; taken out when the gate sends it."""
LONGEST_NAME = 100

Mailbox = tuple[str, str]
"""Name and address."""


def message(*, sender: Mailbox, reply_to: str, to: Mailbox, subject: str, text: str, html: str, now: datetime) -> bytes:
    """The message. Without an address there is no From or To: a mail program puts its own, or a person types it."""
    mail = EmailMessage(policy=SMTP)
    mail["Date"] = format_datetime(now.astimezone(LONDON))
    if sender[1]:
        mail["From"] = _address(*sender)
        if reply_to and reply_to != sender[1]:
            mail["Reply-To"] = _address("", reply_to)
    if to[1]:
        mail["To"] = _address(*to)
    mail["Subject"] = one_line(subject)
    digest = hashlib.sha256("\0".join((*sender, *to, subject, text, html, now.isoformat())).encode("utf-8", "replace"))
    domain = sender[1].partition("@")[2] or "dialgate.invalid"
    mail["Message-ID"] = f"<{digest.hexdigest()[:40]}@{domain}>"
    mail[DRAFT] = "1"
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    mail.set_boundary(f"=_{digest.hexdigest()[40:]}")
    # A subject that fits a line, but not behind its name, is folded behind an empty first line: some filters drop that.
    return mail.as_bytes().replace(b"\r\nSubject:\r\n ", b"\r\nSubject: ", 1)


def _address(name: str, address: str) -> Address:
    return Address(display_name=one_line(name)[:LONGEST_NAME], addr_spec=address)
