"""The command line: ``dialgate``.

- ``main``      the entry point: commands by name, loaded when used; errors and mistyped lines become one line and an
                exit code
- ``command``   what every command has: ``-c/--config``, ``--json``, ``--debug``, help with an example; groups whose
                commands are loaded when they are used
- ``output``    the one place that writes: data on standard output, narration on standard error; ``terminal``: what is
                drawn on a terminal alone
- ``asking``    commands made from requests: an option for each field, with its description; times, dates, coverage and
                ids as they are typed
- ``passphrase``  from a file, or typed unseen
- one module for each subject: ``setup`` (init; ``guided``: its questions), ``serve``, ``status``, ``check``,
  ``screen``, ``contacts``, ``register``, ``lists`` (objection, consent), ``calls`` (and reveal), ``recordings``
  (``recording_ingest``: those from elsewhere), ``retention`` (and hold), ``keys``, ``proposals``, ``audit``
  (``audit_bundles``: bundles for auditors), ``settings`` (config, edge), ``credentials`` (account, token), ``doctor``,
  ``console`` (``console_start``), ``backups`` (backup, restore, memory), ``store``, ``letters``, ``manual``,
  ``complaints`` (and breach),
  ``pages`` (report, receipts, receipt), ``trunk_test``
- ``request``   the commands of data-subject requests; ``request_fulfil`` needs more, and is loaded when it is used
- ``demo``      the whole job on loopback; ``demo_scene``: its gate, phones and checks; ``training``: a gate to try
  the console on
- ``test_uas``  a UAS in the carrier's place, for the demo and for tests

Exit codes: 0 done or allowed; 1 failed; 2 wrong usage; 3 refused by a rule; 130 interrupted.
"""
