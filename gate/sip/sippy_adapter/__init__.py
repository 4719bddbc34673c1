"""sippy, adapted: its transactions, user agents and event loop, and every fault of sippy 2.5.0 that is worked around.

- ``rewriting``     messages written anew before sippy reads them
- ``patches``       functions of sippy that are replaced; what must be set before its import
- ``classes``       the classes of sippy that the rest of ``gate.sip`` works with; its hot paths, made cheaper
- ``event_loop``    its loop, run by the thread that wants it; steps and timers
- ``transactions``  its transaction manager on the gate's sockets
- ``leg``           its user agent: one dialog
- ``refreshing``    what it lacks: UPDATE, session timers, PRACK, a peer that has moved

Each module names the faults that it works around. ``tests/sip/test_sippy_upstream.py`` has tests that fail when a new
version mends one; then its workaround can go. Handled outside this package:

- three UDP workers reorder messages, and every send looks its address up: ``gate.sip.udp`` has sockets of its own
- an INVITE without Contact raises, REFER and ``Also`` redirect a call: ``gate.sip.ingress`` answers
  400, and REFER never reaches it (``gate.sip.transfers``)
- a failed re-INVITE forgets our SDP: ``gate.sip.offer_answer`` puts the last good one back
- a 407 to REGISTER is answered in the wrong header: ``gate.sip.trunk`` registers by itself
"""

from gate.sip.sippy_adapter.patches import prepare_environment

prepare_environment()
