"""What leaves the gate as files.

- ``audio``   an opened recording as a stereo WAV, agent left and customer right, with a report of what is in it; the
              same as FLAC in memory, for what is encrypted before it reaches a disk
- ``rtp_timeline``  one direction of a call: RTP packets decoded and placed on the time line; how silence, gaps and
                    losses are filled
- ``report``    a month's figures and the record of processing as pages, with charts
- ``pack``    a data-subject pack: one HTML file that a passphrase opens in any browser, its keys and the page around it
- ``page``    a page that is one HTML file, from the templates, with its policy; proofs of leaves that a page checks in
              the browser
- ``bundle``  the auditor's bundle (``bundle.txt`` describes it byte by byte) and its container: ``bundle_rows`` its
              rows, made from facts, ``bundle_write``, ``bundle_read`` (container, seal, checkpoints, leaves and their
              proofs), ``bundle_check`` (what is sealed inside, and what the gate claims beside the facts)
- ``reader``   the program in each bundle, which opens it with Python and ``cryptography`` alone; nothing imports it
- ``letters``  letters about data-subject requests as text, HTML and a message, in the firm's own words;
               ``letter_samples``: letters to look at
- ``mail``    a letter to a mail server: one recipient, one try, over TLS; a signed checkpoint
              as a message

The audio here is in clear: whoever exports it has the key, and chooses where it goes.
"""
