"""The part of the store that knows what a payer has used, and what they have been told of it."""

import sqlite3
from datetime import datetime

from engine.budgets import Payer, key_of
from engine.records import Reply, Scope, Turn
from storage.sqlite import outbox
from storage.sqlite.database import Database
from storage.sqlite.instants import from_text, to_text

__all__ = ["Budgeting"]

_COLUMNS: dict[Payer, str] = {"person": "speaker", "room": "agent_id", "tenant": "tenant"}


class Budgeting:
    """What budgets are counted from; the store gives it everything it needs."""

    _database: Database

    async def tokens_used(self, scope: Scope, payer: Payer, since: datetime) -> int:
        """Tokens of turns since a time that the payer of the scope has used."""
        return await self._database.look(lambda c: _tokens(c, scope, payer, since))

    async def earlier_request(
        self, turn: Turn, payer: Payer, number: int, since: datetime
    ) -> datetime | None:
        """When the payer's request came that is so many before the turn, or None."""
        return await self._database.look(lambda c: _earlier(c, turn, payer, number, since))

    async def tell_once(self, turn: Turn, payer: Payer, day: str, notice: Reply) -> bool:
        """Put a notice about a day's budget in the outbox, once; whether it was now."""
        return await self._database.write(lambda c: _tell(c, turn, payer, day, notice))


def _tokens(connection: sqlite3.Connection, scope: Scope, payer: Payer, since: datetime) -> int:
    row = connection.execute(
        "SELECT coalesce(sum(input_tokens + output_tokens), 0) FROM usage "
        f"WHERE {_COLUMNS[payer]} = ? AND at >= ? AND purpose = 'turn'",
        (key_of(payer, scope), to_text(since)),
    ).fetchone()
    return int(row[0])


def _earlier(
    connection: sqlite3.Connection, turn: Turn, payer: Payer, number: int, since: datetime
) -> datetime | None:
    """Refused ones do not count, or who asks again and again would never be let in."""
    row = connection.execute(
        "SELECT created_at FROM turns INDEXED BY turns_created "
        f"WHERE created_at > ? AND {_COLUMNS[payer]} = ? AND seq < ? AND kind = 'user_message' "
        "AND state <> 'refused' ORDER BY created_at DESC LIMIT 1 OFFSET ?",
        (to_text(since), key_of(payer, turn.scope), turn.seq, number - 1),
    ).fetchone()
    return from_text(row[0]) if row else None


def _tell(
    connection: sqlite3.Connection, turn: Turn, payer: Payer, day: str, notice: Reply
) -> bool:
    new = connection.execute(
        "INSERT OR IGNORE INTO budget_notices (payer, day) SELECT ?, ? FROM turns WHERE id = ?",
        (key_of(payer, turn.scope), day, turn.id),
    )
    if new.rowcount == 0:
        return False
    destination = (turn.id, turn.scope, turn.place, turn.address)
    outbox.add(connection, destination, [notice], turn.created_at)
    return True
