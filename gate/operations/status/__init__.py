"""How the gate is.

- ``glance``  the gate at a glance: calls in hand, the last hour, registers, requests, what needs attention
"""
