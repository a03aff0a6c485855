"""Which Discord threads the bot takes part in; knows no messages and stores nothing.

In a process it remembers where it was addressed or has answered. After a restart Discord's own
record tells: who owns the thread, whether the bot is a member (being mentioned or answering makes
it one), whose message the thread hangs on.
"""

from collections import OrderedDict

import aiohttp
import discord

_REMEMBERED = 10_000


class EngagedThreads:
    """Remembers, within a bound, what it once found out about threads."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, bool] = OrderedDict()

    def engage(self, thread_id: int) -> None:
        """From now on messages there are for the bot."""
        self._remember(thread_id, engaged=True)

    async def is_engaged(self, thread: discord.Thread, bot_id: int) -> bool:
        """Whether the bot takes part; asks Discord at most once a thread for its first message."""
        if self._known.get(thread.id) or thread.owner_id == bot_id or thread.me is not None:
            return True
        if thread.id not in self._known:
            engaged = await _hangs_on_message_of(thread, bot_id)
            if engaged is None:
                return False
            self._remember(thread.id, engaged=engaged)
        return self._known[thread.id]

    def _remember(self, thread_id: int, *, engaged: bool) -> None:
        self._known[thread_id] = engaged
        self._known.move_to_end(thread_id)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


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
