"""What leaves the gate as files.

- ``audio``   an opened recording as a stereo WAV, agent left and customer right, with a report of what is in it
- ``side``    one direction of a call: RTP packets placed on the time line
- ``codecs``  payloads to samples
- ``track``   samples in their order, and how silence, gaps and losses are filled
- ``wav``     the file itself: there when it is whole, absent when anything failed

The audio here is in clear: whoever exports has the key and says where it goes.
"""
