"""A Discord message as an ``IncomingEvent``; decides nothing, sends nothing, stores nothing."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

import discord

from bots.discord_bot.markup import readable
from bots.routing import (
    EVERY_GUILD,
    Origin,
    Reception,
    clean_name,
    place_of,
    principal_key,
)
from engine.records import Attachment, IncomingEvent, Quote, Scope

_SPOKEN = (discord.MessageType.default, discord.MessageType.reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a message or command was given, in Discord's ids.

    Attributes:
        guild: None in a direct message.
        room: The channel; of a thread its parent; None in a direct message.
        thread: The thread, if it is one.
        name: As people call it.
        confined: Whether not everybody in the guild may read there.
    """

    guild: int | None = None
    room: int | None = None
    thread: int | None = None
    name: str = "a direct message"
    confined: bool = False

    def origin(self, user_id: int) -> Origin:
        """For ``routing``: whose memory this is about."""
        return Origin(
            platform="discord",
            team=EVERY_GUILD if self.guild is None else str(self.guild),
            user=str(user_id),
            room=None if self.room is None else str(self.room),
            thread=None if self.thread is None else str(self.thread),
            confined=self.confined,
        )


def place_in_guild(guild_id: int, channel: discord.Thread | discord.abc.GuildChannel) -> Place:
    """The place that a channel or thread of a guild is; a thread belongs to its parent."""
    name, confined = clean_name(channel.name), _is_for_few(channel)
    if isinstance(channel, discord.Thread):
        room, thread = channel.parent_id, channel.id
        return Place(guild=guild_id, room=room, thread=thread, name=name, confined=confined)
    return Place(guild=guild_id, room=channel.id, name=f"#{name}", confined=confined)


def _is_for_few(channel: discord.Thread | discord.abc.GuildChannel) -> bool:
    """Whether not everybody in the guild may read a channel or thread; in doubt, yes."""
    if isinstance(channel, discord.Thread):
        parent = channel.parent
        return channel.is_private() or parent is None or _is_for_few(parent)
    everyone = channel.guild.get_role(channel.guild.id)
    return everyone is None or not channel.permissions_for(everyone).view_channel


def tenant_of(guild_id: int | None) -> str:
    """The tenant of a guild, or that of direct messages."""
    return f"discord:{EVERY_GUILD if guild_id is None else guild_id}"


def source_key(channel_id: int, message_id: int | str) -> str:
    """Key of a message, by which it is found again when it is edited or deleted."""
    return f"discord:{channel_id}/{message_id}"


def text_of(message: discord.Message, bot_id: int) -> str:
    """What people see of a message, without the bot's own mention."""
    members = {user.id: clean_name(user.display_name) for user in message.mentions}
    text = re.sub(rf"<@!?{bot_id}>[ \t]*[,:]?[ \t]*", "", message.content)
    text = readable(
        text,
        lambda person: members.get(person, str(person)),
        lambda role: _role_name(message, role),
        lambda channel: _channel_name(message, channel),
    )
    stickers = (f"[sticker: {clean_name(sticker.name)}]" for sticker in message.stickers)
    return "\n".join([text.strip(), *stickers]).strip()


def reception_of(
    message: discord.Message, bot_id: int, *, direct: bool, engaged_thread: bool
) -> Reception:
    """What ``routing.hearing`` needs to know."""
    quoted = _quoted(message)
    return Reception(
        own=message.author.id == bot_id,
        from_bot=message.author.bot or message.webhook_id is not None,
        has_content=message.type in _SPOKEN and _says_something(message, bot_id),
        direct=direct,
        mentions_bot=any(user.id == bot_id for user in message.mentions),
        replies_to_bot=quoted is not None and quoted.author.id == bot_id,
        engaged_thread=engaged_thread,
    )


def is_kept_from_us(message: discord.Message, asked: discord.Intents) -> bool:
    """Whether a person said something that Discord shows only with the Message Content intent."""
    spoken = message.type in _SPOKEN and not message.author.bot and message.webhook_id is None
    shown = message.content or message.attachments or message.stickers or message.poll
    return spoken and message.guild is not None and not (asked.message_content or shown)


def event_of(
    message: discord.Message, place: Place, scope: Scope, bot_id: int, *, overheard: bool
) -> IncomingEvent:
    """The event that the engine gets; answered in the thread of its place, if that has one."""
    team = place.origin(message.author.id).team
    number = str(message.id)
    address = {"channel": str(place.thread or message.channel.id), "message": number}
    if int(address["channel"]) != message.channel.id:
        address["opened_from"] = address.pop("message")  # which the thread itself does not hold
    people = dict.fromkeys(user.id for user in message.mentions if user.id != bot_id)
    return IncomingEvent(
        event_id=f"discord:message:{number}",
        source_key=source_key(message.channel.id, message.id),
        kind="overheard" if overheard else "user_message",
        scope=scope,
        place=place_of(scope),
        place_name=place.name,
        address=json.dumps(address),
        speaker_name=clean_name(message.author.display_name),
        text=text_of(message, bot_id),
        sent_at=message.created_at,
        quote=_quote_of(message, bot_id),
        mentions=tuple(principal_key("discord", team, str(person)) for person in people),
        attachments=tuple(map(_attachment_of, message.attachments)),
        roles=roles_of(message.author),
    )


def roles_of(person: discord.User | discord.Member) -> tuple[str, ...]:
    """Ids of somebody's roles in the server where they are met."""
    if not isinstance(person, discord.Member) or not isinstance(person.guild, discord.Guild):
        return ()  # also in a server that is not in the cache yet
    return tuple(str(role.id) for role in person.roles)


def _says_something(message: discord.Message, bot_id: int) -> bool:
    forwarded = bool(message.message_snapshots)
    points_at_a_message = message.reference is not None and bool(message.mentions)
    shows = bool(message.attachments) or forwarded or points_at_a_message
    return shows or bool(text_of(message, bot_id))


def _quoted(message: discord.Message) -> discord.Message | None:
    resolved = message.reference.resolved if message.reference else None
    return resolved if isinstance(resolved, discord.Message) else None


def _quote_of(message: discord.Message, bot_id: int) -> Quote | None:
    quoted = _quoted(message)
    if quoted is not None:
        name = clean_name(quoted.author.display_name)
        return Quote(author_name=name, text=text_of(quoted, bot_id))
    forwarded = next(iter(message.message_snapshots), None)
    if forwarded is not None:
        return Quote(author_name="a forwarded message", text=forwarded.content)
    return None


def _attachment_of(attachment: discord.Attachment) -> Attachment:
    return Attachment(
        name=attachment.filename,
        media_type=attachment.content_type or "application/octet-stream",
        size_bytes=attachment.size,
        url=attachment.url,
    )


def _role_name(message: discord.Message, role_id: int) -> str:
    roles: Mapping[int, str] = {role.id: role.name for role in message.role_mentions}
    return clean_name(roles.get(role_id, "role"))


def _channel_name(message: discord.Message, channel_id: int) -> str:
    channel = message.guild.get_channel_or_thread(channel_id) if message.guild else None
    return clean_name(channel.name) if channel else "channel"
