"""The control interface: how the command line, the console and phone systems speak to a running gate.

- ``messages``   requests read from what came, carried out, and responses read back
- ``actors``     who acts, as it is written into the log
- ``roles``      who may do what, by account and groups; ``authorisation`` asks it, and notes who was
                 refused; ``lookups`` counts who asks for numbers
- ``wire``       JSON bodies in and out, bounded
- ``work``       operations carried out on threads, within bounds
- ``server``     the Unix socket: ``POST /v1/op/NAME``, who asks taken from the kernel, progress as lines
- ``openapi``    the reference of that, made from the declarations of the operations
- ``files``      open files handed to the gate over a socket of their own, for the operations that take one
- ``watchers``   those who watch: one look serves all; ``watching`` is their client
- ``bounds``     how many connections a listener takes, from whom, for how long
- ``endpoint``   the optional TCP endpoint for phone systems: ``/v1/decision``, ``/metrics``, ``/readyz``, ``/livez``
- ``recording_upload``  ``PUT /v1/recording``: what a phone system recorded
- ``asking``     its questions and answers: JSON, form, plain text
- ``faults``     errors as JSON and back, so that the far side raises what the gate raised
- ``sockets``    Unix sockets whose path may be longer than the kernel's 107 bytes
- ``client``     ``ControlClient(socket).ask(request)``: blocking, quick to import; ``exchange`` is its HTTP

Operations are declared in ``gate.operations``: blocking and thread-safe; those that stream tell their progress.
"""
