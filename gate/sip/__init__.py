"""SIP on both sides of the gate, and the line thread that it runs on.

How a call comes in and goes out::

    TCP, TLS ─▶ streams.Streams ─┐
    UDP ─▶ udp.Transport ─▶ ingress.Ingress ─▶ auth, identity ─▶ LineEvents.incoming
                              │   └─ registrar, response_cache (stateless: REGISTER, OPTIONS, 401, 603, …)
                              └─▶ sippy's transactions ─▶ caller's leg ◀─ bridge.Bridge ─▶ callee's leg ─▶ trunk

- ``line.SipLine``      the front: ``ports.Line`` with the loop of its thread; nothing else is needed from outside
- ``udp``               sockets: one receiving thread per socket, sending from the line thread
- ``streams``           TCP and TLS: connections, who is at which; ``endpoint``: the gate's end of a way to a peer
- ``stream_io``         the one thread that reads and writes them all; its parts: ``connection``, ``framing``,
                        ``connection_bounds``, ``certificates``
- ``message``           the parser, and answers made without a dialog; ``header_fields``: pieces of header values
- ``multipart``         bodies of several parts: the SDP among them
- ``flood_filter``      which datagrams of a flood reach the line thread at all
- ``ingress``           every datagram, from size check to sippy; nothing passes an exception
- ``edge``              what comes by the edge in front of the gate: whose it is, and the way back
- ``in_dialog``         requests inside a call: from that side of it, or refused
- ``admission``         what a new INVITE must be, and what the call manager is told of it
- ``purpose_claims``    what a call says it is for: prefixes, the purpose header
- ``overload``          how late the line is, and what share of new calls it lets in for that
- ``sending_away``      new calls that are too many: who is, and the answer; ``plain_invite``: what is read for it
- ``rate_limit``        how often unproven addresses are answered; ``password_lockout``: wrong passwords
- ``peers``             who may speak for one side of a call, and where accounts have proven themselves
- ``pending``           INVITEs that wait for the call manager's decision
- ``phone_systems``     which code refuses whose calls
- ``response_cache``    responses kept for retransmissions; refusals
- ``auth``              digest authentication and PBX addresses
- ``registrar``         REGISTER
- ``identity``          what a caller asks (number, withheld) and what the trunk is shown
- ``loop_detection``    calls of ours that have come back
- ``routes``            where INVITEs go: the carriers' trunks in their order, the emergency route
- ``carrier_names``     carriers named by a domain, looked up again; ``srv``: NAPTR and SRV (RFC 3263)
- ``sdp``               codec names and payload maps
- ``trunk_failover``    from one trunk to the next, and what is left at the one before
- ``forks``             a second callee's answer: acknowledged, and hung up on
- ``failure_mapping``   which failure of the trunk the caller gets
- ``sippy_adapter``     sippy's transactions, user agents and event loop, with its faults worked around
- ``engine``            what lives on the line thread: transactions, ingress, bridges, trunk
- ``bridge``            one call: caller leg, callee leg, and what the call manager commands
- ``recording_sessions``  SIPREC: who may have calls recorded here; ``recording_bridge``: one session,
                        ``recording_offer`` (its SDP), ``recording_metadata`` (its XML)
- ``calls_in``          calls in from a carrier: which INVITE is one, whom it may ring; ``call_in``: one of them
- ``delayed_offer``     an INVITE without SDP: the 200 offers, the ACK answers
- ``after_talk``        the callee's leg alone, while they are told the code of a receipt
- ``offer_answer``      offers inside a call: hold, resume, codec change
- ``session_timers``    each side says again that the call goes on, or it ends
- ``liveness``          whether the parties are still there; ``dtmf``: keys told by INFO
- ``stored_dialogs``    what of a leg is kept for the next start; ``orphaned_dialogs``: it is ended there
- ``trunk_flow``        the connection to a carrier by TCP or TLS
- ``trunk``             OPTIONS keep-alive and registration with the carrier; ``status``: what is known of a carrier
- ``transfers``         REFER: who may pass on whom; ``refer_to`` (what is asked), ``transfer_bridge`` (the call that
                        follows), ``pass_on`` (a leg that goes from one call to another)

Not here, on purpose: SRTP (the edge has it), 100rel towards callers.
"""
