"""To whom recordings and packs went, and what the log says of whoever got them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gate.store import requests
from gate.store.queries import facts_of
from gate.store.transaction import StoreTransaction
from gate.types import Row


def handed_out(tx: StoreTransaction, recording_ids: Collection[str], numbers: Sequence[str]) -> list[Row]:
    """To whom these recordings, and packs about these numbers, were handed out: ``what`` (``bundle``, ``recording``,
    ``pack``), ``recipient`` (ids of keys, or the request's reference), ``on`` (the last day, UTC), ``recordings`` (by
    id: the last day, and the ids of bundles that it was in); each once."""
    found: dict[tuple[str, str], str] = {}
    given: dict[tuple[str, str], Row] = {}
    for recording in recording_ids:
        for fact in facts_of(tx, recording):
            if fact["kind"] == "exported" and fact["body"]:
                what = "bundle" if fact["body"].get("bundle") else "recording"
                place = what, str(fact["body"].get("recipient") or "")
                found[place] = fact["at"][:10]
                each = given.setdefault(place, {}).setdefault(recording, {"on": "", "bundles": []})
                each["on"] = found[place]
                each["bundles"] += [fact["body"]["bundle"]] if what == "bundle" else []
    for request in requests.of_numbers(tx, numbers) if numbers else []:
        for fact in facts_of(tx, request["id"]):
            if fact["kind"] == "request_pack_made":
                found["pack", request["reference"]] = fact["at"][:10]
    return [
        {"what": what, "recipient": to, "on": on, "recordings": given.get((what, to), {})}
        for (what, to), on in sorted(found.items())
    ]


def purposes_of(tx: StoreTransaction, recipients: Collection[str]) -> dict[str, str]:
    """For what exports may go to keys, as the log had it last; nothing of a key that it does not know."""
    found: dict[str, str] = {}
    for each in recipients:
        for fact in facts_of(tx, each):
            if fact["kind"] in ("recipient_added", "recipient_changed", "recipient_retired") and fact["body"]:
                found[each] = str(fact["body"].get("purpose") or "")
    return found
