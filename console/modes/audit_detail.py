"""Details of the log: what is known already, and a leaf with what it commits to."""

from __future__ import annotations

from collections.abc import Sequence

from console import words
from console.modes import audit_shown as shown
from console.modes.detail import DetailScreen
from console.widgets.report import Section
from gate.core.rows.audit import Leaf
from gate.operations.audit.leaves import AuditLeaf


class TextDetail(DetailScreen):
    """What is known already; ``y`` copies the text that matters in it."""

    HELP_TEXT = "y copies what one keeps elsewhere or hands to others; Esc goes back."

    def __init__(self, mode: str, title: str, sections: Sequence[Section], text: str, what: str) -> None:
        super().__init__(mode, title)
        self._sections = sections
        self._text = text
        self._what = what

    async def sections(self) -> Sequence[Section]:
        """As they were given."""
        return self._sections

    def action_copy(self) -> None:
        """The text, which may be long."""
        if self._text:
            self.app.copy_to_clipboard(self._text)
            self.notify(f"Copied {self._what}", timeout=3, markup=False)


class LeafDetail(DetailScreen):
    """One leaf: the fact, what it commits to, its proof."""

    HELP_TEXT = (
        "One leaf of the evidence log. It holds no personal data: it commits to the fact by a salted hash, so that the "
        "fact can be erased and the leaf stays. y copies its hash."
    )

    def __init__(self, mode: str, row: Leaf) -> None:
        super().__init__(mode, f"Leaf {words.count(row.index)[0]}")
        self._row = row

    async def sections(self) -> Sequence[Section] | None:
        """Ask for it."""
        found = await self.ask(AuditLeaf(index=self._row.index))
        return None if found is None else shown.leaf(found)

    def copied(self) -> str:
        """Its hash."""
        return self._row.hash
