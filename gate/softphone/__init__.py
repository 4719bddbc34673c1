"""The pyVoIP hook: a phone for Python diallers that cannot dial what the gate refuses.

    ask = ask_gate("http://127.0.0.1:8080", token)
    with GatedPhone(ask, "192.0.2.1", 5060, "alice", "secret", my_ip="192.0.2.7") as phone:
        call = phone.call("020 7946 0000")      # CallRefused before any INVITE, or the call

In the process that holds the data folder ``ask`` is
``lambda number: Answer.from_json(carry_out(folder, Decide(number=number), Caller(…)))``.

- ``phone``    ``GatedPhone`` and ``GatedCall``: pyVoIP's phone and call, with one way to dial
- ``gate_query`` ``Answer``, ``CallRefused``, ``ask_gate``: the question to the gate, and what is made of its answer
- ``sip_client`` the SIP client: pyVoIP's registration, our own INVITE, ACK, CANCEL and BYE
- ``rtp_client``  the RTP client, and ``tone``

pyVoIP (1.6.8) is mended here and nowhere else; what is wrong with it is told where it is put right.
"""

from __future__ import annotations

from gate.softphone.gate_query import Answer as Answer
from gate.softphone.gate_query import CallRefused as CallRefused
from gate.softphone.gate_query import ask_gate as ask_gate
from gate.softphone.phone import GatedCall as GatedCall
from gate.softphone.phone import GatedPhone as GatedPhone
from gate.softphone.rtp_client import tone as tone
