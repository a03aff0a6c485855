"""Which adapter and which outbox sender serve a platform; the engine calls out through it."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from bots.adapter import Adapter
from bots.delivery import OutboxSender
from engine.hooks import Hook
from engine.records import Turn
from engine.store import OutboxStore


class Switchboard:
    """The platforms that are served; made before the engine, filled after it.

    Args:
        store: Whose outbox is sent.
        now: The clock.
        hook: Hears of deliveries.
    """

    def __init__(self, store: OutboxStore, now: Callable[[], datetime], hook: Hook) -> None:
        self._store = store
        self._now = now
        self._hook = hook
        self._senders: dict[str, OutboxSender] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.adapters: dict[str, Adapter] = {}

    def attach(self, adapter: Adapter) -> OutboxSender:
        """Deliver a platform's replies through this adapter."""
        sender = OutboxSender(adapter, self._store, self._now, self._hook)
        self.adapters[adapter.platform] = adapter
        self._senders[adapter.platform] = sender
        return sender

    def start(self) -> None:
        """Begin to send what waits."""
        for platform, sender in self._senders.items():
            self._tasks.append(asyncio.create_task(sender.run(), name=f"outbox {platform}"))

    def wake(self) -> None:
        """Say that the outbox may have something new."""
        for sender in self._senders.values():
            sender.wake()

    async def show_activity(self, turn: Turn, activity: Literal["working", "idle"]) -> None:
        """Pass a sign of life to the platform of the turn."""
        adapter = self.adapters.get(turn.scope.tenant.partition(":")[0])
        if adapter:
            await adapter.show_activity(turn, activity)

    async def stop(self, seconds: float) -> None:
        """Send what is due, each step within its time, then disconnect."""
        senders = self._senders.values()
        await at_most(seconds, [asyncio.ensure_future(sender.settle()) for sender in senders])
        for task in self._tasks:
            task.cancel()
        await at_most(seconds, [asyncio.ensure_future(sender.close()) for sender in senders])
        adapters = self.adapters.values()
        await at_most(seconds, [asyncio.ensure_future(adapter.close()) for adapter in adapters])


async def at_most(seconds: float, work: list[asyncio.Future[None]]) -> None:
    """Wait for all of it, and give up what is not done by then."""
    if work:
        _, late = await asyncio.wait(work, timeout=seconds)
        for task in late:
            task.cancel()
