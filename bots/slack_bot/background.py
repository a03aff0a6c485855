"""Work that outlives the event that asked for it, and is finished or ended on close."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from bots.failures import without_words

_GRACE_SECONDS = 5.0
_log = logging.getLogger(__name__)


Failed = Callable[[str], Coroutine[Any, Any, None]]


class Background:
    """Keeps its tasks alive, and says so under a short id when one failed."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], failed: Failed | None = None) -> None:
        """Run beside the caller.

        Args:
            work: What to run.
            failed: Tells whoever waits for it; gets the id that stands in the log.
        """
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(partial(self._finished, failed))

    async def close(self) -> None:
        """Wait a little for what runs, then cancel it."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=_GRACE_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _finished(self, failed: Failed | None, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        error_id = secrets.token_hex(3)
        _log.error(
            "Slack: background work failed, %s (%s)",
            error_id,
            type(error).__name__,
            extra={"action": "slack.background", "error_id": error_id},
            exc_info=without_words(error),
        )
        if failed is not None:
            self.start(failed(error_id))
