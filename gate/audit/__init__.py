"""The evidence log, signed as it grows and verified from outside.

- ``checkpoints``  ``Checkpointer``: signed tree heads (C2SP tlog-checkpoint), in the database and as files; the whole
                   log as C2SP tlog-tiles
- ``heads``        checkpoints read back, from the database and from folders, and the log compared with the newest of
                   every place; ``log_signed``: the leaf that each is made with; what a knowing restore has given up;
                   ``Fault``, ``Report``
- ``verify``       ``verify(...) -> Report``: checks a database without trusting it; what it has proven and what not, in
                   sentences; ``verified_log``: that of a data folder
- ``leaves``       leaf by leaf: bytes, hash, row, tile, and the root at every signed size; every derived row made again
                   from its facts and compared

What it finds, by the fault's ``what``:

========================  =========================================================================================
``leaf_missing``          an index without a leaf
``leaf_changed``          a leaf whose bytes are not what its hash says
``row_missing``           a leaf without its fact
``row_extra``             a fact without a leaf
``row_changed``           a fact that is not the one its leaf commits to; the message names the field
``row_emptied``           a fact that is empty, and no fact says that it was erased
``tile_changed``          a stored subtree that is not the one over the leaves
``log_truncated``         fewer leaves than were signed
``log_rewritten``         the leaves up to a signed size are not those that were signed
``checkpoint_invalid``    a checkpoint that is not what was signed, not well formed, or of another log
``checkpoints_disagree``  two signed checkpoints of one size with two roots
``checkpoint_missing``    a checkpoint that the log names, or that lies elsewhere, and that is not where it must lie
``derived_missing``       facts without the row they make
``derived_extra``         a row that no fact makes
``derived_changed``       a row that differs from its facts
``not_signed``            entries that a gate kept for more than an hour without a signature over them
``foreign_object``        a table that is missing, or something that may not lie in the database (a trigger, a view)
``schema_changed``        a table, a generated column or an index that is not made as the gate makes it
``number_key_changed``    the check value of the number hashes' key is not that of the key
``damaged``               the file itself is damaged
========================  =========================================================================================
"""
