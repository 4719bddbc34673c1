"""The call path: what the gate does with a call, in terms of ports.

- ``call_manager``    carries a call from INVITE to its last leaf: feeds events to ``core.calls``
- ``call_effects``    carries out what the rules of a call command, through ports
- ``calls_in``        calls in: which ones the gate takes, and how it carries out the commands of their rules
- ``call_session``    one call in hand; ``call_settings``: the settings of calls
- ``obstacles``       conditions of the gate itself that stop calls; refusals that are counted together
- ``usage``           what each account and PBX has used of its allowance
- ``screener``        a decision, made inside the store's transaction so that what it reads is what it commits
- ``retry_queue``     facts that must not be lost: stored now, or tried again until there is space
- ``recording_sessions``  recordings that another system sends while the call goes on (SIPREC)
- ``binding``         finds the decision that a recording from elsewhere belongs to, and whose voice a stream has
- ``receipts``        the callee's receipt: its code is spoken, or handed to the firm's command
- ``reconcile``       closes what a crash left open, with a leaf about it
- ``trust``           whether the evidence can be relied on: it holds the state that was signed last, and can be signed
- ``live``            the snapshot for those who watch
- ``metrics``         counters for Prometheus
"""
