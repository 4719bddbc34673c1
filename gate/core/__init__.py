"""The rules, as pure functions: no clock, file, socket, thread or randomness.

- ``terms``       the words of screening as values: attempt, register view, consent, objection, decision, reason codes
- ``wording``     what each reason code says to a salesperson
- ``spelling``    from a raw spelling to plain digits: URIs, separators, scripts
- ``numbers``     any spelling -> one E.164 value, or a refusal with its reason
- ``kinds``       what a number is and what a call costs, by name: what a firm may keep its marketing calls from
- ``opt_outs``    the columns in which a CRM keeps that somebody wants no calls
- ``repairs``     what a spreadsheet did to a number, and the repair to propose
- ``dial_plan``  what a phone system dials -> a number in full: outside line, home area code
- ``presenting``  which of the firm's own numbers a call shows, where its PBX asks for one
- ``masking``     numbers hidden in part, wherever they stand in what is shown; ``grouping``: as people write them
- ``cells``       CSV out and in: cells that no spreadsheet takes for a formula
- ``showing``     texts on one line without control characters, names for telephones, times of London
- ``hours``       calling hours and public holidays; ``holiday_table``: those of the years around ours
- ``rules``       what a firm sets within the law
- ``screening``   ``decide(...)``: may this attempt be dialled, and why (not)
- ``own_lists``   what the firm's own lists say: consents that hold, and whose word is the last
- ``record``      decisions on their way into the evidence
- ``call_words``  states, events and commands of a call
- ``calls``       the life of a call: events in, commands out, one transition table; ``pauses``: of a recording
- ``calls_in``    the life of a call in, likewise
- ``allowances``    what one account or PBX may use: calls a minute, at once, seconds a day, share of service calls
- ``retention``   terms, holds, and what is due for erasure
- ``request_words``  states, events and commands of a data-subject request
- ``requests``    the life of a data-subject request: events in, commands out, one transition table
- ``request_guards``  what forbids an event of a request; ``request_steps``: what people do about one
- ``deadlines``   its statutory clocks; ``spans``: when a call was, as people say it
- ``days``        days and times as the British write them; ``finding``: a line of them and of words, to find calls
- ``outcomes``    what became of a call, in words
- ``authority``     the supervisory authority, by the day
- ``letter_words``  what a letter about a request has to say; ``pack_words``: what a data-subject pack has in it
- ``receipts``    the callee's receipt: its code, and what it says
- ``rtp``         RTP packets and the key presses in them
- ``wav_format``  the beginning of a WAV file; ``recording_names``: what its name says of its call
- ``frames``      what is inside the chunks of a sealed recording
- ``facts``       every kind of fact as a type, with its marks: what is personal, how long it is kept, what rests on it
- ``evidence``    leaves, Merkle root, inclusion and consistency proofs (RFC 9162)

``LAW 1.4`` and the like in docstrings and comments are sections of ``LAW.md`` beside this file: the UK rules, each with
its source and the mark of how sure it is.
"""
