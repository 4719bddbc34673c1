"""sippy's ``b2bua_radius`` with the two faults mended that make it fail SIPp's stock scenarios, and nothing else.

A Contact with ``;transport=UDP`` in capitals raises in it and the BYE is lost; three UDP workers let responses overtake
each other. Arguments are those of ``b2bua_radius``.
"""

from __future__ import annotations

import re

from sippy import Udp_server
from sippy.b2bua import main_func
from sippy.SipTransactionManager import SipTransactionManager

_take = SipTransactionManager.handleIncoming


def _lower(self, data, *values):
    return _take(self, re.sub(rb";transport=UDP", b";transport=udp", data), *values)


if __name__ == "__main__":
    SipTransactionManager.handleIncoming = _lower
    Udp_server.Udp_server_opts.nworkers = 1
    main_func()
