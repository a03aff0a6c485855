"""Memory pressure: when the alert is given, when a summary is prepared, when messages leave.

Source: MemGPT (arXiv 2310.08560), section 2.2, with the numbers of this project's memory design.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.chat_model import ModelRequest
from engine.config import MemoryConfig
from engine.context_window import MESSAGE_OVERHEAD_TOKENS, ContextWindow, Fill
from engine.errors import MembotError
from engine.hooks import Hook, MemoryFlushed
from engine.records import Message, Scope, Window
from engine.store import MemoryStore
from engine.summarizer import Summarized, Summarizer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A request that fits, and the window it was built from."""

    request: ModelRequest
    window: Window
    fill: Fill


class QueueManager:
    """Keeps every request inside the window, before the call and not after an error.

    Args:
        store: Reads windows, takes flushes.
        context: Builds and measures requests.
        summarizer: Makes what stands for evicted messages.
        config: Shares.
        hook: Is told of flushes.
        flushed: Called when messages have left a conversation's queue.
    """

    def __init__(
        self,
        *,
        store: MemoryStore,
        context: ContextWindow,
        summarizer: Summarizer,
        config: MemoryConfig,
        hook: Hook,
        flushed: Callable[[Scope], None],
    ) -> None:
        self._flushed = flushed
        self._store = store
        self._context = context
        self._summarizer = summarizer
        self._config = config
        self._hook = hook
        self._preparing: dict[str, asyncio.Task[None]] = {}
        self._told_full: set[str] = set()

    async def ready(
        self, scope: Scope, *, asked: Sequence[Message] = (), force_flush: bool = False
    ) -> Ready:
        """The next request, flushed first where it would not fit.

        Args:
            scope: Whose window.
            asked: What the turn answers; it stays in sight even where it has left the queue.
            force_flush: The endpoint said that the window is smaller than we think.
        """
        stored = await self._store.load_window(scope)
        window = _in_sight(stored, asked)
        fill = self._context.measure(window)
        if force_flush or fill.used_tokens > fill.limit_tokens:
            window = _in_sight(await self._flush(scope, stored, fill), asked)
            fill = self._context.measure(window)
        request = self._context.build(window)
        excess = fill.used_tokens - fill.limit_tokens
        if force_flush:
            excess = max(excess, fill.used_tokens // 4)
        if excess > 0:
            request = self._context.shrink(request, excess)
        return Ready(request=request, window=window, fill=fill)

    def wants_alert(self, fill: Fill, window: Window) -> bool:
        """Whether the memory-pressure alert is due: once a period, from 70 % on."""
        return not window.warned and fill.share >= self._config.warn

    def prepare(self, scope: Scope, fill: Fill) -> None:
        """From 85 % on, summarise in the background what will leave, unless that is under way."""
        if fill.share < self._config.prepare or scope.conversation_id in self._preparing:
            return
        task = asyncio.create_task(self._prepare(scope))
        self._preparing[scope.conversation_id] = task
        task.add_done_callback(lambda _: self._preparing.pop(scope.conversation_id, None))

    async def close(self) -> None:
        """Give up what is being prepared; a flush makes it anew."""
        tasks = list(self._preparing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _prepare(self, scope: Scope) -> None:
        try:
            window = await self._store.load_window(scope)
            leaving = self.about_to_leave(window)
            if leaving and not window.prepared:
                most = self._context.summary_tokens(window)
                made = await self._summarizer.summarize(window.summary, leaving, most)
                if not made.summary.mechanical:
                    prepared = replace(made.summary, prepared=True)
                    await self._store.save_prepared_summary(scope, prepared, made.usage)
        except MembotError as error:
            log.warning("summary not prepared: %s", type(error).__name__)

    async def _flush(self, scope: Scope, window: Window, fill: Fill) -> Window:
        """Let about half of the queue leave; the window afterwards."""
        if preparing := self._preparing.get(scope.conversation_id):
            await asyncio.wait({preparing})
            window = await self._store.load_window(scope)
        leaving = self._leaving(window, fill)
        if not leaving:
            if scope.conversation_id not in self._told_full:
                log.error("a flush frees nothing", extra={"agent_id": scope.agent_id})
                self._told_full.add(scope.conversation_id)
            return window
        made = await self._summary_of(window, leaving)
        at = made.summary.created_at
        await self._store.save_flush(scope, made.summary, made.usage, at)
        gone = [item for item in window.queue if item.seq <= made.summary.through_seq]
        self._hook(
            MemoryFlushed(
                agent_id=scope.agent_id,
                conversation_id=scope.conversation_id,
                messages=len(gone),
                tokens=sum(item.tokens for item in gone),
                mechanical=made.summary.mechanical,
            )
        )
        self._flushed(scope)
        return await self._store.load_window(scope)

    async def _summary_of(self, window: Window, leaving: Sequence[Message]) -> Summarized:
        """The prepared summary when it covers enough, else a new one."""
        prepared = window.prepared
        if prepared and prepared.through_seq >= leaving[0].seq:
            covered = [item for item in leaving if item.seq <= prepared.through_seq]
            if 2 * len(covered) >= len(leaving):
                return Summarized(summary=replace(prepared, prepared=False))
        most = self._context.summary_tokens(window)
        return await self._summarizer.summarize(window.summary, leaving, most)

    def about_to_leave(self, window: Window) -> tuple[Message, ...]:
        """What a flush would summarise now."""
        return self._leaving(window, self._context.measure(window))

    def _leaving(self, window: Window, fill: Fill) -> tuple[Message, ...]:
        """The oldest messages that make room: half of the queue, and enough to fit again."""
        queue = window.queue
        queue_tokens = sum(map(_size, queue))
        others = fill.used_tokens - queue_tokens
        room = self._config.warn * fill.context_tokens - others
        wanted = max(self._config.evict * queue_tokens, queue_tokens - room)
        return queue[: cut_place(queue, wanted, self._config.keep_last_messages)]


def _in_sight(window: Window, asked: Sequence[Message]) -> Window:
    seen = {message.id for message in window.queue}
    missing = (message for message in asked if message.id not in seen)
    return replace(window, queue=(*missing, *window.queue))


def _size(message: Message) -> int:
    return message.tokens + MESSAGE_OVERHEAD_TOKENS


def cut_place(queue: Sequence[Message], wanted_tokens: float, keep_last: int) -> int:
    """How many messages leave: enough tokens, never between a call and its result.

    Args:
        queue: Oldest first.
        wanted_tokens: How much should leave.
        keep_last: Messages that stay whatever they weigh.

    Returns:
        A count between 0 and ``len(queue) - keep_last``; the message after it is no tool result.
    """
    most = max(0, len(queue) - keep_last)
    place, freed = 0, 0
    while place < most and freed < wanted_tokens:
        freed += _size(queue[place])
        place += 1
    while place < most and queue[place].role == "tool":
        place += 1
    while 0 < place < len(queue) and queue[place].role == "tool":
        place -= 1
    return place
