"""The typing sign: at once for what was heard, then until a turn is idle, in nobody's way."""

import asyncio
import json
import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Coroutine

import aiohttp
import discord

from bots.discord_bot.outbound import channel_of
from engine.records import Turn

_log = logging.getLogger(__name__)
_WAITING = "\N{HOURGLASS WITH FLOWING SAND}"
_RENEW_SECONDS = 8.0  # Discord shows typing for ten
_REST_SECONDS = 1.5  # between two signs of a channel, which takes five in five seconds
_MOST_RENEWALS = 75  # ten minutes: nobody forgets a turn for longer
_KEPT_CHANNELS = 1_000


class TypingSigns:
    """One task a turn that types in its channel.

    Args:
        client: The one that is logged in right now, or None.
    """

    def __init__(self, client: Callable[[], discord.Client | None]) -> None:
        self._client = client
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._working: dict[str, int] = {}
        self._typed_at: OrderedDict[int, float] = OrderedDict()

    def heard(self, channel_id: int) -> None:
        """Show once that a message was taken, which may have to wait for its turn."""
        if _time() >= self._typed_at.get(channel_id, -math.inf) + _REST_SECONDS:
            self._begin(f"heard in {channel_id}", self._type_once(channel_id))

    def interrupted(self, channel_id: int) -> None:
        """A message of ours took the sign away; show it again where a turn goes on."""
        if channel_id in self._working.values():
            self._begin(f"again in {channel_id}", self._type_once(channel_id))

    def start(self, turn_id: str, channel_id: int) -> None:
        """Type until ``stop``; a second start of the same turn does nothing."""
        if turn_id not in self._tasks:
            self._working[turn_id] = channel_id
            self._begin(turn_id, self._type(channel_id))

    def stop(self, turn_id: str) -> None:
        """The turn is idle."""
        self._working.pop(turn_id, None)
        task = self._tasks.pop(turn_id, None)
        if task is not None:
            task.cancel()

    def _begin(self, name: str, typing: Coroutine[None, None, None]) -> None:
        task = self._tasks[name] = asyncio.create_task(typing)
        task.add_done_callback(lambda ended: self._forget(name, ended))

    def _forget(self, name: str, ended: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is ended:
            del self._tasks[name]

    async def close(self) -> None:
        """End them all, and wait until they have ended."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _type(self, channel_id: int) -> None:
        for _ in range(_MOST_RENEWALS):
            await self._type_once(channel_id)
            await asyncio.sleep(_RENEW_SECONDS)

    async def _type_once(self, channel_id: int) -> None:
        await asyncio.sleep(self._reserve(channel_id) - _time())
        if client := self._client():
            await _show(client, channel_id)

    def _reserve(self, channel_id: int) -> float:
        """The next moment at which the channel may be shown a sign."""
        at = max(_time(), self._typed_at.pop(channel_id, -math.inf) + _REST_SECONDS)
        self._typed_at[channel_id] = at
        if len(self._typed_at) > _KEPT_CHANNELS:
            self._typed_at.popitem(last=False)
        return at


def _time() -> float:
    return asyncio.get_running_loop().time()


async def _show(client: discord.Client, channel_id: int) -> None:
    try:
        await client.get_partial_messageable(channel_id).typing()
    except (discord.DiscordException, aiohttp.ClientError, OSError, RuntimeError) as trouble:
        _log.info("No typing sign: %s", type(trouble).__name__, extra={"action": "discord.typing"})


async def mark_waiting(
    client: Callable[[], discord.Client | None], turn: Turn, *, shown: bool
) -> None:
    """Put the reaction for waiting on the message of a turn, or take it away."""
    now, channel = client(), channel_of(turn.address)
    number = json.loads(turn.address).get("message") if channel else None
    if now is None or now.user is None or channel is None or number is None:
        return
    message = now.get_partial_messageable(channel).get_partial_message(int(number))
    try:
        if shown:
            await message.add_reaction(_WAITING)
        else:
            await message.remove_reaction(_WAITING, now.user)
    except (discord.DiscordException, aiohttp.ClientError, OSError, RuntimeError) as trouble:
        _log.info("No mark: %s", type(trouble).__name__, extra={"action": "discord.waiting"})
