"""The part of the store that the memory agent works through."""

from collections.abc import Callable
from datetime import datetime

from engine.records import Reflection, ReflectionCommit, Scope
from storage.sqlite import reflections
from storage.sqlite.database import Database
from storage.sqlite.indexes import Indexes

__all__ = ["Reflecting"]


class Reflecting:
    """Runs of the memory agent; the store gives it everything it needs."""

    _database: Database
    _indexes: Indexes
    _now: Callable[[], datetime]

    def _rows_added(self) -> None:
        """Called after rows were stored that wait for vectors."""

    async def unreflected(self, idle_since: datetime | None) -> list[Scope]:
        """Conversations with messages that the memory agent has not seen."""
        return await self._database.read(lambda c: reflections.unseen(c, idle_since))

    async def load_reflection(
        self, scope: Scope, *, tokens: int, whole_queue: bool
    ) -> Reflection | None:
        """The oldest messages not seen yet, with the blocks they may concern."""
        at = self._now()
        return await self._database.read(
            lambda c: reflections.load(c, scope, tokens, at, whole_queue=whole_queue)
        )

    async def commit_reflection(self, commit: ReflectionCommit) -> tuple[str, ...]:
        """Store a run whole, or say which blocks have changed meanwhile.

        Raises:
            StaleTurn: The conversation is gone, or something in it was erased meanwhile.
        """
        stale = await self._database.write(lambda c: reflections.commit(c, self._indexes, commit))
        self._rows_added()
        return stale
