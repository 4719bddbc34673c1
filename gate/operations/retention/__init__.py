"""What is kept, for how long, and what may not go.

- ``holds``     holds and restrictions: put, released, listed
- ``schedule``  what is erased when: retention as it stands, the sweep, the forecast
- ``sweeper``   what is due, the dry run, and the sweep
- ``terms``     what is personal beside recordings, and its terms
- ``erasing``   recordings erased: key, ciphertext, receipt, in an order that survives a kill
"""
