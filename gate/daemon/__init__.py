"""The composition: the one package that puts the others together.

- ``opening``    the data folder opened, by the gate or by a command when none runs
- ``running``    the gate: line thread, store thread, recorder process, control interface in the main thread; and what
                 its start takes from the store: today's use, who proved itself lately
- ``recording``  the recorder process (``python -m gate.daemon.recording``), and waiting for an earlier one
- ``chores``     what is done beside the calls, again and again: one loop for all; the registers' drop folder,
                 recordings from elsewhere, the log signed, compared and mailed
- ``at_line``    what others ask of the line, and what the recorder reports
- ``process``    structured logs; when Python looks for garbage, and how soon a thread makes way
"""
