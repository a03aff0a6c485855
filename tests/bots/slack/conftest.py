"""What the Slack tests share: a recording inbox and runner, and an adapter in either mode."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from aiohttp import web

from bots.adapter import AdapterPorts, Choice, CommandAnswer, CommandRequest, CommandSpec
from bots.places import Places
from bots.slack_bot.adapter import SlackAdapter
from engine.errors import StoreUnavailable
from engine.records import IncomingEvent, OutboxItem, Scope, Turn
from engine.store import Acceptance
from tests.bots.kept_threads import KeptThreads
from tests.fixtures.slack_server import (
    APP_TOKEN,
    BOT_TOKEN,
    SECRET,
    SignedClient,
    SlackServer,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TABLE = (
    CommandSpec(words="help", summary="Lists the commands."),
    CommandSpec(words="memory show", summary="Shows.", options={"topic?": "What about."}),
    CommandSpec(words="memory forget", summary="Forgets.", options={"item": "What."}),
    CommandSpec(
        words="memory edit",
        summary="Edits.",
        options={"item": "What.", "text?": "New."},
        form="text",
    ),
    CommandSpec(words="memory remember", summary="Keeps.", menu="Remember this"),
    CommandSpec(words="memory export", summary="Exports."),
    CommandSpec(words="agent import", summary="Imports.", admin=True, takes_file=True),
    CommandSpec(words="status", summary="Says how it is."),
)


class RecordingInbox:
    """An inbox that de-duplicates as the store does."""

    def __init__(self, slack: SlackServer) -> None:
        self.events: list[IncomingEvent] = []
        self.changes: list[tuple[str, str, str | None]] = []
        self.outcomes: list[str] = []
        self.stopped: list[Scope] = []
        self.closed: list[str] = []
        self.signs: list[tuple[str, str, str]] = []
        self.broken = False
        self._slack = slack

    async def submit(self, event: IncomingEvent) -> Acceptance:
        if self.broken:
            raise StoreUnavailable("The disk is full: my secret text")
        known = any(
            event.event_id == old.event_id or event.source_key == old.source_key
            for old in self.events
        )
        self.outcomes.append("duplicate" if known else "queued")
        if not known:
            self.events.append(event)
        await self._slack.changed()
        if known:
            return Acceptance(outcome="duplicate")
        return Acceptance(outcome="queued", turn_id=f"turn-{len(self.events)}")

    async def edit(self, tenant: str, source_key: str, text: str) -> bool:
        self.changes.append((tenant, source_key, text))
        return True

    async def delete(self, tenant: str, source_keys: Sequence[str]) -> int:
        self.changes += [(tenant, key, None) for key in source_keys]
        return len(source_keys)

    async def close_place(self, key: str) -> None:
        self.closed.append(key)

    async def stop_asked(self, tenant: str, source_key: str, actor: str, notice: str) -> bool:
        self.signs.append((tenant, source_key, actor))
        return True

    async def stop(self, scope: Scope, notice: str = "") -> int:
        self.stopped.append(scope)
        await self._slack.changed()
        return 1


@dataclass(slots=True)
class RecordingRunner:
    """Answers by command; what needs a second step asks for it."""

    requests: list[CommandRequest] = field(default_factory=list)
    answers: dict[str, CommandAnswer] = field(default_factory=dict)
    problem: Exception | None = None
    kept: list[Choice] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    written: str = ""

    async def keep(self, request: CommandRequest, choice: Choice) -> Choice:
        self.kept.append(choice)
        return replace(choice, command="kept", arguments={"key": str(len(self.kept) - 1)})

    async def run(self, request: CommandRequest) -> CommandAnswer:
        self.requests.append(request)
        if self.problem is not None:
            raise self.problem
        if request.confirmed:
            return CommandAnswer(text="It is gone.")
        return self.answers.get(request.command, CommandAnswer(text=f"ran {request.command}"))

    async def suggest(self, request: CommandRequest, option: str, typed: str) -> list[str]:
        self.requests.append(request)
        return self.values

    async def form_text(self, request: CommandRequest) -> str:
        return self.written


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@dataclass(slots=True)
class Bot:
    """An adapter with its surroundings; ``serve`` is a supervisor as small as one can be."""

    slack: SlackServer
    inbox: RecordingInbox
    runner: RecordingRunner
    clock: Clock
    adapter: SlackAdapter
    problems: list[Exception] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def serve(self):
        task = asyncio.create_task(self._supervise())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.adapter.close()

    async def _supervise(self) -> None:
        while True:
            try:
                await self.adapter.run()
            except Exception as problem:  # noqa: BLE001 - whatever it is, start again
                self.problems.append(problem)
                await self.slack.changed()
                await asyncio.sleep(0.02)

    async def say(self, text: str, **fields: object) -> dict:
        """A message by Socket Mode, acknowledged."""
        payload = self.slack.event(self.slack.message(text, **fields))
        await self.take(payload)
        return payload["event"]

    async def take(self, payload: dict, kind: str = "events_api") -> None:
        await self.slack.acked(await self.slack.push(kind, payload))


MakeBot = Callable[..., Bot]


def ports_of(inbox, runner, table, now, places=None, threads=None):
    return AdapterPorts(
        inbox=inbox,
        commands=runner,
        command_table=table,
        now=now,
        places=places or Places(),
        threads=threads or KeptThreads(),
    )


@pytest.fixture
async def slack():
    async with SlackServer() as server:
        yield server


@pytest.fixture
def make_bot(slack) -> MakeBot:
    def make(**settings: object) -> Bot:
        inbox, runner, clock = RecordingInbox(slack), RecordingRunner(), Clock()
        defaults = {"api_base_url": slack.base_url, "ping_interval_seconds": 0.1}
        places, threads = settings.pop("places", None), settings.pop("threads", None)
        adapter = SlackAdapter(
            BOT_TOKEN,
            ports_of(inbox, runner, TABLE, clock, places, threads),
            **(defaults | (settings or {"app_token": APP_TOKEN})),
        )
        return Bot(slack, inbox, runner, clock, adapter)

    return make


@pytest.fixture
async def bot(make_bot, slack):
    """Connected by Socket Mode."""
    async with make_bot().serve() as running:
        await slack.until(lambda: slack.connections)
        yield running


@pytest.fixture
async def web_bot(make_bot, slack):
    """Served over HTTP; gives the bot and a client that signs."""
    async with make_bot(signing_secret=SECRET).serve() as running:
        application = web.Application()
        running.adapter.mount(application)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        await slack.until(lambda: slack.count("auth.test") and running.adapter.connected)
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
        client = SignedClient(url, now=lambda: running.clock().timestamp())
        yield running, client
        await client.close()
        await runner.cleanup()


def a_turn(event: IncomingEvent, turn_id: str = "turn-1") -> Turn:
    return Turn(
        id=turn_id,
        seq=1,
        scope=event.scope,
        kind="user_message",
        state="running",
        attempt=1,
        steps=0,
        place=event.place,
        place_name=event.place_name,
        address=event.address,
        speaker_name=event.speaker_name,
        source_key=event.source_key,
        created_at=NOW,
    )


def an_item(event: IncomingEvent, text: str = "hello", nonce: str = "nonce-1") -> OutboxItem:
    return OutboxItem(
        id="o1",
        seq=1,
        turn_id="turn-1",
        scope=event.scope,
        place=event.place,
        address=event.address,
        text=text,
        kind="answer",
        state="pending",
        attempts=0,
        nonce=nonce,
        created_at=NOW,
    )


def looks(slack: SlackServer) -> list[dict]:
    """How Slack was asked whether the bot takes part in a thread."""
    asked = slack.params("conversations.replies")
    return [params for params in asked if "include_all_metadata" not in params]
