"""Which Discord threads the bot takes part in, and opening one.

Where it was addressed or has answered is kept in the database. Of other threads Discord's own
record tells: who owns the thread, whether the bot is a member (being mentioned or answering makes
it one), whose message the thread hangs on.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import aiohttp
import discord

from bots.discord_bot.inbound import Place, text_of
from bots.routing import clean_name
from bots.texts import SOURCE, text
from engine.place_settings import ThreadStore
from engine.records import Quote

_log = logging.getLogger(__name__)
_HAS_ONE = 160004  # https://docs.discord.com/developers/topics/opcodes-and-status-codes
_REMEMBERED = 10_000


class EngagedThreads:
    """Remembers where the bot takes part, and within a bound what Discord said of other threads."""

    def __init__(self, store: ThreadStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._known: OrderedDict[int, bool] = OrderedDict()

    async def engage(self, thread_id: int) -> None:
        """From now on messages there are for the bot."""
        if not self._known.get(thread_id):
            await self._store.engage_thread(_key(thread_id), self._now())
        self._remember(thread_id, engaged=True)

    async def is_engaged(self, thread: discord.Thread, bot_id: int) -> bool:
        """Whether the bot takes part; asks Discord at most once a thread for its first message."""
        if self._known.get(thread.id) or thread.owner_id == bot_id or thread.me is not None:
            return True
        if thread.id not in self._known:
            engaged = await self._store.is_engaged(_key(thread.id)) or await _hangs_on_message_of(
                thread, bot_id
            )
            if engaged is None:
                return False
            self._remember(thread.id, engaged=engaged)
        return self._known[thread.id]

    async def begin(self, thread_id: int) -> bool:
        """Whether nothing of what is said there was for the bot before."""
        return await self._store.engage_thread(f"{_key(thread_id)}/begun", self._now())

    async def beginning(self, message: discord.Message, bot_id: int) -> Quote | None:
        """What a thread hangs on, with its first message: it is not in the conversation there."""
        thread = message.channel
        if not isinstance(thread, discord.Thread) or not await self.begin(thread.id):
            return None
        if not isinstance(thread.parent, discord.TextChannel):
            return None
        try:
            starter = await thread.parent.fetch_message(thread.id)  # they share one id
        except (discord.HTTPException, aiohttp.ClientError, OSError):
            return None
        said = text_of(starter, bot_id)
        return (
            Quote(author_name=clean_name(starter.author.display_name), text=said) if said else None
        )

    async def say_what_is_read(self, message: discord.Message) -> None:
        """Once where it takes part: that Discord shows it only what is addressed to it."""
        told = f"{_key(message.channel.id)}/told"
        if message.guild is None or not await self._store.engage_thread(told, self._now()):
            return
        line = text(message.guild.preferred_locale.value, "thread.unread")
        try:
            await message.reply(line, mention_author=False)
        except (discord.HTTPException, aiohttp.ClientError, OSError) as refused:
            _log.info("Not said what is read: %s", type(refused).__name__)

    def _remember(self, thread_id: int, *, engaged: bool) -> None:
        self._known[thread_id] = engaged
        self._known.move_to_end(thread_id)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _key(thread_id: int) -> str:
    return f"discord:thread/{thread_id}"


async def opened_thread(message: discord.Message, place: Place, said: str) -> Place:
    """The thread that begins with a message; where Discord allows none, the place itself."""
    locale = message.guild.preferred_locale.value if message.guild else SOURCE
    name = clean_name(said) if said else text(locale, "thread.nameless")
    try:
        await message.create_thread(name=name)
    except (discord.HTTPException, aiohttp.ClientError, OSError, ValueError) as refused:
        if getattr(refused, "code", None) != _HAS_ONE:
            _log.info("No thread opened: %s", type(refused).__name__)
            return place
    return replace(place, thread=message.id, name=name)


async def _hangs_on_message_of(thread: discord.Thread, bot_id: int) -> bool | None:
    """Whether the thread was started from a message of the bot; None when Discord won't say."""
    parent = thread.parent
    if not isinstance(parent, discord.TextChannel):
        return None if parent is None else False
    try:
        starter = await parent.fetch_message(thread.id)  # they share one id
    except discord.NotFound:
        return False
    except (discord.HTTPException, aiohttp.ClientError, OSError):
        return None
    return starter.author.id == bot_id
