"""The evidence log: signed, verified, compared, exported.

- ``exporting``    bundles for auditors: who may have one, what is logged before it leaves
- ``bundles``      bundles made and opened beside a gate that runs or not; ``bundling``: the gate's part of one, in a
                   process of its own
- ``restoring``    an older state accepted knowingly
- ``log_keeping``  the log signed, verified and compared with where its checkpoints lie (``standing``)
"""
