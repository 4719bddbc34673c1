"""Requests of data subjects: opened, proven, searched, decided, carried out, answered.

- ``course``     the steps of a request's life, from its coming; statements of rectification beside the records
- ``complaints``  complaints that a web form sends
- ``listing``    the list, one with its course, and its leaves with proofs, for the page that goes with a letter
- ``searching``  what is held about a person, and all of it, for a pack; ``letters``: the letters of a request
- ``steps``      takes a step, and carries out the commands of the rules; the proof that somebody was notified
- ``standing``   the state of a request, from its facts in the log; what is due
- ``telling``    the recipients of what is erased, and what each must be notified of

Erasures are carried out in ``gate.operations.erasure``.
"""
