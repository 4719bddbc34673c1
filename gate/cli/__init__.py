"""The command line: ``dialgate``.

- ``main``      the entry point: commands by name, loaded when used; errors become one line and an exit code
- ``slips``     what a mistyped command line is told: the word that was meant, an example
- ``command``   what every command has: ``-c/--config``, ``--json``, ``--debug``, help with an example; groups whose
                commands are loaded when they are used
- ``output``    the one place that writes: data on standard output, narration on standard error; ``terminal``: what
                is drawn on a terminal alone
- ``values``    times, dates and coverage as they are typed; ``ids``: ids by their beginning; ``passphrase``: from a
                file, or typed unseen
- ``asking``    commands made from requests: an option for each field, with its words
- ``reach``     the way to the gate: through the running one, else the data folder itself under its lock; ``ask``: one
                request by it
- one module for each command or group: ``setup`` (init; ``guided``: its questions, ``answers``: how they are judged),
  ``serve``, ``status``, ``check``, ``screen``, ``contacts``, ``register``, ``objection``, ``consent``, ``calls``
  (and reveal), ``recordings`` (``recording_ingest``: those from elsewhere), ``retention``, ``hold``, ``keys``,
  ``proposals``, ``audit``, ``settings`` (config), ``edge``, ``console`` (``console_start``), ``demo``
- ``credentials``  accounts and tokens: made, added to the configuration, shown once
- ``trunk_test``  whether a phone system obeys a refusal: a listener in the place of its second trunk
- ``letters``   the wording of the letters about requests
- ``audit_bundles``  bundles for auditors, for ``audit``
- ``backups``   backup and restore
- ``memory``    the second place that outlives a restore
- ``manual``    the pages of ``gate.manual``; ``man_pages``: those for man(1)
- ``receipt``   what a callee's receipt says; ``receipts``: the page of them that the firm hosts
- ``report``    a month in figures, or the record of processing, as one page
- ``request``   its commands: ``request_course``, ``request_fulfil``, ``request_letters``;
  ``request_values`` is what they share
- ``own_lists``  what ``objection`` and ``consent`` import and export
- ``demo_year``  the demo's second half: an audit, an access request, an erasure; ``demo_scene``: what it stands on;
  ``demo_checks``: what it looks at (who is heard in a WAV, whether audio lies in clear, whether a key is left)
- ``test_uas``  a UAS in the carrier's place, for the demo and for tests

Exit codes: 0 done or allowed; 1 failed; 2 wrong usage; 3 refused by a rule; 130 interrupted.
"""
