"""SIPp scenarios put together from their steps: ``scenario(invite(), receives(200), ack(), …)`` is the text of one.

The caller's requests and the callee's are written apart, for SIPp knows the other side's names in other words.
"""

from __future__ import annotations

SDP = (
    "v=0\n"
    "o=user1 53655765 {version} IN IP[local_ip_type] [local_ip]\n"
    "s=-\n"
    "c=IN IP[media_ip_type] [media_ip]\n"
    "t=0 0\n"
    "m=audio [media_port] RTP/AVP 0\n"
    "a=rtpmap:0 PCMU/8000\n"
    "a={direction}\n"
)
_LAST = ("Via", "From", "To", "Call-ID", "CSeq")


def sdp(direction: str = "sendrecv", version: int = 1) -> str:
    """One stream of PCMU."""
    return SDP.format(direction=direction, version=version)


def scenario(*steps: str) -> str:
    """The file."""
    known = sorted({word.split('"')[1] for step in steps for word in step.split("assign_to=")[1:]})
    used = f'<Reference variables="{",".join(known)}"/>\n' if known else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="made">\n{"".join(steps)}{used}</scenario>\n'


def _send(lines: list[str], body: str, attributes: str = "") -> str:
    length = ["Content-Type: application/sdp", "Content-Length: [len]"] if body else ["Content-Length: 0"]
    text = "\n".join([*lines, *length, "", body])
    return f"<send{attributes}>\n<![CDATA[\n\n{text}\n]]>\n</send>\n"


def invite(
    *headers: str, body: str = SDP.format(direction="sendrecv", version=1), cseq: int = 1, contact: str = ""
) -> str:
    """The caller's first INVITE."""
    return _send(
        [
            "INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
            f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-{cseq};rport",
            "From: <sip:sipp@[local_ip]:[local_port]>;tag=[pid]near[call_number]",
            "To: <sip:[service]@[remote_ip]:[remote_port]>",
            "Call-ID: [call_id]",
            f"CSeq: {cseq} INVITE",
            f"Contact: <{contact or 'sip:sipp@[local_ip]:[local_port]'}>",
            "Max-Forwards: 70",
            *headers,
        ],
        body,
        ' retrans="500"',
    )


def asks(method: str, cseq: int, *headers: str, body: str = "") -> str:
    """A request of the caller's inside the call; an ACK is not sent again."""
    return _send(
        [
            f"{method} [next_url] SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport",
            "From: <sip:sipp@[local_ip]:[local_port]>;tag=[pid]near[call_number]",
            "To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]",
            "Call-ID: [call_id]",
            f"CSeq: {cseq} {method}",
            "Contact: <sip:sipp@[local_ip]:[local_port]>",
            "Max-Forwards: 70",
            *headers,
        ],
        body,
        "" if method == "ACK" else ' retrans="500"',
    )


def refused_ack(cseq: int) -> str:
    """The ACK of a refused INVITE: of its transaction."""
    return _send(
        [
            "ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
            f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-{cseq};rport",
            "[last_From:]",
            "[last_To:]",
            "Call-ID: [call_id]",
            f"CSeq: {cseq} ACK",
            "Max-Forwards: 70",
        ],
        "",
    )


def called(method: str, cseq: int, *headers: str, body: str = "") -> str:
    """A request of the callee's inside the call; the names are those of the INVITE that it took (``takes``)."""
    return _send(
        [
            f"{method} [$target] SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport",
            "From:[$callee];tag=[pid]far[call_number]",
            "To:[$caller]",
            "Call-ID: [call_id]",
            f"CSeq: {cseq} {method}",
            "Contact: <sip:far@[local_ip]:[local_port]>",
            "Max-Forwards: 70",
            *headers,
        ],
        body,
        "" if method == "ACK" else ' retrans="500"',
    )


def takes(*checks: tuple[str, str]) -> str:
    """The INVITE at the callee: who is who is kept; ``checks``: headers and what they hold."""
    kept = [
        '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/>',
        '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="callee"/>',
        '<ereg regexp="sip:[^&gt;]*" search_in="hdr" header="Contact:" assign_to="target"/>',
        '<ereg regexp=".*" search_in="hdr" header="Via:" assign_to="via"/>',
        '<ereg regexp=".*" search_in="hdr" header="CSeq:" assign_to="number"/>',
    ]
    return f'<recv request="INVITE"><action>{"".join([*kept, *_checked(checks)])}</action></recv>\n'


def _checked(checks: tuple[tuple[str, str], ...]) -> list[str]:
    return [
        f'<ereg regexp="{pattern}" search_in="hdr" header="{name}:" case_indep="true" check_it="true" '
        f'assign_to="c{number}"/>'
        for number, (name, pattern) in enumerate(checks)
    ]


def gets(what: str | int, *checks: tuple[str, str], optional: bool = False, dialog: bool = False) -> str:
    """A request or a response comes; ``dialog``: it says where the next requests go."""
    kind = "response" if isinstance(what, int) else "request"
    more = (' optional="true"' if optional else "") + (' rrs="true"' if dialog else "")
    if not checks:
        return f'<recv {kind}="{what}"{more}/>\n'
    return f'<recv {kind}="{what}"{more}><action>{"".join(_checked(checks))}</action></recv>\n'


def answers(body: str, tag: str = "far") -> str:
    """200 to the INVITE that was taken last, whatever has come since."""
    lines = ["SIP/2.0 200 OK", "Via:[$via]", "From:[$caller]", f"To:[$callee];tag=[pid]{tag}[call_number]"]
    lines += ["Call-ID: [call_id]", "CSeq:[$number]", "Contact: <sip:far@[local_ip]:[local_port]>"]
    return _send(lines, body)


def says(code: int, phrase: str, *headers: str, body: str = "", tag: str = "far") -> str:
    """A response to the last request."""
    lines = [f"[last_{name}:]" for name in _LAST]
    if tag:
        lines[2] += f";tag=[pid]{tag}[call_number]"
    return _send(
        [f"SIP/2.0 {code} {phrase}", *lines, "Contact: <sip:far@[local_ip]:[local_port]>", *headers],
        body,
        ' retrans="500"' if 200 <= code < 300 and body else "",
    )


def waits(milliseconds: int) -> str:
    """Nothing for a while."""
    return f'<pause milliseconds="{milliseconds}"/>\n'


RINGING = gets(100, optional=True) + gets(180, optional=True) + gets(183, optional=True)
"""What may come before an answer."""
