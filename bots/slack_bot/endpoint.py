"""HTTP mode: Slack posts to us, and only what it signed within five minutes is looked at."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

PATH = "/slack/events"
_OLDEST_SECONDS = 300


class Endpoint:
    """The one route that events, commands and buttons come in on."""

    def __init__(self, app: AsyncApp, signing_secret: str, now: Callable[[], datetime]) -> None:
        self._app = app
        self._secret = signing_secret.encode()
        self._now = now

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request of Slack; 401 for anybody else."""
        body = await request.read()
        if not self._genuine(request.headers, body):
            return web.Response(status=401, text="wrong signature")
        bolt_request = AsyncBoltRequest(
            body=body.decode("utf-8", "replace"),
            query=request.query_string,
            headers=dict(request.headers),
        )
        return await to_aiohttp_response(await self._app.async_dispatch(bolt_request))

    def _genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Slack's signature over time stamp and body.

        Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
        """
        stamp = headers.get("X-Slack-Request-Timestamp", "")
        if not (stamp.isascii() and stamp.isdigit()):
            return False
        if abs(self._now().timestamp() - int(stamp)) > _OLDEST_SECONDS:
            return False
        signed = b"v0:" + stamp.encode() + b":" + body
        expected = "v0=" + hmac.new(self._secret, signed, hashlib.sha256).hexdigest()
        given = headers.get("X-Slack-Signature", "")
        return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
