"""The reaction on messages that wait for their turn; put there and taken away in that order."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any
from weakref import WeakValueDictionary

from engine.records import Turn

React = Callable[[Turn], Coroutine[Any, Any, None]]


class WaitingMarks:
    """Which turns wear the mark of waiting; an earlier process may have left some behind.

    Args:
        add: Puts the platform's reaction on a turn's message; logs a failure.
        remove: Takes it away.
        now: The clock.
    """

    def __init__(self, add: React, remove: React, now: Callable[[], datetime]) -> None:
        self._add = add
        self._remove = remove
        self._since = now()
        self._marked: set[str] = set()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def waits(self, turn: Turn) -> None:
        """Mark the message of a turn that cannot begin yet."""
        self._marked.add(turn.id)
        async with self._lock(turn):
            if turn.id in self._marked:
                await self._add(turn)

    async def goes_on(self, turn: Turn) -> None:
        """Take away the mark that a turn has, or may have from an earlier process."""
        if turn.id in self._marked or turn.created_at < self._since:
            self._marked.discard(turn.id)
            async with self._lock(turn):
                await self._remove(turn)

    def _lock(self, turn: Turn) -> asyncio.Lock:
        return self._locks.setdefault(turn.id, asyncio.Lock())
