"""``dialgate backup`` and ``dialgate restore``: a backup made, and put back before a gate starts on it.
``dialgate memory``: the second place that remembers objections and erasures when the data folder is put back.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from gate.cli import passphrase as asked
from gate.cli.asking import ask, only_asks, reach
from gate.cli.command import FILE, FOLDER, make
from gate.cli.output import View, narrate, typed
from gate.client.backup import (
    CONFIG,
    Set,
    back_up,
    check_same_backup,
    check_signing_key,
    open_secrets,
    prove,
    put_back,
    replayed,
    sealed_to,
    take_configuration,
    verified,
)
from gate.client.files import read_vkey
from gate.daemon.opening import open_data_folder
from gate.errors import UsageError
from gate.operations.memory.place import MemoryRenew, MemoryStatus

VKEY_HINT: Final = "dialgate audit key printed it; auditors have it too"
_UNPROVEN: Final = (
    "Not proven is that the gate has made this set: its log, recordings, objections, recipients, registers, number.key"
    " and gate.key may be another's. Compare dialgate audit key, dialgate key list and dialgate audit verify with what"
    " you know from elsewhere before you let the gate run."
)


@make("backup", example="dialgate backup /mnt/backup/2027-03-02 --keys /mnt/keys/2027-03-02")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--keys",
    "keys",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="A new folder for the wrapped keys: on another disk than DIR, and destroyed in time.",
)
def backup(view: View, folder: Path, keys: Path) -> None:
    """Back up data folder and configuration into DIR, and the wrapped keys of recordings into a set of their own.

    It may run beside a running gate, from the gate's own account. The keys must be destroyed within
    retention.backup_days: until then a recording that is erased could still be opened from the two sets together.
    gate.key, number.key and the files with passwords that the configuration names are in it sealed to the recipients
    of recordings: a restore takes a recipient's private key. The private keys of recipients are not in it. The gate's
    log keeps what was backed up, and backup.proof in both sets proves it.
    """
    with reach(view.config) as gate, view.progress("Backing up") as progress:
        made = back_up(gate, view.config, view.path, folder, keys, progress or (lambda _part, _text: None))
    view.data(made)
    for each in made["elsewhere"]:
        narrate(f"Not in it, back it up too: {each}")
    narrate(
        f"A restore takes the private key of one of {', '.join(made['sealed_to'])}, and the verifier key: {VKEY_HINT}"
    )
    narrate(
        f"Destroy {made['keys']} by the end of {made['keys_until']}: until then it can hold keys of what is erased."
    )


@make(
    "restore",
    example="dialgate restore /mnt/backup/2027-03-02 --keys /mnt/keys/2027-03-02 --vkey gate.vkey -k compliance.key",
)
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option(
    "--keys", "keys", required=True, metavar="DIR", type=FOLDER, help="The set of wrapped keys that was made with it."
)
@click.option(
    "--vkey",
    metavar="KEY|FILE",
    help="The gate's verifier key, from elsewhere than the set: what it has not signed is refused.",
)
@click.option("--unproven", is_flag=True, help="Take the set though nothing proves that the gate has made it.")
@click.option(
    "-k",
    "--key",
    "privates",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="A recipient's private key, for gate.key and number.key; twice where it takes two people.",
)
@asked.many
@click.option("--late", is_flag=True, help="Take the keys though their days are over: they should have been destroyed.")
def restore(
    view: View,
    folder: Path,
    keys: Path,
    vkey: str | None,
    unproven: bool,
    privates: tuple[Path, ...],
    passphrase_files: tuple[Path, ...],
    late: bool,
) -> None:
    """Put a backup back in the place of the data folder. The gate must not run.

    Every file is compared with its digest first, and both lists with what the gate's log has of the backup, by the
    verifier key that you have from elsewhere. Without one nothing is put back; with --unproven it is, and the command
    names what is not proven. A set from before there were proofs takes --unproven too.

    A data folder that is there is moved aside, not deleted. Then what was erased, objected to or put on hold since is
    replayed from the memory journal (storage.memory), and the log says so; without one marketing is refused until an
    admin accepts the older state (dialgate audit restore). A configuration that is there is left as it is; where there
    is none, that of a proven set is put there, with the files that it names.
    """
    trusted = _trusted(vkey, unproven=unproven)
    with view.progress("Restoring") as progress:
        data, wrapped = verified(folder, "data", progress), verified(keys, "keys")
    check_same_backup(data, wrapped, late=late)
    if trusted:
        prove(data, wrapped, trusted)
    secrets = _secrets(data, privates, passphrase_files)
    if trusted:
        check_signing_key(secrets, trusted)
    else:
        narrate(_UNPROVEN)
    if not view.path.exists():
        if not trusted:
            raise UsageError(
                f"there is no configuration {view.path}, and that of an unproven set is not taken",
                hint=f"Put one there that you know; that of the set is {data.folder / CONFIG}.",
            )
        written = take_configuration(view.path, data, secrets)
        narrate(f"Wrote {view.path} from the backup" + (f", with {', '.join(written)}." if written else "."))
    config = view.config
    aside, files = put_back(config, data, wrapped, secrets)
    with open_data_folder(config) as opened:
        outcome = replayed(opened, data, files, proven=bool(trusted))
    shown = {"data": str(config.data), "aside": str(aside or ""), "files": files, "proven": bool(trusted)}
    view.data(shown | outcome)
    if aside is not None:
        narrate(f"The data folder that was there is {aside} now. It may hold keys of what is erased: destroy it.")
    for each in outcome["warnings"]:
        narrate(each)


def _trusted(vkey: str | None, *, unproven: bool) -> str:
    """The verifier key, given or typed; empty where an unproven set is to be taken. Raises ``UsageError``."""
    if vkey is not None and unproven:
        raise UsageError("--unproven takes a set without a verifier key", hint="give one of the two")
    if unproven:
        return ""
    if vkey is None and sys.stdin.isatty():
        vkey = typed("The gate's verifier key, or a file with it")
    if vkey is None:
        raise UsageError(
            "who has made this set is not proven: its list, files and keys may be anybody's",
            hint=f"Give the gate's verifier key from elsewhere: --vkey KEY ({VKEY_HINT}); or --unproven",
        )
    return read_vkey(vkey)


def _secrets(data: Set, privates: tuple[Path, ...], files: tuple[Path, ...]) -> dict[str, bytes]:
    """What is sealed in a set; nothing where it lies there in clear, as in older ones."""
    if data.said["version"] == 1:
        return {}
    if not privates:
        raise UsageError(
            f"gate.key and number.key are sealed: they open with the key of {' or '.join(sealed_to(data))}",
            hint="give a recipient's private key: -k FILE",
        )
    return open_secrets(data, asked.private_keys(privates, files))


@click.group("memory")
def memory() -> None:
    """A signed journal in a second place (storage.memory) of what must outlive a restore of the data folder.

    It holds objections, withdrawals, holds and restrictions, erasures of people, and recordings erased. When the gate
    starts, it keeps anew what the store lacks of them.
    """


@make("status", group=memory, example="dialgate memory status\ndialgate memory status --json")
def status(view: View) -> None:
    """Whether the second place holds what the store does, and what waits for it; exit code 1 where it does not."""
    now = ask(view, MemoryStatus())
    view.data(now)
    for each in now.warnings:
        narrate(each)
    if now.warnings:
        sys.exit(1)


only_asks(
    "renew",
    MemoryRenew,
    group=memory,
    help="""Begin a new journal where the old one is lost or damaged. Only where marketing is refused as
    memory_unavailable.

    All that the store holds goes into it; what only the old one held is lost. The old file stays beside it under
    another name. It needs the role admin.
    """,
    example="dialgate memory renew --reason 'the disk of the second place died'",
)
