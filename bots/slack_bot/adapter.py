"""The Slack adapter: puts its parts together, and is what the rest of the product sees."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bots.adapter import AdapterPorts
from bots.failures import without_words
from bots.previews import PreviewPace
from bots.slack_bot import progress
from bots.slack_bot.activity import Activity, mark_waiting
from bots.slack_bot.address import address_from
from bots.slack_bot.answers import CANCEL, CHOICE, CONFIRM, Answers
from bots.slack_bot.background import Background
from bots.slack_bot.calls import SlackCalls
from bots.slack_bot.commands import SLASH, Commands, Surface
from bots.slack_bot.directory import Directory
from bots.slack_bot.endpoint import PATH, Endpoint
from bots.slack_bot.forms import FORM
from bots.slack_bot.identity import Identity, identify
from bots.slack_bot.inbound import Inbound
from bots.slack_bot.outbound import Outbound
from bots.slack_bot.quiet import library_logger
from bots.slack_bot.render import reply_parts
from bots.slack_bot.socket_mode import SocketMode
from bots.slack_bot.stop import StopSigns
from bots.slack_bot.streams import PACE, Streams
from bots.slack_bot.threads import Threads
from bots.waiting_marks import WaitingMarks
from engine.delivery import Activity as Sign
from engine.errors import BadSettings, MembotError, OperatorError
from engine.progress import Work
from engine.records import Attachment, OutboxItem, Turn

_EVERYTHING = re.compile(".*")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class SlackAdapter:
    """Slack for one workspace: events in, deliveries out.

    Args:
        bot_token: ``xoxb-...``.
        ports: What surrounds it.
        app_token: ``xapp-...``; with it events come by Socket Mode, without it by HTTP.
        signing_secret: Needed in HTTP mode.
        api_base_url: Another Web API base, for proxies and tests.
        ping_interval_seconds: How soon a cut socket is noticed.
    """

    bot_token: str
    ports: AdapterPorts
    app_token: str | None = None
    signing_secret: str | None = None
    api_base_url: str | None = None
    ping_interval_seconds: float = 5.0
    platform: str = field(default="slack", init=False)
    files_apart: bool = field(default=True, init=False)
    preview_pace: PreviewPace = field(default=PACE, init=False)
    _me: Identity | None = field(default=None, init=False)
    _calls: SlackCalls = field(init=False)
    _background: Background = field(init=False)
    _activity: Activity = field(init=False)
    _commands: Commands = field(init=False)
    _inbound: Inbound = field(init=False)
    _outbound: Outbound = field(init=False)
    _stop: StopSigns = field(init=False)
    _waiting: WaitingMarks = field(init=False)
    _streams: Streams = field(init=False)
    _app: AsyncApp = field(init=False)
    _socket: SocketMode | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not (self.app_token or self.signing_secret):
            raise BadSettings(
                "Slack needs SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP mode)"
                " beside SLACK_BOT_TOKEN."
            )
        self._calls = SlackCalls(self.bot_token, self.api_base_url)
        self._background = Background()
        self._activity = Activity(self._calls, self._background)
        self._stop = StopSigns(self.ports.inbox, self._activity, self.ports.places)
        mark = partial(mark_waiting, self._calls)
        self._waiting = WaitingMarks(
            partial(mark, method="reactions.add"),
            partial(mark, method="reactions.remove"),
            self.ports.now,
        )
        self._wire()
        self._app = self._bolt()
        if self.app_token:
            self._socket = SocketMode(
                self._app, self.app_token, self._calls, self.ping_interval_seconds
            )

    @property
    def connected(self) -> bool:
        """Whether events arrive right now."""
        return self._me is not None and (self._socket is None or self._socket.connected)

    async def run(self) -> None:
        """Connect and serve until cancelled; may be called again after an exception.

        Raises:
            BadSettings: Slack does not accept a token; the sentence names the setting.
            OperatorError: Slack cannot be reached, or the connection was lost.
        """
        self._me = await identify(self._calls)
        try:
            if self._socket is not None:
                await self._socket.serve()
            else:
                await asyncio.get_running_loop().create_future()
        finally:
            self._me = None

    async def close(self) -> None:
        """Finish or end commands under way and let go of the connections."""
        await self._background.close()
        await self._calls.close()

    def mount(self, application: web.Application) -> None:
        """Serve ``POST /slack/events`` on the product's web listener."""
        application.router.add_post(PATH, self.http_handler())

    def http_handler(self) -> Callable[[web.Request], Awaitable[web.Response]]:
        """The handler behind ``/slack/events``.

        Raises:
            BadSettings: Without a signing secret nobody could be told from Slack.
        """
        if not self.signing_secret:
            raise BadSettings("Slack's HTTP mode needs SLACK_SIGNING_SECRET.")
        return Endpoint(self._app, self.signing_secret, self.ports.now).handle

    def split(self, text: str) -> list[str]:
        """Cut a reply into messages of at most 12,000 characters."""
        return reply_parts(text)

    async def send(self, item: OutboxItem, part: str, number: int) -> str:
        """Post one part of a reply.

        Raises:
            DeliveryDelayed: Slack cannot take it now.
            DeliveryRefused: Slack never will.
        """
        return await self._outbound.send(item, part, number)

    def can_preview(self, address: str) -> bool:
        """In threads, for Slack streams nowhere else, and not more often than it takes."""
        return address_from(address).thread_ts is not None and self._calls.limits.may_stream

    async def preview(self, item: OutboxItem, text: str) -> str:
        """Stream the beginning of a reply.

        Raises:
            DeliveryError: The stream cannot grow to that.
        """
        return await self._streams.show(item, text)

    async def withdraw(self, item: OutboxItem) -> None:
        """Take the beginning of a reply away.

        Raises:
            DeliveryDelayed: Slack cannot be asked now.
        """
        await self._streams.withdraw(item)

    async def show_line(self, work: Work, line: str, shown_in: str | None) -> str:
        """Show how far long work is; ``channel/ts`` of the message.

        Raises:
            DeliveryError: Slack does not take it.
        """
        return await progress.show_line(self._calls, work, line, shown_in)

    async def take_line(self, shown_in: str) -> None:
        """Take such a line away.

        Raises:
            DeliveryDelayed: Slack cannot be asked now.
        """
        await progress.take_line(self._calls, shown_in)

    async def fetch(self, attachment: Attachment, limit_bytes: int) -> bytes:
        """Download a file of a message.

        Raises:
            BadRequest: It is not kept by Slack, too large, or not for the bot.
            DeliveryDelayed: Slack does not hand it over now.
        """
        return await self._calls.fetch_file(attachment.url, limit_bytes)

    async def show_activity(self, turn: Turn, activity: Sign) -> None:
        """Show or end Slack's status line for a turn."""
        address = address_from(turn.address)
        if activity == "waiting":
            await self._waiting.waits(turn)
            return
        await self._waiting.goes_on(turn)
        if activity == "working":
            await self._activity.working(turn.id, turn.scope, address)
        else:
            await self._activity.idle(turn.id, address)

    def _wire(self) -> None:
        directory = Directory(self._calls, self.ports.now)
        threads = Threads(self._calls, self.ports.threads, self.ports.now)
        surface = Surface(
            runner=self.ports.commands,
            table=self.ports.command_table,
            directory=directory,
            places=self.ports.places,
            answers=Answers(self._calls),
            calls=self._calls,
            background=self._background,
        )
        self._commands = Commands(surface)
        self._inbound = Inbound(
            self.ports.inbox, directory, threads, self._activity, self._commands, self.ports.places
        )
        self._streams = Streams(self._calls)
        self._outbound = Outbound(self._calls, threads, self._streams)

    def _bolt(self) -> AsyncApp:
        app = AsyncApp(
            name="slack_bolt.membot",
            logger=library_logger(),
            # A client without a token: `authorize` gives it, from what `auth.test` said at start.
            client=AsyncWebClient(base_url=self._calls.client.base_url, logger=library_logger()),
            authorize=self._authorize(),
            signing_secret="",
            request_verification_enabled=False,  # the endpoint does it, with our clock
            process_before_response=True,  # acknowledged once stored, and not when storing failed
            attaching_conversation_kwargs_enabled=False,
        )
        app.event("message")(self._on_message)
        app.event("app_mention")(self._on_message)
        app.event("app_home_opened")(self._on_home)
        app.event("agent_session_stopped")(self._on_stop)
        app.event("reaction_added")(self._on_reaction)
        for gone in ("channel_deleted", "group_deleted", "app_uninstalled"):
            app.event(gone)(self._on_gone)
        app.event(_EVERYTHING)(_acknowledge)
        app.command(SLASH)(self._on_slash)
        app.action(re.compile(rf"{CONFIRM}|{CANCEL}|{CHOICE}_\d+"))(self._on_button)
        for spec in self.ports.command_table:
            if spec.menu:
                app.message_shortcut(spec.words)(self._on_shortcut)
        app.view(FORM)(self._on_form)
        app.action(_EVERYTHING)(_acknowledge)
        app.error(_report)
        return app

    def _authorize(self) -> Callable[[str | None, str | None], Awaitable[AuthorizeResult]]:
        # A function of its own: of a bound method bolt would also fill in `self`.
        async def authorize(team_id: str | None, enterprise_id: str | None) -> AuthorizeResult:
            me = self._known()
            return AuthorizeResult(
                enterprise_id=enterprise_id,
                team_id=team_id,
                bot_user_id=me.user,
                bot_id=me.bot,
                bot_token=self.bot_token,
            )

        return authorize

    def _known(self) -> Identity:
        if self._me is None:
            raise OperatorError("Slack has not been reached yet.")  # Slack sends the event again
        return self._me

    async def _on_message(self, body: Mapping[str, Any]) -> None:
        await self._inbound.receive(body, self._known())

    async def _on_stop(self, body: Mapping[str, Any]) -> None:
        await self._stop.pressed(body, self._known())

    async def _on_reaction(self, body: Mapping[str, Any]) -> None:
        await self._stop.reacted(body, self._known())

    async def _on_gone(self, body: Mapping[str, Any]) -> None:
        tenant = f"slack:{body.get('team_id') or self._known().team}"
        channel = body["event"].get("channel")
        await self.ports.inbox.close_place(f"{tenant}/channel/{channel}" if channel else tenant)

    async def _on_slash(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        self._commands.take_slash(body)
        await ack()

    async def _on_shortcut(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        self._commands.take_shortcut(body)
        await ack()

    async def _on_form(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        self._commands.take_form(body)
        await ack()

    async def _on_home(self, body: Mapping[str, Any]) -> None:
        if body["event"].get("tab") == "home":
            self._commands.take_home(body)

    async def _on_button(self, ack: AsyncAck, body: Mapping[str, Any]) -> None:
        self._commands.take_button(body)
        await ack()


async def _acknowledge(ack: AsyncAck) -> None:
    """Events and buttons that are nobody's are acknowledged, or Slack would repeat them."""
    await ack()


async def _report(error: Exception) -> None:
    _log.error(
        "An event was not taken (%s); Slack will send it again.",
        type(error).__name__,
        extra={"action": "slack.event"},
        exc_info=None if isinstance(error, MembotError) else without_words(error),
    )
