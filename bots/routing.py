"""Pure rules of who remembers what and who gets an answer; no I/O, no SDK.

A direct message belongs to a person's own agent, whatever the preset: no room ever reads it. What
a room remembers is the preset's to say. A thread has its parent's agent and a conversation of its
own.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, get_args

from engine.records import Scope

Preset = Literal["team", "personal", "per-user-in-channel", "single"]
ROOM_PRESETS = tuple(preset for preset in get_args(Preset) if preset != "personal")
Mode = Literal["mention", "thread", "listen", "off"]
OtherBots = Literal["off", "mentions"]
Outsiders = Literal["answer", "learn"]
Hearing = Literal["answer", "overhear", "ignore"]
Learning = Literal["on", "off"]
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
        confined: Whether others than all of the team read there, as in a private channel or a
            group DM; it shares no memory with other rooms unless it is mapped by its own name.
    """

    platform: Literal["discord", "slack", "console"]
    team: str
    user: str
    room: str | None = None
    thread: str | None = None
    confined: bool = False

    @property
    def tenant(self) -> str:
        """Platform and team, e.g. ``slack:T1``."""
        return f"{self.platform}:{self.team}"

    @property
    def place(self) -> str:
        """Key that settings name the place by, e.g. ``slack:T1/channel/C2``; of a DM its person's.

        It is the key of the agent that the preset ``team`` gives the place.
        """
        owner = f"user/{self.user}" if self.room is None else f"channel/{self.room}"
        return f"{self.tenant}/{owner}"

    @property
    def principal(self) -> str:
        """Key of who speaks."""
        return principal_key(self.platform, self.team, self.user)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is set for a place.

    Attributes:
        mapping: Preset of who remembers what.
        mode: When the bot answers in a room.
        bots: Whether other bots may speak to it by mentioning it.
        outsiders: Whether it learns from guests, and where another organisation reads along.
        learning: Whether it remembers more of the place than the conversation that goes on.
    """

    mapping: Preset = "team"
    mode: Mode = "mention"
    bots: OtherBots = "off"
    outsiders: Outsiders = "answer"
    learning: Learning = "on"


TEAM_RULES = Rules()


def principal_key(platform: str, team: str, user: str) -> str:
    """Key of a person within a tenant, e.g. ``slack:T1/U2``."""
    return f"{platform}:{team}/{user}"


def scope_of(origin: Origin, rules: Rules = TEAM_RULES, own_agent: str | None = None) -> Scope:
    """The scope that a turn from this origin is bound to.

    Args:
        origin: Where it comes from.
        rules: What is set for the place.
        own_agent: Key of the agent that has the speaker's direct messages, when it is not named
            after them: that of an identity they have linked, or the one brain of an owner.
    """
    agent_id = _room_agent(origin, rules.mapping) if origin.room else own_agent or origin.place
    named_after_it = f"{agent_id}/".startswith(f"{origin.place}/")
    home = agent_id if named_after_it else f"{agent_id}/{origin.place}"
    thread = f"thread/{origin.thread}" if origin.thread else "main"
    return Scope(
        tenant=agent_id.partition("/")[0],
        agent_id=agent_id,
        conversation_id=f"{home}/{thread}",
        speaker=origin.principal,
        audience="room" if origin.room else "private",
    )


def _room_agent(origin: Origin, preset: Preset) -> str:
    """Whose memory a room has; presets never share a key, so none takes over what another kept."""
    if preset == "single" and not origin.confined:
        return f"{origin.tenant}/workspace"
    if preset == "per-user-in-channel":
        return f"{origin.place}/user/{origin.user}"
    return origin.place


def brain_of(identity: str) -> str:
    """Key of an owner's one agent in the preset ``personal``, named after their first identity."""
    tenant, _, user = in_direct_messages(identity).partition("/")
    return f"{tenant}/personal/user/{user}"


def in_direct_messages(principal: str) -> str:
    """The key that a person has in direct messages: on Discord those belong to no guild."""
    tenant, _, user = principal.partition("/")
    return f"discord:{EVERY_GUILD}/{user}" if tenant.startswith("discord:") else principal


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


def hearing(reception: Reception, rules: Rules = TEAM_RULES) -> Hearing:
    """What to do with a message.

    Direct messages are always answered; in rooms mentions, replies to the bot, and what is said
    in threads it takes part in. Where its mode is ``listen`` it reads the rest as well, where that
    is ``off`` nothing. Its own messages are ignored, and those of other bots unless they mention
    it where that is allowed.
    """
    if reception.own or not reception.has_content:
        return "ignore"
    addressed = reception.mentions_bot or reception.replies_to_bot
    if reception.from_bot:
        allowed = rules.bots == "mentions" and rules.mode != "off" and not reception.direct
        return "answer" if allowed and addressed else "ignore"
    if reception.direct:
        return "answer"
    if rules.mode == "off":
        return "ignore"
    if addressed or reception.engaged_thread:
        return "answer"
    return "overhear" if rules.mode == "listen" else "ignore"
