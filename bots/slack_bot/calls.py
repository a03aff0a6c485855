"""Slack's Web API, with failures sorted into later and never; knows no events, no commands.

Nothing is repeated here: the outbox decides about a second try, and only it knows whether one
is safe.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bots.adapter import AnswerFile
from bots.downloads import download
from bots.slack_bot.limits import SlackLimits
from bots.slack_bot.quiet import library_logger
from engine.errors import BadRequest, DeliveryDelayed, DeliveryRefused

_TIMEOUT_SECONDS = 20
_FILE_BYTES = 64 * 2**20
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_LATER = {
    "ratelimited",
    "rate_limited",
    "internal_error",
    "service_unavailable",
    "fatal_error",
    "request_timeout",
    "team_added_to_org",
}
_SENTENCES = {
    "channel_not_found": "The Slack channel does not exist or the bot cannot see it.",
    "is_archived": "The Slack channel is archived.",
    "not_in_channel": "The bot is not a member of the Slack channel; invite it.",
    "restricted_action": "A workspace setting forbids the bot to post in the Slack channel.",
    "user_not_found": "The Slack user does not exist.",
    "cannot_dm_bot": "Slack does not let the bot write to this user.",
    "msg_too_long": "The message is too long for Slack.",
    "no_text": "Slack takes no empty message.",
    "invalid_auth": "Slack does not accept SLACK_BOT_TOKEN.",
    "not_authed": "Slack does not accept SLACK_BOT_TOKEN.",
    "token_revoked": "SLACK_BOT_TOKEN has been revoked.",
    "token_expired": "SLACK_BOT_TOKEN has expired.",
    "account_inactive": "The Slack app has been removed from the workspace.",
    "missing_scope": "The Slack app lacks a scope; compare it with slack-manifest.json.",
}


class SlackRefused(DeliveryRefused):
    """Slack refused the call.

    Args:
        code: Slack's own word for it, e.g. ``channel_not_found``.
    """

    def __init__(self, code: str) -> None:
        super().__init__(_SENTENCES.get(code, f"Slack refused the call ({code})."))
        self.code = code


class SlackCalls:
    """One workspace's Web API; every failure is a DeliveryDelayed or a SlackRefused.

    Attributes:
        site: Address of the workspace, once Slack has told it.
    """

    def __init__(self, token: str, base_url: str | None) -> None:
        base_url = base_url or AsyncWebClient.BASE_URL
        self.client = AsyncWebClient(
            token=token,
            base_url=base_url,
            timeout=_TIMEOUT_SECONDS,
            logger=library_logger(),
            retry_handlers=[],  # the default repeats a post whose answer was lost
        )
        self.site = ""
        self.limits = SlackLimits()
        self.local = urlsplit(base_url).hostname in _LOOPBACK
        if self.local:
            self.client.proxy = None

    async def post(self, method: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Call a method that changes something; arguments go as JSON."""
        async with self.limits.kept(method, body):
            return await self.attempt(self._ready().api_call(method, json=dict(body)))

    async def read(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Call a method that only reads; arguments go as a query."""
        async with self.limits.kept(method, params):
            call = self._ready().api_call(method, http_verb="GET", params=dict(params))
            return await self.attempt(call)

    async def open_socket(self, app_token: str) -> str:
        """A fresh one-time WebSocket address for Socket Mode."""
        answer = await self.attempt(self._ready().apps_connections_open(app_token=app_token))
        return str(answer["url"])

    async def respond(self, response_url: str, body: Mapping[str, Any]) -> None:
        """Post to the address that came with a command or a button."""
        session = self._session()
        try:
            async with session.post(
                response_url, json=dict(body), proxy=self.client.proxy
            ) as answer:
                if answer.status != HTTPStatus.OK:
                    raise SlackRefused(f"response_url {answer.status}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DeliveryDelayed(f"Slack cannot be reached ({type(error).__name__}).") from error

    async def send_file(self, user: str, file: AnswerFile) -> None:
        """Upload a file into the direct messages with a person."""
        opened = await self.post("conversations.open", {"users": user})
        await self.upload(file, opened["channel"]["id"])

    async def upload(
        self, file: AnswerFile, channel: str, thread_ts: str | None = None, words: str | None = None
    ) -> None:
        """Upload a file into a channel or thread, with a few words to it."""
        upload = self._ready().files_upload_v2(
            channel=channel,
            filename=file.name,
            content=file.content,
            thread_ts=thread_ts,
            initial_comment=words,
        )
        await self.attempt(upload)

    async def fetch_file(self, url: str, limit_bytes: int = _FILE_BYTES) -> bytes:
        """Download what a person attached; the token goes to Slack and nowhere else.

        Raises:
            BadRequest: The file is elsewhere, or too large.
            DeliveryDelayed: Slack does not hand it over now.
        """
        client = self._ready()
        host = urlsplit(url).hostname or ""
        if host != urlsplit(client.base_url).hostname and not host.endswith(".slack.com"):
            raise BadRequest("That file is not kept by Slack, so it was not read.")
        headers = {"Authorization": f"Bearer {client.token}"}
        session = self._session()
        return await download(session, url, limit_bytes, headers=headers, proxy=client.proxy)

    async def attempt(self, call: Awaitable[Any]) -> dict[str, Any]:
        """Await a call of the library and translate what it raises.

        Raises:
            DeliveryDelayed: Rate limit, server error, connection, time-out.
            SlackRefused: Everything that the same call would meet again.
        """
        try:
            answer = await call
        except SlackApiError as error:
            raise _translated(error) from None  # its text holds the whole answer
        except SlackClientError:
            raise SlackRefused("request_failed") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise DeliveryDelayed(f"Slack cannot be reached ({type(error).__name__}).") from error
        return dict(answer.data)

    async def close(self) -> None:
        """Let go of the connections; a later call opens new ones."""
        session, self.client.session = self.client.session, None
        if session is not None:
            await session.close()

    def _ready(self) -> AsyncWebClient:
        self._session()
        return self.client

    def _session(self) -> aiohttp.ClientSession:
        session = self.client.session
        if session is None or session.closed:
            limit = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
            session = self.client.session = aiohttp.ClientSession(timeout=limit)
        return session


def _translated(error: SlackApiError) -> DeliveryDelayed | SlackRefused:
    response = error.response
    status: int = getattr(response, "status_code", 0) or getattr(response, "status", 0)
    data = getattr(response, "data", None)
    code = str(data.get("error") or "") if isinstance(data, dict) else ""
    busy = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if busy or code in _LATER or not code:
        return DeliveryDelayed(f"Slack asks to wait ({code or status}).", _retry_after(response))
    return SlackRefused(code)


def _retry_after(response: Any) -> float | None:  # noqa: ANN401 - two classes of two libraries
    headers = {name.lower(): value for name, value in dict(response.headers).items()}
    wish = headers.get("retry-after", "")
    return float(wish) if wish.isdigit() else None


async def within(seconds: float, call: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    """Await a call no longer than the caller's own hurry.

    Raises:
        DeliveryDelayed: When the time is over.
    """
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError:
        raise DeliveryDelayed("Slack did not answer in time.") from None
