"""The bot as a process between a Discord and a Slack on loopback."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fixtures.discord_server import DiscordServer
from tests.fixtures.slack_server import APP_TOKEN, BOT_TOKEN, SlackServer

_START_SECONDS = 90.0
_LOOK_SECONDS = 0.05


@asynccontextmanager
async def membot_run(
    folder: Path, discord: DiscordServer, slack: SlackServer, **settings: str
) -> AsyncIterator[None]:
    """`membot run` on a database in the folder, connected to both platforms."""
    own = {
        "DISCORD_TOKEN": discord.token,
        "DISCORD_API_BASE_URL": discord.api_base_url,
        "DISCORD_GATEWAY_URL": discord.gateway_url,
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
        "SLACK_API_BASE_URL": slack.base_url,
        "MEMBOT_DATABASE_URL": f"sqlite:///{folder}/membot.db",
        "MEMBOT_EMBEDDING_MODEL": "none",
        "MEMBOT_WEB_LISTEN": "off",
    }
    met, sockets = discord.identified, slack.connections_opened
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bots", "run"),
        env=os.environ | own | settings,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_START_SECONDS):
            while discord.identified == met or slack.connections_opened == sockets:
                await asyncio.sleep(_LOOK_SECONDS)
        yield
    finally:
        process.terminate()
        await process.wait()
