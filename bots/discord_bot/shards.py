"""The client of a bot that has grown too large for one connection: several, as one."""

import discord

from bots.discord_bot.client import MembotClient


class ShardedClient(MembotClient, discord.AutoShardedClient):
    """Listens on as many connections as Discord advises; cut while one of them is."""

    async def setup_hook(self) -> None:
        """With the number known, discord.py takes the gateway that is set, not the one named."""
        await super().setup_hook()
        self._cut: set[int] = set()
        self.shard_count, _, _ = await self.http.get_bot_gateway()

    async def on_shard_connect(self, shard_id: int) -> None:
        """A session has begun."""
        self._cut.discard(shard_id)
        self._connected(up=True)

    async def on_shard_resumed(self, shard_id: int) -> None:
        """A session goes on where it was cut."""
        await self.on_shard_connect(shard_id)

    async def on_shard_disconnect(self, shard_id: int) -> None:
        """A connection is gone; discord.py tries to get it back."""
        self._cut.add(shard_id)
        self._connected(up=False)

    def _connected(self, *, up: bool) -> None:
        super()._connected(up=up and not self._cut)
