"""The parts of an auditor's bundle, for an account that may not read the gate's folder: by piece, over the control
socket. Whoever may read it takes them where they lie."""

from __future__ import annotations

import base64
import os
import shutil
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from gate.core.facts.audit import BundleSigned
from gate.errors import GateError, UsageError
from gate.operations.audit import bundle_contents
from gate.operations.audit.exporting import begun_export
from gate.operations.operation import READERS, Caller, Line, Request, Response, about, operation

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder

PIECE: Final = 1 << 20
RECIPIENT: Final = "recipient"


class ExportPiece(Response, frozen=True, kw_only=True):
    """A piece of a part of a bundle."""

    data: str
    """Base64; empty at the end of the part."""


class AuditExportPart(Request[ExportPiece], frozen=True, kw_only=True):
    """A piece of a part of a bundle that this account has begun."""

    bundle: Annotated[Line, about("Id of the bundle, as audit_export answered.")]
    part: Annotated[
        Literal["recipient", "head", "tail"],
        about(
            "Which part: recipient is whom it is for, as the register has them; head and tail are what is "
            "around the recordings."
        ),
    ]
    offset: Annotated[int, msgspec.Meta(ge=0), about("Bytes of the part to pass over.")] = 0


@operation(AuditExportPart, "audit_export_part", roles=READERS)
def audit_export_part(folder: DataFolder, asked: AuditExportPart, caller: Caller) -> ExportPiece:
    """Read a piece of a bundle that the account has begun, where it may not read the gate's folder itself.

    Both parts are gone once the end of ``tail`` was read. Raises ``UsageError`` where no export of theirs has begun,
    or the bundle is not signed.
    """
    begun = begun_export(folder, asked.bundle, caller.actor)
    data = folder.config.data
    if asked.part == RECIPIENT:
        text = bundle_contents.registered(data, begun["recipient"]).to_text().encode()
        return ExportPiece(data=base64.b64encode(text[asked.offset :]).decode())
    sql = "SELECT 1 FROM facts WHERE subject = ? AND kind = ?"
    if not folder.read(lambda reader: reader.query(sql, [asked.bundle, BundleSigned.kind])):
        raise UsageError(f"bundle {asked.bundle} is not signed yet", hint="take every page, then have it made")
    parts = data / "exports" / asked.bundle
    try:
        with (parts / asked.part).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(asked.offset)
            piece = file.read(PIECE)
    except OSError as error:
        raise GateError(f"the bundle's parts cannot be read: {error.strerror}", hint="export anew") from error
    if asked.part == "tail" and asked.offset >= size:
        shutil.rmtree(parts, ignore_errors=True)
    return ExportPiece(data=base64.b64encode(piece).decode())
