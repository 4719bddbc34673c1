"""Requests of data subjects: opened, proven, searched, decided, carried out, told.

- ``opening``    a request comes; ``course``: the steps of its life; ``listing``: the list, and one with its course
- ``searching``  what is held about a person; ``contents``: all of it, for a pack; ``letters``: the letters of a request
- ``rectifying``  what is right, kept beside what is wrong
- ``proving``    the leaves of a request with proofs, for the page that goes with a letter
- ``steps``      taking a step; ``executor``: what the rules command is carried out; ``facts``: a request in the log
- ``standing``   how a request stands; ``reminding``: what is due; ``proofs``: that somebody was told
- ``telling``    the recipients of what is erased: who is to be told of it, and of what

Erasures are carried out in ``gate.operations.erasure``.
"""
