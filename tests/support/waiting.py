"""How long a test waits for what must happen before it gives up.

One value for all: long enough for a machine that is busy with other tests, and below the time limit of a test. It costs
nothing where things happen. What must *not* happen is waited for by what happens after it, or for a short time of its
own.
"""

PATIENCE = 90.0
"""Seconds."""
