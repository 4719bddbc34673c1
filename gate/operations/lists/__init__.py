"""Operations on the firm's own lists. A change holds from the next call.

- ``objections``   its do-not-call list: add, remove, list, in bulk in and out
- ``consents``     who agreed to its calls: add, withdraw, list, in bulk in and out
- ``subscribers``  the subscriber of a line, a person or a company, and since when
- ``entries``      one line of a list's file: what it must hold, and how its text is read
"""
