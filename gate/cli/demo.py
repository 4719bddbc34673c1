"""``dialgate demo``: the whole job on loopback, with real SIP, RTP and files.

A gate of its own with the sample lists, a test UAS that plays the carrier and the people called, and a pyVoIP
softphone: three processes beside this one, on free ports, in a folder of their own. Whatever the story claims is
checked; the exit code is 1 where anything of it does not hold. First come the calls, then what an auditor and the
person called ask of the gate afterwards.
"""

from __future__ import annotations

import io
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import click

from gate.cli.asking import reach
from gate.cli.command import FOLDER, make
from gate.cli.demo_scene import (
    CUSTOMER_HERTZ,
    DIALGATE,
    CarrierUas,
    Heard,
    ask,
    carrier_uas,
    clear_audio,
    free_port,
    heard_after,
    holding,
    listen,
    run,
    softphone,
    until,
    wraps_of,
)
from gate.cli.output import View, narrate
from gate.cli.passphrase import private_keys
from gate.cli.request import write_letters
from gate.client.packs import held_of, write_pack
from gate.clock import SystemClock
from gate.config import load
from gate.config.write import amend
from gate.control.client import ControlClient
from gate.core import numbers
from gate.core.evidence import stamp
from gate.core.request_words import Asks, LetterKind
from gate.exports.bundle import many
from gate.operations.calls.calls import CallsList, CallsShow
from gate.operations.requests.course import AnswerSent, Decide, Open, VerifyIdentity
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
        parts = f"{many(counts['calls'], 'call')} and {many(counts['included'], 'recording')}, sealed to that key alone"
        self._check("bundle_recordings", counts["included"], f"   One file goes out: {parts}.", expected=2)
        files = ("demo.bundle", "--key", "auditor.key", "--vkey", sent["vkey"])
        found = run("audit", "open", *files, *_words(words), "-o", "opened", cwd=place)
        text = f"   Opened in a folder with nothing else: {many(len(found['checks']), 'check')}, and all of them hold."
        self._check("bundle_holds", found["ok"], text)
        self._check("bundle_sound", (place / "opened" / "recordings" / f"{self._recording}.wav").exists())

    def _access(self) -> None:
        self._tell("\n7. The customer asks what is held about them.")
        reference = self._granted("access")
        pack = self._folder / "pack.html"
        first = private_keys([self._keys / "first.key"], [self._keys / "first.passphrase"])
        with reach(self._view.config) as gate:
            made = write_pack(self._view.config, gate, held_of(gate, reference), first, pack)
            with redirect_stderr(io.StringIO()):  # the names of the letters: they are told at the end
                write_letters(gate, reference, (LetterKind.RESPONSE,), self._folder / "letters", pack.name)
            gate.ask(AnswerSent(request=reference))
        parts = f"{many(made.calls, 'call')}, {many(made.recordings, 'recording')}"
        self._check("pack", [made.calls, made.recordings], f"   Written as one HTML file: {parts}.", expected=[1, 1])
        self._tell(f"   Any browser opens it with {made.passphrase}, which is sent separately.")
        self._check("pack_in_clear", holding(pack, self._person), "   Closed, it names nobody.", expected=[])

    def _erasure(self) -> None:
        self._tell("\n8. The customer asks to be erased.")
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


LISTED = "020 7946 0101"
UNLISTED = "020 7946 0123"
CONSENTED = "01632 960202"
AGENT_HERTZ = 440.0
TALK_SECONDS = 3.0


@make("demo", config=False, example="dialgate demo\ndialgate demo --json\ndialgate demo --folder /tmp/try-it")
@click.option(
    "--folder",
    type=FOLDER,
    help="Where everything is kept; must be new or empty. Default: a new folder for temporary files.",
)
def command(view: View, folder: Path | None) -> None:
    """Show the whole job on loopback, with real SIP, RTP and files.

    A softphone registers and dials three numbers: one on the TPS (refused), one that is not (announced, recorded,
    opened again with the key), and one on the TPS whose subscriber consented. Then what is asked of it afterwards: a
    bundle for an auditor, a person's access request, and an erasure. Nothing leaves this machine; the numbers are those
    reserved for drama. Takes about half a minute.
    """
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise click.UsageError(f"{folder} is not empty: name a new folder")
    phones = softphone()  # where the extra is missing that is said before anything starts
    folder = (folder or Path(tempfile.mkdtemp(prefix="dialgate-demo-"))).absolute()  # some of it is done from within
    demo = Demo(folder, phones, tell=narrate if view.json else click.echo)
    demo.play()
    if view.json:
        view.data({"ok": demo.holds, "folder": str(folder), "facts": demo.facts})
    if not demo.holds:
        sys.exit(1)


class Demo:
    """The story, step by step; ``facts`` holds what was found, ``holds`` whether all of it is as it must be."""

    def __init__(self, folder: Path, softphone: Any, tell: Callable[[str], None]) -> None:
        """``softphone``: ``gate.softphone``, of an extra that may not be installed."""
        self.folder = folder
        self.config = folder / "config.toml"
        self.facts: dict[str, Any] = {}
        self.holds = True
        self._tell = tell
        self._softphone = softphone

    def play(self) -> None:
        """All of it. Raises ``GateError`` where a part does not even start."""
        self._tell(f"Dialgate's demo, in {self.folder}\n")
        with ExitStack() as stack:
            carrier = stack.enter_context(carrier_uas())
            self.prepare(carrier.address)
            self._tell("1. A gate with the sample lists: TPS, CTPS, objections and consents, drama numbers only.")
            stack.enter_context(self.gate())
            phone = stack.enter_context(self._phone())
            self.check("registered", True, "   The softphone alice has registered with the gate.")
            self._refused(phone, carrier)
            self._recorded(phone, carrier)
            self._consented(phone, carrier)
        recording = self._open_again()
        Afterwards(self.folder, numbers.parse(UNLISTED).e164, recording, self.check, self._tell).play()
        self._verify()
        self._where()

    # --- the scene ---

    def prepare(self, carrier: str, *options: str) -> None:
        """The example's folder, on free ports; ``carrier``: address of its trunk, ``options``: of ``init``."""
        run("init", str(self.folder), "--example", *options)
        first = random.randrange(20000, 32000, 400)  # noqa: S311 - a port range, below those that free_port gives
        amend(
            self.config,
            {
                "sip": {"listen": f"127.0.0.1:{free_port()}"},
                "trunk": {"address": carrier, "options_seconds": 0},
                "media": {"port_min": first, "port_max": first + 399},
                "limits": {"max_calls": 20},
                "log": {"format": "json"},
            },
        )

    @contextmanager
    def gate(self) -> Iterator[None]:
        """While the gate of the folder runs. Raises ``GateError`` where it does not start."""
        log = self.folder / "gate.log"
        with log.open("ab") as sink:
            process = subprocess.Popen(
                [*DIALGATE, "serve", "-c", str(self.config)], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
            )
        client = ControlClient(load(self.config).control_socket)
        try:
            until(client.answers, 20.0, f"the gate did not start; see {log}", process)
            self._client = client
            yield
            process.send_signal(signal.SIGTERM)
            code = process.wait(30)
            self.check("gate_exit_code", code, expected=0)
        finally:
            if process.poll() is None:
                process.kill()

    @contextmanager
    def _phone(self) -> Iterator[Any]:
        """A softphone that asks nobody: what stops it is the gate in its way."""

        def unasked(number: str) -> Any:
            return self._softphone.Answer("allow", "unasked", number=numbers.parse(number).e164)

        port = int(load(self.config).sip.listen.rpartition(":")[2])
        password = (self.folder / "secrets" / "alice.password").read_text(encoding="utf-8").strip()
        with self._softphone.GatedPhone(unasked, "127.0.0.1", port, "alice", password) as phone:
            yield phone

    # --- the calls ---

    def _refused(self, phone: Any, carrier: CarrierUas) -> None:
        self._tell(f"\n2. alice dials {LISTED}, which is on the TPS.")
        call = phone.call(LISTED)
        call.wait_answered(10.0)
        self.check("listed_code", call.code, f"   The gate answers {call.code} Decline: {call.why}.", expected=603)
        self.check("listed_reason", call.why, expected="listed_tps")
        self.check("listed_reached_carrier", carrier.invites, "   Nothing reached the carrier.", expected=0)

    def _recorded(self, phone: Any, carrier: CarrierUas) -> None:
        self._tell(f"\n3. alice dials {UNLISTED}, which is on no register.")
        call = phone.call(UNLISTED)
        answered = call.wait_answered(30.0)
        self.check("unlisted_answered", answered, "   It was answered, and the announcement played to its end first.")
        call.write_audio(self._softphone.tone(AGENT_HERTZ, TALK_SECONDS))
        time.sleep(TALK_SECONDS + 0.2)
        heard = listen(call.heard())
        self.check("agent_heard_customer", CUSTOMER_HERTZ in heard, "   Both spoke; alice heard the customer.")
        call.hangup()
        far = carrier.call()
        shown = str(far["from"]).partition(";tag=")[0]
        self.check("shown_number", "+442079460000" in shown, f"   The customer saw {shown}.")
        self.check("customer_heard_agent", heard_after(far["heard"], AGENT_HERTZ), "   The customer heard alice.")
        self._call_id = self._newest(numbers.parse(UNLISTED).e164)

    def _consented(self, phone: Any, carrier: CarrierUas) -> None:
        self._tell(f"\n4. alice dials {CONSENTED}, which is on the TPS too, but whose subscriber consented.")
        call = phone.call(CONSENTED)
        answered = call.wait_answered(30.0)
        self.check("consented_answered", answered, "   It was put through, on the strength of that consent.")
        call.hangup()
        carrier.call()
        shown = self._client.ask(CallsShow(call_id=self._newest(numbers.parse(CONSENTED).e164)))
        self.check("consented_reason", shown.call.reason, expected="consented")

    def _newest(self, e164: str) -> str:
        """The id of the last call to a number, once it has ended in the log."""

        def ended() -> str:
            items = self._client.ask(CallsList(number=e164, limit=1)).items
            return items[0].call_id if items and items[0].state == "ended" else ""

        return str(until(ended, 15.0, f"the call to {e164} did not end in the log"))

    # --- afterwards ---

    def _open_again(self) -> str:
        self._tell("\n5. The gate has stopped. The recording is opened with the key that the gate never had.")
        shown = run("calls", "show", self._call_id, "-c", str(self.config))
        recording = shown["recordings"][0]["recording_id"]
        wav = self.folder / "recording.wav"
        key = self.folder / "keys" / "first.key"
        words = self.folder / "keys" / "first.passphrase"
        report = run(
            *("recording", "export", recording, "-k", str(key), "-o", str(wav), "--purpose", "demo"),
            *("--passphrase-file", str(words), "-c", str(self.config)),
        )
        heard = Heard.measured(wav, self.folder / "announcement.wav", AGENT_HERTZ, CUSTOMER_HERTZ)
        self.check(
            "wav_announcement", heard.announcement, "   It begins with the announcement, on the customer's side,"
        )
        self.check("wav_agent", heard.agent, "   then alice is on the left")
        self.check("wav_customer", heard.customer, "   and the customer on the right.")
        self.facts["recording"] = {"id": recording, "wav": str(wav), "report": report}
        found = clear_audio(self.folder, recording, key, words.read_text(encoding="utf-8").strip())
        self.check("audio_in_clear", found, "   None of the audio lies in clear anywhere in the folder.", expected=[])
        return str(recording)

    def _verify(self) -> None:
        audit = run("audit", "verify", "-c", str(self.config))
        self.check(
            "log_verified", audit["ok"], f"\n9. The evidence log holds: {many(audit['size'], 'leaf')}, verified."
        )
        sealed = run("recording", "verify", "-c", str(self.config))
        self.check("recordings_verified", all(item["ok"] for item in sealed["items"]))

    def _where(self) -> None:
        lines = [
            ("configuration", "config.toml"),
            ("evidence", "data/gate.db"),
            ("sealed recordings", "data/recordings"),
            ("recording 2, opened", "recording.wav"),
            ("the auditor's folder", "auditor"),
            ("the access pack", "pack.html"),
            ("letters", "letters"),
            ("the gate's log", "gate.log"),
        ]
        self._tell("\nWhere everything is:")
        for what, name in lines:
            self._tell(f"   {what:<20} {self.folder / name}")
        verdict = "All of it holds." if self.holds else "NOT all of it holds; see above."
        self._tell(f"\n{verdict}\nLook further: dialgate calls list -c {self.config}")

    def check(self, fact: str, found: Any, text: str = "", *, expected: Any = True) -> None:
        """Note a fact; tell its sentence, or that it does not hold."""
        self.facts[fact] = found
        if found == expected:
            if text:
                self._tell(text)
        else:
            self.holds = False
            self._tell(f"   DOES NOT HOLD: {fact} is {found!r}, expected {expected!r}")
