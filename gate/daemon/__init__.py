"""The composition: the one package that puts the others together.

- ``opening``    the data folder opened, by the gate or by a command when none runs
- ``running``    the gate: line thread, store thread, recorder process, control interface in the main thread; and what
                 its start takes from the store: today's use, who proved itself lately
- ``recording``  the recorder process (``python -m gate.daemon.recording``), and waiting for an earlier one
- ``chores``     the periodic tasks beside the calls: one loop for all; the registers' drop folder, recordings from
                 elsewhere, the log signed, compared and mailed
- ``at_line``    requests of other threads to the line thread, and the recorder's reports
- ``nodes``      several gates on one machine: a process that starts each, and starts again what crashed
- ``process``    structured logs; Python's garbage collection and thread switching
"""
