"""Shows replies of one platform while they are being written; knows no SDK and no SQL.

A preview is a row of the outbox before it is a message on the platform, and its message becomes
the reply: there is one message whatever happens in between.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, runtime_checkable

from engine.errors import DeliveryError, StaleTurn, StoreUnavailable
from engine.previews import PreviewStore
from engine.records import OutboxItem, Turn

log = logging.getLogger(__name__)
_PATIENCE_SECONDS = 10.0  # for what is being shown, when the reply itself is ready


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewPace:
    """How often a platform may be shown more.

    Attributes:
        first_seconds: What is written faster than that is shown at once, and once.
        between_seconds: From one look to the next.
    """

    first_seconds: float
    between_seconds: float


@runtime_checkable
class Previewing(Protocol):
    """A platform that can show a reply while it is being written."""

    preview_pace: PreviewPace

    def can_preview(self, address: str) -> bool:
        """Whether it can be done where replies with this address go."""
        ...

    async def preview(self, item: OutboxItem, text: str) -> str:
        """Show the beginning of a reply; the id of the message, the same from the first time on.

        ``send`` turns that message into the reply.

        Args:
            item: Whose ``preview_ref`` is the message, or None before the first time.
            text: All that is written so far.

        Raises:
            DeliveryError: It cannot be shown any further; the reply comes all the same.
        """
        ...

    async def withdraw(self, item: OutboxItem) -> None:
        """Take away what was shown of a reply that never came.

        Raises:
            DeliveryDelayed: Worth another try later.
        """
        ...


@dataclass(slots=True, kw_only=True)
class _Writing:
    text: str
    over: asyncio.Event = field(default_factory=asyncio.Event)
    more: asyncio.Event = field(default_factory=asyncio.Event)
    reference: str | None = None
    task: asyncio.Task[None] | None = None


class Previews:
    """What is being written right now, one task a turn.

    Args:
        platform: Shows it.
        store: Keeps which message is whose preview.
        now: The clock.
    """

    def __init__(
        self, platform: Previewing, store: PreviewStore, now: Callable[[], datetime]
    ) -> None:
        self._platform = platform
        self._store = store
        self._now = now
        self._writing: dict[str, _Writing] = {}

    def show(self, turn: Turn, text: str) -> None:
        """Take the reply of a turn as far as it is written; it is shown when its time comes."""
        if not self._platform.can_preview(turn.address):
            return
        writing = self._writing.setdefault(turn.id, _Writing(text=text))
        writing.text = text
        writing.more.set()
        if writing.task is None:
            writing.task = asyncio.create_task(self._write(turn, writing))

    async def end(self, turn_id: str) -> str | None:
        """Show no more of a turn's reply; the message that shows it, where this process knows."""
        writing = self._writing.pop(turn_id, None)
        if writing is None or writing.task is None:
            return None
        writing.over.set()
        writing.more.set()
        await asyncio.wait({writing.task}, timeout=_PATIENCE_SECONDS)
        writing.task.cancel()
        return writing.reference

    async def _write(self, turn: Turn, writing: _Writing) -> None:
        pace = self._platform.preview_pace
        await _unless_over(writing, pace.first_seconds)
        item = None if writing.over.is_set() else await self._open(turn)
        while item is not None and not writing.over.is_set():
            writing.more.clear()
            item = await self._shown(item, writing)
            await _unless_over(writing, pace.between_seconds)
            await writing.more.wait()

    async def _open(self, turn: Turn) -> OutboxItem | None:
        with suppress(StoreUnavailable):
            return await self._store.open_preview(turn, self._now())
        return None

    async def _shown(self, item: OutboxItem, writing: _Writing) -> OutboxItem | None:
        """The item with the message that shows it, or None when nothing more can be shown."""
        try:
            reference = await self._platform.preview(item, writing.text)
            if reference != item.preview_ref:
                writing.reference = reference
                await self._store.note_preview(item.id, reference)
        except (DeliveryError, StaleTurn, StoreUnavailable) as trouble:
            log.info("No preview: %s", type(trouble).__name__, extra={"action": "preview"})
            return None
        return replace(item, preview_ref=reference)


async def _unless_over(writing: _Writing, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await writing.over.wait()
