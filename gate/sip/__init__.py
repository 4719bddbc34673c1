"""SIP on both sides of the gate, and the line thread that it runs on.

How a call comes in and goes out::

    TCP, TLS ─▶ streams.Streams ─┐
    UDP ─▶ udp.Transport ─▶ ingress.Ingress ─▶ auth, identity ─▶ LineEvents.incoming
                              │   └─ registrar, response_cache (stateless: REGISTER, OPTIONS, 401, 603, …)
                              └─▶ sippy's transactions ─▶ caller's leg ◀─ bridge.Bridge ─▶ callee's leg ─▶ trunk

- ``line.SipLine``      the front: ``ports.Line`` with the loop of its thread; nothing else is needed from outside
- ``udp``               sockets: one receiving thread per socket, sending from the line thread
- ``streams``           TCP and TLS: connections, who is at which
- ``stream_io``         the one thread that reads and writes them all, with the certificates of TLS; ``connection``: one
                        of them, how many there may be, messages out of its bytes
- ``hep``             what is heard and said, without bodies, exported to a collector (HEP, Homer)
- ``message``           the parser, bodies of several parts, answers made without a dialog; ``header_fields``: pieces of
                        header values
- ``flood_filter``      which datagrams of a flood reach the line thread at all
- ``ingress``           every datagram, from size check to sippy; requests inside a call, from that side alone
- ``edge``              what comes by the edge in front of the gate: whose it is, and the way back
- ``admission``         what a new INVITE must be, whether one of ours has come back, what it says it is for, and what
                        the call manager is told of it
- ``overload``          how late the line is, what share of new calls it lets in, and how the rest is sent away
- ``rate_limit``        how often unproven addresses are answered
- ``peers``             who may speak for one side of a call, where accounts have proven themselves; the gate's end of
                        a way to a peer
- ``pending``           INVITEs that wait for the call manager's decision
- ``response_cache``    responses kept for retransmissions; refusals
- ``auth``              digest authentication, wrong passwords, PBX addresses
- ``registrar``         REGISTER
- ``identity``          what a caller asks (number, withheld) and what the trunk is shown
- ``routes``            where INVITEs go: the carriers' trunks in their order, the emergency route
- ``carrier_names``     carriers named by a domain, looked up again; ``srv``: NAPTR and SRV (RFC 3263)
- ``trunk_failover``    from one trunk to the next, and what is left at the one before
- ``forks``             a second callee's answer: acknowledged, and hung up on
- ``failure_mapping``   which code refuses whose calls, and which failure of the trunk the caller gets
- ``sippy_adapter``     sippy's transactions, user agents and event loop, with its faults worked around
- ``transactions``, ``dialogs``  RFC 3261's transactions, and a leg with its offers, as tables; pure. Not in use yet:
                        they take the place of ``sippy_adapter`` when they have all its duties
- ``carrier``           carries the tables out: transactions, timers, the loop; ``leg``: a leg of a call, how its dialog
                        comes about and ends; ``dialog_leg``: what is said inside it
- ``engine``            what lives on the line thread: transactions, ingress, bridges, trunk
- ``bridge``            one call: caller leg, callee leg, and what the call manager commands; keys told by INFO
- ``recording_sessions``  SIPREC: who may have calls recorded here, one session; ``recording_offer``: its SDP, XML
- ``calls_in``          calls in from a carrier: which INVITE is one, whom it may ring, and one of them
- ``offer_answer``      offers inside a call: hold, resume, codec change; an INVITE without SDP
- ``session_timers``    each side says again that the call goes on, or it ends
- ``liveness``          whether the parties are still there
- ``stored_dialogs``    what of a leg is kept for the next start, and how it is ended there
- ``trunk``             OPTIONS keep-alive, registration with the carrier and the connection to it
- ``transfers``         REFER: who may pass on whom, the call that follows, and a leg that goes from one call to another

Not here, on purpose: SRTP (the edge has it), 100rel towards callers.
"""
