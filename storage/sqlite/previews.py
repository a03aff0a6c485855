"""Replies that are shown while they are written: outbox rows whose text is still to come."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from engine.records import OutboxItem, Reply, Turn
from storage.sqlite import outbox
from storage.sqlite.database import Database
from storage.sqlite.instants import to_text

__all__ = ["Previewing", "speak"]


class Previewing:
    """The store's verbs for previews."""

    _database: Database

    async def open_preview(self, turn: Turn, at: datetime) -> OutboxItem | None:
        """The preview of the turn's first reply, made where there is none."""
        return await self._database.write(lambda c: _open(c, turn, at))

    async def note_preview(self, item_id: str, reference: str) -> None:
        """Commit the platform's id of the message that shows it."""
        changes = {"preview_ref": reference}
        await self._database.write(lambda c: outbox.set_state(c, item_id, changes))

    async def drop_preview(self, item_id: str) -> None:
        """Forget a preview that came to nothing."""
        await self._database.write(
            lambda c: (
                c.execute(
                    "DELETE FROM outbox WHERE id = ? AND state = 'preview'", (item_id,)
                ).rowcount
            )
        )


def speak(
    connection: sqlite3.Connection, turn: Turn, replies: Sequence[Reply], at: datetime
) -> None:
    """Put a turn's replies in the outbox; the first takes over what was held and what was shown."""
    replies = [*_with_held(connection, turn, replies[:1]), *replies[1:]]
    shown = connection.execute(
        "SELECT id FROM outbox WHERE turn_id = ? AND state = 'preview'", (turn.id,)
    ).fetchone()
    if shown and replies:
        first, *replies = replies
        now = to_text(at)
        times = {"due": now, "updated_at": now}
        changes = {**outbox.content_of(first), **times, "state": "pending"}
        outbox.set_state(connection, shown["id"], changes)
    outbox.add(connection, (turn.id, turn.scope, turn.place, turn.address), replies, at)


def _with_held(
    connection: sqlite3.Connection, turn: Turn, first: Sequence[Reply]
) -> Sequence[Reply]:
    """The first reply with the notice that was kept for its end."""
    held = (
        first
        and connection.execute(
            "DELETE FROM outbox WHERE turn_id = ? AND state = 'held' RETURNING text, choices",
            (turn.id,),
        ).fetchone()
    )
    if not held:
        return first
    (reply,) = first
    choices = (*reply.choices, *outbox.choices_in(held))
    return [replace(reply, text=f"{reply.text}\n\n{held['text']}", choices=choices)]


def _open(connection: sqlite3.Connection, turn: Turn, at: datetime) -> OutboxItem | None:
    row = connection.execute(
        "SELECT *, 0 AS has_receipt FROM outbox WHERE turn_id = ? AND state = 'preview'", (turn.id,)
    ).fetchone()
    if row:
        return outbox.item_of(row)
    if not _may_open(connection, turn):
        return None
    item_id = outbox.insert(
        connection,
        (turn.id, turn.scope, turn.place, turn.address),
        Reply(text=""),
        at,
    )
    outbox.set_state(connection, item_id, {"state": "preview", "preview_ref": ""})
    row = connection.execute(
        "SELECT *, 0 AS has_receipt FROM outbox WHERE id = ?", (item_id,)
    ).fetchone()
    return replace(outbox.item_of(row), preview_ref=None)


def _may_open(connection: sqlite3.Connection, turn: Turn) -> bool:
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM turns WHERE id = :turn AND state = 'running' "
        "AND attempt = :attempt) AND NOT EXISTS (SELECT 1 FROM outbox WHERE turn_id = :turn "
        "AND state <> 'held') "
        "AND NOT EXISTS (SELECT 1 FROM outbox WHERE platform = :platform AND place = :place "
        "AND state IN ('pending', 'sending'))",
        {
            "turn": turn.id,
            "attempt": turn.attempt,
            "platform": turn.scope.platform,
            "place": turn.place,
        },
    ).fetchone()
    return bool(row[0])
