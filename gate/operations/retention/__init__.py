"""What is kept, for how long, and what may not go.

- ``holds``      holds and restrictions: put and listed
- ``holding``    holds released; retention as people ask for it
- ``retention``  what is due, the dry run, and the sweep
- ``erasing``    recordings erased: key, ciphertext, receipt, in an order that survives a kill
"""
