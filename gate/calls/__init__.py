"""The call path: what the gate does with a call, in terms of ports.

- ``call_manager``    carries a call from INVITE to its last leaf: feeds events to ``core.calls``
- ``call_effects``    carries out what the rules of a call command, through ports
- ``calls_in``        calls in: which are taken, and what the rules of one command
- ``call_session``    one call in hand; ``call_settings``: what the configuration says of calls
- ``obstacles``       what on the gate's own side stands in the way of a call; refusals that have no leaf each
- ``usage``           what each account and PBX uses of what it may
- ``screener``        a decision, made inside the store's transaction so that what it reads is what it commits
- ``retry_queue``     facts that must not be lost: stored now, or tried again until there is space
- ``recording_sessions``  recordings that another system sends while the call goes on (SIPREC)
- ``binding``         which of the gate's decisions a recording from elsewhere belongs to, and whose voice a stream has
- ``receipts``        the callee's receipt, its code spoken or handed to the firm's command
- ``reconcile``       what a crash left open is closed, with a leaf that says so
- ``trust``           whether the evidence can be relied on: the state signed last, and one that can be signed
- ``live``            what a watcher sees now
- ``metrics``         counters for Prometheus
"""
