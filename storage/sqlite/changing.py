"""The part of the store that follows what people change on the platform."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from engine.errors import StoreUnavailable
from engine.records import Message
from storage.sqlite import changes, wiping
from storage.sqlite.database import Database
from storage.sqlite.indexes import Indexes

__all__ = ["Changing"]

_PAUSE_SECONDS = 30.0  # with 100,000 messages the rewriting takes half a second


class Changing:
    """Edits and deletions; the store gives it everything it needs."""

    _database: Database
    _indexes: Indexes
    _cleaning: asyncio.Task[None] | None = None
    _unclean = False
    _hurry: asyncio.Event

    def _rows_added(self) -> None:
        """Called after rows were stored that wait for vectors."""

    async def find_message(self, tenant: str, source_key: str) -> Message | None:
        """What a person said, by its platform's key, or None when it is not remembered."""
        return await self._database.read(lambda c: changes.find(c, tenant, source_key))

    async def keys_below(self, tenant: str, beginning: str) -> list[str]:
        """Keys of what people said in a thread, by the beginning of its keys, with a slash."""
        return await self._database.read(lambda c: changes.keys_below(c, tenant, beginning))

    async def edit_message(self, message: Message, reworded: Message, notice: Message) -> bool:
        """Put other words in a message's place, unlearn the old ones; whether it had others."""
        changed = await self._database.write(
            lambda c: changes.edit(c, self._indexes, message, reworded, notice)
        )
        if changed:
            self._rows_added()
            self._clean_soon()
        return changed

    async def delete_messages(
        self, deleted: Sequence[tuple[Message, Message]], at: datetime
    ) -> None:
        """Unlearn messages with all that came of them, and soon clean the file of their words."""
        await self._database.write(lambda c: changes.delete(c, self._indexes, deleted, at))
        self._clean_soon()

    def _clean_soon(self) -> None:
        """Have the words of removed rows leave the file."""
        self._unclean = True
        if self._cleaning is None or self._cleaning.done():
            self._hurry.clear()
            self._cleaning = asyncio.create_task(self._clean(), name="membot-cleaning")

    async def finish_cleaning(self) -> None:
        """Clean the file of deleted messages now, if that is still to be done."""
        self._hurry.set()
        if self._cleaning:
            await self._cleaning

    async def _clean(self) -> None:
        """Rewrite the word index and empty the log, once for all that is deleted in a while."""
        while self._unclean:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE_SECONDS):
                    await self._hurry.wait()
            self._unclean = False
            with suppress(StoreUnavailable):  # then the next deletion cleans up
                await self._database.write(self._indexes.purge)
                await self._database.alone(wiping.empty_log)
