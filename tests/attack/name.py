"""An agent who wants the callee's telephone to show somebody else: a bank, the tax office, another number.

Dials as a known phone with such names in From, P-Asserted-Identity, P-Preferred-Identity and Remote-Party-ID, and with
names that a careless reader of quoted strings falls over. The far end is played here too, to see what reaches the
carrier.

    python -m tests.attack.name --gate 127.0.0.1:5060 --carrier 127.0.0.1:5070 --number 02079460123

Prints ``calls``, ``answered`` (those that had a final answer or reached the carrier), ``codes`` of those that did not
reach it, and ``shown``: every distinct From and P-Asserted-Identity without its tag.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys

from tests.attack.wire import Wire, address, code_of, header

NAMES = [
    '"HM Revenue & Customs"',
    "Barclays",
    '"+44 20 7946 0999"',
    '"Zoë Bank"',
    r'"x\" <sip:+442079460999@bank>;y=\""',
    r'"ends with a backslash\\"',
    r'"\"quoted\""',
    r'"\\\\\\\""',
    '"unescaped "quotes" inside"',
    '"a,b"',
    '"two" <sip:c@d>, "e"',
    '"no end',
]
HEADERS = ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID")


def main(argv: list[str]) -> int:
    """Run it; 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gate", type=address, required=True)
    parser.add_argument("--carrier", type=address, required=True, help="where the far end listens: played here")
    parser.add_argument("--number", default="02079460123")
    options = parser.parse_args(argv)
    carrier, shown, codes, answered = Wire(*options.carrier), set(), [], 0
    for name in NAMES:
        phone = Wire()
        uri = f"sip:{options.number}@gate.invalid"
        call = {"sender": f"{name} <sip:bank@{phone.host}>;tag={secrets.token_hex(4)}", "call_id": secrets.token_hex(8)}
        branch = "z9hG4bK" + secrets.token_hex(8)
        more = tuple(f"{header}: {name} <sip:bank@bank.invalid>" for header in HEADERS)
        phone.send(phone.request("INVITE", uri, **call, branch=branch, headers=more), options.gate)
        if invite := carrier.receive(2, "INVITE"):
            answered += 1
            gate = carrier.source
            for field in ("From", "P-Asserted-Identity"):
                shown.add(header(invite, field).partition(">")[0].partition("@")[0])
            carrier.send(carrier.answer(invite, 486, "Busy Here", tag="far"), gate)
            carrier.receive(1, "ACK")
            final = phone.final(2)
        elif final := phone.final(2):
            answered += 1
            codes.append(code_of(final))
        if final:
            phone.send(phone.request("ACK", uri, **call, branch=branch, to=header(final, "To")), options.gate)
    print(json.dumps({"calls": len(NAMES), "answered": answered, "codes": codes, "shown": sorted(shown)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
