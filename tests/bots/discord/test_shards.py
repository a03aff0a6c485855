"""A bot that has grown too large for one connection, and one that is being developed."""

import asyncio

import discord
import pytest

from tests.bots.discord.doubles import RecordingInbox, item_for
from tests.bots.discord.test_wire import addresses, pointed_at, until  # noqa: F401
from tests.fixtures.discord_server import BOT_ID, CHANNEL_ID, DiscordServer
from tests.fixtures.discord_shards import FAR_CHANNEL_ID, FAR_GUILD_ID, ShardedDiscordServer


@pytest.fixture(autouse=True)
def no_pause_between_shards(monkeypatch):
    """discord.py leaves five seconds."""

    async def at_once(self, shard_id, *, initial=False):
        pass

    monkeypatch.setattr(discord.Client, "before_identify_hook", at_once)


@pytest.fixture
async def server():
    async with ShardedDiscordServer() as server:
        yield server


@pytest.fixture
def inbox():
    return RecordingInbox()


@pytest.fixture
async def adapter(server, inbox):
    """Told by Discord that one connection is too few, and started again."""
    adapter = pointed_at(server, inbox)
    with pytest.raises(ConnectionError, match="4011"):
        await adapter.run()
    running = asyncio.create_task(adapter.run())
    await until(lambda: server.identified == 2 and adapter.connected and server.commands)
    yield adapter
    await adapter.close()
    await running


class TestTooLargeForOneConnection:
    async def test_answers_once_what_comes_on_each_shard(self, server, adapter, inbox):
        await server.say(f"<@{BOT_ID}> near")
        await server.say(f"<@{BOT_ID}> far", channel=FAR_CHANNEL_ID, guild=FAR_GUILD_ID)
        await server.say_directly("direct")
        await inbox.has(3)
        for number, event in enumerate(inbox.events):
            await adapter.send(
                item_for(event, f"To {event.text}", f"nonce-{number}"), event.text, 0
            )
        assert sorted(inbox.texts) == ["direct", "far", "near"]
        assert server.sent(CHANNEL_ID) == ["near"]
        assert server.sent(FAR_CHANNEL_ID) == ["far"]
        assert server.refused == 1

    async def test_a_shard_that_is_cut_is_missed_until_it_is_back(self, server, adapter, inbox):
        await server.cut_shard(1)
        await until(lambda: not adapter.connected)
        await server.cut_shard(0)
        await server.heal(0)
        await server.say_directly("direct")
        await inbox.has(1)
        assert not adapter.connected
        await server.heal(1)
        await until(lambda: adapter.connected)
        await server.say(f"<@{BOT_ID}> far", channel=FAR_CHANNEL_ID, guild=FAR_GUILD_ID)
        await inbox.has(2)
        assert server.resumed == 2

    async def test_a_shard_that_does_not_come_back_ends_the_run(self, server, inbox, monkeypatch):
        monkeypatch.setattr("bots.discord_bot.adapter._PATIENCE_SECONDS", 0.5)
        adapter = pointed_at(server, inbox)
        with pytest.raises(ConnectionError, match="4011"):
            await adapter.run()
        running = asyncio.create_task(adapter.run())
        await until(lambda: server.identified == 2 and adapter.connected)
        await server.cut_shard(1)
        with pytest.raises(ConnectionError, match="ended"):
            await running

    async def test_is_closed_while_it_opens_them(self, server):
        adapter = pointed_at(server)
        with pytest.raises(ConnectionError, match="4011"):
            await adapter.run()
        server.most = 1
        running = asyncio.create_task(adapter.run())
        await server.until(lambda: server.kept_waiting)
        await adapter.close()
        async with asyncio.timeout(5):
            await running


async def test_commands_are_registered_in_the_development_server_alone():
    async with DiscordServer() as server:
        adapter = pointed_at(server, development_server=111)
        running = asyncio.create_task(adapter.run())
        await until(lambda: server.commands)
        await adapter.close()
        await running
    assert [path for method, path, _ in server.requests if method == "PUT"] == [
        f"/applications/{BOT_ID}/guilds/111/commands"
    ]
    assert {command["name"] for command in server.commands} >= {"memory", "agent", "new"}
