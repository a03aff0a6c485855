"""Socket Mode: one connection kept up; what the library cannot mend ends in an exception."""

import asyncio
import contextlib

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from bots.slack_bot.calls import SlackCalls
from bots.slack_bot.identity import socket_address
from bots.slack_bot.quiet import library_logger
from engine.errors import OperatorError

_CONNECT_SECONDS = 15
_CLOSE_SECONDS = 5
_GONE_SECONDS = 30  # longer than the library needs to reconnect when Slack is there


class SocketMode:
    """A connection, made afresh for each ``serve``."""

    def __init__(
        self, app: AsyncApp, app_token: str, calls: SlackCalls, ping_interval_seconds: float
    ) -> None:
        self._app = app
        self._app_token = app_token
        self._calls = calls
        self._ping_interval_seconds = ping_interval_seconds
        self._client: SocketModeClient | None = None

    @property
    def connected(self) -> bool:
        """Whether the socket is open."""
        client = self._client
        session = client.current_session if client is not None else None
        return client is not None and not client.closed and bool(session and not session.closed)

    async def serve(self) -> None:
        """Connect and stay connected until cancelled.

        Raises:
            BadSettings: Slack does not accept the app-level token.
            OperatorError: There is no connection, and a fresh start is needed.
        """
        address = await socket_address(self._calls, self._app_token)
        handler = AsyncSocketModeHandler(
            self._app,
            self._app_token,
            logger=library_logger(),
            web_client=self._calls.client,
            ping_interval=self._ping_interval_seconds,
        )
        self._client = client = handler.client
        client.wss_uri = address
        if self._calls.local:
            client.proxy = None
        try:
            await self._connect(handler)
            await self._watch()
        finally:
            self._client = None
            await _close(client)

    async def _connect(self, handler: AsyncSocketModeHandler) -> None:
        # The library would try the same one-time address for ever.
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):  # wait_for may lose a cancellation
                await handler.connect_async()  # type: ignore[no-untyped-call]
        except TimeoutError:
            raise OperatorError("Slack's WebSocket cannot be reached.") from None

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        seen = loop.time()
        while loop.time() - seen < _GONE_SECONDS:
            await asyncio.sleep(self._ping_interval_seconds)
            if self.connected:
                seen = loop.time()
        raise OperatorError("The connection to Slack was lost.")


async def _close(client: SocketModeClient) -> None:
    """Close and wait for the library's tasks, which it only cancels."""
    tasks = (client.message_processor, client.current_session_monitor, client.message_receiver)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await client.close()  # type: ignore[no-untyped-call]
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await client.aiohttp_client_session.close()
