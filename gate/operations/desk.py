"""What people ask for: checks, lists, calls, recordings, keys, proof.

Every method is blocking and thread-safe, takes plain values and the ``actor`` who asks, and returns values that JSON
can carry. The control interface and the command line call these methods by their names.
"""

from __future__ import annotations

from typing import Any

from gate.operations.operation import Caller
from gate.operations.requests.request_desk import RequestDesk


class Desk(
    RequestDesk,
):
    """The use cases of admins, compliance officers and auditors."""

    def __getattr__(self, name: str) -> Any:
        from gate.operations.catalogue import OPERATIONS

        if name not in OPERATIONS:
            raise AttributeError(name)

        def call(*, actor: str, progress: Any = None, file: Any = None, **fields: Any) -> Any:
            import msgspec

            found, caller = OPERATIONS[name], Caller(actor, file=file)
            if progress is not None:
                caller = Caller(actor, progress, file)
            if file is not None:
                fields["path"] = file.said
            return msgspec.to_builtins(found(self.folder, msgspec.convert(fields, found.request), caller))

        return call
