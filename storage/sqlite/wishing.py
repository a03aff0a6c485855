"""The part of the store that knows what people want of learning."""

from datetime import datetime

from engine.records import Scope
from engine.wishes import Wish
from storage.sqlite import wishes
from storage.sqlite.database import Database
from storage.sqlite.indexes import Indexes

__all__ = ["Wishing"]


class Wishing:
    """Wishes; the store gives it everything it needs."""

    _database: Database
    _indexes: Indexes

    async def wish_of(self, principal: str) -> Wish | None:
        """What a person wants; None when they are learned about like everybody."""
        return await self._database.read(lambda c: wishes.wish_of(c, principal))

    async def set_wish(self, principal: str, wish: Wish | None, at: datetime) -> None:
        """Note what a person wants; their turns that run begin again under it."""
        await self._database.write(lambda c: wishes.set_wish(c, self._indexes, principal, wish, at))

    async def is_off_record(self, scope: Scope) -> bool:
        """Whether the scope's conversation is off the record."""
        return await self._database.read(lambda c: wishes.is_off_record(c, scope))

    async def go_off_record(self, scope: Scope, at: datetime) -> None:
        """Keep what is said in the conversation from now on in its window alone."""
        await self._database.write(lambda c: wishes.start_off_record(c, scope, at))

    async def go_on_record(self, scope: Scope, at: datetime) -> None:
        """End that, and remove what was said meanwhile."""
        await self._database.write(lambda c: wishes.end_off_record(c, scope, at))
