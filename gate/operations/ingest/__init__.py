"""Recordings that come from elsewhere: a phone system that keeps its own media hands in what it recorded.

Map, in the order in which a file passes. ``gate.calls.binding`` finds the decision that it belongs to.

- ``ingesting``  the steps, each durable before the next, and how the next start finishes or undoes them; its
                 audio as the sealed file that the gate's own recorder would have written
- ``folder``     files of a folder, whose names say which calls they are of (``gate.core.recording_names``); the clear
                 file removed, which is the last step
"""
