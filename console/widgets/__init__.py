"""What the console's screens are made of.

- ``rows``    a table drawn line by line, with one cursor: ``RowsTable`` and ``LocalTable``, for what fits into memory
- ``pages``   ``PagedTable``: pages by key from the gate, a window of them at a time
- ``marked``  ``MarkedTable``: rows marked to be acted on together
- ``compared`` rows that the gate cannot look through
- ``status``  the two lines at the top: modes, and what is true of the gate now
- ``footer``  the line at the bottom: the keys that matter here
- ``filter``  the line behind ``/``
- ``report``  sections of ``label: value`` as one text, for details
- ``dialog``  what every dialog has: it is answered once; ``fresh``: what a new screen is spared
- ``ask``     a question in a dialog: ``line``: a text or a passphrase, ``choice``: one of some words
- ``pick``    one of a few rows, picked in a dialog
- ``danger``  what cannot be undone: the gate's dry run, a phrase to type, a reason
- ``working`` how far something is that takes long, and a way to stop it
- ``wave``    both sides of a recording, pauses and announcement marked
- ``meter``   levels of a call as bars; ``chart``: counts as bars, minutes as columns
"""
