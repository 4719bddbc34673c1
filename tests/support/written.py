"""Facts as another version has written them: bodies with fewer fields, or others, than a type of the catalogue has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gate.core.facts import Fact

if TYPE_CHECKING:
    from gate.operations.data_folder import DataFolder


def written(folder: DataFolder, kind: str, subject: str, actor: str, body: Mapping[str, Any]) -> None:
    """Keep one in a data folder, in a transaction of its own."""
    fact = Fact(kind, subject, folder.clock.now(), actor, body)
    folder.store.call(lambda tx: tx.append(fact))
