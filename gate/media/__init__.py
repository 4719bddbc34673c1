"""Audio: the media relay, and the announcement. With ``gate.sip`` the only room that knows sippy and rtp.io.

- ``relay``    ``RtpIoMedia``: RTPProxy inside the process; a call's ports, prompts and copies; on the line thread
- ``sdp``      what of an SDP body may pass: one audio stream, through the gate, and nothing that leads around it
- ``prompts``  ``prepare`` and ``PromptSet``: the announcement in every codec, made at set-up
- ``sound``    reading, resampling, levelling and tones for the prompts
- ``g711``     µ-law and A-law by table
- ``example_notice.wav``, ``example_goodbye.wav``  the example firm's announcement and goodbye
"""
