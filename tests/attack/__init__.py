"""The attacks: small programs that try to do the harm, each with a test that runs it against a real gate.

``python -m tests.attack.NAME …`` needs the standard library alone, ends by itself, and prints one line of JSON of what
it achieved. ``wire`` is what those that speak SIP share.
"""
