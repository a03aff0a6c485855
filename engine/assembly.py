"""Puts the engine together from its ports; the composition root calls this once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from engine.approvals import Approvals, ask
from engine.budgets import Accountant, Budgets
from engine.chat_model import ChatModel
from engine.config import EngineConfig
from engine.context_window import ContextWindow
from engine.dispatcher import Background, Dispatcher, ShowActivity
from engine.disputes import Disputes
from engine.file_tools import file_tools
from engine.hooks import Hook
from engine.memory_agent import MemoryAgent, MemoryAgentTools
from engine.memory_tools import correction_tools, memory_tools
from engine.pictures import Pictures
from engine.pinning import Pinning
from engine.progress import ShowProgress, unseen
from engine.prompts import load_prompt
from engine.queue_manager import QueueManager
from engine.records import IncomingEvent, Scope
from engine.schedule_tools import schedule_tools
from engine.store import Store
from engine.summarizer import Summarizer
from engine.tokens import TokenCounter
from engine.tools import Offer, Tool, Toolbox
from engine.turn import ShowPreview, TurnRunner, TurnTools

_ROOMY_TOKENS = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePorts:
    """What the engine is given from outside.

    Attributes:
        own_tools: Tools that the operator brings along.
        texts: What admins gave an agent in chat: texts of blocks by label.
        attach_tools: Called with what takes the tools of servers, which are there later.
        on_commit: Called when the outbox may have something new.
        show_activity: The platform's sign of life for a turn.
        admits: Whether what a person says, or a heartbeat, is for the bot at all.
        budgets: What may be used at a scope.
        show_preview: Shows a reply while it is written; None has no answer streamed.
        show_progress: Shows how far long work of a turn is.
        pictures: Gets pictures for the model; None shows it none.
    """

    store: Store
    model: ChatModel
    counter: TokenCounter
    now: Callable[[], datetime]
    hook: Hook
    on_commit: Callable[[], None]
    show_activity: ShowActivity
    admits: Callable[[IncomingEvent], bool] = lambda _: True
    budgets: Callable[[Scope], Budgets] = lambda _: Budgets()
    show_preview: ShowPreview | None = None
    show_progress: ShowProgress = unseen
    pictures: Pictures | None = None
    own_tools: tuple[Tool, ...] = ()
    attach_tools: Callable[[Offer], None] | None = None
    texts: Callable[[str], Mapping[str, str]] = lambda _: {}


def builtin_tools(context_tokens: int = _ROOMY_TOKENS) -> list[Tool]:
    """What every agent may call, in the order in which the model reads it.

    Args:
        context_tokens: Of the window; a small one is left to MemGPT's own functions.
    """
    if context_tokens < _ROOMY_TOKENS:
        return memory_tools()
    return [*memory_tools(), *correction_tools(), *schedule_tools(), *file_tools()]


def build_dispatcher(ports: EnginePorts, config: EngineConfig) -> Dispatcher:
    """A dispatcher with all that its turns need."""
    memory, zone = config.memory, config.timezone
    toolbox = _toolbox(ports, config)
    context = ContextWindow(
        system_text=load_prompt("system"),
        tools=toolbox.specs_for,
        counter=ports.counter,
        config=memory,
        tools_as_text=lambda: ports.model.tools_as_text,
    )
    summarizer = Summarizer(
        model=ports.model, counter=ports.counter, config=memory, now=ports.now, zone=zone
    )
    memory_agent = _memory_agent(ports, config)
    queue = QueueManager(
        store=ports.store,
        context=context,
        summarizer=summarizer,
        config=memory,
        hook=ports.hook,
        flushed=memory_agent.flushed,
    )
    approvals = Approvals(
        store=ports.store,
        toolbox=toolbox,
        config=memory,
        counter=ports.counter,
        now=ports.now,
        zone=zone,
    )
    accountant = Accountant(store=ports.store, budgets=ports.budgets, now=ports.now, zone=zone)
    background = Background(
        queue=queue,
        memory_agent=memory_agent,
        disputes=Disputes(store=ports.store, counter=ports.counter, now=ports.now, zone=zone),
        pinning=Pinning(
            store=ports.store, queue=queue, summarizer=summarizer, config=memory, now=ports.now
        ),
    )
    return Dispatcher(
        ports=ports,
        runner=_runner(ports, config, toolbox, context, queue),
        background=background,
        approvals=approvals,
        accountant=accountant,
        config=config,
    )


def _runner(
    ports: EnginePorts,
    config: EngineConfig,
    toolbox: Toolbox,
    context: ContextWindow,
    queue: QueueManager,
) -> TurnRunner:
    return TurnRunner(
        TurnTools(
            store=ports.store,
            model=ports.model,
            counter=ports.counter,
            toolbox=toolbox,
            context=context,
            queue=queue,
            config=config.memory,
            now=ports.now,
            zone=config.timezone,
            hook=ports.hook,
            show_preview=ports.show_preview,
            show_progress=ports.show_progress,
            pictures=ports.pictures,
            knowledge=config.knowledge,
            quiet=config.events.quiet,
        )
    )


def _memory_agent(ports: EnginePorts, config: EngineConfig) -> MemoryAgent:
    return MemoryAgent(
        MemoryAgentTools(
            store=ports.store,
            model=ports.model,
            counter=ports.counter,
            config=config.memory,
            now=ports.now,
            zone=config.timezone,
            hook=ports.hook,
        )
    )


def _toolbox(ports: EnginePorts, config: EngineConfig) -> Toolbox:
    toolbox = Toolbox(
        builtin_tools(config.memory.context_tokens),
        room_chars=config.memory.tool_chars,
        admins=config.admins,
        ask=partial(ask, minutes=config.approval_minutes),
    )
    toolbox.offer("own tools", ports.own_tools)
    if ports.attach_tools:
        ports.attach_tools(toolbox.offer)
    return toolbox
