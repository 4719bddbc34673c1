"""Audit: the evidence log, its signed heads, whom recordings are sealed to; verify, sign, export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from console import keys, words
from console.feed import late_on_thread, on_thread
from console.modes import audit_bundle, audit_keys
from console.modes import audit_shown as shown
from console.modes.audit_detail import LeafDetail, TextDetail
from console.modes.listing import ListMode, View
from console.modes.request_forms import filled
from console.modes.row import RowDetail
from console.modes.sure import sure
from console.widgets.ask import Field
from console.widgets.pages import PagedTable
from console.widgets.report import Report, Section
from console.widgets.rows import Column, Row, RowsTable
from console.widgets.working import worked
from gate.core.rows.audit import CheckpointRow, Leaf, LogNow, LogVerified
from gate.errors import GateError, UsageError
from gate.operations.audit.checkpoints import AuditCancel, AuditCheckpoint, AuditKey, AuditVerify, CheckpointsList
from gate.operations.audit.leaves import AuditLeaves, AuditStatus
from gate.operations.breaches import BreachList, BreachRow
from gate.operations.keys.recipients import KeyList, Recipients
from gate.operations.operation import Request
from gate.showing import clean

R = TypeVar("R")
MOST_UNFOLDED = 100
MOST_NOTE = 8000
"""Bytes of a checkpoint's file."""
LEAVES, CHECKPOINTS, KEYS, BREACHES = range(4)

LEAF_COLUMNS: Sequence[Column[Leaf]] = (
    Column("Leaf", 10, lambda row: words.count(row.index), right=True),
    Column("At", words.WHEN, lambda row: words.moment(row.at)),
    Column("What happened", 40, shown.happened, grows=True),
    Column("Kind", 19, lambda row: words.text(row.kind.replace("_", " ")), rank=1),
    Column("Hash", 12, lambda row: (clean(row.hash)[:12], "dim"), rank=2),
)
CHECKPOINT_COLUMNS: Sequence[Column[CheckpointRow]] = (
    Column("Size", 10, lambda row: words.count(row.size), right=True),
    Column("Signed", words.WHEN, lambda row: words.moment(row.at)),
    Column("Root", 20, lambda row: (clean(row.root), ""), grows=True),
    Column("Files", 20, shown.copies),
)
BREACH_COLUMNS: Sequence[Column[BreachRow]] = (
    Column("Breach", 13, lambda row: words.text(row.reference)),
    Column("Left", 14, shown.breach_left),
    Column("Aware since", words.WHEN, lambda row: words.moment(row.aware_at)),
    Column("Risk", 12, lambda row: words.text(row.risk.replace("_", " "))),
    Column("Missing", 20, lambda row: words.text(", ".join(row.lacking)), grows=True),
)
VIEWS = (
    View(
        "leaves",
        AuditLeaves,
        LEAF_COLUMNS,
        "index",
        "There is no leaf yet.",
        fields={"folded": True},
        filters=lambda text: {"text": text, "folded": False},
        finds="part of a kind, who did it, the beginning of an id, a leaf's number",
    ),
    View(
        "checkpoints",
        CheckpointsList,
        CHECKPOINT_COLUMNS,
        "size",
        "The log was not signed yet.",
    ),
    View("keys", KeyList, audit_bundle.RECIPIENTS, "id", "There is no recipient.", items="recipients"),
    View("breaches", BreachList, BREACH_COLUMNS, "reference", "No breach is open.", fields={"open": True}),
)


class Mode(ListMode):
    """The log, its heads, the register of recipients."""

    MODE = "audit"
    PAGE = "audit"
    VIEWS = VIEWS
    BINDINGS: ClassVar[list[BindingType]] = keys.AUDIT
    HELP_TEXT = (
        "Every leaf of the evidence log, newest first, in a sentence. / finds by part of a kind or of who did it, by "
        "the beginning of an id, or by a leaf's number. Enter shows what a leaf commits to. The recordings of a bundle "
        "stand in one line with it: x unfolds them, and folds them again. Tab goes on to the signed heads, and to "
        "those who can open recordings or be given exports, and to the open breaches with the hours left to tell the "
        "authority. v verifies the log, c signs it as it is, e makes a bundle for an auditor, o opens one. "
        "K shows the verifier key, R makes the reports and shows how the gate is set up. "
        "Among the checkpoints C compares those that you have kept with the log. Among the keys a puts one on the "
        "register, t puts it on other terms, d retires it; P changes the passphrase of a private key here."
    )

    def __init__(self) -> None:
        super().__init__()
        self._vkey = ""
        self._status: LogNow | None = None
        self._keys: Recipients | None = None
        self._unfolded: list[str] = []
        """Ids of the bundles whose recordings are shown."""

    def asked(self, view: View) -> Mapping[str, Any]:
        """What is unfolded, of the leaves."""
        return {**view.fields, "unfolded": self._unfolded} if view.request is AuditLeaves else view.fields

    def action_unfold(self) -> None:
        """Show the recordings of the bundle under the cursor, or fold them again."""
        row = self.table.row
        if row is None or self.at != LEAVES:
            return
        if row.folded:
            self._unfolded = [*self._unfolded, row.subject][-MOST_UNFOLDED:]
        elif row.subject in self._unfolded:
            self._unfolded.remove(row.subject)
        else:
            self.notify("Nothing is folded here: the line of a bundle is.", timeout=4)
            return
        self.table.reload()

    def below(self) -> ComposeResult:
        """How the log is; what there is to say of the keys."""
        yield Report(id="more")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What this account may."""
        may = self.feed.session.may
        if action == "unfold":
            return self.at == LEAVES
        if action == "compare":
            return self.at == CHECKPOINTS and (may("audit_verify") or None)
        needs = {"verify": "audit_verify", "checkpoint": "audit_checkpoint", "verifier_key": "audit_key"}
        if action in needs:
            return may(needs[action]) or None
        registers = {"add": "key_add", "terms": "key_change", "retire": "key_retire"}
        if action in registers:
            return self.at == KEYS and (may(registers[action]) or None)
        if action == "passphrase":
            return self.at == KEYS
        if action == "open_bundle":
            return self.app.setup.opener is not None or None
        if action == "export":
            return (self.app.setup.opener is not None and may("audit_export") and not self._without_exports()) or None
        return super().check_action(action, parameters)

    def _without_exports(self) -> str:
        """Whom the cursor is on, where the gate lets no export go to them."""
        row = self.table.row if self.at == KEYS else None
        return clean(row.name) if row is not None and not row.purpose else ""

    @on(RowsTable.Moved)
    def _other_recipient(self) -> None:
        """What may be done with this one."""
        if self.at == KEYS:
            self.refresh_bindings()

    def why_not(self, binding: Binding) -> str:
        """The recipient under the cursor may be in the way."""
        if binding.action == "export" and (name := self._without_exports()):
            return f"By their terms no exports go to {name}. Other terms: t."
        if binding.action == "open_bundle":
            return "No key is opened in this console: dialgate audit open FILE --key FILE"
        return super().why_not(binding)

    # --- what stands below ----------------------------------------------------------------------------------------

    def show_view(self, number: int) -> None:
        """Another list, and what there is to say of it."""
        super().show_view(number)
        self._show_more()

    @on(PagedTable.Loaded)
    def _news(self) -> None:
        self._look()

    @work(exclusive=True, group="more")
    async def _look(self) -> None:
        if self.at == KEYS:
            self._keys = await self._quietly(KeyList()) or self._keys
        else:
            self._status = await self._quietly(AuditStatus()) or self._status
            if not self._vkey and self.feed.session.may("audit_key"):
                verifier = await self._quietly(AuditKey())
                self._vkey = verifier.vkey if verifier else ""
        self._show_more()

    async def _quietly(self, request: Request[R]) -> R | None:
        """The response; None where it failed: the list above has said so."""
        try:
            return await self.feed.ask(request)
        except GateError:
            return None

    def _show_more(self) -> None:
        section: Section | None = None
        if self.at == KEYS:
            section = shown.keys_now(self._keys) if self._keys else None
        elif self._status:
            section = shown.now(self._status, self._vkey)
        for report in self.query("#more").results(Report):  # none where the console has ended meanwhile
            report.display = section is not None
            if section is not None:
                report.show([section])

    # --- opening --------------------------------------------------------------------------------------------------

    def open_row(self, row: Row) -> None:
        """A leaf with what it commits to, a signed note, a recipient."""
        if self.at == CHECKPOINTS:
            title = f"Checkpoint of {words.many(row.size, 'leaf')}"
            self.app.push_screen(TextDetail(self.MODE, title, shown.checkpoint(row), row.note, "the note"))
        elif self.at == BREACHES:
            self.app.push_screen(TextDetail(self.MODE, "Breach", shown.breach(row), row.reference, "the reference"))
        elif self.at == KEYS:
            sections = shown.recipient(row)
            self.app.push_screen(TextDetail(self.MODE, "Recipient", sections, row.fingerprint, "the fingerprint"))
        elif self.feed.session.may("audit_leaf"):
            self.app.push_screen(LeafDetail(self.MODE, row))
        else:
            self.app.push_screen(RowDetail(self.MODE, f"Leaf {words.count(row.index)[0]}", row))

    @work
    async def action_verifier_key(self) -> None:
        """The key, to be copied."""
        verifier = await self.ask(AuditKey())
        if verifier is not None:
            sections = shown.verifier_key(verifier)
            self.app.push_screen(TextDetail(self.MODE, "The verifier key", sections, verifier.vkey, "the verifier key"))

    # --- acts -----------------------------------------------------------------------------------------------------

    @work
    async def action_reports(self) -> None:
        """Reports, and how the gate is set up."""
        await (await late_on_thread("console.modes.reports:show"))(self)

    @work
    async def action_verify(self) -> None:
        """Compute all of it anew, and say what was found."""
        await self._verify("Verify the log?", "Verify", ())

    @work
    async def action_compare(self) -> None:
        """The same, and that the log has grown from each checkpoint that was kept elsewhere."""
        if self.app.setup.files is None:
            self.notify("No file is read here: dialgate audit verify --checkpoint FILE", timeout=6)
            return
        field = Field.from_request(AuditVerify, "checkpoints", hint="files, with commas between", needed=True)
        await self._verify("Compare checkpoints with the log?", "Compare", (field,))

    async def _verify(self, title: str, act: str, more: Sequence[Field]) -> None:
        vkey = Field.from_request(AuditVerify, "vkey", hint="empty: the gate's own")
        said = "Rows, leaves, roots and lists are computed anew. That it was asked is kept in the log."

        async def send(told: Mapping[str, str]) -> LogVerified:
            asked = await self._asked(told)
            found: LogVerified = await worked(
                self.app,
                "Verifying the log",
                lambda progress: self.feed.ask(asked, progress=progress),
                lambda: self.feed.ask(AuditCancel()),
            )
            return found

        answer = await filled(self, title, (*more, vkey), send, said=said, act=act)
        if answer is not None:
            self.app.push_screen(
                TextDetail(self.MODE, "Verification", shown.verification(answer), _line(answer), "the result")
            )
        self.returned()

    async def _asked(self, told: Mapping[str, str]) -> AuditVerify:
        """The values, with the files read; the form shows a file that cannot be read."""
        files, notes = self.app.setup.files, list[tuple[str, str]]()
        for name in filter(None, (each.strip() for each in told.get("checkpoints", "").split(","))):
            if files is None:
                raise UsageError("no file is read here", hint="dialgate audit verify --checkpoint FILE")
            notes.append((name[-200:], await on_thread(partial(files.text, Path(name), MOST_NOTE))))
        return AuditVerify(vkey=told["vkey"].strip(), checkpoints=notes)

    @work
    async def action_add(self) -> None:
        """Put a public key on the register."""
        if await audit_keys.add(self):
            self.table.reload()

    @work
    async def action_terms(self) -> None:
        """Put the recipient under the cursor on other terms."""
        if (row := self.table.row) is not None and await audit_keys.change(self, row):
            self.table.reload()

    @work
    async def action_retire(self) -> None:
        """Retire the key under the cursor."""
        if (row := self.table.row) is not None and await audit_keys.retire(self, row):
            self.table.reload()

    @work
    async def action_passphrase(self) -> None:
        """Close a private key with another passphrase."""
        await audit_keys.change_passphrase(self)

    @work
    async def action_checkpoint(self) -> None:
        """Sign the log as it is now, after a question: a checkpoint is written, and its copies."""
        if not await sure(self, "Sign the log as it is now?", "The checkpoint is kept with its copies.", "Sign"):
            return
        signed = await self.ask(AuditCheckpoint())
        if signed is None:
            return
        for missed in signed.missed:
            self.notify(f"No copy: {clean(missed)}", severity="warning", timeout=8, markup=False)
        self.app.done(f"Signed: the log's first {words.many(signed.size, 'leaf')}")
        if self.at != CHECKPOINTS:
            self.show_view(CHECKPOINTS)
        self.table.reload()

    @work
    async def action_open_bundle(self) -> None:
        """Check a bundle, and read what is in it."""
        await (await late_on_thread("console.modes.bundle_opened:show"))(self)

    @work
    async def action_export(self) -> None:
        """A bundle for whoever is under the cursor of the keys, else for one that is picked."""
        opener = self.app.setup.opener
        if opener is None:
            return
        who = self.table.row if self.at == KEYS else await audit_bundle.recipient(self)
        if who is None:
            return
        answer = await audit_bundle.export(self, opener, who)
        if answer is not None:
            self.app.done("\n".join(text for text, _ in audit_bundle.written(answer)))
            await self.app.saved(Path(str(answer["file"])))
        self.returned()


def _line(report: LogVerified) -> str:
    held = "holds" if report.ok else "does NOT hold"
    return f"log {held}: {words.many(report.size, 'leaf')}, root {report.root}"
