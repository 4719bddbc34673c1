"""The control interface: how the command line, the console and phone systems speak to a running gate.

- ``messages``   every operation: its request, its answer and who may call it; ``request`` is what all requests share,
                 ``keys`` those of keys, with their answers, ``proposals``
                 those of what takes two people
- ``looks``      requests of those who look: the live view, pages, a number in full, the log
- ``requests``   requests and answers about data-subject requests
- ``exporting``  requests and answers about bundles for auditors, and proof
- ``answers``    what each operation answers
- ``actors``     who acts, as it is written into the log
- ``roles``      who may do what, by account and groups; ``doorman`` asks it, and notes who was refused; ``lookups``
                 counts who asks for numbers
- ``wire``       JSON bodies in and out, bounded
- ``perform``    an operation carried out on a desk; ``work`` does it on threads, within bounds
- ``server``     the Unix socket: ``POST /v1/op/NAME``, who asks taken from the kernel, progress as lines
- ``files``      open files handed to the gate over a socket of their own, for the operations that take one
- ``watchers``   those who watch: one look serves all; ``watching`` is their client
- ``bounds``     how many connections a door takes, from whom, for how long
- ``endpoint``   the optional TCP door for phone systems: ``POST /v1/decision``, ``GET /metrics``, ``GET /healthz``
- ``faults``     errors as JSON and back, so that the far side raises what the gate raised
- ``sockets``    Unix sockets whose path may be longer than the kernel's 107 bytes
- ``client``     ``ControlClient(socket).call(name, **fields)``: blocking, quick to import; ``exchange`` is its HTTP

A *desk* is an object with one blocking, thread-safe method per operation, such as
``desk.check(actor="user:root(0)", number=…)``: it returns what JSON can carry, or raises a ``GateError``. Those that
stream take ``progress``, a callable of a fraction from 0 to 1 and a text, or ``None``.
"""
