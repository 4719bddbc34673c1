"""Retention: what is kept for how long, and what may not be erased.

- ``holds``     holds and restrictions: put, released, listed
- ``copies``    the ledger of copies in clear, which no erasure reaches
- ``schedule``  what is erased when: retention as it stands, the sweep, the forecast
- ``uploads``   closed recordings go to the bucket, and their copies leave the folder
- ``sweeper``   what is due, the dry run, and the sweep

``gate.operations.erasure`` erases recordings and the personal content beside them.
"""
