"""SIP on both sides of the gate, and the line thread that it runs on.

How a call comes in and goes out::

    TCP, TLS ─▶ streams.Streams ─┐
    UDP ─▶ udp.Transport ─▶ ingress.Ingress ─▶ auth, identity ─▶ LineEvents.incoming
                              │   └─ registrar, response_cache (stateless: REGISTER, OPTIONS, 401, 603, …)
                              └─▶ sippy's transactions ─▶ caller's leg ◀─ bridge.Bridge ─▶ callee's leg ─▶ trunk

- ``line.SipLine``      the front: the calls, with the loop of its thread; nothing else is needed from outside
- ``udp``               sockets: one receiving thread per socket, sending from the line thread
- ``streams``           TCP and TLS: connections, who is at which
- ``stream_io``         the one thread that reads and writes them all, with the certificates of TLS; ``connection``: one
                        of them, how many there may be, messages out of its bytes
- ``hep``             exports the SIP that is received and sent, without bodies, to a collector (HEP, Homer)
- ``message``           the parser, bodies of several parts, answers made without a dialog; ``header_fields``: pieces of
                        header values
- ``flood_filter``      which datagrams of a flood reach the line thread at all
- ``ingress``           takes every datagram, from the size check to sippy; requests inside a call only from that
                        call's peers
- ``edge``              requests by way of the edge in front of the gate: whose they are, and the way back
- ``admission``         the checks of a new INVITE, whether one of ours has come back, the purpose that it claims, and
                        the attempt that goes to the call manager
- ``overload``          measures how late the line is, chooses the share of new calls that it lets in, and rejects the
                        rest
- ``rate_limit``        bounds how often unproven addresses get an answer
- ``peers``             who may speak for one side of a call, where accounts have proven themselves; the gate's end of
                        a way to a peer
- ``pending``           INVITEs that wait for the call manager's decision
- ``response_cache``    responses kept for retransmissions; refusals
- ``auth``              digest authentication, wrong passwords, PBX addresses
- ``registrar``         REGISTER
- ``identity``          the identity that a caller asks for (number, withheld), and the one that the trunk gets
- ``routes``            where INVITEs go: the carriers' trunks in their order, the emergency route
- ``carrier_names``     carriers named by a domain, looked up again; ``srv``: NAPTR and SRV (RFC 3263)
- ``trunk_failover``    from one trunk to the next, and what is left at the one before
- ``forks``             a second callee's answer: acknowledged, and hung up on
- ``failure_mapping``   which code refuses whose calls, and which failure of the trunk the caller gets
- ``sippy_adapter``     sippy's transactions, user agents and event loop, with its faults worked around
- ``engine``            what lives on the line thread: transactions, ingress, bridges, trunk
- ``bridge``            one call: caller leg, callee leg, the commands of the call manager, and keys reported by INFO
- ``recording_sessions``  SIPREC: who may have calls recorded here, one session; ``recording_offer``: its SDP, XML
- ``calls_in``          calls in from a carrier: which INVITE is one, whom it may ring, and one of them
- ``offer_answer``      offers inside a call: hold, resume, codec change; an INVITE without SDP
- ``session_timers``    each side refreshes the session, or the call ends (RFC 4028)
- ``liveness``          whether the parties are still there
- ``stored_dialogs``    what is stored of a leg, and how the next start ends it
- ``trunk``             OPTIONS keep-alive, registration with the carrier and the connection to it
- ``transfers``         REFER: who may transfer whom, the call that follows, and a leg that moves from one call to
                        another

Left out on purpose: SRTP (the edge has it), 100rel towards callers.
"""
