"""Core memory: blocks, and the history of every write."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from engine.errors import StaleBlock
from engine.records import Block, BlockVersion, BlockWrite, Scope
from storage.sqlite import cards
from storage.sqlite.instants import from_text, to_text
from storage.sqlite.wishes import WANTED_BY

__all__ = ["agent_blocks", "apply", "history", "settle", "stale_labels", "window_blocks"]

_STARTING = "created"
_CONFIGURED, _OPERATOR = "configured", "operator"
_FIRST_LABELS = ("persona", "human", "room")
_PERSON = "human:"
_AFTER_PERSON = "human;"  # the text that follows every label of a person's block
# About somebody who does not want to be learned about; others do not write it either.
_UNWANTED = f"(read_only OR EXISTS (SELECT 1 FROM wishes AS w WHERE {WANTED_BY.format('owner')}))"


def settle(
    connection: sqlite3.Connection, scope: Scope, blocks: Sequence[Block], at: datetime
) -> bool:
    """Give the agent the blocks it lacks; whether any that it had has changed.

    Those it has stay as they are, but for read-only ones: they are the operator's, and follow
    what is given. An event that gives none changes none.
    """
    if not blocks:
        return False
    labels = [block.label for block in blocks]
    rows = connection.execute(
        "SELECT * FROM blocks WHERE agent_id = ? "
        "AND (read_only = 1 OR label IN (SELECT value FROM json_each(?)))",
        (scope.agent_id, json.dumps(labels)),
    )
    known = {row["label"]: _block(row) for row in rows}
    changed = _drop_withdrawn(connection, scope, known.keys() - labels)
    for block in blocks:
        following = _following(block, known.get(block.label))
        if following:
            _store(connection, scope, _given(following), None, at)
            changed |= following.version > 1
    return changed


def _following(given: Block, known: Block | None) -> Block | None:
    """What is to be stored of a block that is given, or None when nothing is."""
    if known is None:
        return given
    told = given if given.read_only else replace(known, read_only=False)
    following = replace(told, version=known.version, updated_at=known.updated_at)
    return None if following == known else replace(following, version=known.version + 1)


def _given(block: Block) -> BlockWrite:
    author, operation = (_OPERATOR, _CONFIGURED) if block.read_only else (None, _STARTING)
    return BlockWrite(block=block, author=author, source_key=None, operation=operation)


def _drop_withdrawn(connection: sqlite3.Connection, scope: Scope, labels: Iterable[str]) -> bool:
    """Remove read-only blocks that the operator gave and gives no more, history and all."""
    dropped = 0
    for label in labels:
        dropped += connection.execute(
            "DELETE FROM blocks WHERE agent_id = :agent AND label = :label AND EXISTS (SELECT 1 "
            "FROM block_versions AS v WHERE v.agent_id = blocks.agent_id AND v.label = "
            "blocks.label AND v.version = blocks.version AND v.operation = :operation)",
            {"agent": scope.agent_id, "label": label, "operation": _CONFIGURED},
        ).rowcount
        connection.execute(
            "DELETE FROM block_versions WHERE agent_id = :agent AND label = :label "
            "AND NOT EXISTS (SELECT 1 FROM blocks WHERE agent_id = :agent AND label = :label)",
            {"agent": scope.agent_id, "label": label},
        )
    return dropped > 0


def apply(
    connection: sqlite3.Connection,
    scope: Scope,
    writes: Sequence[BlockWrite],
    *,
    turn_id: str | None,
    at: datetime,
) -> list[int]:
    """Store writes with their history; the numbers of the new versions.

    Raises:
        StaleBlock: A block is not at the version that the write was made from.
    """
    numbers = []
    for write in writes:
        if _is_stale(connection, scope, write.block):
            raise StaleBlock
        numbers.append(_store(connection, scope, write, turn_id, at))
    return numbers


def stale_labels(
    connection: sqlite3.Connection, scope: Scope, writes: Iterable[BlockWrite]
) -> tuple[str, ...]:
    """Blocks that are not at the version that a write was made from."""
    blocks = (write.block for write in writes)
    return tuple(block.label for block in blocks if _is_stale(connection, scope, block))


def _is_stale(connection: sqlite3.Connection, scope: Scope, block: Block) -> bool:
    row = connection.execute(
        "SELECT version FROM blocks WHERE agent_id = ? AND tenant = ? AND label = ?",
        (scope.agent_id, scope.tenant, block.label),
    ).fetchone()
    return bool(block.version != (row["version"] + 1 if row else 1))


def _store(
    connection: sqlite3.Connection,
    scope: Scope,
    write: BlockWrite,
    turn_id: str | None,
    at: datetime,
) -> int:
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
        "pinned": json.dumps(block.pinned, ensure_ascii=False),
        "author": write.author,
        "source": write.source_key,
        "turn": turn_id,
        "operation": write.operation,
    }
    connection.execute(
        "INSERT OR REPLACE INTO blocks (agent_id, tenant, label, description, value, limit_chars, "
        "read_only, owner, owner_name, version, updated_at, pinned) VALUES (:agent, :tenant, "
        ":label, :description, :value, :limit, :read_only, :owner, :owner_name, :version, :at, "
        ":pinned)",
        values,
    )
    cursor = connection.execute(
        "INSERT INTO block_versions (agent_id, tenant, label, version, value, author, "
        "source_key, turn_id, operation, at, pinned) VALUES (:agent, :tenant, :label, :version, "
        ":value, :author, :source, :turn, :operation, :at, :pinned)",
        values,
    )
    connection.executemany(
        "INSERT OR IGNORE INTO block_sources (version_id, source_key) VALUES (?, ?)",
        ((cursor.lastrowid, source) for source in write.sources),
    )
    return int(cursor.lastrowid or 0)


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
        f"SELECT {_UNWANTED} AS read_only, blocks.* FROM blocks "
        "WHERE agent_id = :agent AND tenant = :tenant "
        "AND (value <> '' AND label IN (SELECT :person || speaker.value FROM conversations AS c, "
        "json_each(c.speakers) AS speaker WHERE c.conversation_id = :conversation "
        "AND c.agent_id = :agent) OR label = :person || :speaker) ORDER BY label",
        _keys(scope),
    )
    return (*_ordered(own), *(_block(row) for row in people), *cards.shown(connection, scope))


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
        "SELECT v.*, (SELECT json_group_array(s.source_key) FROM block_sources AS s "
        "WHERE s.version_id = v.id) AS sources FROM block_versions AS v WHERE agent_id = :agent "
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
            pinned=tuple(json.loads(row["pinned"])),
            sources=tuple(json.loads(row["sources"])),
        )
        for row in rows
    ]


def _block(row: sqlite3.Row) -> Block:
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
        pinned=tuple(json.loads(row["pinned"])),
    )
