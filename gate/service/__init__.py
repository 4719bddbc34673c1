"""The use cases: what the gate does, told in terms of ports.

- ``call_manager``    carries a call from INVITE to its last leaf: feeds events to ``core.calls``
- ``call_effects``    carries out what the rules of a call command, through ports
- ``call_session``    one call in hand; ``call_settings``: what the configuration says of calls
- ``refusal_counts``  refusals that cannot each have a leaf: counted
- ``usage``      what each account and PBX uses of what it may
- ``screener``   a decision, made inside the store's transaction so that what it reads is what it commits
- ``retry_queue``     facts that must not be lost: kept now, or as soon as there is room again; ``objecting``: an
                 objection told now is the last word
- ``reconcile``  what a crash left open is closed, with a leaf that says so
- ``erasing``    recordings erased: key, ciphertext, receipt, in an order that survives a kill
- ``retention``  what goes when, the dry run, and the sweep; ``holding`` is how people ask for them and for holds
- ``requests``   of data subjects: their course (``request_facts``: as the log has it), ``request_search`` what is held
                 ``request_letters``, ``request_erasing``: an erasure in an order that survives a kill,
                 ``request_plan``: what it takes and leaves; ``request_desk`` puts them together, on
                 ``request_base`` and ``request_reads``; ``request_watch``: what is due, ``request_due``: the letters
                 that a request needs
- ``desk``       what people ask for; ``lists`` (objections, consents), ``registering`` (imports, and
                 ``importing``: their history, and stopping one) and ``records`` are parts of it,
                 ``deciding`` answers checks and imports no other part, ``desk_base`` is what they share,
                 ``reads`` what they are given by other rooms
- ``trust``      whether the evidence can be relied on: the state that was signed last, and one that can be signed;
                 ``restoring``: an older state accepted knowingly
- ``looking``    pages of calls and of the log, a number in full; ``live``: what a watcher sees at this moment
- ``reporting``  figures of a month; ``article30``: the record of processing
- ``keys``       the register of recipients: who can open recordings, and who decided it; ``key_rotation``: what one
                 opens given to another, with proof, or taken from it; ``dropped``: what was taken from a key and came
                 back with a backup
- ``proposals``  what takes two people: asked for by one, confirmed by another within a day
- ``exporting``  bundles for auditors: who may have one, what is logged before it leaves, what is signed
- ``bulk_lists`` own lists in bulk, in and out; ``entries``: one line of such a list
- ``screen_file``  a CRM file screened: ``sheet`` reads any CSV without losing a byte, ``bulk_screen`` decides columns
                 of numbers by ``core.screening.decide``, ``readings`` many numbers at once by ``numbers.parse``
- ``contacts``   the CRM's contacts, kept and screened again; ``contact_import`` reads a list (``contact_file``),
                 ``contact_states`` says what a screening changes, ``contact_room`` is what they work with,
                 ``contact_ids`` names a contact without its number, ``contact_desk`` is how people ask for them
- ``metrics``    counters for Prometheus
"""
