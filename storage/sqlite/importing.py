"""The part of the store that takes in what other programs remembered.

Imported messages stand in a conversation of their own, from which no window is ever built.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Literal

from ulid import ULID

from engine.imports import Added, PastMessage, Portion
from engine.records import Block, BlockWrite, Message, Scope
from storage.sqlite import accounts, blocks, messages, passages
from storage.sqlite.database import Database
from storage.sqlite.indexes import Indexes
from storage.sqlite.instants import to_text

__all__ = ["Importing"]

_CONVERSATION = "imported"
_TURN = "import"
_KIND = "imported"
_OPERATION = "import"
_OPERATOR = "operator"


class Importing:
    """Imports, portion by portion; the store gives it everything it needs."""

    _database: Database
    _indexes: Indexes

    def _rows_added(self) -> None:
        """Called after rows were stored that wait for vectors."""

    async def add_past(
        self, scope: Scope, portion: Portion, *, dry_run: bool, at: datetime
    ) -> Added:
        """Store what the agent does not have yet of a portion; how much that was, or would be."""
        if dry_run:
            return await self._database.read(lambda c: _counted(_unknown(c, scope, portion)))
        added = await self._database.write(lambda c: _add(c, self._indexes, scope, portion, at))
        self._rows_added()
        return added


def _counted(portion: Portion) -> Added:
    return Added(
        messages=len(portion.messages),
        passages=len(portion.passages),
        blocks=len(portion.blocks),
    )


def _unknown(connection: sqlite3.Connection, scope: Scope, portion: Portion) -> Portion:
    """What the agent does not have yet, each once."""
    said = {item.source_key: item for item in portion.messages}
    kept = {item.source_key or item.id: item for item in portion.passages}
    labels = {block.label for block in blocks.agent_blocks(connection, scope.agent_id)}
    for known in _known(connection, scope, "messages", said):
        del said[known]
    for known in _known(connection, scope, "passages", kept):
        del kept[known]
    return replace(
        portion,
        messages=tuple(said.values()),
        passages=tuple(kept.values()),
        blocks=tuple(block for block in portion.blocks if block.label not in labels),
    )


def _known(
    connection: sqlite3.Connection,
    scope: Scope,
    table: Literal["messages", "passages"],
    sources: Iterable[str],
) -> list[str]:
    """Which of the source keys the agent has."""
    # The plus keeps SQLite from going through all of the agent's rows for each key.
    query = f"SELECT 1 FROM {table} WHERE source_key = ? AND +agent_id = ? AND tenant = ?"
    return [
        source
        for source in sources
        if connection.execute(query, (source, scope.agent_id, scope.tenant)).fetchone()
    ]


def _add(
    connection: sqlite3.Connection,
    indexes: Indexes,
    scope: Scope,
    portion: Portion,
    at: datetime,
) -> Added:
    own = replace(scope, conversation_id=f"{scope.agent_id}/{_CONVERSATION}")
    accounts.ensure_conversation(
        connection, own, portion.place_name, portion.place_name, to_text(at)
    )
    fresh = _unknown(connection, own, portion)
    seqs = messages.add(
        connection, indexes, [_message(item, own, portion.place_name) for item in fresh.messages]
    )
    passages.add(connection, indexes, own, fresh.passages, None)
    blocks.apply(connection, own, [_write(block) for block in fresh.blocks], turn_id=None, at=at)
    connection.execute(
        "UPDATE conversations SET window_start_seq = max(window_start_seq, :last), "
        "reflected_seq = max(reflected_seq, :last) WHERE conversation_id = :conversation",
        {"last": max(seqs, default=0), "conversation": own.conversation_id},
    )
    accounts.refresh_shown_counts(connection, own.agent_id)
    return _counted(fresh)


def _message(item: PastMessage, scope: Scope, place_name: str) -> Message:
    """The row of a message; it is never sent to a model, so it has no payload."""
    return Message(
        id=str(ULID.from_datetime(item.sent_at)),
        scope=scope,
        turn_id=_TURN,
        role=item.role,
        kind=_KIND,
        author=item.author,
        author_name=item.author_name,
        text=item.text,
        payload="",
        tokens=0,
        source_key=item.source_key,
        reply_to=item.thread,
        place=item.place_name or place_name,
        sent_at=item.sent_at,
        searchable=item.searchable,
    )


def _write(block: Block) -> BlockWrite:
    return BlockWrite(block=block, author=_OPERATOR, source_key=None, operation=_OPERATION)
