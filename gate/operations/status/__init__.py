"""The gate's status.

- ``glance``  the gate at a glance: calls in hand, the last hour, registers, requests; what needs attention, in
              sentences
- ``trunk_tests``  whether a phone system obeys a refusal: the last test of each
- ``session``  who asks and what they may ask; what there is to watch
"""
