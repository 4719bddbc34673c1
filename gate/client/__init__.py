"""What runs with the person who asks and not in the gate: private keys, packs, bundles, backups, the files of each.

The command line and the console import it; it asks a gate, whichever that is, and never prints or draws.

- ``gate``        what is asked: a running gate, or a data folder opened here; a copy in clear, entered before it is
                  written
- ``files``       output files, which come whole or not at all, and files that are read; what somebody looks for again
                  and again, for the console
- ``recordings``  what the gate gave of a recording, opened; ``opening``: the same for the console, which plays them too
                  (``listening``)
- ``packs``       the pack of an access request
- ``bundles``     bundles for auditors: made, checked and opened
- ``rotation``    recordings given to another key, and proven to open with one
- ``backup``      data, keys and configuration as sets of files, made and put back; what of them is sealed to
  the recipients
- ``own_list_files``  objections and consents as CSV files
- ``pages``       the pages that the console makes, and the page of receipts that the firm hosts
- ``complaints``  the page with the procedure and its form, and what the form sends, as files
- ``doctor``      what is well and what is not, on the machine and in the gate
"""
