"""Reports.

- ``month``      the figures of a month, and how they are summed
- ``article30``  the record of processing (UK GDPR Art 30)
"""
