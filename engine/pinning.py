"""Keeps the gist of messages that are about to leave a queue, because a person asked for it."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Literal, Protocol
from weakref import WeakValueDictionary

from engine.config import MemoryConfig
from engine.records import Message, Passage, ReflectionCommit, Scope
from engine.reflection_tools import MEMORY_AGENT
from engine.store import MemoryStore, ReflectionStore
from engine.summarizer import Summarizer

_SHARE_OF_WINDOW = 16  # a gist takes about as much as a summary


class PinStore(MemoryStore, ReflectionStore, Protocol):
    """What pinning reads and writes."""


class Pinning:
    """Makes a passage of messages before they are summarised.

    Args:
        store: Where windows are read and passages written.
        summarizer: Makes the gist, if need be without a model.
        config: Size of the window.
        now: The clock.
    """

    def __init__(
        self,
        *,
        store: PinStore,
        summarizer: Summarizer,
        config: MemoryConfig,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._summarizer = summarizer
        self._most_tokens = config.context_tokens // _SHARE_OF_WINDOW
        self._now = now
        self._one_by_one: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def pin(self, scope: Scope, through: str) -> Literal["pinned", "pinned before", "left"]:
        """Keep the gist of a queue up to a message; ``left`` when they have been summarised.

        The passage has the message's id, so that it is made once.

        Raises:
            StaleTurn: Some of it was erased meanwhile; nothing was stored.
        """
        async with self._one_by_one.setdefault(scope.conversation_id, asyncio.Lock()):
            if await self._store.passage(scope, through):
                return "pinned before"
            queue = (await self._store.load_window(scope)).queue
            ids = [message.id for message in queue]
            if through not in ids:
                return "left"
            await self._keep(scope, queue[: ids.index(through) + 1])
            return "pinned"

    async def _keep(self, scope: Scope, messages: tuple[Message, ...]) -> None:
        made = await self._summarizer.summarize(None, messages, self._most_tokens)
        sources = dict.fromkeys(item.source_key for item in messages if item.source_key)
        gist = Passage(
            id=messages[-1].id,
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
