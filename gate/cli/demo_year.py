"""The second half of the demo: what is asked of the gate afterwards, by an auditor and by the person called."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable
from contextlib import redirect_stderr
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from gate.cli.demo_checks import holding, wraps_of
from gate.cli.demo_scene import ask, run
from gate.cli.output import View
from gate.cli.passphrase import private_keys
from gate.cli.reach import reach
from gate.cli.request_letters import write_letters
from gate.client.packs import held_of, write_pack
from gate.clock import SystemClock
from gate.core.evidence import stamp
from gate.core.request_words import Asks, LetterKind
from gate.exports.bundle import many
from gate.operations.requests.course import Decide, Told, VerifyIdentity
from gate.operations.requests.opening import Open
from gate.operations.requests.searching import Search


class Check(Protocol):
    """Note a fact; tell its sentence, or that it does not hold."""

    def __call__(self, fact: str, found: Any, text: str = "", *, expected: Any = True) -> None: ...


class Afterwards:
    """An audit, an access request and an erasure, about the call to ``number`` and its recording."""

    def __init__(self, folder: Path, number: str, recording: str, check: Check, tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._number = number
        self._person = {number[-10:].encode(), b"020 7946 0123", b"Ann Example"}
        """How the customer may stand in a file."""
        self._recording = recording
        self._check = check
        self._tell = tell
        self._view = View(json=False, show_numbers=False, debug=False, path=folder / "config.toml")
        self._config = ("-c", str(self._view.path))
        self._keys = folder / "keys"
        self._key = ("--key", str(self._keys / "first.key"), "--passphrase-file", str(self._keys / "first.passphrase"))

    def play(self) -> None:
        """All of it. Raises ``GateError`` where a command fails that must not."""
        self._audit()
        self._access()
        self._erasure()

    def _audit(self) -> None:
        self._tell("\n6. An auditor comes. The private key is theirs; its public half is put on the register.")
        place = self._folder / "auditor"
        place.mkdir(mode=0o700)
        words = place / "auditor.passphrase"
        words.touch(mode=0o600)
        words.write_text(secrets.token_urlsafe(18) + "\n", encoding="ascii")
        made = run("key", "new", "Auditor", "--role", "auditor", "-o", "auditor.key", *_words(words), cwd=place)
        recipient = self._keys / "auditor.recipient"
        recipient.write_text(made["recipient"], encoding="utf-8")
        run("key", "add", str(recipient), "--purpose", "regulator", "--exports-only", *self._config)
        now = SystemClock().now()
        sent = run(
            *("audit", "export", "--from", stamp(now - timedelta(hours=1)), "--to", stamp(now), *self._key),
            *("--recipient", "Auditor", "--purpose", "demo", "-o", str(place / "demo.bundle"), *self._config),
        )
        counts = sent["counts"]
        told = f"{many(counts['calls'], 'call')} and {many(counts['included'], 'recording')}, sealed to that key alone"
        self._check("bundle_recordings", counts["included"], f"   One file goes out: {told}.", expected=2)
        files = ("demo.bundle", "--key", "auditor.key", "--vkey", sent["vkey"])
        found = run("audit", "open", *files, *_words(words), "-o", "opened", cwd=place)
        text = f"   Opened in a folder with nothing else: {many(len(found['checks']), 'check')}, and all of them hold."
        self._check("bundle_holds", found["ok"], text)
        self._check("bundle_sound", (place / "opened" / "recordings" / f"{self._recording}.wav").exists())

    def _access(self) -> None:
        self._tell("\n7. The customer asks what is held of them.")
        reference = self._granted("access")
        pack = self._folder / "pack.html"
        first = private_keys([self._keys / "first.key"], [self._keys / "first.passphrase"])
        with reach(self._view.config) as gate:
            made = write_pack(self._view.config, gate, held_of(gate, reference), first, pack)
            with redirect_stderr(io.StringIO()):  # the names of the letters: they are told at the end
                write_letters(gate, reference, (LetterKind.RESPONSE,), self._folder / "letters", pack.name)
            gate.ask(Told(request=reference))
        told = f"{many(made.calls, 'call')}, {many(made.recordings, 'recording')}"
        self._check("pack", [made.calls, made.recordings], f"   Written as one HTML file: {told}.", expected=[1, 1])
        self._tell(f"   It opens in any browser with {made.passphrase}, told by another way.")
        self._check("pack_in_clear", holding(pack, self._person), "   Closed, it names nobody.", expected=[])

    def _erasure(self) -> None:
        self._tell("\n8. And asks to be erased.")
        data = self._folder / "data"
        wraps = wraps_of(data, self._recording)
        self._check("wraps_before", bool(wraps))
        reference = self._granted("erasure")
        letters = ("--letters", str(self._folder / "letters"))
        run("request", "fulfil", reference, "--yes", "--told", *letters, *self._config)
        again = self._folder / "again.wav"
        words = ("--purpose", "demo", "-o", str(again))
        answer = ask("recording", "export", self._recording, *self._key, *words, *self._config)
        reason = answer.get("error", {}).get("reason", "it was opened")
        self._check("erased_opens", reason, "   The recording does not open again: erased.", expected="erased")
        left = holding(data, wraps)
        self._check("keys_left", left, "   No key of it is left, for a copy in a backup either.", expected=[])
        named = holding(data, self._person)
        self._check("erased_named", named, "   The gate's folder names the customer nowhere,", expected=[])
        verdict = ask("check", self._number, *self._config).get("reason", "")
        self._check("erased_refused", verdict, "   and yet refuses the number: objected.", expected="objected")

    def _granted(self, asks: str) -> str:
        """A request of the customer's, from its arrival to the decision; its reference."""
        with reach(self._view.config) as gate:
            came = Open(asks=Asks(asks), channel="email", name="Ann Example", numbers=(self._number,))
            reference = gate.ask(came).reference
            gate.ask(VerifyIdentity(request=reference, checked="passport seen in person"))
            gate.ask(Search(request=reference))
            standing = gate.ask(Decide(request=reference, grant=True))
        until = f"{reference}, to be answered by {standing.due}"
        self._check(
            f"{asks}_granted", standing.state.value, f"   {until}: identity proven, granted.", expected="granted"
        )
        return reference


def _words(file: Path) -> tuple[str, str]:
    return ("--passphrase-file", str(file))
