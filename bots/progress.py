"""Shows how far long work is, on one platform: a line that changes, and goes when it is done."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from engine.errors import DeliveryError, DeliveryRefused, StoreUnavailable
from engine.progress import ProgressStore, ShownLine, Work

log = logging.getLogger(__name__)
MARK = "\N{HOURGLASS WITH FLOWING SAND}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressPace:
    """When a line is worth a message.

    Attributes:
        first_seconds: Work that is done sooner needs none.
        between_seconds: From one change to the next; platforms limit edits.
        again_seconds: Until a line that could not be taken away is tried again.
    """

    first_seconds: float = 10.0
    between_seconds: float = 4.0
    again_seconds: float = 30.0


@runtime_checkable
class Progressing(Protocol):
    """A platform on which a line can be shown, changed and taken away."""

    async def show_line(self, work: Work, line: str, shown_in: str | None) -> str:
        """Show a line, in the message that shows an earlier one.

        Returns:
            The message's id; "" where nothing stays when the process ends.

        Raises:
            DeliveryError: It cannot be shown.
        """
        ...

    async def take_line(self, shown_in: str) -> None:
        """Take it away; that it is gone already is no error.

        Raises:
            DeliveryError: It may still stand there.
        """
        ...


@dataclass(slots=True, kw_only=True)
class _Underway:
    line: str
    over: asyncio.Event = field(default_factory=asyncio.Event)


class ProgressLines:
    """The lines of one platform, one task for each piece of work.

    Args:
        platform: Shows them.
        name: The platform's.
        store: Knows which stand there.
        pace: When they appear and change.
    """

    def __init__(
        self,
        platform: Progressing,
        name: str,
        store: ProgressStore,
        pace: ProgressPace | None = None,
    ) -> None:
        self._platform = platform
        self._name = name
        self._store = store
        self._pace = pace or ProgressPace()
        self._underway: dict[str, _Underway] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._clearing: asyncio.Task[None] | None = None

    def show(self, work: Work, line: str) -> None:
        """Take how far work is; "" when it is over."""
        known = self._underway.get(work.id)
        if known:
            known.line = line or known.line
        if not line:
            if ended := self._underway.pop(work.id, None):
                ended.over.set()
        elif known is None:
            self._underway[work.id] = underway = _Underway(line=line)
            task = asyncio.create_task(self._tell(work, underway))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def clear(self) -> None:
        """Take away, as soon as that is possible, what stands there and should not."""
        if self._clearing is None or self._clearing.done():
            self._clearing = asyncio.create_task(self._clear())

    async def close(self) -> None:
        """All work is over; lines that cannot be taken away now go at the next start."""
        for underway in self._underway.values():
            underway.over.set()
        await asyncio.gather(*self._tasks)
        if self._clearing:
            self._clearing.cancel()

    async def _tell(self, work: Work, underway: _Underway) -> None:
        await _unless_over(underway, self._pace.first_seconds)
        standing: ShownLine | None = None
        with suppress(DeliveryError, StoreUnavailable):
            while not underway.over.is_set():
                standing = await self._shown(work, underway.line, standing)
                await _unless_over(underway, self._pace.between_seconds)
        if standing and not await self._take(standing):
            self.clear()

    async def _shown(self, work: Work, line: str, standing: ShownLine | None) -> ShownLine:
        before = standing.reference if standing else None
        reference = await self._platform.show_line(work, line, before)
        if standing and reference == before:
            return standing
        standing = ShownLine(work_id=work.id, platform=self._name, reference=reference)
        if reference:
            await self._store.keep_line(standing)
        return standing

    async def _take(self, standing: ShownLine) -> bool:
        try:
            with suppress(DeliveryRefused):  # it never can be: the place is gone
                await self._platform.take_line(standing.reference)
            await self._store.drop_line(standing.work_id)
        except (DeliveryError, StoreUnavailable) as trouble:
            log.info("A line stays: %s", type(trouble).__name__, extra={"action": "progress"})
            return False
        return True

    async def _clear(self) -> None:
        while left := await self._left():
            if not all([await self._take(standing) for standing in left]):
                await asyncio.sleep(self._pace.again_seconds)

    async def _left(self) -> list[ShownLine]:
        """Lines about work that is not under way."""
        with suppress(StoreUnavailable):
            standing = await self._store.shown_lines(self._name)
            return [line for line in standing if line.work_id not in self._underway]
        return []


async def _unless_over(underway: _Underway, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await underway.over.wait()
