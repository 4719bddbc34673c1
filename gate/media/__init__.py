"""Audio: the media relay, and the announcement. The only package that knows rtp.io.

- ``relay``      ``RtpIoMedia``: a call's ports, which party hears which, prompts and copies; on the line thread
- ``party``      one party of a call: a session of RTPProxy's, closed towards the other party until it is opened
- ``packet_filter``      whose packets a port takes: a filter in the kernel
- ``playing``    sessions that play prompts; a prompt on its way to the callee, counted; the caller's pips
- ``proxy``      RTPProxy inside the process, and its traps; which media address faces whom: IPv4, IPv6, NAT; whom a
  party's audio is taken from
- ``worker``     the thread that carries commands to it, those of all calls together
- ``prompts``    ``prepare`` and ``PromptSet``: the announcement in every codec, and what callers
  of the firm's own numbers hear, made at set-up
- ``spoken_code``  the code of a receipt: every sign made at set-up, put together for a call
- ``example_notice.wav``, ``example_goodbye.wav``  the example firm's announcement and goodbye
"""
