"""Requests of data subjects: opened, proven, searched, decided, carried out, told.

- ``course``     the steps of a request's life, from its coming; what is right, kept beside what is wrong
- ``complaints``  what a form on the web sends
- ``listing``    the list, one with its course, and its leaves with proofs, for the page that goes with a letter
- ``searching``  what is held about a person, and all of it, for a pack; ``letters``: the letters of a request
- ``steps``      taking a step; what the rules command is carried out; the proof that somebody was told
- ``standing``   how a request stands, from its facts in the log; what is due
- ``telling``    the recipients of what is erased: who is to be told of it, and of what

Erasures are carried out in ``gate.operations.erasure``.
"""
