"""Discord as one platform of the bot: lifecycle, and the deliveries out."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import aiohttp
import discord
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bots.adapter import AdapterPorts
from bots.discord_bot import previews, progress
from bots.discord_bot.activity import TypingSigns, mark_waiting
from bots.discord_bot.attachments import fetch_attachment
from bots.discord_bot.client import MembotClient
from bots.discord_bot.outbound import channel_of, question_of, send_part
from bots.discord_bot.render import reply_parts
from bots.discord_bot.shards import ShardedClient
from bots.discord_bot.threads import EngagedThreads
from bots.waiting_marks import WaitingMarks
from engine.delivery import Activity
from engine.errors import BadSettings, DeliveryDelayed
from engine.progress import Work
from engine.records import Attachment, OutboxItem, Turn

_log = logging.getLogger(__name__)
_WRONG_TOKEN = "Discord refuses the token in DISCORD_TOKEN; copy the bot token from the portal."  # noqa: S105 - a sentence
_NO_INTENT = (
    "Discord does not grant the Message Content intent; switch it on in the developer portal, "
    "or do without it."
)
# Source: https://discord.com/developers/docs/topics/opcodes-and-status-codes (gateway close codes)
_TOKEN_REFUSED = 4004
_SHARDING_REQUIRED = 4011
_PATIENCE_SECONDS = 90.0  # Discord keeps a session for about a minute


class DiscordAdapter:
    """Implements ``bots.adapter.Adapter`` on discord.py 2.7.

    Args:
        token: Bot token.
        ports: What surrounds it.
        api_base_url: Another REST base, e.g. ``http://127.0.0.1:8001/api/v10``.
        gateway_url: Another gateway, e.g. ``ws://127.0.0.1:8001/gw``.
        development_server: The only server that gets the commands.
    """

    platform = "discord"
    files_apart = False
    preview_pace = previews.PACE

    def __init__(
        self,
        token: str,
        ports: AdapterPorts,
        *,
        api_base_url: str | None = None,
        gateway_url: str | None = None,
        development_server: int | None = None,
    ) -> None:
        self._token = token
        self._ports = ports
        self._api_base_url = api_base_url
        self._gateway_url = gateway_url
        self._only_in = discord.Object(development_server) if development_server else None
        self._threads = EngagedThreads(ports.threads, ports.now)
        self._typing = TypingSigns(self._logged_in)
        mark = partial(mark_waiting, self._logged_in)
        self._waiting = WaitingMarks(
            partial(mark, shown=True), partial(mark, shown=False), ports.now
        )
        self._client: MembotClient | None = None
        self._serving: asyncio.Task[None] | None = None
        self._closing = False
        self._sharded = False

    @property
    def connected(self) -> bool:
        """Whether events arrive right now."""
        return self._client is not None and self._client.ready

    async def run(self) -> None:
        """Connect and serve until cancelled or closed; may be called again after it ended.

        Raises:
            BadSettings: The operator has to act: wrong token, intent not granted.
            ConnectionError: Discord cannot be reached, or the session is lost for good.
        """
        self._closing = False
        _keep_messages_out_of_logs()
        self._point_elsewhere()
        client = self.new_client()
        try:
            with _ends_as_ordinary_error(client):
                await self._serve(client)
        finally:
            await client.close()
        if not self._closing:
            raise ConnectionError("Discord ended the connection.")

    async def close(self) -> None:
        """Disconnect; ``run`` returns."""
        self._closing = True
        await self._typing.close()
        if self._serving is not None:
            self._serving.cancel()  # shards that are still opened would be tried for ever
        if self._client is not None:
            await self._client.close()

    def new_client(self) -> MembotClient:
        """A client for one connection, with its commands; discord.py's cannot be used twice."""
        synced = self._client is not None and self._client.synced
        kind = ShardedClient if self._sharded else MembotClient
        client = kind(
            self._ports, self._threads, self._typing.heard, synced=synced, only_in=self._only_in
        )
        self._client = client
        return client

    def split(self, text: str) -> list[str]:
        """Parts of at most 2,000 characters, as Discord shows them."""
        return reply_parts(text)

    async def send(self, item: OutboxItem, part: str, number: int) -> str:
        """Send one part as a reply to the message it answers; the id of the new message.

        Raises:
            DeliveryDelayed: Worth another try later.
            DeliveryRefused: Never will be.
        """
        client = self._connected_client()
        reference = None
        if number == 0 and item.preview_ref is not None:
            reference = await previews.become(client, item, part)
        reference = reference or await send_part(client, item, part, number)
        channel = channel_of(item.address)
        if channel is not None:
            await self._threads.engage(channel)
            self._typing.interrupted(channel)
        return reference

    def can_preview(self, address: str) -> bool:
        """Where a message is answered, by which a lost preview is found again."""
        return question_of(address) is not None

    async def preview(self, item: OutboxItem, text: str) -> str:
        """Show the beginning of a reply in one message; its id.

        Raises:
            DeliveryError: Discord does not take it.
        """
        return await previews.show(self._connected_client(), item, text)

    async def withdraw(self, item: OutboxItem) -> None:
        """Take the beginning of a reply away.

        Raises:
            DeliveryDelayed: Discord cannot be asked now.
        """
        await previews.withdraw(self._connected_client(), item)

    async def show_line(self, work: Work, line: str, shown_in: str | None) -> str:
        """Show how far long work is; the id of the message.

        Raises:
            DeliveryError: Discord does not take it.
        """
        return await progress.show_line(self._connected_client(), work, line, shown_in)

    async def take_line(self, shown_in: str) -> None:
        """Take such a line away.

        Raises:
            DeliveryError: Discord cannot be asked.
        """
        await progress.take_line(self._connected_client(), shown_in)

    async def fetch(self, attachment: Attachment, limit_bytes: int) -> bytes:
        """Download a file of a message.

        Raises:
            BadRequest: It is not kept by Discord, too large, or gone.
            DeliveryDelayed: Discord does not hand it over now.
        """
        return await fetch_attachment(attachment.url, limit_bytes, self._api_base_url)

    async def show_activity(self, turn: Turn, activity: Activity) -> None:
        """Type in the turn's channel while it is being worked on; mark a message that waits."""
        if activity == "waiting":
            await self._waiting.waits(turn)
            return
        channel = channel_of(turn.address)
        if activity == "working" and channel is not None:
            self._typing.start(turn.id, channel)
        else:
            self._typing.stop(turn.id)
        await self._waiting.goes_on(turn)

    def _connected_client(self) -> MembotClient:
        client = self._logged_in()
        if client is None:
            raise DeliveryDelayed("Discord is not connected.")
        return client

    def _logged_in(self) -> MembotClient | None:
        client = self._client
        usable = client is not None and client.user is not None and not client.is_closed()
        return client if usable else None

    def _point_elsewhere(self) -> None:
        """discord.py knows these addresses only as class attributes."""
        if self._api_base_url is not None:
            Route.BASE = self._api_base_url.rstrip("/")
        if self._gateway_url is not None:
            DiscordWebSocket.DEFAULT_GATEWAY = URL(self._gateway_url)

    async def _serve(self, client: MembotClient) -> None:
        serving = self._serving = asyncio.create_task(client.start(self._token))
        lost = asyncio.create_task(client.wait_until_lost(_PATIENCE_SECONDS))
        try:
            await asyncio.wait({serving, lost}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done() and not serving.cancelled():
                await serving
        except discord.ConnectionClosed as closed:
            if closed.code == _SHARDING_REQUIRED:
                _log.info("Discord asks for several connections; they come with the next start")
                self._sharded = True
            raise
        finally:
            for task in (serving, lost):
                task.cancel()
            await asyncio.gather(serving, lost, return_exceptions=True)


def _keep_messages_out_of_logs() -> None:
    library = logging.getLogger("discord")  # its DEBUG lines hold what people write
    library.setLevel(max(logging.INFO, library.getEffectiveLevel()))


@contextmanager
def _ends_as_ordinary_error(client: MembotClient) -> Iterator[None]:
    """What discord.py raises when it gives up, in words of ours."""
    try:
        yield
    except discord.LoginFailure as refused:
        raise BadSettings(_WRONG_TOKEN) from refused
    except discord.PrivilegedIntentsRequired as refused:
        raise BadSettings(_NO_INTENT) from refused
    except AttributeError as unset:
        # discord.py 2.7 reads `ws.sequence` after a first connection that was refused.
        if getattr(client, "ws", None) is not None:
            raise
        raise ConnectionError("Discord's gateway cannot be reached.") from unset
    except discord.ConnectionClosed as closed:
        if closed.code == _TOKEN_REFUSED:
            raise BadSettings(_WRONG_TOKEN) from closed
        raise ConnectionError(f"Discord closed the connection ({closed.code}).") from closed
    except (discord.DiscordException, aiohttp.ClientError) as trouble:
        raise ConnectionError(f"Discord failed: {type(trouble).__name__}.") from trouble
