"""``dialgate backup`` and ``dialgate restore``: a backup made, and put back before a gate starts on it."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from gate.cli.command import FOLDER, make
from gate.cli.output import View, say
from gate.cli.reach import reach
from gate.client.backup import back_up
from gate.client.backup_sets import verified
from gate.client.restoring import belong, put_back, replayed
from gate.daemon import open_data_folder


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

    Goes beside a running gate, from the gate's own account. The keys must be destroyed within retention.backup_days:
    until then a recording that is erased could still be opened from the two sets together. Secrets (passwords, private
    keys) are not in it.
    """
    with reach(view.config) as gate, view.progress("Backing up") as progress:
        made = back_up(gate, view.config, view.path, folder, keys, progress or (lambda _part, _text: None))
    view.data(made)
    say(f"Destroy {made['keys']} by the end of {made['keys_until']}: until then it can hold keys of what is erased.")


@make("restore", example="dialgate restore /mnt/backup/2027-03-02 --keys /mnt/keys/2027-03-02")
@click.argument("folder", metavar="DIR", type=FOLDER)
@click.option(
    "--keys", "keys", required=True, metavar="DIR", type=FOLDER, help="The set of wrapped keys that was made with it."
)
@click.option("--late", is_flag=True, help="Take the keys though their days are over: they should have been destroyed.")
def restore(view: View, folder: Path, keys: Path, late: bool) -> None:
    """Put a backup back in the place of the data folder. The gate must not run.

    Every file is compared with its digest first. A data folder that is there is moved aside, not deleted. Then what
    was erased, objected to or put on hold since is replayed from the memory journal (storage.memory), and the log says
    so; without one marketing is refused until an admin accepts the older state (dialgate audit restore). A
    configuration that is there is left as it is.
    """
    with view.progress("Restoring") as progress:
        data, wrapped = verified(folder, "data", progress), verified(keys, "keys")
        belong(data, wrapped, late=late)
        if not view.path.exists():
            view.path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(data.folder / "config/config.toml", view.path)
            say(f"Wrote {view.path} from the backup; passwords are not in it.")
        config = view.config
        aside, files = put_back(config, data, wrapped)
        with open_data_folder(config) as opened:
            told = replayed(opened, data, files)
    view.data({"data": str(config.data), "aside": str(aside or ""), "files": files, **told})
    if aside is not None:
        say(f"The data folder that was there is {aside} now. It may hold keys of what is erased: destroy it.")
    for each in told["warnings"]:
        say(each)
