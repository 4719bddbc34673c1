"""The widgets of the console's screens.

- ``rows``    a table drawn line by line, with one cursor: ``RowsTable`` and ``LocalTable``, for what fits into memory
- ``pages``   ``PagedTable``: pages by key from the gate, a window of them at a time; ``MarkedTable``: rows marked for
              one act on all of them
- ``status``  the two lines at the top: the modes, and the gate's state
- ``footer``  the line at the bottom: the keys that matter here
- ``filter``  the line behind ``/``
- ``report``  sections of ``label: value`` as one text, for details
- ``dialog``  the base of every dialog, which is answered once; ``Line``: a text or a passphrase
- ``ask``     a question in a dialog; ``choice``: one of some words
- ``pick``    one of a few rows, picked in a dialog
- ``danger``  what cannot be undone: the gate's dry run, a phrase to type, a reason
- ``working`` the progress of a long task, and a way to stop it
- ``wave``    both sides of a recording, pauses and announcement marked
- ``chart``   counts as bars, minutes as columns, levels of a call as bars
"""
