"""The control interface: how the command line, the console and phone systems speak to a running gate.

- ``messages``   requests read from what came, carried out, and responses read back
- ``authorisation``  who asks, and whether their roles permit it: by account and groups; who was refused is noted, and
                     who asks for numbers is counted
- ``work``       operations carried out on threads, within bounds; JSON bodies in and out, bounded
- ``server``     the Unix socket: ``POST /v1/op/NAME``, who asks taken from the kernel, progress as lines; those who
                 watch: one look serves all
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

Operations are declared in ``gate.operations``: blocking and thread-safe; those that stream tell their progress.
"""
