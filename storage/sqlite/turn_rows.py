"""Rows of turns: reading one, and making one of several whose messages are answered together."""

import json
import sqlite3
from dataclasses import replace

from engine.errors import StaleTurn
from engine.records import Turn
from storage.sqlite import accounts, wishes
from storage.sqlite.instants import from_text

__all__ = ["from_row", "join", "join_burst"]


def join(connection: sqlite3.Connection, turn: Turn, speaker: str | None = None) -> Turn:
    """Give a turn the messages that wait behind it, where one answer reaches all who sent them.

    Args:
        connection: In the writer's transaction.
        turn: Has done nothing yet.
        speaker: Whose messages; None for everybody's.
    """
    rows = connection.execute(
        "UPDATE turns SET state = 'joined' WHERE agent_id = :agent "
        "AND conversation_id = :conversation AND place = :place AND kind = :kind "
        "AND kind IN ('user_message', 'overheard') AND state = 'queued' AND steps = 0 "
        "AND seq > :seq "
        "AND (:speaker IS NULL OR speaker = :speaker) RETURNING *",
        {
            "agent": turn.scope.agent_id,
            "conversation": turn.scope.conversation_id,
            "place": turn.place,
            "kind": turn.kind,
            "seq": turn.seq,
            "speaker": speaker,
        },
    ).fetchall()
    if not rows:
        return turn
    joined = sorted((from_row(row) for row in rows), key=lambda one: one.seq)
    ids = json.dumps([one.id for one in joined])
    connection.execute(
        "UPDATE messages SET turn_id = ? WHERE turn_id IN (SELECT value FROM json_each(?)) "
        "AND agent_id = ? AND tenant = ?",
        (turn.id, ids, turn.scope.agent_id, turn.scope.tenant),
    )
    address = joined[-1].address  # an answer belongs under what was said last
    connection.execute("UPDATE turns SET address = ? WHERE id = ?", (address, turn.id))
    learns = wishes.keeping_of_turn(connection, turn) == "stored"
    return replace(turn, address=address, joined=(*turn.joined, *joined), learns=learns)


def join_burst(connection: sqlite3.Connection, turn: Turn) -> Turn:
    """Give a running turn what the same person has said since.

    Raises:
        StaleTurn: It has done something, has ended or was cancelled meanwhile.
    """
    row = connection.execute(
        "SELECT 1 FROM turns WHERE id = ? AND agent_id = ? AND state = 'running' AND cancel = 0 "
        "AND attempt = ? AND steps = 0",
        (turn.id, turn.scope.agent_id, turn.attempt),
    ).fetchone()
    if row is None:
        raise StaleTurn
    return join(connection, turn, turn.scope.speaker)


def from_row(row: sqlite3.Row) -> Turn:
    """The turn a row holds."""
    scope = accounts.scope_of(row)
    return Turn(
        id=row["id"],
        seq=row["seq"],
        scope=scope,
        kind=row["kind"],
        state=row["state"],
        attempt=row["attempt"],
        steps=row["steps"],
        place=row["place"],
        place_name=row["place_name"],
        address=row["address"],
        speaker_name=row["speaker_name"],
        source_key=row["source_key"],
        created_at=from_text(row["created_at"]),
    )
