"""Replies on their way: written with the step that made them, taken in order per place."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from ulid import ULID

from engine.answer_files import AnswerFile
from engine.choices import Choice
from engine.errors import StaleTurn
from engine.records import OutboxItem, Reply, Scope
from storage.sqlite.accounts import scope_of
from storage.sqlite.instants import from_text, to_text

__all__ = [
    "Destination",
    "add",
    "add_part",
    "choices_in",
    "content_of",
    "due",
    "hold",
    "insert",
    "item_of",
    "next_time",
    "postpone",
    "set_state",
]

_NONCE_CHARS = 20  # leaves room for a part's number within Discord's 25

# A destination: turn id, scope, place, address.
Destination = tuple[str, Scope, str, str]


def add(
    connection: sqlite3.Connection, to: Destination, replies: Iterable[Reply], at: datetime
) -> None:
    """Put replies in the outbox, in their order."""
    for reply in replies:
        insert(connection, to, reply, at)


def insert(connection: sqlite3.Connection, to: Destination, reply: Reply, at: datetime) -> str:
    """Put one reply in the outbox; its id."""
    turn_id, scope, place, address = to
    now, item_id = to_text(at), str(ULID.from_datetime(at))
    row = {
        "id": item_id,
        "turn_id": turn_id,
        "tenant": scope.tenant,
        "agent_id": scope.agent_id,
        "conversation_id": scope.conversation_id,
        "speaker": scope.speaker,
        "audience": scope.audience,
        "platform": scope.platform,
        "place": place,
        "address": address,
        **content_of(reply),
        "due": now,
        "nonce": item_id[-_NONCE_CHARS:],
        "created_at": now,
        "updated_at": now,
    }
    connection.execute(
        f"INSERT INTO outbox ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})",
        row,
    )
    return item_id


def hold(connection: sqlite3.Connection, to: Destination, reply: Reply, at: datetime) -> None:
    """Keep a notice for the end of its turn's first reply; it goes alone when there is none."""
    held = insert(connection, to, reply, at)
    set_state(connection, held, {"state": "held"})


def content_of(reply: Reply) -> dict[str, Any]:
    """What a row holds of a reply, by column."""
    choices = [asdict(choice) for choice in reply.choices]
    return {
        "text": reply.text,
        "kind": reply.kind,
        "choices": json.dumps(choices, ensure_ascii=False),
        "file_name": reply.file.name if reply.file else None,
        "file": reply.file.content if reply.file else None,
    }


def choices_in(row: sqlite3.Row) -> tuple[Choice, ...]:
    """The buttons that a row holds."""
    return tuple(Choice(**choice) for choice in json.loads(row["choices"]))


def _file_in(row: sqlite3.Row) -> AnswerFile | None:
    if row["file"] is None:
        return None
    return AnswerFile(name=row["file_name"], content=row["file"])


_OPEN = "('pending', 'sending', 'preview', 'held')"
# Of a turn that has ended without a reply, a preview is to be taken away and a notice goes alone.
_NEXT_OF_PLACES = (
    "(SELECT min(seq) FROM outbox WHERE platform = :platform "
    "AND state IN ('pending', 'sending') GROUP BY place "
    "UNION SELECT seq FROM outbox WHERE platform = :platform AND state IN ('preview', 'held') "
    "AND turn_id NOT IN (SELECT id FROM turns WHERE state IN ('queued', 'running')))"
)


def due(
    connection: sqlite3.Connection, platform: str, at: datetime, limit: int
) -> list[OutboxItem]:
    """The first open item of each place whose time has come, oldest first; and lost previews."""
    rows = connection.execute(
        "SELECT *, (SELECT t.has_receipt FROM turns AS t WHERE t.id = outbox.turn_id) "
        f"AS has_receipt FROM outbox WHERE seq IN {_NEXT_OF_PLACES} "
        "AND due <= :at ORDER BY seq LIMIT :limit",
        {"platform": platform, "at": to_text(at), "limit": limit},
    )
    return [item_of(row) for row in rows]


def next_time(connection: sqlite3.Connection, platform: str, at: datetime) -> datetime | None:
    """When the earliest item that is not due yet will be."""
    row = connection.execute(
        f"SELECT min(due) FROM outbox WHERE seq IN {_NEXT_OF_PLACES} "
        "AND state IN ('pending', 'preview') AND due > :at",
        {"platform": platform, "at": to_text(at)},
    ).fetchone()
    return from_text(row[0]) if row[0] else None


def set_state(connection: sqlite3.Connection, item_id: str, changes: dict[str, Any]) -> None:
    """Change an open item; ``attempts`` is what is added to the count.

    Raises:
        StaleTurn: The item is no longer open; it may have been erased.
    """
    columns = [
        "attempts = attempts + :attempts" if name == "attempts" else f"{name} = :{name}"
        for name in changes
    ]
    changed = connection.execute(
        f"UPDATE outbox SET {', '.join(columns)} WHERE id = :id AND state IN {_OPEN}",
        {**changes, "id": item_id},
    )
    if changed.rowcount == 0:
        raise StaleTurn("The reply is no longer waiting.")


def postpone(connection: sqlite3.Connection, item_id: str, until: datetime, reason: str) -> None:
    """Leave an open item waiting until a time; counts an attempt."""
    set_state(connection, item_id, {"due": to_text(until), "reason": reason, "attempts": 1})
    connection.execute(
        "UPDATE outbox SET state = 'pending' WHERE id = ? AND state = 'sending'", (item_id,)
    )


def add_part(connection: sqlite3.Connection, item_id: str, reference: str) -> None:
    """Note that one more part has arrived."""
    row = connection.execute("SELECT part_refs FROM outbox WHERE id = ?", (item_id,)).fetchone()
    parts = [*json.loads(row["part_refs"]), reference] if row else []
    set_state(connection, item_id, {"part_refs": json.dumps(parts)})


def item_of(row: sqlite3.Row) -> OutboxItem:
    """The item a row holds."""
    scope = scope_of(row)
    return OutboxItem(
        id=row["id"],
        seq=row["seq"],
        turn_id=row["turn_id"],
        scope=scope,
        place=row["place"],
        address=row["address"],
        text=row["text"],
        kind=row["kind"],
        state=row["state"],
        attempts=row["attempts"],
        nonce=row["nonce"],
        part_refs=tuple(json.loads(row["part_refs"])),
        choices=choices_in(row),
        file=_file_in(row),
        has_receipt=bool(row["has_receipt"]),
        preview_ref=row["preview_ref"],
        created_at=from_text(row["created_at"]),
    )
