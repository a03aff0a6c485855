"""The scheduler: sleeps until something is due, then makes it an event of its agent's mailbox.

Knows no tool and no model. What it fires is a turn like any other, accepted in one transaction
with moving its schedule on, so that a crash neither loses nor doubles it.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from engine.agent import Reception
from engine.config import EngineConfig
from engine.due_times import next_time, zone_named
from engine.records import IncomingEvent, Schedule, Turn
from engine.store import Acceptance, Store

log = logging.getLogger(__name__)

_LONGEST_SLEEP = timedelta(minutes=1)  # a net for clocks that were set and heartbeats
_AT_ONCE = 100


class Scheduler:
    """Fires what is due.

    Args:
        store: Where schedules and agents are.
        reception: Makes events what is stored of them.
        config: Quiet hours, heartbeats, lateness.
        now: The clock.
        wake: Told of each agent that has a new turn.
        admits: Whether an agent may have a heartbeat where it was last active.
    """

    def __init__(
        self,
        *,
        store: Store,
        reception: Reception,
        config: EngineConfig,
        now: Callable[[], datetime],
        wake: Callable[[str], None],
        admits: Callable[[IncomingEvent], bool],
    ) -> None:
        self._admits = admits
        self._store = store
        self._reception = reception
        self._zone = config.timezone
        self._events = config.events
        self._now = now
        self._wake_agent = wake
        self._woken = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Keep time from now on."""
        self._running = asyncio.create_task(self.run(), name="scheduler")

    async def stop(self) -> None:
        """Fire nothing more; what is being stored is stored whole."""
        if self._running:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def wake(self) -> None:
        """Look again when the next schedule is due: there is a new one."""
        self._woken.set()

    async def run(self) -> None:
        """Fire what is due until cancelled."""
        while True:
            self._woken.clear()
            wait = await self._fire_safely()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait.total_seconds()):
                    await self._woken.wait()

    async def fire_due(self) -> datetime | None:
        """Fire what is due now; when the next schedule is, if there is one."""
        at = self._now()
        if until := self._events.quiet.end_after(at):
            return until
        while due := await self._store.due_schedules(at, _AT_ONCE):
            for schedule in due:
                await self._fire(schedule, at)
        if self._events.heartbeat_minutes:
            since = at - timedelta(minutes=self._events.heartbeat_minutes)
            for turn in await self._store.idle_turns(since, at):
                await self._beat(turn, at)
        return await self._store.next_schedule_time()

    async def _fire_safely(self) -> timedelta:
        """How long to sleep; nothing that goes wrong ends the scheduler."""
        try:
            due = await self.fire_due()
        except Exception as error:  # noqa: BLE001 - whatever it was, the next look comes
            log.warning("schedules were not fired: %s", type(error).__name__)
            return _LONGEST_SLEEP
        ahead = due - self._now() if due else _LONGEST_SLEEP
        return min(max(ahead, timedelta(0)), _LONGEST_SLEEP)

    async def _fire(self, schedule: Schedule, at: datetime) -> None:
        zone = zone_named(schedule.timezone, self._zone)
        following = next_time(schedule.rule, zone, at) if schedule.rule else None
        request = await self._reception.request(self._timer(schedule, at))
        self._accepted(
            await self._store.fire(schedule, request, following), schedule.scope.agent_id
        )

    def _timer(self, schedule: Schedule, at: datetime) -> IncomingEvent:
        due = (schedule.next_at or at).astimezone(zone_named(schedule.timezone, self._zone))
        event_id = f"schedule:{schedule.id}:{due.timestamp():.0f}"
        return IncomingEvent(
            event_id=event_id,
            source_key=event_id,
            kind="timer",
            scope=schedule.scope,
            place=schedule.place,
            place_name=schedule.place_name,
            address=schedule.address,
            speaker_name=schedule.author_name,
            text=schedule.reason,
            sent_at=at,
            due=due,
            late=at - due >= timedelta(minutes=self._events.late_minutes),
        )

    async def _beat(self, last: Turn, at: datetime) -> None:
        """A timed heartbeat where the agent was last active; nobody speaks in it."""
        event_id = f"heartbeat:{last.id}"
        event = IncomingEvent(
            event_id=event_id,
            source_key=event_id,
            kind="heartbeat",
            scope=last.scope,
            place=last.place,
            place_name=last.place_name,
            address=last.address,
            speaker_name=last.speaker_name,
            text="",
            sent_at=at,
        )
        if self._admits(event):
            request = await self._reception.request(event)
            self._accepted(await self._store.accept(request), last.scope.agent_id)

    def _accepted(self, acceptance: Acceptance, agent_id: str) -> None:
        if acceptance.outcome == "queued":
            self._wake_agent(agent_id)
