"""Work that outlives the event that asked for it, and is finished or ended on close."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from bots.slack_bot.quiet import without_words

_GRACE_SECONDS = 5.0
_log = logging.getLogger(__name__)


class Background:
    """Keeps its tasks alive and says in one line when one failed."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside the caller."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    async def close(self) -> None:
        """Wait a little for what runs, then cancel it."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=_GRACE_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error(
                "Slack: background work failed (%s)",
                type(error).__name__,
                extra={"action": "slack.background"},
                exc_info=without_words(error),
            )
