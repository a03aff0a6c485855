"""Core memory: blocks, and the history of every write."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from engine.errors import StaleBlock
from engine.records import Block, BlockVersion, BlockWrite, Scope
from storage.sqlite.instants import from_text, to_text

__all__ = ["add_missing", "agent_blocks", "apply", "history", "window_blocks"]

_STARTING = "created"
_FIRST_LABELS = ("persona", "human", "room")
_PERSON = "human:"
_AFTER_PERSON = "human;"  # the text that follows every label of a person's block


def add_missing(
    connection: sqlite3.Connection, scope: Scope, blocks: Iterable[Block], at: datetime
) -> None:
    """Give the agent the blocks it lacks; those it has stay as they are."""
    for block in blocks:
        known = connection.execute(
            "SELECT 1 FROM blocks WHERE agent_id = ? AND label = ?", (scope.agent_id, block.label)
        ).fetchone()
        if not known:
            write = BlockWrite(block=block, author=None, source_key=None, operation=_STARTING)
            _store(connection, scope, write, None, at)


def apply(
    connection: sqlite3.Connection,
    scope: Scope,
    writes: Sequence[BlockWrite],
    *,
    turn_id: str | None,
    at: datetime,
) -> None:
    """Store writes with their history.

    Raises:
        StaleBlock: A block is not at the version that the write was made from.
    """
    for write in writes:
        row = connection.execute(
            "SELECT version FROM blocks WHERE agent_id = ? AND tenant = ? AND label = ?",
            (scope.agent_id, scope.tenant, write.block.label),
        ).fetchone()
        if write.block.version != (row["version"] + 1 if row else 1):
            raise StaleBlock
        _store(connection, scope, write, turn_id, at)


def _store(
    connection: sqlite3.Connection,
    scope: Scope,
    write: BlockWrite,
    turn_id: str | None,
    at: datetime,
) -> None:
    block = write.block
    values = {
        "agent": scope.agent_id,
        "tenant": scope.tenant,
        "label": block.label,
        "description": block.description,
        "value": block.value,
        "limit": block.limit_chars,
        "read_only": block.read_only,
        "owner": block.owner,
        "owner_name": block.owner_name,
        "version": block.version,
        "at": to_text(at),
        "author": write.author,
        "source": write.source_key,
        "turn": turn_id,
        "operation": write.operation,
    }
    connection.execute(
        "INSERT OR REPLACE INTO blocks (agent_id, tenant, label, description, value, limit_chars, "
        "read_only, owner, owner_name, version, updated_at) VALUES (:agent, :tenant, :label, "
        ":description, :value, :limit, :read_only, :owner, :owner_name, :version, :at)",
        values,
    )
    connection.execute(
        "INSERT INTO block_versions (agent_id, tenant, label, version, value, author, "
        "source_key, turn_id, operation, at) VALUES (:agent, :tenant, :label, :version, :value, "
        ":author, :source, :turn, :operation, :at)",
        values,
    )


def window_blocks(connection: sqlite3.Connection, scope: Scope) -> tuple[Block, ...]:
    """The agent's own blocks, then the speaker's, empty or not, and what is noted on others around.

    The order depends on labels alone, so that a prompt's prefix stays the same.
    """
    own = connection.execute(
        "SELECT * FROM blocks WHERE agent_id = :agent AND tenant = :tenant "
        "AND (label < :person OR label >= :after) ORDER BY label",
        _keys(scope),
    )
    people = connection.execute(
        "SELECT * FROM blocks WHERE agent_id = :agent AND tenant = :tenant "
        "AND (value <> '' AND label IN (SELECT :person || speaker.value FROM conversations AS c, "
        "json_each(c.speakers) AS speaker WHERE c.conversation_id = :conversation "
        "AND c.agent_id = :agent) OR label = :person || :speaker) ORDER BY label",
        _keys(scope),
    )
    return (*_ordered(own), *(_block(row) for row in people))


def _keys(scope: Scope) -> dict[str, str | None]:
    return {
        "agent": scope.agent_id,
        "tenant": scope.tenant,
        "conversation": scope.conversation_id,
        "person": _PERSON,
        "speaker": scope.speaker,
        "after": _AFTER_PERSON,
    }


def agent_blocks(connection: sqlite3.Connection, agent_id: str) -> list[Block]:
    """All blocks of an agent, for its operator or owner."""
    return _ordered(
        connection.execute("SELECT * FROM blocks WHERE agent_id = ? ORDER BY label", (agent_id,))
    )


def _ordered(rows: Iterable[Any]) -> list[Block]:
    def rank(block: Block) -> int:
        named = block.label in _FIRST_LABELS
        return _FIRST_LABELS.index(block.label) if named else len(_FIRST_LABELS)

    return sorted((_block(row) for row in rows), key=rank)


def history(connection: sqlite3.Connection, agent_id: str, label: str | None) -> list[BlockVersion]:
    """Every write of an agent's blocks, or of one of them, oldest first."""
    rows = connection.execute(
        "SELECT * FROM block_versions WHERE agent_id = :agent "
        "AND (:label IS NULL OR label = :label) ORDER BY at, label, version",
        {"agent": agent_id, "label": label},
    )
    return [
        BlockVersion(
            label=row["label"],
            version=row["version"],
            value=row["value"],
            author=row["author"],
            source_key=row["source_key"],
            operation=row["operation"],
            at=from_text(row["at"]),
        )
        for row in rows
    ]


def _block(row: Any) -> Block:  # noqa: ANN401 - a row of any query
    return Block(
        label=row["label"],
        description=row["description"],
        value=row["value"],
        limit_chars=row["limit_chars"],
        read_only=bool(row["read_only"]),
        owner=row["owner"],
        owner_name=row["owner_name"],
        version=row["version"],
        updated_at=from_text(row["updated_at"]),
    )
