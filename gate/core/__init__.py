"""The rules, as pure functions: no clock, file, socket, thread or randomness.

- ``terms``       the words of screening as values: attempt, register view, consent, objection, decision, reason codes;
                  the sentence of each reason code for a salesperson
- ``numbers``     any spelling -> one E.164 value, or a refusal with its reason; the repair of what a spreadsheet
                  changed
- ``dial_plan``   what a phone system dials -> a number in full: outside line, home area code; which own number a call
                  shows
- ``cells``       CSV out and in: cells that no spreadsheet takes for a formula; columns that hold objections
- ``hours``       calling hours and public holidays; ``holiday_table``: those of the years around ours
- ``rules``       what a firm sets within the law; what a number is and what a call costs, by name
- ``screening``   ``decide(...)``: may this attempt be dialled, and why (not); the findings of the own lists; the fact
                  of a decision
- ``abandoned``   which answered call found nobody, what its callee heard, and the rate of a campaign
- ``call_words``  states, events and commands of a call
- ``calls``       the life of a call: events in, commands out, one transition table
- ``calls_in``    the life of a call in, likewise; ``bridging``: how far the line is with a call, out or in
- ``ladder``      a call step by step between phones, gate and carrier, of its facts
- ``session_states``  the life of a recording session (SIPREC)
- ``allowances``    what one account or PBX may use: calls a minute, at once, seconds a day, share of service calls
- ``retention``   terms, holds, and what is due for erasure
- ``request_words``  states, events and commands of a data-subject request
- ``requests``    the life of a data-subject request: events in, commands out, one transition table, and its guards
- ``request_steps``  what people do about one; ``deadlines``: its statutory clocks
- ``breaches``    the state of a breach of personal data, and the 72 hours of Article 33
- ``days``        days and times as the British write them, and spans of them, in London; ``finding``: reads a search
                  line of days, times and words
- ``authority``     the supervisory authority, by the day
- ``letters``       a letter about a request, made of sentences that rest on facts; ``letter_words``: every sentence;
                  ``pack_words``: what a data-subject pack has in it
- ``receipts``    the callee's receipt: its code and its content
- ``sdp``         session descriptions: the reader, the lines that pass the media relay, and the bodies made from one
- ``rtp``         RTP packets and the key presses in them; the frames inside the chunks of a sealed recording
- ``recording_names``  reads from a recording's file name which call it is of
- ``facts``       every kind of fact as a type, with its marks: what is personal, how long it is kept, what rests on it
- ``rows``        every row as a type, from the SELECT to the widget; and the page of a list
- ``evidence``    leaves, Merkle root, inclusion and consistency proofs (RFC 9162)

``LAW 1.4`` and the like in docstrings and comments are sections of ``LAW.md`` beside this file: the UK rules, each
with its source and how sure it is.
"""
