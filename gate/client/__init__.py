"""What runs in the process of the person who asks, not in the gate: private keys, packs, bundles, backups and their
files.

The command line and the console import it. It sends requests to a gate, and never prints or draws.

- ``gate``        the gate that takes the requests: a running one, or a data folder opened here; a copy in clear,
                  entered before it is written
- ``files``       output files, which come whole or not at all, and files that are read; what somebody looks for again
                  and again, for the console
- ``recordings``  opens recordings that the gate has sent; ``opening``: the same for the console, which plays them too
                  (``listening``)
- ``packs``       the pack of an access request
- ``bundles``     bundles for auditors: made, checked and opened
- ``rotation``    wraps recordings for another key, and proves that a key opens them
- ``backup``      data, keys and configuration as sets of files, made and put back; what of them is sealed to
  the recipients
- ``own_list_files``  objections and consents as CSV files
- ``pages``       the pages that the console makes, and the page of receipts that the firm hosts
- ``complaints``  the page with the procedure and its form, and what the form sends, as files
- ``doctor``      checks of the machine and of the gate
"""
