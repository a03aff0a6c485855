"""What turns used and wrote: read off the rows they have left, and taken back one by one."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from engine.knowledge import knowledge_name, owner_scope
from engine.receipts import NOT_TRUE, ReplyReceipt, TakeBack, Write, without_change
from engine.records import BlockWrite, Revision, Scope, Turn
from storage.sqlite import accounts, blocks, messages, passages, schedules, turn_rows
from storage.sqlite.indexes import Indexes
from storage.sqlite.unlearning import column

__all__ = ["disputed", "of_turn", "take_back", "written"]

_BLOCKS = (
    "SELECT 'b' || v.id AS id, 'block' AS kind, v.label AS place, v.value AS after, coalesce("
    "(SELECT p.value FROM block_versions AS p WHERE p.agent_id = v.agent_id "
    "AND p.label = v.label AND p.version < v.version ORDER BY p.version DESC LIMIT 1), '') "
    "AS before, b.value AS now, b.limit_chars AS most, b.owner, v.source_key, v.turn_id "
    "FROM block_versions AS v JOIN blocks AS b ON b.agent_id = v.agent_id AND b.label = v.label "
    "WHERE v.agent_id = :agent AND v.tenant = :tenant "
)
_PASSAGES = (
    "SELECT 'p' || n.seq AS id, 'passage' AS kind, n.title AS place, n.text AS after, coalesce("
    "(SELECT o.text FROM passages AS o WHERE o.superseded_by = n.id AND o.agent_id = n.agent_id "
    "AND o.seq < n.seq), '') AS before, NULL AS owner, n.source_key, n.turn_id, "
    "n.superseded_at IS NULL AS stands FROM passages AS n "
    "WHERE n.agent_id = :agent AND n.tenant = :tenant AND n.title <> :not_true "
)
_DELETIONS = (
    "SELECT 'd' || n.seq AS id, 'deletion' AS kind, n.title AS place, '' AS after, "
    "n.text AS before, NULL AS owner, t.source_key, u.turn_id, "
    "n.superseded_at IS NOT NULL AND n.superseded_by IS NULL AS stands "
    "FROM turn_uses AS u JOIN passages AS n ON n.id = u.passage_id AND n.agent_id = :agent "
    "JOIN turns AS t ON t.id = u.turn_id WHERE u.ended AND n.tenant = :tenant "
)
_SCHEDULES = (
    "SELECT 's' || s.id AS id, 'schedule' AS kind, '' AS place, s.reason AS after, "
    "'' AS before, NULL AS owner, s.source_key, t.id AS turn_id, 1 AS stands "
    "FROM schedules AS s JOIN turns AS t ON t.source_key = s.source_key "
    "AND t.conversation_id = s.conversation_id AND t.agent_id = s.agent_id "
    "WHERE s.agent_id = :agent AND s.tenant = :tenant "
)
_SAID = (
    "SELECT m.seq FROM turn_uses AS u JOIN messages AS m ON m.id = u.message_id "
    "WHERE u.turn_id = :turn AND m.agent_id = :agent ORDER BY u.rowid"
)
_NOTED = (
    "SELECT p.seq FROM turn_uses AS u JOIN passages AS p ON p.id = u.passage_id "
    "WHERE u.turn_id = :turn AND u.agent_id = :agent AND NOT u.ended ORDER BY u.rowid"
)
_OWNERS = (
    "SELECT DISTINCT p.agent_id FROM turn_uses AS u JOIN passages AS p ON p.id = u.passage_id "
    "WHERE u.turn_id = :turn AND u.agent_id = :agent"
)
_OF_TURN = {
    _BLOCKS: "AND v.turn_id = :turn ORDER BY v.id",
    _PASSAGES: "AND n.turn_id = :turn ORDER BY n.seq",
    _DELETIONS: "AND u.turn_id = :turn ORDER BY n.seq",
    _SCHEDULES: "AND t.id = :turn ORDER BY s.id",
}
_BY_NUMBER = {
    "b": f"{_BLOCKS} AND v.id = :number AND v.turn_id IS NOT NULL",
    "p": f"{_PASSAGES} AND n.seq = :number AND n.turn_id IS NOT NULL",
    "d": f"{_DELETIONS} AND n.seq = :number",
    "s": f"{_SCHEDULES} AND s.id = :number",
}


def of_turn(
    connection: sqlite3.Connection, scope: Scope, turn_id: str | None
) -> ReplyReceipt | None:
    """What a turn used and wrote; without an id, the last one of the scope's speaker."""
    turn = _turn(connection, scope, turn_id)
    if turn is None:
        return None
    values = {**_keys(scope), "turn": turn.id}
    rows = (
        row
        for statement, of_it in _OF_TURN.items()
        for row in connection.execute(statement + of_it, values)
    )
    said, noted = (column(connection, used, values) for used in (_SAID, _NOTED))
    return ReplyReceipt(
        turn=turn,
        blocks=tuple(
            block
            for block in blocks.agent_blocks(connection, scope.agent_id)
            if block.value and block.owner in {None, turn.scope.speaker}
        ),
        said=messages.hits(connection, scope, said),
        noted=passages.hits(connection, _readable(connection, scope, values), noted),
        written=tuple(_write(row, turn) for row in rows),
    )


def _keys(scope: Scope) -> dict[str, str]:
    return {"agent": scope.agent_id, "tenant": scope.tenant, "not_true": NOT_TRUE}


def _turn(connection: sqlite3.Connection, scope: Scope, turn_id: str | None) -> Turn | None:
    row = connection.execute(
        "SELECT * FROM turns WHERE agent_id = :agent AND tenant = :tenant AND (id = :turn "
        "OR :turn IS NULL AND conversation_id = :conversation AND speaker = :speaker "
        "AND state = 'done') ORDER BY seq DESC LIMIT 1",
        {
            "agent": scope.agent_id,
            "tenant": scope.tenant,
            "turn": turn_id,
            "conversation": scope.conversation_id,
            "speaker": scope.speaker,
        },
    ).fetchone()
    return turn_rows.from_row(row) if row else None


def _readable(connection: sqlite3.Connection, scope: Scope, values: dict[str, str]) -> list[Scope]:
    """The scope and the intuitive knowledge that the turn's searches have shown."""
    owners = column(connection, _OWNERS, values)
    return [scope, *(owner_scope(owner) for owner in owners if knowledge_name(owner))]


def _write(row: sqlite3.Row, turn: Turn) -> Write:
    is_block = row["kind"] == "block"
    return Write(
        id=row["id"],
        kind=row["kind"],
        where=row["place"],
        before=row["before"],
        after=row["after"],
        owner=row["owner"],
        source_key=row["source_key"],
        turn=turn,
        stands=_remaining(row) is not None if is_block else bool(row["stands"]),
    )


def _remaining(row: sqlite3.Row) -> str | None:
    """What the block would hold without the write."""
    remaining = without_change(row["before"], row["after"], row["now"])
    fits = remaining is not None and len(remaining) <= row["most"]
    return remaining if fits else None


def written(connection: sqlite3.Connection, scope: Scope, write_id: str) -> Write | None:
    """One write of a turn of the scope's agent."""
    row = _row(connection, scope, write_id)
    turn = _turn(connection, scope, row["turn_id"]) if row else None
    return _write(row, turn) if turn else None


def _row(connection: sqlite3.Connection, scope: Scope, write_id: str) -> Any:  # noqa: ANN401 - or None
    statement = _BY_NUMBER.get(write_id[:1])
    values = {**_keys(scope), "number": write_id[1:]}
    return connection.execute(statement, values).fetchone() if statement else None


def take_back(
    connection: sqlite3.Connection, indexes: Indexes, scope: Scope, taking: TakeBack
) -> bool:
    """Take back one write, store the note on it and tell the queue; whether it still stood."""
    write = written(connection, scope, taking.write.id)
    if write is None or not write.stands:
        return False
    if write.kind == "block":
        _restore_block(connection, scope, taking)
    elif write.kind == "schedule":
        schedules.cancel(connection, write.turn.scope, [write.id[1:]])
    elif write.kind == "deletion":
        passages.revive(connection, indexes, scope, int(write.id[1:]))
    else:
        _end_passage(connection, indexes, scope, taking)
    notes = [taking.note] if taking.note else []
    passages.add(connection, indexes, scope, notes, write.turn.id)
    messages.add(connection, indexes, [taking.told] if taking.told else [])
    return True


def _restore_block(connection: sqlite3.Connection, scope: Scope, taking: TakeBack) -> None:
    row = _row(connection, scope, taking.write.id)
    known = blocks.agent_blocks(connection, scope.agent_id)
    block = next(block for block in known if block.label == row["place"])
    restored = replace(block, value=_remaining(row) or "", version=block.version + 1)
    write = BlockWrite(
        block=restored, author=taking.actor, source_key=None, operation=taking.operation
    )
    blocks.apply(connection, scope, [write], turn_id=None, at=taking.at)
    accounts.refresh_shown_counts(connection, scope.agent_id)


def _end_passage(
    connection: sqlite3.Connection, indexes: Indexes, scope: Scope, taking: TakeBack
) -> None:
    """End a passage; the one whose place it took stands again."""
    ended = passages.by_seq(connection, scope, int(taking.write.id[1:]))
    if ended is None:
        return
    successor = taking.note.id if taking.note else None
    revision = Revision(passage_id=ended.id, successor=successor)
    passages.supersede(connection, indexes, scope, [revision], taking.at)
    for seq in column(
        connection,
        "SELECT seq FROM passages WHERE superseded_by = :ended AND agent_id = :agent",
        {"ended": ended.id, "agent": scope.agent_id},
    ):
        passages.revive(connection, indexes, scope, seq)


def disputed(connection: sqlite3.Connection, scope: Scope, source_keys: Iterable[str]) -> set[str]:
    """Of some messages, those of which a person said that something noted from them is not true."""
    rows = connection.execute(
        "SELECT s.source_key FROM passage_sources AS s JOIN passages AS p ON p.id = s.passage_id "
        "WHERE p.agent_id = ? AND p.tenant = ? AND p.title = ? "
        "AND s.source_key IN (SELECT value FROM json_each(?))",
        (scope.agent_id, scope.tenant, NOT_TRUE, json.dumps(list(source_keys))),
    )
    return {row[0] for row in rows}
