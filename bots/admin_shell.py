"""``membot agent ...``: the chat commands of admins at the shell, through the same functions."""

import re
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from engine.errors import BadRequest

if TYPE_CHECKING:
    from bots.adapter import CommandAnswer, CommandRequest
    from bots.routing import Origin
    from engine.store import Store

_PLACE = re.compile(r"(discord|slack|console):[^/\s]+/\S+")
_ROOM = re.compile(r"(discord|slack|console):([^/\s]+)/channel/([^/\s]+)")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(agent)


def agent(
    words: Annotated[list[str], typer.Argument(help="As in chat, e.g. budget, or deny user U2.")],
    at: Annotated[str, typer.Option(help="The place it is about, e.g. slack:T1/channel/C2.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Give a command of admins for a place.

    A running bot follows within a minute.
    """
    from bots.adapter import CommandRequest
    from bots.command_table import COMMANDS
    from bots.printing import print_lines
    from bots.shell import with_store
    from bots.typed_commands import parse
    from engine.documents import OPERATOR
    from engine.places import agent_scope

    if not _PLACE.fullmatch(at):
        raise BadRequest("Name the place by key, such as slack:T1/channel/C2.")
    parsed = parse(" ".join(["agent", *map(_quoted, words)]), COMMANDS)
    request = CommandRequest(
        command=parsed.spec.words,
        arguments={**parsed.arguments, **({"sure": "yes"} if yes else {})},
        scope=agent_scope(at),
        origin=_origin(at),
        actor=OPERATOR,
        actor_name=OPERATOR,
        confirmed=yes,
    )
    answer = with_store(lambda store: _carried_out(store, request))
    if answer.confirm:
        raise BadRequest(f"{answer.text} Say --yes to do it.")
    if answer.file:
        raise BadRequest("That is a file: `membot export` writes it.")
    return print_lines([answer.text])


def _origin(at: str) -> "Origin | None":
    """The room that a key names, if it names one."""
    from bots.routing import Origin

    if not (room := _ROOM.fullmatch(at)):
        return None
    platform = cast(Literal["discord", "slack", "console"], room[1])
    return Origin(platform=platform, team=room[2], user="", room=room[3])


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


async def _carried_out(store: "Store", request: "CommandRequest") -> "CommandAnswer":
    from bots.allowances import Allowances
    from bots.app import build_places
    from bots.command_families import build_admin_commands
    from bots.process import utc_now
    from bots.settings import load_settings

    settings = load_settings()
    places = build_places(settings)
    await places.load(store)
    allowances = Allowances(places, settings.configured())
    admins = frozenset({request.actor})
    return await build_admin_commands(store, admins, utc_now, allowances).carry_out(request)
