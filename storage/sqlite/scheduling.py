"""The part of the store that events to come are kept in."""

from datetime import datetime

from engine.records import Schedule, Scope, Turn
from engine.store import Acceptance, AcceptRequest
from storage.sqlite import firing, schedules
from storage.sqlite.database import Database
from storage.sqlite.indexes import Indexes

__all__ = ["Scheduling"]


class Scheduling:
    """Schedules and idle agents; the store gives it everything it needs."""

    _database: Database
    _indexes: Indexes

    async def schedules(self, scope: Scope) -> list[Schedule]:
        """What is scheduled in the scope's conversation, the next one first."""
        return await self._database.read(lambda c: schedules.of_conversation(c, scope))

    async def agent_schedules(self, agent_id: str) -> list[Schedule]:
        """What is scheduled in all conversations of an agent, the next one first."""
        return await self._database.read(lambda c: schedules.of_agent(c, agent_id))

    async def timezone_of(self, principal: str) -> str | None:
        """IANA name of a person's time zone, where their platform told it."""
        return await self._database.read(lambda c: schedules.timezone_of(c, principal))

    async def due_schedules(self, at: datetime, limit: int) -> list[Schedule]:
        """Schedules whose time has come, the one due longest first."""
        return await self._database.read(lambda c: schedules.due(c, at, limit))

    async def next_schedule_time(self) -> datetime | None:
        """When the next schedule is due, or None."""
        return await self._database.read(schedules.next_time)

    async def fire(
        self, schedule: Schedule, request: AcceptRequest, next_at: datetime | None
    ) -> Acceptance:
        """Accept a schedule's event and move it on, or remove it when there is no next time."""
        return await self._database.write(
            lambda c: firing.fire(c, self._indexes, schedule, request, next_at)
        )

    async def idle_turns(self, since: datetime, at: datetime) -> list[Turn]:
        """The last turn of each agent that has been idle since then and has no pause."""
        return await self._database.read(lambda c: firing.idle_turns(c, since, at))
