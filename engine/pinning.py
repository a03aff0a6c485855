"""Keeps the gist of messages that are about to leave a queue, because a person asked for it."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Literal, Protocol
from weakref import WeakValueDictionary

from engine import notices
from engine.choices import Choice
from engine.config import MemoryConfig
from engine.queue_manager import QueueManager
from engine.receipts import ReceiptStore
from engine.records import Message, Passage, ReflectionCommit, Reply, Scope
from engine.reflection_tools import MEMORY_AGENT
from engine.store import MemoryStore, ReflectionStore
from engine.summarizer import Summarizer

# Left: summarised already. Private: nothing may be made of any of it.
Outcome = Literal["pinned", "pinned before", "left", "private"]
PIN, LET_GO = "pressure pin", "pressure let-go"
_SHARE_OF_WINDOW = 16  # a gist takes about as much as a summary


def pressure_line(percent: int, last: Message) -> Reply:
    """What people are told at memory pressure, with what they can do about it.

    Args:
        percent: How full the window is.
        last: Of the messages that are about to leave.
    """
    arguments = {"through": last.id}
    return Reply(
        text=notices.PRESSURE.format(percent=percent),
        kind="pressure",
        choices=(
            Choice(label=notices.PIN, command=PIN, arguments=arguments),
            Choice(label=notices.LET_GO, command=LET_GO, arguments=arguments),
        ),
    )


class PinStore(MemoryStore, ReflectionStore, ReceiptStore, Protocol):
    """What pinning reads and writes."""


class Pinning:
    """Makes a passage of messages before they are summarised.

    Args:
        store: Where windows are read and passages written.
        queue: Says what is about to leave.
        summarizer: Makes the gist, if need be without a model.
        config: Size of the window.
        now: The clock.
    """

    def __init__(
        self,
        *,
        store: PinStore,
        queue: QueueManager,
        summarizer: Summarizer,
        config: MemoryConfig,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._queue = queue
        self._summarizer = summarizer
        self._most_tokens = config.context_tokens // _SHARE_OF_WINDOW
        self._now = now
        self._one_by_one: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def pin(self, scope: Scope, through: str) -> Outcome:
        """Keep the gist of a queue up to a message.

        Without a message it is what a flush would summarise now.

        The passage has the message's id, so that it is made once.

        Raises:
            StaleTurn: Some of it was erased meanwhile; nothing was stored.
        """
        async with self._one_by_one.setdefault(scope.conversation_id, asyncio.Lock()):
            window = await self._store.load_window(scope)
            ids = [message.id for message in window.queue]
            leaving = self._queue.about_to_leave(window)
            last = through or (leaving[-1].id if leaving else "")
            if await self._store.passage(scope, last):
                return "pinned before"
            if last not in ids:
                return "left"
            messages = window.queue[: ids.index(last) + 1]
            learnable = await self._store.learnable(scope, messages)
            if not learnable:
                return "private"
            await self._keep(scope, learnable, last)
            return "pinned"

    async def _keep(self, scope: Scope, messages: tuple[Message, ...], last: str) -> None:
        made = await self._summarizer.summarize(None, messages, self._most_tokens)
        sources = dict.fromkeys(item.source_key for item in messages if item.source_key)
        gist = Passage(
            id=last,
            text=made.summary.text,
            author=MEMORY_AGENT,
            sources=tuple(filter(None, sources)),
            created_at=self._now(),
        )
        commit = ReflectionCommit(
            scope=scope,
            through_seq=None,
            read_at=made.summary.created_at,
            passages=(gist,),
            usage=made.usage,
            at=self._now(),
        )
        await self._store.commit_reflection(commit)
