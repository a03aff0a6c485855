"""The typing sign of running turns; renewed until a turn is idle, and never in anybody's way."""

import asyncio
import json
import logging
from collections.abc import Callable

import aiohttp
import discord

from bots.discord_bot.outbound import channel_of
from engine.records import Turn

_log = logging.getLogger(__name__)
_WAITING = "\N{HOURGLASS WITH FLOWING SAND}"
_RENEW_SECONDS = 8.0  # Discord shows typing for ten
_MOST_RENEWALS = 75  # ten minutes: nobody forgets a turn for longer


class TypingSigns:
    """One task a turn that types in its channel.

    Args:
        client: The one that is logged in right now, or None.
    """

    def __init__(self, client: Callable[[], discord.Client | None]) -> None:
        self._client = client
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, turn_id: str, channel_id: int) -> None:
        """Type until ``stop``; a second start of the same turn does nothing."""
        if turn_id in self._tasks:
            return
        task = asyncio.create_task(self._type(channel_id))
        self._tasks[turn_id] = task
        task.add_done_callback(lambda ended: self._forget(turn_id, ended))

    def stop(self, turn_id: str) -> None:
        """The turn is idle."""
        task = self._tasks.pop(turn_id, None)
        if task is not None:
            task.cancel()

    def _forget(self, turn_id: str, ended: asyncio.Task[None]) -> None:
        if self._tasks.get(turn_id) is ended:
            del self._tasks[turn_id]

    async def close(self) -> None:
        """End them all, and wait until they have ended."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _type(self, channel_id: int) -> None:
        for _ in range(_MOST_RENEWALS):
            client = self._client()
            if client is not None:
                await _type_once(client, channel_id)
            await asyncio.sleep(_RENEW_SECONDS)


async def _type_once(client: discord.Client, channel_id: int) -> None:
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
