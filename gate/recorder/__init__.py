"""The recorder: a process of its own that receives copies of both directions of every call and seals them as they come.

Map, in the order a packet passes:

- ``client``     what the gate holds: starts and supervises the process, asks it to open, start, pause, close
- ``messages``   the messages between the two, over one inherited Unix socket; closings that no gate received, kept for
                 its next start
- ``server``     the process: no dump, no swap; one single-threaded loop: control, taps, chunks that are due
- ``calls``      the open recordings: carries out the gate's requests, confines a fault to its call, reports endings
- ``taps``       the two UDP ports of a call, drained with the kernel's arrival times
- ``recording``  one call: waiting, keeping, paused, over; builds the chunks, and the coarse loudness curve that goes
                 into the sealed trailer
- ``finisher``   the helper thread that waits for disks, so that the loop never does

A pause holds from the instant at which the gate asked for it, however late the recorder reads that. Every round looks
at the clock, then carries out what was asked, and then keeps only packets that arrived before it looked. Where it
finds so many requests that more may wait in the gate, packets stay in their ports until the gate has reported that
none do.

What may be lost. A killed recorder: the open chunk, less than a second. A killed gate: nothing, the recorder seals
what it has and marks it interrupted. A power cut: what was written since the last ``fdatasync``, about a second, more
where the disk is slow. Not promised: that audio never meets swap unless ``mlockall`` was permitted (the ``Ready``
message reports it).
"""
