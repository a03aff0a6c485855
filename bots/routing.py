"""Pure rules of who remembers what and who gets an answer (preset ``team``); no I/O, no SDK.

A direct message belongs to a person's own agent, a room to the room's agent, a thread to its
parent's agent with a conversation of its own.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from engine.records import Scope

PlaceKind = Literal["direct", "room"]
EVERY_GUILD = "*"  # Discord users, and so their direct messages, belong to no guild.
_NAME_CHARS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an event comes from, in the platform's own ids.

    Attributes:
        team: Guild, team, or ``local``; ``*`` for a Discord direct message.
        room: Channel id; for a thread that of its parent; None in a direct message.
        thread: Thread id, or None.
        user: Id of who speaks.
    """

    platform: Literal["discord", "slack", "console"]
    team: str
    user: str
    room: str | None = None
    thread: str | None = None

    @property
    def tenant(self) -> str:
        """Platform and team, e.g. ``slack:T1``."""
        return f"{self.platform}:{self.team}"


def principal_key(platform: str, team: str, user: str) -> str:
    """Key of a person within a tenant, e.g. ``slack:T1/U2``."""
    return f"{platform}:{team}/{user}"


def scope_of(origin: Origin) -> Scope:
    """The scope that a turn from this origin is bound to."""
    private = origin.room is None
    owner = f"user/{origin.user}" if private else f"channel/{origin.room}"
    agent_id = f"{origin.tenant}/{owner}"
    thread = f"thread/{origin.thread}" if origin.thread else "main"
    return Scope(
        tenant=origin.tenant,
        agent_id=agent_id,
        conversation_id=f"{agent_id}/{thread}",
        speaker=principal_key(origin.platform, origin.team, origin.user),
        audience="private" if private else "room",
    )


def place_of(scope: Scope) -> str:
    """Key within which replies keep their order: the conversation."""
    return scope.conversation_id


def clean_name(name: str) -> str:
    """A display name as data: no line breaks, control characters, mentions or markup.

    Args:
        name: As the platform has it; anybody may have chosen it to mislead a model.
    """
    visible = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in name)
    plain = re.sub(r"[@#<>`*_~|\[\]{}\\\"]", "", visible)
    return re.sub(r"\s+", " ", plain).strip()[:_NAME_CHARS] or "someone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """What the adapter knows about a message when it decides whether to hand it over."""

    own: bool = False
    from_bot: bool = False
    has_content: bool = True
    direct: bool = False
    mentions_bot: bool = False
    replies_to_bot: bool = False
    engaged_thread: bool = False


def wants_answer(reception: Reception) -> bool:
    """Whether a message is for the bot (mode ``mention``).

    Direct messages always; rooms on a mention, on a reply to the bot, and in threads it takes
    part in. Its own messages and those of other bots never.
    """
    if reception.own or reception.from_bot or not reception.has_content:
        return False
    return (
        reception.direct
        or reception.mentions_bot
        or reception.replies_to_bot
        or reception.engaged_thread
    )
