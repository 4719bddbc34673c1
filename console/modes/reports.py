"""What the house is asked for: a month in figures, the record of processing, tomorrow, abandoned calls; configuration
and roles; what is well and what is not, and what other programs did not take."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from rich.cells import cell_len

from console import words
from console.feed import on_thread
from console.late import late
from console.modes import receipt as receipts
from console.modes import row
from console.modes.audit_detail import TextDetail
from console.modes.request_doing import choose
from console.modes.request_forms import filled
from console.modes.sure import sure
from console.theme import BAD, DIM, OK, PLAIN, WARN
from console.widgets.ask import Field
from console.widgets.chart import columns, strip
from console.widgets.report import Section
from gate.core.days import HOW, LONDON, day_of
from gate.core.rows.month import WENT_OUT, CampaignRate, CampaignStop
from gate.errors import GateError, UsageError
from gate.operations.calls.campaigns import Campaigns, CampaignsList, CampaignsRelease, Released
from gate.operations.contacts.forecast import ContactsForecast, ContactsThen
from gate.operations.operation import ROLES, Operation, Request, operation_of
from gate.operations.reports.article30 import ReportArticle30
from gate.operations.reports.month import ReportMonth
from gate.operations.webhooks import WebhookDrop, WebhookList, WebhookRetry
from gate.showing import clean

if TYPE_CHECKING:
    from console.modes.base import GateScreen

MONTH, RECORD, FORECAST, CONFIGURATION, ACCOUNT = "month", "record", "forecast", "configuration", "account"
RECEIPTS, DOCTOR, WEBHOOKS, CAMPAIGNS = "receipts", "doctor", "webhooks", "campaigns"
PAPERS: Final = {
    MONTH: "the figures of a month, for the firm's management",
    RECORD: "the record of processing (UK GDPR Art 30), as configured",
    FORECAST: "who may be called tomorrow, or on another day to come",
    RECEIPTS: "the page by which callees look receipts up",
    CAMPAIGNS: "how many who answered found nobody, by campaign and day; what is stopped",
    CONFIGURATION: "every value, with where it comes from",
    ACCOUNT: "who you are to the gate, and what your roles may do",
    DOCTOR: "what is well and what is not, with the command that mends it",
    WEBHOOKS: "what other programs have not taken: send it again, or drop it",
}
_MONTH = re.compile(r"(\d{1,2})/(\d{4})|(\d{4})-(\d{2})").fullmatch


async def show(screen: GateScreen) -> None:
    """Pick one, and show it. Call it in a worker."""
    what = await choose(screen, "Reports, and how the gate is set up", "Which", list(PAPERS.items()))
    if what in (MONTH, RECORD):
        await _page(screen, ReportMonth if what == MONTH else ReportArticle30)
    elif what == FORECAST:
        await forecast(screen)
    elif what == CAMPAIGNS:
        await _campaigns(screen)
    elif what == RECEIPTS:
        await receipts.publish(screen)
    elif what == CONFIGURATION:
        _configuration(screen)
    elif what == ACCOUNT:
        screen.app.push_screen(TextDetail("audit", "Your account", account(screen), screen.feed.session.actor, "it"))
    elif what == DOCTOR:
        await _doctor(screen)
    elif what == WEBHOOKS:
        await _webhooks(screen)


# --- pages ----------------------------------------------------------------------------------------------------------


async def _page(screen: GateScreen, request: type[ReportMonth] | type[ReportArticle30]) -> None:
    """A report as a page in a file, and its figures on the screen."""
    papers, files = screen.app.setup.papers, screen.app.setup.files
    if shut := screen.shut(request):
        screen.notify(shut, severity="warning", timeout=6, markup=False)
        return
    last = screen.feed.now().replace(day=1)
    month = f"{(last.month - 2) % 12 + 1:02}/{last.year - (last.month == 1)}"
    of_month = request is ReportMonth
    saves = papers is not None and files is not None
    offered = screen.app.setup.exports / ("report.html" if of_month else "record.html")

    async def send(told: Mapping[str, str]) -> tuple[Any, Path | None]:
        asked: Request[Any] = ReportMonth(month=month_of(told["month"])) if of_month else ReportArticle30()
        report = await screen.feed.ask(asked, timeout=120.0)
        path = Path(told["output"].strip()) if told.get("output", "").strip() else None
        if path is not None and papers is not None and files is not None:
            page = papers.month(report) if of_month else papers.record(report)
            await on_thread(partial(files.write, path, page.encode("utf-8", "replace")))
        return report, path

    fields = (
        *((Field.from_request(ReportMonth, "month", month, hint="10/2026"),) if of_month else ()),
        *((Field("output", "Save as a page; empty: only show it", str(offered), needed=False),) if saves else ()),
    )
    title = "The figures of a month" if of_month else "The record of processing"
    said = "It holds counts, codes and dates, and names nobody but the firm's accounts and PBXs."
    answer = await filled(screen, title, fields, send, said=said, act="Make it")
    if answer is None:
        return
    report, path = answer
    if path is not None:
        screen.app.done(f"Written: {path}")
        await screen.app.saved(path)
    screen.app.push_screen(TextDetail("audit", title, figures(report), str(path or ""), "where it is"))


def month_of(text: str) -> str:
    """``2026-10`` of ``10/2026`` or ``2026-10``. Raises ``UsageError``."""
    found = _MONTH(text.strip())
    if found is None or not 1 <= int(found[1] or found[4]) <= 12:
        raise UsageError(f"{text.strip()!r} is no month", hint="write 10/2026")
    return f"{found[2] or found[3]}-{int(found[1] or found[4]):02}"


def figures(report: Any, title: str = "") -> list[Section]:
    """A report's figures: what is one value first, then each part by itself. Days are a picture, counts by reason are
    bars, other rows of one kind a table; a part that is empty is left out."""
    fields = row.fields_of(report).items()
    label = partial(row.label_of, report)
    pairs = [(label(name), _field(name, value)) for name, value in fields if not _has_parts(value)]
    sections = [Section(title, [(name, shown) for name, shown in pairs if shown != words.NOTHING])]
    for name, value in fields:
        named = f"{title}: {label(name)[:1].lower()}{label(name)[1:]}" if title else label(name)
        if isinstance(value, Mapping) and _has_parts(value) and all(type(each) is int for each in value.values()):
            sections.append(Section(named, lines=_bars(value)))
        elif isinstance(value, Mapping | msgspec.Struct):
            sections += figures(value, named)
        elif _has_parts(value):
            sections += _rows(value, named)
    return [each for each in sections if each.pairs or each.lines]


def _has_parts(value: Any) -> bool:
    if isinstance(value, Mapping | msgspec.Struct):
        return bool(row.fields_of(value))
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping | msgspec.Struct) for each in value)


def _rows(rows: Sequence[Any], named: str) -> list[Section]:
    """Rows of one kind: days as a picture, counts by reason as bars, else a table; and under a table the rows that a
    row has itself, but not a state of each day."""
    fields = [row.fields_of(each) for each in rows]
    if (
        len(rows) > 1
        and {type(value) for name, value in fields[0].items() if name != "day"} == {int}
        and "day" in fields[0]
    ):
        return [Section(named, lines=_days(rows))]
    if fields[0].keys() == {"reason", "allows", "attempts"}:
        return [Section(named, lines=_bars({each["reason"]: each["attempts"] for each in fields}))]
    inner = [name for name in fields[0] if any(_has_parts(each[name]) for each in fields)]
    sections = [Section(named, lines=_table(rows, leave=inner))]
    for each in fields:
        whose = clean(str(next(iter(each.values()))))
        of_rows = [(name, each[name]) for name in inner if _has_parts(each[name]) and name != "days"]
        sections += [Section(f"{named}: {whose}, {name}", lines=_table(value)) for name, value in of_rows]
    return sections


def _table(rows: Sequence[Any], leave: Sequence[str] = ()) -> list[words.Shown]:
    """Rows of one kind under their headings, numbers to the right; codes in words."""
    fields = [{name: value for name, value in row.fields_of(each).items() if name not in leave} for each in rows]
    names = list(dict.fromkeys(name for each in fields for name, value in each.items() if value not in (None, "", [])))
    cells = [[_field(name, each.get(name))[0] for name in names] for each in fields]
    right = [all(type(each.get(name)) in (int, float) for each in fields) for name in names]
    lines = [[row.label_of(rows[0], name) for name in names], *cells]
    wide = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    said = [
        "  ".join(
            " " * (width - cell_len(cell)) + cell if number else cell + " " * (width - cell_len(cell))
            for cell, width, number in zip(line, wide, right, strict=True)
        ).rstrip()
        for line in lines
    ]
    return [(said[0], DIM), *((line, PLAIN) for line in said[1:])]


def _days(rows: Sequence[Any]) -> list[words.Shown]:
    """Each count as columns, two cells a day, with its sum and its highest day; the first and the last day below."""
    fields = [row.fields_of(each) for each in rows]
    lines: list[words.Shown] = []
    for name in (each for each in fields[0] if each != "day"):
        counts = [each[name] for each in fields]
        if not any(counts):
            continue
        top = max(range(len(counts)), key=counts.__getitem__)
        most = f"most on {words.day(fields[top]['day'])[0]}: {counts[top]:,}"
        lines.append((f"{row.label_of(rows[0], name)}: {sum(counts):,}, {most}", DIM))
        lines += [("".join(cell * 2 for cell in line), OK if name in _GOOD else WARN) for line in columns(counts, 3)]
    first, last = (words.day(fields[place]["day"])[0] for place in (0, -1))
    return [*lines, (first + last.rjust(max(len(last) + 1, 2 * len(rows) - len(first))), DIM)] if lines else []


def _bars(counts: Mapping[str, int]) -> list[words.Shown]:
    """A bar for each that is not zero, the longest first."""
    shown = sorted(((name, count) for name, count in counts.items() if count), key=lambda each: -each[1])
    wide = max((cell_len(_words(name)) for name, _ in shown), default=0)
    tone = {True: OK, False: PLAIN}
    return [
        (f"{_words(name).ljust(wide)}  {count:>7,}  {strip(count, shown[0][1], BAR)}", tone[name in words.ALLOWING])
        for name, count in shown
    ]


BAR: Final = 28
"""Cells of the longest bar: with name and count it fits into 80."""
_GOOD: Final = frozenset({"allow", "made"})
"""Counts whose columns are in the colour of what is well."""


def _words(code: str) -> str:
    """A code in words; of a kind of fact those that the page of a month has."""
    return clean(WENT_OUT.get(code) or code.replace("_", " "))


def _field(name: str, value: Any) -> words.Shown:
    """A value by the name of its field: lengths, sizes and months as people say them, codes in words."""
    if name in ("seconds", "bytes") and isinstance(value, int | float):
        return words.length(value) if name == "seconds" else words.size(value)
    if name == "month" and isinstance(value, str) and _MONTH(value):
        return f"{date.fromisoformat(f'{value}-01'):%B %Y}", PLAIN
    if isinstance(value, float):
        return f"{value:,.1f}", PLAIN
    shown, tone = _value(value)
    if isinstance(value, str) and row.is_code(shown):
        return _words(shown), tone
    return (shown.removeprefix("account:").removeprefix("trunk:") if name == "claimed_by" else shown), tone


def _value(value: Any) -> words.Shown:
    if value is None or value in ("", [], {}):
        return words.NOTHING
    if isinstance(value, bool):
        return ("yes" if value else "no"), PLAIN
    if isinstance(value, int):
        return words.count(value)
    if isinstance(value, date):
        return words.moment(value) if isinstance(value, datetime) else words.day(value)
    if isinstance(value, Mapping | msgspec.Struct):
        inside = row.fields_of(value).items()
        return "; ".join(f"{row.label_of(value, key)} {_field(key, inner)[0]}" for key, inner in inside), PLAIN
    if isinstance(value, list):
        return f"{len(value)}" if len(value) > 12 else ", ".join(_value(each)[0] for each in value), PLAIN
    if isinstance(value, str) and row.is_time(value):
        return words.moment(value) if "T" in value else words.day(value)
    return words.text(value)


# --- tomorrow -------------------------------------------------------------------------------------------------------


async def forecast(screen: GateScreen) -> None:
    """Who may be called on a day to come. Call it in a worker."""
    if shut := screen.shut(ContactsForecast):
        screen.notify(shut, severity="warning", timeout=6, markup=False)
        return

    async def send(told: Mapping[str, str]) -> ContactsThen:
        try:
            day = day_of(told["day"], words.today(), ahead=True)
        except ValueError:
            raise UsageError(f"{told['day']!r} is not a day", hint=HOW) from None
        return await screen.feed.ask(ContactsForecast(day=day), timeout=120.0)

    field = Field.from_request(ContactsForecast, "day", "tomorrow", hint="30/11, tomorrow, monday", needed=True)
    then = await filled(screen, "Who may be called?", (field,), send, said="Nothing is kept of it.", act="Look")
    if then is not None:
        title = f"Contacts on {then.day:%A %d %B %Y}"
        screen.app.push_screen(TextDetail("contacts", title, figures(then), "", "nothing"))


# --- abandoned calls ------------------------------------------------------------------------------------------------

DAYS: Final = 5
"""As many as 80 columns have room for beside the name, which is cut at ``LONGEST``."""
LONGEST: Final = 34
SHOW: Final = "show"


async def _campaigns(screen: GateScreen) -> None:
    """The abandoned rate of each campaign, by day; a stop that stands can be ended for a reason."""
    if shut := screen.shut(CampaignsList):
        screen.notify(shut, severity="warning", timeout=6, markup=False)
        return
    days = [screen.feed.now().astimezone(LONDON).date() - timedelta(days=back) for back in range(DAYS)]
    found = [told for day in days if (told := await screen.ask(CampaignsList(day=day))) is not None]
    if len(found) < len(days):
        return
    stops = {stop.id: f"{_whose(stop)}, stopped {words.moment(stop.stopped_at)[0]}" for stop in found[0].stops}
    picked: str | None = SHOW
    if stops and not screen.shut(CampaignsRelease):
        options = [(SHOW, "the rate of each campaign, by day"), *((id_, f"release {of}") for id_, of in stops.items())]
        picked = await choose(screen, "Campaigns", "Which", options)
    if picked == SHOW:
        shown = TextDetail("audit", "Abandoned calls, by campaign and day", rates(found), "", "nothing")
        screen.app.push_screen(shown)
    elif picked is not None:
        await _release(screen, picked, stops[picked])


async def _release(screen: GateScreen, stop: str, of: str) -> None:
    async def send(told: Mapping[str, str]) -> Released:
        return await screen.feed.ask(CampaignsRelease(id=stop, why=told["why"]))

    field = Field.from_request(CampaignsRelease, "why", "")
    if await filled(screen, "Let it go on", (field,), send, said=of, act="Release") is not None:
        screen.app.done(f"Released: {of}")


def rates(found: Sequence[Campaigns]) -> list[Section]:
    """A line for each campaign with a column for each day, the newest first; ``!``: the alarm was reached. Then what
    is stopped, and the calls of the newest day."""
    names = dict.fromkeys(_whose(each) for day in found for each in day.items)
    width = min(max(map(len, (*names, "Campaign"))), LONGEST) + 2
    head = "Campaign".ljust(width) + "".join(f"{day.day:%d %b}".rjust(8) for day in found)
    lines = [(head, DIM)]
    for name in names:
        of = [next((each for each in day.items if _whose(each) == name), None) for day in found]
        cells = [_percent(each).rjust(8) for each in of]
        reached = any(each is not None and each.worst_day for each in of)
        lines.append((name[:LONGEST].ljust(width) + "".join(cells), BAD if reached else PLAIN))
    today = [
        (
            f"{_whose(each)}: {each.abandoned:,} abandoned, {each.informed:,} of them were told who called; "
            f"{each.live:,} live, {each.left:,} left before, {each.unknown:,} unknown",
            PLAIN,
        )
        for each in found[0].items
    ]
    stops = [(f"{_whose(stop)}: stopped since {words.moment(stop.stopped_at)[0]}", BAD) for stop in found[0].stops]
    return [
        Section(
            "Abandoned %: abandoned / (abandoned + live)", lines=lines if names else [("nothing was answered", DIM)]
        ),
        *([Section("Stopped", lines=stops)] if stops else []),
        *([Section("Calls of today", lines=today)] if today else []),
    ]


def _whose(each: CampaignRate | CampaignStop) -> str:
    return clean(f"{each.claimed_by}, {each.campaign or 'all campaigns'}")


def _percent(each: CampaignRate | None) -> str:
    if each is None or each.percent is None:
        return words.NOTHING[0]
    return f"{each.percent:.1f}%" + ("!" if each.worst_day else "")


# --- how the gate is set up -----------------------------------------------------------------------------------------


def _configuration(screen: GateScreen) -> None:
    papers = screen.app.setup.papers
    if papers is None:
        screen.notify("This console was not started with a configuration: dialgate config show", timeout=6)
        return
    try:
        values = papers.configuration()
    except (OSError, ValueError):
        screen.notify("The configuration cannot be read by this account.", severity="warning", timeout=6)
        return
    sections: dict[str, list[tuple[str, words.Shown]]] = {}
    for key, value, origin in values:
        said, tone = f"{value}   {origin}", DIM if origin == "default" else PLAIN
        sections.setdefault(key.partition(".")[0], []).append((clean(key.partition(".")[2]), (clean(said), tone)))
    shown = [Section(name, pairs) for name, pairs in sections.items()]
    screen.app.push_screen(TextDetail("audit", "Configuration, as its file is now", shown, "", "nothing"))


async def _doctor(screen: GateScreen) -> None:
    """Each thing that calls need, as ``dialgate doctor`` shows it: what fails first."""
    papers = screen.app.setup.papers
    if papers is None:
        screen.notify("This console was not started with a configuration: dialgate doctor", timeout=6)
        return
    try:
        found = await on_thread(papers.findings, timeout=60.0)
    except (GateError, TimeoutError) as error:
        screen.complain(error if isinstance(error, GateError) else GateError("it has taken too long"))
        return
    sections = []
    for state, above, tone in (("fail", "Fails", BAD), ("warn", "Warns", WARN), ("ok", "Is well", OK)):
        lines: list[words.Shown] = []
        for each in found:
            if each.state == state:
                lines.append((f"{words.text(each.subject)[0]}: {words.text(each.text)[0]}", tone))
                lines += [(f"    mend: {words.text(each.mend)[0]}", PLAIN)] if each.mend and state != "ok" else []
        sections += [Section(above, lines=lines)] if lines else []
    mends = "\n".join(each.mend for each in found if each.mend and each.state != "ok")
    screen.app.push_screen(TextDetail("audit", "What is well and what is not", sections, mends, "what mends it"))


async def _webhooks(screen: GateScreen) -> None:
    """What was put aside of each webhook; one of them is sent again, or dropped."""
    if shut := screen.shut(WebhookList):
        screen.notify(shut, severity="warning", timeout=6, markup=False)
        return
    told = await screen.ask(WebhookList())
    if told is None:
        return
    rows = [(each, letter) for each in told.webhooks for letter in each.aside]
    if not rows:
        said = "Nothing is put aside: each program has taken what it was sent, or is still asked."
        screen.notify(said if told.webhooks else "There is no [[webhook]].", timeout=6)
        return
    options = [
        (f"{each.name} {letter.id}", f"{letter.type}, {words.moment(letter.at)[0]}: {words.text(letter.answer)[0]}")
        for each, letter in rows
    ]
    picked = await choose(screen, "What other programs have not taken", "Event", options)
    if picked is None:
        return
    name, _, event = picked.partition(" ")
    acts = [
        (AGAIN, "send it once more"),
        (ALL, f"send all of {name}, in order, until one is not taken"),
        (DROP, "never send it"),
    ]
    act = await choose(screen, picked, "Do", acts)
    if act is None or (act == DROP and not await sure(screen, f"Drop {picked}?", "It is never sent.", "Drop")):
        return
    request = (
        WebhookDrop(name=name, event=event)
        if act == DROP
        else WebhookRetry(name=name, event=None if act == ALL else event)
    )
    if shut := screen.shut(type(request)):
        screen.notify(shut, severity="warning", timeout=6, markup=False)
        return
    done = await screen.ask(request)
    if done is not None:
        answer = f"; the answer: {words.text(done.answer)[0]}" if done.answer else ""
        what = "dropped" if act == DROP else "sent"
        screen.app.done(f"{words.many(len(done.ids), 'event')} {what}, {done.left} put aside still{answer}")


AGAIN, ALL, DROP = "again", "all", "drop"


def account(screen: GateScreen) -> Sequence[Section]:
    """Who we are to the gate; what we may, and what takes another role."""
    operations: Mapping[str, Operation[Any, Any]] = late("gate.operations.catalogue:OPERATIONS")
    session = screen.feed.session
    pairs = [("Account", words.text(session.actor)), ("Role", words.text(session.role))]
    may = sorted(name for name in operations if session.may(name))
    rest = [each for name, each in sorted(operations.items()) if not session.may(name)]
    lines = [
        (f"{operation_of(each.request).name}: {', '.join(role for role in ROLES if role in each.roles)}", WARN)
        for each in rest
    ]
    return [
        Section("", pairs),
        Section("May be asked for", lines=[(", ".join(may), OK)]),
        Section("Takes another role", lines=lines or [("nothing", DIM)]),
    ]
