"""The composition root: builds store, brain, engine and adapters, and takes them down in order.

Nothing else imports ``storage``. Everything heavy is imported when it is needed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bots.adapter import Adapter
from bots.allowances import Allowances
from bots.command_families import build_commands
from bots.commands import Commands
from bots.config_file import place_rules
from bots.conversation_commands import StatusInfo
from bots.housekeeping import (
    Retention,
    keep_approvals,
    keep_house,
    keep_knowledge,
    keep_places,
)
from bots.observing import Metrics, both, log_hook
from bots.places import Places
from bots.platforms import build_adapters
from bots.process import product_version, stop_signals, utc_now
from bots.routing import Rules
from bots.settings import Settings, reveal
from bots.supervisor import supervise
from bots.switchboard import Switchboard
from engine.chat_model import ChatModel
from engine.config import EngineConfig
from engine.errors import BadSettings
from engine.hooks import Hook
from engine.knowledge_reader import KnowledgeReader
from engine.mcp_servers import McpServer, McpServers
from engine.pictures import Pictures
from engine.store import Store
from engine.uploads import Uploads

if TYPE_CHECKING:
    from engine.dispatcher import Dispatcher
    from engine.tokens import TokenCounter
    from engine.tools import Tool
    from storage.embedder import Embedder

log = logging.getLogger(__name__)
DRAIN_SECONDS = 12.0  # for turns; with the steps that follow it stays under the promised 20 s
STEP_SECONDS = 1.5


async def open_store(
    settings: Settings, embedder: "Embedder | None", *, exclusive: bool = False
) -> Store:
    """The configured database.

    Args:
        settings: Say where it is.
        embedder: For searches by meaning and new vectors; the store closes it.
        exclusive: Whether turns will run: then this process must be the only one.
    """
    from storage.sqlite.store import SqliteStore

    return await SqliteStore.open(
        settings.database, embedder=embedder, now=utc_now, exclusive=exclusive
    )


def build_embedder(settings: Settings) -> "Embedder | None":
    """What makes vectors; None when search goes by words alone."""
    if settings.embedding_model is None:
        return None
    from storage.embedder import ChildEmbedder
    from storage.embedding_child import ChildCommand

    return ChildEmbedder(ChildCommand(model=settings.embedding_model))


async def embedding_problem(settings: Settings) -> str | None:
    """Why the configured embedding model makes no vectors, or None when it does."""
    from storage.embedder import NoVectorsError

    embedder = build_embedder(settings)
    if embedder is None:
        return None
    try:
        await embedder.embed(["hello"])
    except NoVectorsError as problem:
        return str(problem)
    finally:
        await embedder.close()
    return None


async def restore_database(settings: Settings, backup: Path) -> Path | None:
    """Put a backup in the database's place; where what was there is kept, if anything was.

    Raises:
        StoreUnavailable: The backup is damaged or of something else; nothing was changed.
        AlreadyRunning: The bot runs on this database.
    """
    from storage.sqlite.backup import restore

    return await restore(backup, settings.database)


def build_model(
    config: EngineConfig,
    embedder: "Embedder | None" = None,
    store: Store | None = None,
    *,
    offline: bool,
) -> ChatModel:
    """The chat model, which keeps in the store what it learns, or the demo brain."""
    if offline:
        from engine.offline_model import OfflineChatModel

        return OfflineChatModel(embedder.embed_query if embedder else None)
    from engine.openai_model import OpenAIChatModel

    return OpenAIChatModel(config.model, store)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A bot whose adapters are still to be attached to its switchboard."""

    store: Store
    model: ChatModel
    dispatcher: "Dispatcher"
    servers: McpServers
    inbox: Uploads
    commands: Commands
    switchboard: Switchboard
    places: Places
    allowances: Allowances
    reader: KnowledgeReader
    counter: "TokenCounter"

    async def start(self) -> None:
        """Send what waits in the outbox, go on with unfinished turns and unread files."""
        self.servers.start()
        self.switchboard.start()
        await self.dispatcher.start()
        await self.inbox.start(self.switchboard.adapters)

    async def stop(self, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Let turns and sends finish within their time, then take everything down."""
        await self.inbox.close()
        await self.dispatcher.drain(drain_seconds)
        await self.switchboard.stop(STEP_SECONDS)
        await self.dispatcher.close()
        await self.servers.close()
        await self.model.close()
        await self.store.close()


async def open_engine(settings: Settings, hook: Hook = log_hook) -> Engine:
    """Build a bot on the configured database.

    Raises:
        BadSettings: Own tools cannot be used.
        AlreadyRunning: Another process runs turns on it.
        StoreUnavailable: The database cannot be used.
    """
    config = settings.engine_config()
    own_tools = await asyncio.to_thread(_own_tools, settings)
    embedder = build_embedder(settings)
    store = await open_store(settings, embedder, exclusive=True)
    model = build_model(config, embedder, store, offline=settings.offline)
    await model.warm_up()
    switchboard = Switchboard(store, utc_now, hook, receipts=settings.file.replies.receipts)
    servers = mcp_servers(settings)
    places = build_places(settings)
    await places.load(store)
    allowances = Allowances(places, settings.configured())
    counter = _counter(config)
    brain = Brain(
        model=model,
        config=config,
        own_tools=own_tools,
        servers=servers,
        allowances=allowances,
        counter=counter,
        stream=settings.file.replies.stream,
        pictures=_pictures(settings, store, switchboard),
    )
    dispatcher = _dispatcher(store, brain, switchboard, hook)
    commands = build_commands(
        store=store,
        inbox=dispatcher,
        admins=settings.admins,
        now=utc_now,
        info=_status_info(brain),
        allowances=allowances,
    )
    return Engine(
        store=store,
        places=places,
        allowances=allowances,
        model=model,
        dispatcher=dispatcher,
        servers=servers,
        inbox=_inbox(dispatcher, store, switchboard, config),
        commands=commands,
        switchboard=switchboard,
        reader=KnowledgeReader(store, config.knowledge, config.documents, utc_now),
        counter=counter,
    )


def _inbox(
    dispatcher: "Dispatcher", store: Store, switchboard: Switchboard, config: EngineConfig
) -> Uploads:
    return Uploads(
        inbox=dispatcher,
        store=store,
        fetch=switchboard.fetch,
        config=config.documents,
        now=utc_now,
        on_commit=switchboard.wake,
        show_progress=switchboard.show_progress,
    )


def _status_info(brain: "Brain") -> StatusInfo:
    return StatusInfo(
        model=brain.model.name,
        is_demonstration=brain.model.is_demonstration,
        context_tokens=brain.config.memory.context_tokens,
        version=product_version(),
    )


def build_places(settings: Settings) -> Places:
    """What the configuration sets for places; what the database has is still to be loaded."""
    return Places(
        Rules(mapping=settings.env.membot_mapping),
        place_rules(settings.file),
        settings.file.owner.identities,
    )


async def run_bot(settings: Settings) -> None:
    """Serve every configured platform until SIGTERM or SIGINT, then drain.

    Raises:
        BadSettings: No adapter is configured, or the web listener would be open to others.
    """
    if problems := settings.run_problems():
        raise BadSettings("\n".join(problems))
    metrics = Metrics()
    with stop_signals() as stopped:
        engine = await open_engine(settings, both([log_hook, metrics.hook]))
        try:
            adapters = build_adapters(settings, engine)
            async with _web(settings, engine, metrics, adapters):
                await _serve(engine, adapters, _retention(settings, engine), stopped)
        finally:
            await engine.stop()


def _retention(settings: Settings, engine: Engine) -> Retention:
    return Retention(
        recall_days=engine.allowances.recall_days,
        backups_days=settings.file.retention.backups_days,
        backups=settings.backups,
    )


async def _serve(
    engine: Engine, adapters: list[Adapter], retention: Retention, stopped: asyncio.Event
) -> None:
    for adapter in adapters:
        engine.switchboard.attach(adapter)
    await engine.counter.load()  # not when the first message comes, which would wait for it
    await engine.start()
    running = [asyncio.create_task(supervise(adapter)) for adapter in adapters]
    running.append(asyncio.create_task(keep_house(engine.store, retention, utc_now)))
    running.append(asyncio.create_task(keep_knowledge(engine.reader)))
    running.append(asyncio.create_task(keep_places(engine.places, engine.store)))
    running.append(asyncio.create_task(keep_approvals(engine.dispatcher.expire_approvals)))
    log.info("membot %s is running", product_version(), extra={"action": "start"})
    await stopped.wait()
    log.info("stopping", extra={"action": "stop"})
    await engine.dispatcher.drain(DRAIN_SECONDS)
    await engine.switchboard.settle(STEP_SECONDS)  # while there is still a connection
    for task in running:
        task.cancel()
    await asyncio.wait(running, timeout=STEP_SECONDS)


@asynccontextmanager
async def _web(
    settings: Settings, engine: Engine, metrics: Metrics, adapters: list[Adapter]
) -> AsyncIterator[None]:
    if settings.web is None:
        yield
        return
    from bots.web.server import Mountable, WebListener, WebParts

    by_http = [one for one in adapters if settings.slack_http and isinstance(one, Mountable)]
    parts = WebParts(
        store=engine.store,
        adapters=tuple(adapters),
        metrics=metrics.text,
        token=reveal(settings.env.membot_web_token),
        mounts=tuple(adapter.mount for adapter in by_http),
    )
    listener = WebListener(settings.web, parts)
    await listener.start()
    try:
        yield
    finally:
        await listener.close()


def _own_tools(settings: Settings) -> tuple["Tool", ...]:
    """The operator's tools.

    Raises:
        BadSettings: With every problem, one sentence a line.
    """
    from bots.tool_modules import find_own_tools

    found = find_own_tools(settings.file.tools, settings.folder)
    if found.problems:
        raise BadSettings("\n".join(found.problems))
    return found.tools


def mcp_servers(settings: Settings) -> McpServers:
    """The servers of tools that the configuration names, not connected yet."""
    return McpServers(
        McpServer(
            name=name,
            command=tuple(table.command or ()),
            url=table.url or "",
            headers=table.headers,
            env=table.env,
            folder=settings.folder,
            allow=tuple(table.allow),
            approve=tuple(table.approve),
            places=tuple(table.places),
            admins_only=table.admins_only,
            seconds=table.timeout_seconds,
        )
        for name, table in settings.file.mcp.items()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Brain:
    """What a dispatcher thinks with, and whom it may think for."""

    model: ChatModel
    config: EngineConfig
    own_tools: tuple["Tool", ...]
    servers: McpServers
    allowances: Allowances
    counter: "TokenCounter"
    stream: bool
    pictures: Pictures | None


def _pictures(settings: Settings, store: Store, switchboard: Switchboard) -> Pictures | None:
    table = settings.file.pictures
    return Pictures(store, switchboard.fetch, table.max_bytes) if table.show else None


def _counter(config: EngineConfig) -> "TokenCounter":
    from engine.tokens import TokenCounter, carried_data

    return TokenCounter(config.model.model, carried_data())


def _dispatcher(store: Store, brain: Brain, switchboard: Switchboard, hook: Hook) -> "Dispatcher":
    from engine.assembly import EnginePorts, build_dispatcher

    ports = EnginePorts(
        store=store,
        model=brain.model,
        own_tools=brain.own_tools,
        attach_tools=brain.servers.attach,
        texts=brain.allowances.places.texts,
        counter=brain.counter,
        now=utc_now,
        hook=hook,
        on_commit=switchboard.wake,
        show_activity=switchboard.show_activity,
        admits=brain.allowances.admits,
        budgets=brain.allowances.budgets,
        show_preview=switchboard.show_preview if brain.stream else None,
        show_progress=switchboard.show_progress,
        pictures=brain.pictures,
    )
    return build_dispatcher(ports, brain.config)
