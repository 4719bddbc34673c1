"""Pages of reports, letters and receipts, for the console."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gate.client.publishing import HOST_IT, publish_into
from gate.config import Config, origins
from gate.control.client import ControlClient
from gate.exports.letter_proof import page
from gate.exports.report import month_page, record_page
from gate.operations.requests.proving import RequestProof


class ReportPages:
    """Pages that the console makes, and the configuration that it was started with. Called on a worker's thread."""

    def __init__(self, config: Config, path: Path) -> None:
        """``path``: where the configuration was read."""
        self._config, self._path = config, path

    def month(self, report: Mapping[str, Any]) -> str:
        """A month's figures as HTML, as ``dialgate report --month``."""
        return month_page(report)

    def record(self, report: Mapping[str, Any]) -> str:
        """The record of processing as HTML, as ``dialgate report --article-30``."""
        return record_page(report)

    def proof(self, made: RequestProof) -> str:
        """The page by which a person checks a letter, as ``dialgate request proof``."""
        return page(made.firm, made.reference, made.id, made.evidence)

    def receipts(self, folder: Path) -> Mapping[str, Any]:
        """Write the page of receipts into a folder, as ``dialgate receipts publish``; in ``said`` what is to be done
        with it. Raises ``GateError``."""
        gate = ControlClient(self._config.control_socket)
        return publish_into(gate, self._config.firm.trading_name, folder) | {"said": HOST_IT}

    def configuration(self) -> Sequence[tuple[str, str, str]]:
        """Every value: its key, the value as it is written, where it comes from. Raises ``OSError``, ``ValueError``."""
        found = origins(self._config, self._path)
        return [(each.key, json.dumps(each.value, ensure_ascii=False), each.origin) for each in found]
