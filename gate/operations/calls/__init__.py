"""Calls and recordings as people ask for them.

- ``deciding``  what the gate would answer to a number, and decisions for phone systems that dial by themselves
- ``looking``   pages of calls and of the log, a number in full
- ``records``   a call with its facts; recordings listed, handed out, verified
"""
