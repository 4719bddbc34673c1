"""Reports.

- ``reporting``  figures of a month
- ``article30``  the record of processing (UK GDPR Art 30)
"""
