"""Checks of what the Discord application is allowed: intents, permissions, commands."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from bots.command_table import COMMANDS
from bots.doctor.check import Check, least_privilege, unreachable
from bots.settings import Settings, reveal

if TYPE_CHECKING:
    import discord

_GUILDS = 20  # looked at, and said so when there are more
_SUBCOMMANDS = (1, 2)  # kinds of option. Source: Discord's documentation of application commands
_CHAT_COMMAND = 1


@asynccontextmanager
async def discord_login(settings: Settings) -> "AsyncIterator[discord.Client]":
    """A client that is logged in, without a gateway."""
    import discord
    from discord.http import Route

    if settings.env.discord_api_base_url:
        Route.BASE = settings.env.discord_api_base_url.rstrip("/")
    async with discord.Client(intents=discord.Intents.none()) as client:
        await client.login(reveal(settings.env.discord_token) or "")
        yield client


async def discord_checks(settings: Settings) -> list[Check]:
    """Token, intents, registered commands, and the permissions in every server."""
    import discord
    from aiohttp import ClientError

    try:
        async with discord_login(settings) as client:
            return await _checks(client, settings)
    except discord.LoginFailure:
        fix = "Copy the bot token from the developer portal into DISCORD_TOKEN."
        detail = "Discord refuses the token"
        return [Check(name="discord", state="failed", detail=detail, fix=fix)]
    except discord.HTTPException as problem:
        return [unreachable("discord", problem.status)]
    except (ClientError, TimeoutError, OSError):
        return [unreachable("discord")]


async def _checks(client: "discord.Client", settings: Settings) -> list[Check]:
    guilds = [guild async for guild in client.fetch_guilds(limit=_GUILDS)]
    where = f"in {len(guilds)} server{'s' * (len(guilds) != 1)}"
    if len(guilds) == _GUILDS:
        where += ", which are looked at, and perhaps in more"
    return [
        Check(name="discord", state="ok", detail=f"logged in as {client.user}, {where}"),
        await _intents(client, settings),
        await _commands(client, settings.file.discord.development_server),
        *[check for guild in guilds for check in await _guild(client, guild.id)],
    ]


async def _intents(client: "discord.Client", settings: Settings) -> Check:
    flags = (await client.application_info()).flags
    granted = flags.gateway_message_content or flags.gateway_message_content_limited
    needed = await _listens(settings)
    name = "discord intents"
    if needed and not granted:
        fix = "Developer portal, Bot: switch Message Content Intent on, for mode listen."
        return Check(name=name, state="failed", detail="Message Content is missing", fix=fix)
    if granted and not needed:
        fix = (
            "Switch it off if mentions are enough: it reads threads, and the mode listen, with it."
        )
        return Check(name=name, state="note", detail="Message Content is granted", fix=fix)
    detail = "as needed" if granted else "as needed; threads are read where they mention it"
    return Check(name=name, state="ok", detail=detail)


async def _listens(settings: Settings) -> bool:
    """Whether any place has the mode that reads what is not addressed to the bot."""
    from bots.app import open_store

    store = await open_store(settings, None)
    try:
        chosen = [one.value for one in await store.place_settings() if one.name == "mode"]
    finally:
        await store.close()
    return "listen" in [*chosen, *(place.mode for place in settings.file.places)]


async def _commands(client: "discord.Client", only_in: int | None) -> Check:
    """Whether Discord offers this version's commands; the bot registers them when it connects."""
    import discord

    name = "discord commands"
    me, http = client.application_id or 0, client.http
    asked = http.get_guild_commands(me, only_in) if only_in else http.get_global_commands(me)
    try:
        known = set(_words(await asked))
    except discord.Forbidden:
        detail = f"discord.development_server names {only_in}, where the bot is no member"
        fix = "Let it into that server, or take the key out of membot.toml."
        return Check(name=name, state="failed", detail=detail, fix=fix)
    ours = {spec.words for spec in COMMANDS}
    if known == ours:
        return Check(name=name, state="ok", detail=f"{len(ours)} registered")
    stale = [f"{len(ours - known)} missing"] * bool(ours - known)
    stale += [f"{len(known - ours)} of another version"] * bool(known - ours)
    fix = "Start `membot run` once: it registers them."
    return Check(name=name, state="note", detail=", ".join(stale), fix=fix)


def _words(commands: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """``agent reset`` and the like, of what Discord has; without menus of the right mouse key."""
    for command in commands:
        if command.get("type", _CHAT_COMMAND) == _CHAT_COMMAND:
            yield from _paths(command)


def _paths(command: Mapping[str, Any]) -> Iterable[str]:
    below = [one for one in command.get("options", ()) if one["type"] in _SUBCOMMANDS]
    if not below:
        yield command["name"]
    for one in below:
        yield from (f"{command['name']} {path}" for path in _paths(one))


async def _guild(client: "discord.Client", guild_id: int) -> list[Check]:
    """What the bot may do in a server, and in each of its channels that it can see."""
    from bots.discord_bot.permissions import NEEDED, names_of

    guild = await client.fetch_guild(guild_id)
    me = await guild.fetch_member(client.user.id if client.user else 0)
    needed, allowed = names_of(NEEDED), names_of(me.guild_permissions)
    name = f"discord server {guild.name}"
    own = [role.permissions for role in me.roles if not role.is_default()]
    score = least_privilege(name, needed, set().union(*map(names_of, own)))
    if missing := sorted(needed - allowed):
        fix = "Let it in again with what `membot discord-invite` prints, or change its role."
        detail = f"missing: {', '.join(missing)}"
        return [Check(name=name, state="failed", detail=detail, fix=fix), score]
    channels = [_channel(channel, me) for channel in await guild.fetch_channels()]
    return [*(check for check in channels if check), score]


def _channel(channel: "discord.abc.GuildChannel", me: "discord.Member") -> Check | None:
    """A channel in which the bot sees people, and is kept from answering them."""
    import discord

    from bots.discord_bot.permissions import NEEDED, names_of

    allowed = channel.permissions_for(me)
    missing = sorted(names_of(NEEDED) - names_of(allowed))
    is_text = isinstance(channel, discord.TextChannel | discord.ForumChannel)
    if not is_text or not allowed.view_channel or not missing:
        return None
    name = f"discord channel #{channel.name} of {channel.guild.name}"
    fix = "Allow them for the bot in the channel's permissions, or hide the channel from it."
    return Check(name=name, state="note", detail=f"missing: {', '.join(missing)}", fix=fix)
