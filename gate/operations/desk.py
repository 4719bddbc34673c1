"""Operations by their names, with plain values: for callers that do not ask with requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gate.operations.operation import Caller

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


class Desk:
    """An attribute for each operation of the catalogue: blocking and thread-safe, answers in JSON values."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder

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
