"""Every key of the console: an id, the keys that it has unless the configuration gives others, and what it does.

``[console.keys]`` in the configuration names ids of ``all_ids``: ``"list.filter" = "f,slash"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.binding import Binding, BindingType

MODES: Final = ("today", "live", "registers", "contacts", "calls", "recordings", "retention", "requests", "audit")
_MODE_GROUP: Final = Binding.Group("modes", compact=True)


def bind(
    ident: str, keys: str, action: str, what: str, *, show: bool = False, shown_as: str | None = None, more: str = ""
) -> Binding:
    """A binding known by ``ident``; ``what`` its word in the bottom line, ``more`` that of help and palette."""
    return Binding(keys, action, what, show=show, id=ident, key_display=shown_as, tooltip=more)


APP: Final[list[BindingType]] = [
    *(bind(f"mode.{name}", str(place), f"mode('{name}')", f"Mode {name}") for place, name in enumerate(MODES)),
    bind("app.help", "question_mark", "help", "help", show=True, shown_as="?"),
    bind("app.palette", "ctrl+p,colon", "command_palette", "actions", show=True, shown_as="^p"),
    bind("app.attention", "exclamation_mark", "attention", "attention", shown_as="!", more="what must be seen to"),
    bind(
        "app.find",
        "F,slash",
        "find",
        "find",
        shown_as="F",
        more="find calls by day, time, agent, reason, number",
    ),
    bind("app.moment", "at", "moment", "as of", shown_as="@", more="the gate as it stood at a moment, or as it is"),
    bind("app.undo", "z", "undo", "undo"),
    bind("app.theme", "ctrl+t", "next_theme", "next theme"),
    bind("app.quit", "q", "quit", "quit", show=True),
]
SCREEN: Final[list[BindingType]] = [
    bind("screen.back", "escape", "back", "back"),
    bind("screen.copy", "y", "copy", "copy"),
    bind("screen.renew", "r", "renew", "look again"),
    bind("screen.next_view", "tab", "view(1)", "next list"),
    bind("screen.last_view", "shift+tab", "view(-1)", "list before"),
]
DETAIL: Final[list[BindingType]] = [
    bind("screen.back", "escape", "back", "back", show=True, shown_as="esc"),
]
TABLE: Final[list[BindingType]] = [
    bind("table.open", "enter", "open", "open", show=True, shown_as="⏎"),
    bind("table.down", "j,down", "move(1)", "down"),
    bind("table.up", "k,up", "move(-1)", "up"),
    bind("table.page_down", "ctrl+f,pagedown,space", "page(1)", "a screen down"),
    bind("table.page_up", "ctrl+b,pageup", "page(-1)", "a screen up"),
    bind("table.first", "g,home", "first", "first"),
    bind("table.last", "G,end", "last", "last"),
]
MARKS: Final[list[BindingType]] = [
    bind("table.mark", "space", "mark", "mark", shown_as="space", more="mark a row, or take its mark away")
]
REVEAL: Final[list[BindingType]] = [
    bind("list.reveal", "u", "reveal", "unmask", show=True, more="show the number in full; the log keeps why")
]
LIST: Final[list[BindingType]] = [
    bind("list.filter", "slash", "filter", "filter", show=True, shown_as="/"),
    bind("list.save", "E", "save_list", "save list", more="save this list as it is shown, as .csv or .json"),
    bind("list.sort", "S", "sort", "sort", more="sort by a column"),
    bind("list.columns", "W", "columns", "columns", more="which columns, in which order; kept for you"),
    bind("list.pause", "p", "pause", "hold the display still, or follow what happens"),
    *REVEAL,
]
NEVER_AGAIN: Final[list[BindingType]] = [
    bind(
        "call.object",
        "a",
        "never_again",
        "never again",
        show=True,
        more="the callee wants no more calls: add an objection",
    )
]
CALLS: Final[list[BindingType]] = [
    *NEVER_AGAIN,
    bind("calls.receipt", "c", "receipt", "receipt", more="what a callee's receipt says, by its code"),
    bind("calls.hold", "h", "hold", "hold", more="hold the recordings of what is marked against erasure"),
]
RECORDINGS: Final[list[BindingType]] = [
    bind("recordings.open", "o", "do('open_key')", "open", more="open it with a private key: waveform"),
    bind("recordings.play", "p", "do('play')", "play", show=True, more="open it with a private key, and play it"),
    bind("recordings.export", "e", "export", "export", show=True, more="export what is marked as WAVs"),
    bind("recordings.hold", "h", "hold", "hold", show=True, more="hold what is marked against erasure"),
    bind("recordings.pause", "P", "pause", "hold the display still, or follow what happens"),
]
REGISTERS: Final[list[BindingType]] = [
    bind("registers.import", "i", "import", "import", show=True, more="import a register file"),
    bind("registers.look_up", "n", "look_up", "number", show=True, more="look a number up: may it be dialled?"),
    bind("registers.add", "a", "add", "add", show=True, more="add an objection or a consent"),
    bind("registers.remove", "d", "remove", "remove", show=True, more="remove an objection, withdraw a consent"),
    bind("registers.undo_many", "X", "undo_many", "undo many", more="take back what callers of a trunk made by key"),
]
RETENTION: Final[list[BindingType]] = [
    bind("retention.sweep", "s", "sweep", "sweep", show=True),
    bind("retention.hold", "a", "hold", "hold", show=True),
    bind("retention.release", "d", "release", "release", show=True),
    bind("retention.waiting", "w", "waiting", "second person", more="what one person asked for and another confirms"),
]
CALENDAR: Final[list[BindingType]] = [
    bind("calendar.open", "enter", "open", "list day", show=True, shown_as="⏎"),
    bind("calendar.next_day", "l,right", "move(1)", "next day"),
    bind("calendar.last_day", "h,left", "move(-1)", "day before"),
    bind("calendar.next_week", "j,down", "move(7)", "a week on"),
    bind("calendar.last_week", "k,up", "move(-7)", "a week back"),
    bind("calendar.next_month", "right_square_bracket,pagedown", "month(1)", "next month", show=True, shown_as="[ ]"),
    bind("calendar.last_month", "left_square_bracket,pageup", "month(-1)", "month before"),
    bind("calendar.today", "t,home", "today", "today"),
]
DIAL: Final[list[BindingType]] = [
    bind("dial.later", "l,right", "turn(1)", "later", show=True, shown_as="← →", more="turn the time by half an hour"),
    bind("dial.earlier", "h,left", "turn(-1)", "earlier"),
    bind("dial.next_day", "right_square_bracket", "turn_days(1)", "next day", show=True, shown_as="[ ]"),
    bind("dial.last_day", "left_square_bracket", "turn_days(-1)", "day before"),
    bind("dial.now", "t,home", "turn_back", "now", show=True, shown_as="t"),
]
DAY: Final[list[BindingType]] = [bind("day.hold", "h", "hold", "hold", show=True)]
CONTACTS: Final[list[BindingType]] = [
    bind("contacts.import", "i", "import", "import", show=True),
    bind("contacts.rescreen", "s", "rescreen", "screen", show=True),
    bind("contacts.export", "e", "export", "export", show=True),
    bind("contacts.since", "d", "since", "since"),
    bind("contacts.forget", "x", "forget", "forget", show=True),
]
CONTACT: Final[list[BindingType]] = [
    bind("contact.reveal", "u", "reveal", "unmask", show=True),
    bind("contact.look_up", "n", "renew", "look up now", show=True),
    bind("contact.subscriber", "w", "subscriber", "whose", show=True, more="a person's or a company's, and since when"),
    bind("contact.forget", "x", "forget", "forget", show=True),
]
RECORDING: Final[list[BindingType]] = [
    bind("recording.open", "o", "open_key", "open", show=True, more="open with a private key: waveform"),
    bind("recording.play", "p", "play", "play/stop", show=True),
    bind("recording.export", "e", "export", "export", show=True, more="export as a WAV"),
    bind("recording.hold", "h", "hold", "hold", show=True, more="hold against erasure"),
    bind("recording.forward", "right,l", "seek(10)", "10 s on", more="ten seconds on, while it plays"),
    bind("recording.back", "left", "seek(-10)", "10 s back", more="ten seconds back, while it plays"),
    bind(
        "recording.next_mark",
        "right_square_bracket",
        "mark(1)",
        "next mark",
        more="to the end of a pause, to a key",
    ),
    bind("recording.last_mark", "left_square_bracket", "mark(-1)", "mark before", more="to the mark before"),
    bind("recording.faster", "greater_than_sign", "speed(1)", "faster", shown_as=">"),
    bind("recording.slower", "less_than_sign", "speed(-1)", "slower", shown_as="<"),
    *NEVER_AGAIN,
    bind("recording.call", "c", "call", "call", show=True, more="to its call, or back to it"),
    bind("recording.related", "t", "related", "go to", show=True, more="its call, holds, requests, contact"),
    bind("recording.another_key", "K", "another_key", "one more key"),
    bind("recording.lock", "L", "lock", "forget the keys"),
]
BOARD: Final[list[BindingType]] = [
    bind("board.open", "enter", "open", "open", show=True, shown_as="⏎"),
    bind("board.down", "j,down", "card(1)", "card below"),
    bind("board.up", "k,up", "card(-1)", "card above"),
    bind("board.right", "l,right", "column(1)", "column to the right"),
    bind("board.left", "h,left", "column(-1)", "column to the left"),
    bind("board.page_down", "ctrl+f,pagedown,space", "screen(1)", "a screen down"),
    bind("board.page_up", "ctrl+b,pageup", "screen(-1)", "a screen up"),
    bind("board.first", "g,home", "first", "first card"),
    bind("board.last", "G,end", "last", "last card"),
]
REQUESTS: Final[list[BindingType]] = [bind("requests.new", "n", "new", "new request", show=True)]
REQUEST: Final[list[BindingType]] = [
    bind("request.acknowledge", "a", "acknowledge", "acknowledgement was sent"),
    bind("request.ask_identity", "i", "ask_identity", "ask who it is"),
    bind("request.verify", "v", "verify", "identity is proven"),
    bind("request.clarify", "c", "clarify", "clarify, or the answer came"),
    bind("request.extend", "e", "extend", "extend to three months"),
    bind("request.search", "s", "search", "search", show=True),
    bind("request.grant", "plus", "grant", "grant", show=True, shown_as="+"),
    bind("request.refuse", "minus", "refuse", "refuse", show=True, shown_as="-"),
    bind("request.fulfil", "f", "fulfil", "fulfil", show=True),
    bind("request.told", "t", "told", "told", show=True),
    bind("request.told_authority", "T", "told_authority", "the authority was told"),
    bind("request.told_recipient", "R", "told_recipient", "a recipient of what is erased was told"),
    bind("request.letter", "l", "letter", "letter", show=True),
    bind("request.restrict", "x", "restrict", "restrict the use of their recordings"),
    bind("request.withdraw", "w", "withdraw", "taken back"),
    bind("request.reveal", "u", "reveal", "unmask"),
]
FOUND: Final[list[BindingType]] = [
    bind("found.mark", "m", "mark", "mark as theirs", show=True),
    bind("found.take", "s", "take", "these are it", show=True),
]
LETTER: Final[list[BindingType]] = [
    bind("letter.save", "s", "save", "save", show=True),
    bind("letter.save_all", "S", "save_all", "save all forms", show=True),
    bind("letter.proof", "p", "proof", "with proof", show=True),
    bind("letter.send", "m", "send", "mail", show=True),
]
AUDIT: Final[list[BindingType]] = [
    bind("audit.verify", "v", "verify", "verify", show=True),
    bind("audit.checkpoint", "c", "checkpoint", "sign", show=True),
    bind("audit.export", "e", "export", "export", show=True),
    bind(
        "audit.reports",
        "R",
        "reports",
        "reports",
        show=True,
        more="reports: a month, Article 30, tomorrow, campaigns, configuration, doctor, webhooks",
    ),
    bind(
        "audit.open_bundle",
        "o",
        "open_bundle",
        "open bundle",
        more="check a bundle, and open it with its recipient's key",
    ),
    bind("audit.verifier_key", "K", "verifier_key", "verifier key"),
    bind(
        "audit.unfold", "x", "unfold", "unfold", more="show the recordings of a bundle one by one, or fold them again"
    ),
    bind("audit.compare", "C", "compare", "compare", more="compare checkpoints that you have kept with the log"),
    bind("audit.add", "a", "add", "add", show=True, more="put a public key on the register"),
    bind("audit.terms", "t", "terms", "terms", more="put a recipient on other terms"),
    bind("audit.retire", "d", "retire", "retire", more="seal nothing more to a recipient"),
    bind("audit.passphrase", "P", "passphrase", "passphrase", more="change the passphrase of a private key"),
]
BUNDLE: Final[list[BindingType]] = [
    bind("bundle.calls", "c", "show(1)", "calls", show=True, more="the calls of the bundle"),
    bind("bundle.log", "l", "show(2)", "log", show=True, more="the log of the bundle, leaf by leaf"),
]
TODAY: Final[list[BindingType]] = [bind("today.find", "slash", "app.find", "find", show=True, shown_as="/")]
CALL: Final[list[BindingType]] = [
    *NEVER_AGAIN,
    bind("call.recording", "o", "recording", "recording", show=True, more="to its recording"),
    bind("call.ladder", "l", "ladder", "ladder", show=True, more="step by step, each step with its leaf and its proof"),
    bind("call.related", "t", "related", "go to", more="its recording, holds, requests, contact"),
]
LADDER: Final[list[BindingType]] = [
    bind(
        "ladder.open",
        "o",
        "open_key",
        "open",
        show=True,
        more="open its recording with a private key: waves, jitter",
    ),
    bind("ladder.save", "s", "save", "save", show=True, more="save it as a page that checks itself, or as text"),
]
TILES: Final[list[BindingType]] = [
    bind("tiles.right", "l,right", "step(1)", "next tile"),
    bind("tiles.left", "h,left", "step(-1)", "tile before"),
]
LIVE: Final[list[BindingType]] = [
    bind("live.filter", "slash", "filter", "filter", show=True, shown_as="/"),
    bind("live.pause", "p", "pause", "hold display", show=True),
    bind(
        "live.keep",
        "R",
        "keep",
        "rec. pause/resume",
        show=True,
        more="pause a call's recording, or resume it: asks why",
    ),
    bind("live.hang_up", "H", "hang_up", "hang up", show=True, more="hang up a call, for both parties: asks why"),
]
DIALOG: Final[list[BindingType]] = [
    bind("dialog.leave", "escape", "leave", "cancel", show=True, shown_as="esc"),
]
FIND: Final[list[BindingType]] = [
    *DIALOG,
    bind(
        "find.keep", "ctrl+s", "keep", "keep", show=True, shown_as="^s", more="keep this search, or keep it no longer"
    ),
]
PICK: Final[list[BindingType]] = [bind("pick.filter", "slash", "filter", "find", show=True, shown_as="/")]
HELP: Final[list[BindingType]] = [bind("help.manual", "m", "manual", "manual", more="the page of the manual")]
MANUAL: Final[list[BindingType]] = [
    bind("manual.back", "escape,backspace", "back", "back", show=True, shown_as="esc"),
    bind("manual.contents", "t,tab", "contents", "contents", show=True, more="into the table of contents, and back"),
    bind("manual.pages", "l,m", "pages", "pages", show=True, more="the list of all pages"),
]
REPORT: Final[list[BindingType]] = [
    bind("report.down", "j,down", "scroll_down", "down"),
    bind("report.up", "k,up", "scroll_up", "up"),
    bind("report.page_down", "ctrl+f,pagedown,space", "page_down", "a screen down"),
    bind("report.page_up", "ctrl+b,pageup", "page_up", "a screen up"),
    bind("report.first", "g,home", "scroll_home", "first"),
    bind("report.last", "G,end", "scroll_end", "last"),
]


def all_ids() -> frozenset[str]:
    """The id of every key here."""
    lists = [value for name, value in globals().items() if name.isupper() and isinstance(value, list)]
    return frozenset(each.id for each in (*APP, *(one for some in lists for one in some)) if each.id)


def unknown(keymap: Mapping[str, str]) -> list[str]:
    """Ids of a keymap that no key has."""
    return sorted(set(keymap) - all_ids())
