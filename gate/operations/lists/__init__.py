"""The firm's own lists: objections and consents.

- ``lists``       one entry: added, taken back, listed
- ``bulk_lists``  many at once, in and out; ``entries``: one line of such a list
"""
