"""The part of the store that says what turns used and wrote, and takes single writes back."""

from collections.abc import Sequence

from engine.receipts import ReplyReceipt, TakeBack, Write
from engine.records import Message, Scope
from storage.sqlite import receipts, wishes
from storage.sqlite.database import Database
from storage.sqlite.indexes import Indexes

__all__ = ["Receipting"]


class Receipting:
    """Receipts of turns; the store gives it everything it needs."""

    _database: Database
    _indexes: Indexes

    def _rows_added(self) -> None:
        """Called after rows were stored that wait for vectors."""

    async def receipt(self, scope: Scope, turn_id: str | None) -> ReplyReceipt | None:
        """Of a turn of the scope's agent, or of the speaker's last one in the conversation."""
        return await self._database.read(lambda c: receipts.of_turn(c, scope, turn_id))

    async def written(self, scope: Scope, write_id: str) -> Write | None:
        """One write of a turn of the scope's agent, if it is still remembered."""
        return await self._database.read(lambda c: receipts.written(c, scope, write_id))

    async def take_back(self, scope: Scope, taking: TakeBack) -> bool:
        """Take back exactly one write; False when something later builds on it."""
        taken = await self._database.write(
            lambda c: receipts.take_back(c, self._indexes, scope, taking)
        )
        self._rows_added()
        return taken

    async def learnable(self, scope: Scope, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Of some messages of the scope's agent, those from which something may be made."""
        seqs = [message.seq for message in messages]
        private = await self._database.read(lambda c: wishes.unlearned(c, scope, seqs))
        return tuple(message for message in messages if message.seq not in private)
