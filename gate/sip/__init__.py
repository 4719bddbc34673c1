"""The line: SIP on both sides of the gate, and the thread it lives on.

How a call comes in and goes out::

    UDP ─▶ udp.Transport ─▶ door.Door ──▶ auth, identity ──▶ LineEvents.incoming
                              │   └─ registrar, answers (stateless: REGISTER, OPTIONS, 401, 603, …)
                              └─▶ sippy's transactions ─▶ legs.CallerLeg ◀─ bridge.Bridge ─▶ legs.CalleeLeg ─▶ trunk

- ``line.SipLine``   the room's front: ``ports.Line`` and ``ports.Loop`` in one; nothing else is needed from outside
- ``loop``           steps and timers on sippy's event loop, and who owns it
- ``udp``            sockets: one receiving thread per socket, sending from the line thread
- ``message``        the cheap parser, and answers made without a dialog; ``fields``: pieces of header values
- ``door``           the one door: every datagram, from size check to sippy; nothing passes an exception
- ``admission``      what a new INVITE must be, and what the call manager is told of it
- ``claims``         what a call says it is for: prefixes, the purpose header
- ``sieve``          what of a flood reaches the line thread at all
- ``lag``            how late the line is, and when new calls are refused for it
- ``strangers``      how much addresses get that have not proven anything; ``guesses``: wrong passwords
- ``sides``          who may speak for one side of a call, and where accounts have proven themselves
- ``pending``        INVITEs that wait for the call manager's decision
- ``answers``        what was answered, for retransmissions; refusals
- ``auth``           digest authentication and PBX addresses
- ``registrar``      REGISTER
- ``identity``       what a caller asks (number, withheld) and what the trunk is shown
- ``loops``          calls that have come back
- ``routes``         where INVITEs go: the carrier's trunk, the emergency route
- ``sdp``            codec names and payload maps
- ``outcomes``       which answer of the trunk the caller gets
- ``legs``           sippy's user agents, mended
- ``engine``         what lives on the line thread: transactions, door, bridges, trunk
- ``transactions``   sippy's transaction manager on our sockets
- ``bridge``         one call: caller leg, callee leg, and what the call manager commands
- ``dialogs``        what of a leg outlives the gate; ``survivors``: what a killed gate left is ended
- ``alive``          is the far end still there; ``dtmf``: keys told by INFO
- ``reinvite``       offers inside a call: hold, resume, codec change
- ``trunk``          OPTIONS keep-alive and registration with the carrier; ``status``: what the line tells of itself
- ``traps``          every fault of sippy that this gate works around, each with its test
- ``swift``          what sippy does hundreds of times a call, made cheaper
- ``farend``         not the gate: the carrier's far end, for the demo and for tests

Not here, on purpose: calls *to* registered phones (an INVITE from the trunk gets 404), TLS and TCP, 100rel, transfers
(REFER is declined: it would dial a number that nobody screened).
"""
