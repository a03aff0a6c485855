"""The part of the store that follows what people change on the platform."""

from collections.abc import Sequence
from datetime import datetime

from engine.records import Message
from storage.sqlite import changes, wiping
from storage.sqlite.database import Database
from storage.sqlite.indexes import Indexes

__all__ = ["Changing"]


class Changing:
    """Edits and deletions; the store gives it everything it needs."""

    _database: Database
    _indexes: Indexes

    def _rows_added(self) -> None:
        """Called after rows were stored that wait for vectors."""

    async def find_message(self, tenant: str, source_key: str) -> Message | None:
        """What a person said, by its platform's key, or None when it is not remembered."""
        return await self._database.read(lambda c: changes.find(c, tenant, source_key))

    async def edit_message(self, message: Message, text: str, notice: Message) -> bool:
        """Give a message another text and tell its queue; whether it had another."""
        changed = await self._database.write(
            lambda c: changes.edit(c, self._indexes, message, text, notice)
        )
        self._rows_added()
        return changed

    async def delete_messages(
        self, deleted: Sequence[tuple[Message, Message]], at: datetime
    ) -> None:
        """Unlearn messages with all that came of them, then clean the log."""
        await self._database.write(lambda c: changes.delete(c, self._indexes, deleted, at))
        await self._database.alone(wiping.empty_log)
