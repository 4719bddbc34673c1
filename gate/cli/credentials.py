"""``dialgate account`` and ``dialgate token``: who may call through the gate, and what may ask it over HTTP.

Passwords and tokens are made here and shown once. The configuration names their files, which hold hashes.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import click

from gate.cli.command import make
from gate.cli.output import View, narrate
from gate.config import Account, Config, Duty, kept_password, kept_token, load
from gate.config.write import Secret, add_caller, replace_secret
from gate.core.numbers import NumberRefused, parse
from gate.core.terms import Purpose
from gate.errors import UsageError

_CALLS = {Duty.DECIDE.value: Purpose.MARKETING.value} | {each.value: each.value for each in Purpose}
"""Words for the duty to ask for decisions, and the calls that each is for."""
MAY = (*_CALLS, *(duty.value for duty in Duty if duty is not Duty.DECIDE))
_NEXT = "The gate knows it when it is started again."
_ENVIRONMENT = "env:"


@click.group("account")
def account() -> None:
    """Softphones, and phone systems that sign in: their [[account]] in the configuration."""


@click.group("token")
def token() -> None:
    """Programs that ask the gate over HTTP: their [[token]] in the configuration."""


class May(click.ParamType[list[str]]):
    """Names of what a token is for, with commas."""

    name = "what"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """Each once; raises ``click.BadParameter``."""
        names = value if isinstance(value, list) else [each.strip() for each in value.split(",")]
        for name in names:
            if name not in MAY:
                self.fail(f'"{name}" is not one of {", ".join(MAY)}', param, ctx)
        return list(dict.fromkeys(names))


@make(
    "add",
    group=token,
    example="dialgate token add dialler --may decide,metrics --account alice\n"
    "dialgate token add prometheus --may metrics",
)
@click.argument("name")
@click.option(
    "--may",
    required=True,
    type=May(),
    metavar="WHAT",
    help="What the program may do, with commas. decide: ask for decisions on marketing calls (also: marketing). "
    "service: ask for decisions on service calls. metrics: read them. recordings: hand them in. lists: enter "
    "objections and consents, and look them up. complaints: enter them.",
)
@click.option("--account", "caller", default="", metavar="NAME", help="The account or PBX that it asks for.")
def add_token(view: View, name: str, may: list[str], caller: str) -> None:
    """Make a token for the program NAME, and show it once.

    Its section is added to the configuration. The file that it names holds a hash of the token.
    """
    made = secrets.token_urlsafe(32)
    file = f"secrets/{name}.token"
    purposes = list(dict.fromkeys(_CALLS[each] for each in may if each in _CALLS))
    values: dict[str, Any] = {"name": name, "token_file": file}
    values |= {"purposes": purposes} if purposes else {}
    values |= {each: True for each in may if each not in _CALLS}
    values |= {"account": caller} if caller else {}
    _plain(name)
    add_caller(view.path, "token", values, Secret(file, kept_token(made)))
    view.data({"name": name, "token": made, "file": file}, text=lambda shown: [shown["token"]])
    narrate(f"That is the token of {name}, shown this once. {_NEXT}")
    if not load(view.path).control.http:
        narrate("Nothing is asked over HTTP yet: set control.http.")


@make(
    "add",
    group=account,
    example="dialgate account add carol --number 01632960100\n"
    "dialgate account add office --number 02079460000 --phone-system",
)
@click.argument("name")
@click.option("--number", required=True, help="The number that its calls show: one of firm.numbers.")
@click.option(
    "--purpose", type=click.Choice([each.value for each in Purpose]), default=Purpose.MARKETING.value,
    show_default=True, help="What its calls are for.",
)  # fmt: skip
@click.option("--phone-system", is_flag=True, help="It may have another trunk: its refusals end the call.")
def add_account(view: View, name: str, number: str, purpose: str, phone_system: bool) -> None:
    """Make an account NAME for a softphone, and show its password once.

    Its section is added to the configuration. The file that it names holds hashes of the password, good for nothing but
    signing in here.
    """
    try:
        presented = parse(number).e164
    except NumberRefused:
        raise UsageError(f"{number} is not a UK number", hint="write it as +442079460000 or 020 7946 0000") from None
    config = load(view.path)
    made = secrets.token_urlsafe(18)
    file = f"secrets/{name}.password"
    values: dict[str, Any] = {"username": name, "password_file": file, "presentation": presented, "purpose": purpose}
    values |= {"phone_system": True} if phone_system else {}
    _plain(name)
    add_caller(view.path, "account", values, Secret(file, kept_password(name, config.sip.realm, made)))
    _shown_once(view, name, made, file)


@make("password", group=account, example="dialgate account password alice")
@click.argument("name")
def password(view: View, name: str) -> None:
    """Make another password for the account NAME, and show it once. Calls that go on are not touched."""
    config = load(view.path, secrets=False)
    found = _account(config, name)
    if found.password_file.startswith(_ENVIRONMENT):
        raise UsageError(f"the password of {name} is in {found.password_file}", hint="set another one there")
    made = secrets.token_urlsafe(18)
    replace_secret(view.path, found.password_file, kept_password(name, config.sip.realm, made))
    _shown_once(view, name, made, found.password_file)


def _account(config: Config, name: str) -> Account:
    for each in config.account:
        if each.username == name:
            return each
    names = ", ".join(each.username for each in config.account)
    raise UsageError(f"there is no account {name}", hint=f"there are: {names or 'none'}")


def _shown_once(view: View, name: str, made: str, file: str) -> None:
    view.data({"name": name, "password": made, "file": file}, text=lambda shown: [shown["password"]])
    narrate(f"That is the password of {name}, shown this once. {_NEXT}")


def _plain(name: str) -> None:
    """Part of a file's name. Raises ``UsageError``."""
    if Path(name).name != name or not name.isprintable() or name.startswith("."):
        raise UsageError(f'"{name}" is not a name', hint="take letters and digits")
