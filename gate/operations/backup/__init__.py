"""Backups: what a gate gives out for one, while it runs or not.

- ``backup``  that one is begun and made, as leaves; the wrapped keys page by page, as only the gate can read them

The sets of files are ``gate.client.backup``; what is copied and put back,
``gate.client.backup`` and ``restoring``.
"""
