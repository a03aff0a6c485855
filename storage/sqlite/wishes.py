"""What people want of learning, and how long messages are kept that are not to be remembered.

A message is ``stored``; or ``paused``: kept, and nothing is made of it; or ``passing``: in the
window alone, found by no search, and removed with its turn or at the end of being off the record.
"""

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import Literal, cast

from engine.records import Scope, Turn
from engine.wishes import Wish
from storage.sqlite import accounts
from storage.sqlite.indexes import Indexes
from storage.sqlite.instants import to_text

__all__ = [
    "WANTED_BY",
    "Keeping",
    "end_off_record",
    "is_off_record",
    "keeping_of",
    "keeping_of_turn",
    "let_go",
    "set_wish",
    "start_off_record",
    "unlearned",
    "wish_of",
]

Keeping = Literal["stored", "paused", "passing"]

# Rows of wishes that hold for a principal: a Discord user's own hold in every guild.
WANTED_BY = (
    "w.principal IN ({0}, substr({0}, 1, instr({0}, ':')) || '*' || substr({0}, instr({0}, '/')))"
)


def wish_of(connection: sqlite3.Connection, principal: str | None) -> Wish | None:
    """What a person wants, the stronger of two."""
    row = connection.execute(
        f"SELECT min(w.wish) FROM wishes AS w WHERE {WANTED_BY.format(':who')}",
        {"who": principal},
    ).fetchone()
    return cast(Wish | None, row[0])


def set_wish(
    connection: sqlite3.Connection,
    indexes: Indexes,
    principal: str,
    wish: Wish | None,
    at: datetime,
) -> None:
    """Note what a person wants; their turns that run begin again under it."""
    connection.execute("DELETE FROM wishes WHERE principal = ?", (principal,))
    if wish:
        connection.execute(
            "INSERT INTO wishes (principal, wish, at) VALUES (?, ?, ?)",
            (principal, wish, to_text(at)),
        )
        _hold_to_it(connection, indexes, principal, "passing" if wish == "never" else "paused")
    connection.execute(
        "UPDATE turns SET state = 'queued' WHERE state = 'running' AND speaker = ?", (principal,)
    )


def _hold_to_it(
    connection: sqlite3.Connection, indexes: Indexes, principal: str, keeping: Keeping
) -> None:
    """What they have said and nobody has answered yet is kept as they want it now."""
    rows = connection.execute(
        "UPDATE messages SET state = :keeping, searchable = searchable AND :keeping = 'paused' "
        "WHERE (author = :who OR author IS NULL) AND turn_id IN (SELECT t.id FROM turns AS t "
        "JOIN messages AS m ON m.turn_id = t.id WHERE t.state IN ('queued', 'running') "
        "AND m.author = :who AND m.agent_id = t.agent_id) RETURNING seq",
        {"keeping": keeping, "who": principal},
    ).fetchall()
    if keeping == "passing":
        indexes.recall.remove(connection, [row["seq"] for row in rows])


def keeping_of(connection: sqlite3.Connection, scope: Scope, *, learns: bool) -> Keeping:
    """How a message is kept that comes now, from a place that may be learned from or not."""
    wish = wish_of(connection, scope.speaker)
    if wish == "never" or is_off_record(connection, scope):
        return "passing"
    return "paused" if wish or not learns else "stored"


def keeping_of_turn(connection: sqlite3.Connection, turn: Turn) -> Keeping:
    """How what comes of a turn is kept: like the least of the messages it answers."""
    row = connection.execute(
        "SELECT min(state) FROM messages WHERE turn_id = ? AND agent_id = ? AND tenant = ?",
        (turn.id, turn.scope.agent_id, turn.scope.tenant),
    ).fetchone()
    return cast(Keeping, row[0] or "stored")


def let_go(connection: sqlite3.Connection, turn: Turn) -> None:
    """Remove what was not to outlive a turn; nothing of it is in any index."""
    if not is_off_record(connection, turn.scope):
        _remove(connection, turn.scope, "turn_id = ?", turn.id)


def is_off_record(connection: sqlite3.Connection, scope: Scope) -> bool:
    """Whether the scope's conversation is off the record."""
    row = connection.execute(
        "SELECT off_record FROM conversations "
        "WHERE conversation_id = ? AND agent_id = ? AND tenant = ?",
        (scope.conversation_id, scope.agent_id, scope.tenant),
    ).fetchone()
    return bool(row and row["off_record"])


def start_off_record(connection: sqlite3.Connection, scope: Scope, at: datetime) -> None:
    """Keep what is said from now on, and what is being worked on, in the window alone."""
    accounts.ensure_conversation(connection, scope, scope.conversation_id, "", to_text(at))
    connection.execute(
        "UPDATE conversations SET off_record = 1 WHERE conversation_id = ? AND agent_id = ?",
        (scope.conversation_id, scope.agent_id),
    )


def end_off_record(connection: sqlite3.Connection, scope: Scope, at: datetime) -> None:
    """Remove what was said off the record, with the summaries that may hold some of it."""
    if not is_off_record(connection, scope):
        return
    connection.execute(
        "UPDATE conversations SET off_record = 0, erased_at = ? "
        "WHERE conversation_id = ? AND agent_id = ?",
        (to_text(at), scope.conversation_id, scope.agent_id),
    )
    connection.execute(
        "DELETE FROM summaries WHERE conversation_id = :conversation AND agent_id = :agent "
        "AND through_seq >= (SELECT min(seq) FROM messages WHERE state = 'passing' "
        "AND conversation_id = :conversation AND agent_id = :agent)",
        {"conversation": scope.conversation_id, "agent": scope.agent_id},
    )
    open_turns = "SELECT id FROM turns WHERE state IN ('queued', 'running')"
    condition = f"conversation_id = ? AND turn_id NOT IN ({open_turns})"
    _remove(connection, scope, condition, scope.conversation_id)


def unlearned(connection: sqlite3.Connection, scope: Scope, seqs: Iterable[int]) -> frozenset[int]:
    """Those of some messages from which nothing may be made."""
    rows = connection.execute(
        "SELECT seq FROM messages WHERE seq IN (SELECT value FROM json_each(?)) "
        "AND state <> 'stored' AND agent_id = ? AND tenant = ?",
        (json.dumps(list(seqs)), scope.agent_id, scope.tenant),
    )
    return frozenset(row[0] for row in rows)


def _remove(connection: sqlite3.Connection, scope: Scope, condition: str, value: str) -> None:
    removed = connection.execute(
        "DELETE FROM messages WHERE state = 'passing' AND agent_id = ? AND tenant = ? "
        f"AND {condition} RETURNING source_key",
        (scope.agent_id, scope.tenant, value),
    ).fetchall()
    connection.executemany(
        "UPDATE events SET details = '{}' WHERE source_key = ?",
        ((row["source_key"],) for row in removed if row["source_key"]),
    )
    if removed:
        accounts.count_again(connection, scope.agent_id)
