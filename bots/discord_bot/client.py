"""The discord.py client: Discord's events in, nothing of memory; one object a connection."""

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from weakref import WeakValueDictionary

import aiohttp
import discord

from bots.adapter import AdapterPorts
from bots.discord_bot.commands import CommandMenu, Summaries
from bots.discord_bot.desk import CommandDesk
from bots.discord_bot.inbound import (
    Place,
    event_of,
    is_kept_from_us,
    place_in_guild,
    reception_of,
    source_key,
    tenant_of,
    text_of,
)
from bots.discord_bot.limits import paced_requests
from bots.discord_bot.threads import EngagedThreads, opened_thread
from bots.discord_bot.words import TypedWords
from bots.routing import Hearing
from bots.typed_commands import words_of
from engine import notices
from engine.records import IncomingEvent

_log = logging.getLogger(__name__)
_STOP = "\N{OCTAGONAL SIGN}"
_LONGEST_RATE_LIMIT_SECONDS = 30.0  # beyond that the outbox waits, not the request


class MembotClient(discord.Client):
    """Listens; everything it hears goes to the inbox or to the command desk.

    Args:
        heard: Told the channel of each message that was taken.
        only_in: The one server that gets the commands; None: everywhere.

    Attributes:
        ready: True between READY or RESUMED and the next disconnection.
        synced: Whether Discord has this process's commands.
    """

    def __init__(
        self,
        ports: AdapterPorts,
        threads: EngagedThreads,
        heard: Callable[[int], None],
        *,
        synced: bool,
        only_in: discord.Object | None,
    ) -> None:
        self._asked = least_intents()
        super().__init__(
            intents=self._asked,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            http_trace=paced_requests(),
            max_ratelimit_timeout=_LONGEST_RATE_LIMIT_SECONDS,
        )
        self.synced, self._only_in = synced, only_in
        self._inbox, self._places = ports.inbox, ports.places
        self._threads = threads
        self._heard = heard
        self._desk = CommandDesk(self, ports.commands, ports.now, ports.places, ports.command_table)
        self.tree = CommandMenu(self)
        self.tree.fill(ports.command_table, self._desk)
        self._summaries = Summaries(ports.command_table)
        self._words = TypedWords(ports.commands, ports.command_table, ports.places)
        self._in_order: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self._down.set()

    @property
    def ready(self) -> bool:
        """Whether events arrive right now."""
        return self._up.is_set() and not self.is_closed()

    async def setup_hook(self) -> None:
        """Logged in, not connected yet: who asks for an intent that is not granted is refused."""
        granted = self.application_flags
        self._asked.message_content = (
            granted.gateway_message_content or granted.gateway_message_content_limited
        )

    async def wait_until_lost(self, patience_seconds: float) -> None:
        """Return when there has been no session for so long that it cannot be resumed."""
        while True:
            await self._down.wait()
            try:
                async with asyncio.timeout(patience_seconds):
                    await self._up.wait()
            except TimeoutError:
                return

    async def on_connect(self) -> None:
        """READY: a session has begun; ``on_ready`` comes seconds later, with every guild."""
        self._connected(up=True)
        if not self.synced:
            await self.tree.set_translator(self._summaries)
            if self._only_in:
                self.tree.copy_global_to(guild=self._only_in)
            await self.tree.sync(guild=self._only_in)
            self.synced = True  # a failure is logged by on_error, and tried at the next READY

    async def on_resumed(self) -> None:
        """The session goes on where it was cut."""
        self._connected(up=True)

    async def on_disconnect(self) -> None:
        """The connection is gone; discord.py tries to get it back."""
        self._connected(up=False)

    async def on_message(self, message: discord.Message) -> None:
        """Hand over what is for the bot, in the order of each channel."""
        async with self._in_order.setdefault(message.channel.id, asyncio.Lock()):
            await self._take(message)

    async def _take(self, message: discord.Message) -> None:
        event = await self._event_from(message)
        if event is None:
            return
        acceptance = await self._inbox.submit(event)
        if acceptance.outcome == "queued":
            self._heard(message.channel.id)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Follow an edit of what people see; one that Discord keeps from us has no text."""
        message = payload.message
        async with self._in_order.setdefault(message.channel.id, asyncio.Lock()):
            text = text_of(message, self.user.id) if self.user else ""
            if text:
                key = source_key(payload.channel_id, payload.message_id)
                known = await self._inbox.edit(tenant_of(payload.guild_id), key, text)
                first = not known and message.edited_at and self.user in message.mentions
                if first and words_of(text) is None:  # a command may have run; nobody knows
                    await self._take(message)  # a message that is known is a repeat

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Follow a deletion."""
        await self._deleted(payload.guild_id, payload.channel_id, [payload.message_id])

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Follow a moderator's deletion of many."""
        await self._deleted(payload.guild_id, payload.channel_id, sorted(payload.message_ids))

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """A thread or forum post is gone, with all that was said in it."""
        guild = self.get_guild(payload.guild_id)
        if guild is None or guild.get_channel(payload.parent_id) is not None:
            await self._deleted(payload.guild_id, payload.thread_id, [""])

    async def _deleted(
        self, guild: int | None, channel: int, messages: Sequence[int | str]
    ) -> None:
        async with self._in_order.setdefault(channel, asyncio.Lock()):
            keys = [source_key(channel, message) for message in messages]
            await self._inbox.delete(tenant_of(guild), keys)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed from a server, or the server is gone."""
        await self._inbox.close_place(tenant_of(guild.id))

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """A channel is gone."""
        await self._inbox.close_place(f"{tenant_of(channel.guild.id)}/channel/{channel.id}")

    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """Stop what somebody does not want any more."""
        if str(payload.emoji) != _STOP:
            return
        tenant = tenant_of(payload.guild_id)
        key = source_key(payload.channel_id, payload.message_id)
        await self._inbox.stop_asked(tenant, key, f"{tenant}/{payload.user_id}", notices.STOPPED)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Our buttons; the commands go through the tree."""
        if interaction.type is discord.InteractionType.component:
            await self._desk.button_pressed(interaction)
        elif interaction.type is discord.InteractionType.modal_submit:
            await self._desk.form_sent(interaction)

    async def on_error(self, event_method: str, /, *args: object, **kwargs: object) -> None:
        """Log what went wrong without anything that people wrote."""
        del args, kwargs
        kind, _, trace = sys.exc_info()
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
        _log.error("%s failed: %s at %s", event_method, kind and kind.__name__, where)

    def _connected(self, *, up: bool) -> None:
        came, went = (self._up, self._down) if up else (self._down, self._up)
        if not came.is_set():
            _log.info("Discord %s", "connected" if up else "disconnected")
        went.clear()
        came.set()

    async def _event_from(self, message: discord.Message) -> IncomingEvent | None:
        if self.user is None:
            return None
        place = await self._place_of(message)
        heard = await self._hearing(message, place, self.user.id) if place else "ignore"
        if place is None or heard == "ignore":
            return None
        if heard == "answer":
            if place.thread is not None:
                await self._threads.engage(place.thread)
            typed = words_of(text_of(message, self.user.id))
            if typed is not None:
                await self._words.take(message, place, typed)
                return None
            place = await self._where_to_answer(message, place, self.user.id)
        origin = place.origin(message.author.id)
        scope, overheard = self._places.scope_of(origin), heard == "overhear"
        event = event_of(message, place, scope, self.user.id, overheard=overheard)
        if not overheard and (quote := await self._threads.beginning(message, self.user.id)):
            event = replace(event, quote=event.quote or quote)
        return self._places.arrived(event, origin)

    async def _hearing(self, message: discord.Message, place: Place, me: int) -> Hearing:
        origin = place.origin(message.author.id)
        plain = reception_of(message, me, direct=place.room is None, engaged_thread=False)
        heard = self._places.hearing(origin, plain)
        channel, unread = message.channel, is_kept_from_us(message, self._asked)
        if heard == "answer" or not (plain.has_content or unread):
            return heard
        engaged = False
        if isinstance(channel, discord.Thread):
            engaged = await self._threads.is_engaged(channel, me)
        meant = engaged or plain.replies_to_bot
        if unread and meant and self._places.rules_for(origin).mode != "off":
            await self._threads.say_what_is_read(message)
        return self._places.hearing(origin, replace(plain, engaged_thread=engaged))

    async def _where_to_answer(self, message: discord.Message, place: Place, me: int) -> Place:
        """The place of the message, or in mode ``thread`` a thread that begins with it."""
        rules = self._places.rules_for(place.origin(message.author.id))
        if rules.mode != "thread" or place.room is None or place.thread is not None:
            return place
        opened = await opened_thread(message, place, text_of(message, me))
        if opened.thread is not None:
            await self._threads.engage(opened.thread)
            await self._threads.begin(opened.thread)  # with this message
        return opened

    async def _place_of(self, message: discord.Message) -> Place | None:
        channel = message.channel
        if isinstance(channel, discord.DMChannel):
            return Place()
        if isinstance(channel, discord.PartialMessageable):
            return await self._fetched_place(channel)
        if isinstance(channel, discord.GroupChannel):
            return None
        return place_in_guild(channel.guild.id, channel)

    async def _fetched_place(self, channel: discord.PartialMessageable) -> Place | None:
        """A channel that is not in the cache; without its parent a thread cannot be routed."""
        try:
            fetched = await self.fetch_channel(channel.id)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as trouble:
            _log.warning("Message in unknown channel dropped: %s", type(trouble).__name__)
            return None
        if isinstance(fetched, discord.Thread | discord.abc.GuildChannel):
            return place_in_guild(fetched.guild.id, fetched)
        return None


def least_intents() -> discord.Intents:
    """What the bot has to hear; nothing privileged."""
    intents = discord.Intents.none()
    intents.guilds = intents.guild_messages = intents.dm_messages = True
    intents.guild_reactions = intents.dm_reactions = True
    return intents
