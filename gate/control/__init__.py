"""The control interface: the HTTP over which the command line, the console and phone systems ask a running gate.

- ``messages``   reads requests, carries them out, and reads responses back
- ``authorisation``  who asks, and whether their roles permit it, by account and groups; it logs refusals, and counts
                     who asks for numbers
- ``work``       operations carried out on threads, within bounds; JSON bodies in and out, bounded
- ``server``     the Unix socket: ``POST /v1/op/NAME``, the kernel names the account that asks, progress comes as
                 lines; one snapshot serves all who watch
- ``openapi``    the reference of that, made from the declarations of the operations
- ``files``      open files handed to the gate over a socket of their own, for the operations that take one
- ``bounds``     how many connections a listener takes, from whom, for how long
- ``endpoint``   the optional TCP endpoint for phone systems: ``/v1/decision`` (JSON, form, plain text),
                 ``/v1/decisions``, ``PUT /v1/recording``, ``/metrics``, ``/readyz``, ``/livez``
- ``own_lists``  its paths for objections and consents
- ``sockets``    Unix sockets whose path may be longer than the kernel's 107 bytes; errors as JSON and back, so that the
                 far side raises what the gate raised
- ``client``     ``ControlClient(socket).ask(request)``: blocking, quick to import; ``exchange`` is its HTTP, and how it
                 watches

Operations are declared in ``gate.operations``: blocking and thread-safe; those that stream report their progress.
"""
