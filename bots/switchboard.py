"""Which adapter and which outbox sender serve a platform; the engine calls out through it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, Protocol

from bots.adapter import Adapter, FileSource
from bots.delivery import OutboxSender, SenderStore
from bots.previews import Previewing, Previews
from bots.progress import Progressing, ProgressLines
from engine.delivery import Activity
from engine.errors import BadRequest
from engine.hooks import Hook
from engine.progress import ProgressStore, Work
from engine.records import Attachment, Turn

log = logging.getLogger(__name__)


class SwitchboardStore(SenderStore, ProgressStore, Protocol):
    """What is shown and what was sent."""


class Switchboard:
    """The platforms that are served; made before the engine, filled after it.

    Args:
        store: Whose outbox is sent, and what is shown of long work.
        now: The clock.
        hook: Hears of deliveries.
        receipts: Whether answers have a button for theirs.
    """

    def __init__(
        self,
        store: SwitchboardStore,
        now: Callable[[], datetime],
        hook: Hook,
        *,
        receipts: bool = False,
    ) -> None:
        self._receipts = receipts
        self._store = store
        self._now = now
        self._hook = hook
        self._senders: dict[str, OutboxSender] = {}
        self._previews: dict[str, Previews] = {}
        self._progress: dict[str, ProgressLines] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.adapters: dict[str, Adapter] = {}

    def attach(self, adapter: Adapter) -> OutboxSender:
        """Deliver a platform's replies through this adapter."""
        previews = None
        if isinstance(adapter, Previewing):
            previews = Previews(adapter, self._store, self._now)
            self._previews[adapter.platform] = previews
        if isinstance(adapter, Progressing):
            self._progress[adapter.platform] = ProgressLines(adapter, adapter.platform, self._store)
        sender = OutboxSender(
            adapter,
            self._store,
            self._now,
            self._hook,
            previews=previews,
            receipts=self._receipts,
        )
        self.adapters[adapter.platform] = adapter
        self._senders[adapter.platform] = sender
        return sender

    def start(self) -> None:
        """Begin to send what waits."""
        for platform, sender in self._senders.items():
            self._tasks.append(asyncio.create_task(sender.run(), name=f"outbox {platform}"))
        for lines in self._progress.values():
            lines.clear()

    def wake(self) -> None:
        """Say that the outbox may have something new."""
        for sender in self._senders.values():
            sender.wake()

    async def show_activity(self, turn: Turn, activity: Activity) -> None:
        """Pass a sign of life to the platform of the turn."""
        platform = turn.scope.platform
        adapter = self.adapters.get(platform)
        if adapter:
            await adapter.show_activity(turn, activity)
        previews = self._previews.get(platform)
        if previews and activity == "idle":
            await previews.end(turn.id)
            self._senders[platform].wake()  # what came to nothing is taken away

    def show_preview(self, turn: Turn, text: str) -> None:
        """Show the reply of a turn as far as it is written, where the platform can."""
        previews = self._previews.get(turn.scope.platform)
        if previews:
            previews.show(turn, text)

    def show_progress(self, work: Work, line: str) -> None:
        """Show how far long work is, where the platform can."""
        lines = self._progress.get(work.scope.platform)
        if lines:
            lines.show(work, line)

    async def fetch(self, platform: str, attachment: Attachment, limit_bytes: int) -> bytes:
        """Take a file of a message from its platform.

        Raises:
            BadRequest: It is not to be had.
            DeliveryDelayed: Not now.
        """
        adapter = self.adapters.get(platform)
        if not isinstance(adapter, FileSource):
            raise BadRequest("Files cannot be fetched here.")
        return await adapter.fetch(attachment, limit_bytes)

    async def settle(self, seconds: float) -> None:
        """Send what is due, as far as the time goes."""
        await at_most(seconds, [sender.settle() for sender in self._senders.values()])

    async def stop(self, seconds: float) -> None:
        """Send what is due, then disconnect; each step within its time."""
        if self._tasks:
            await self.settle(seconds)
        await at_most(seconds, [lines.close() for lines in self._progress.values()])
        for task in self._tasks:
            task.cancel()
        await at_most(seconds, [sender.close() for sender in self._senders.values()])
        await at_most(seconds, [adapter.close() for adapter in self.adapters.values()])


async def at_most(seconds: float, work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Wait for all of it, give up what is not done by then, and log what failed."""
    tasks = [asyncio.create_task(one) for one in work]
    if not tasks:
        return
    done, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    for task in done:
        if problem := task.exception():
            log.error("not stopped cleanly: %s", type(problem).__name__)
