"""The use cases: what the gate does, told in terms of ports.

- ``conductor``  carries a call from INVITE to its last leaf: feeds events to ``core.calls``, carries out its commands
- ``screener``   a decision, made inside the store's transaction so that what it reads is what it commits
- ``keeper``     facts that must not be lost: kept now, or as soon as there is room again
- ``reconcile``  what a crash left open is closed, with a leaf that says so
- ``desk``       what people ask for; ``lists`` (registers, objections, consents) and ``records`` are parts of it
- ``metrics``    counters for Prometheus
"""
