"""Files of messages that are still to be read; a row goes when its file is read or refused."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from engine.records import Attachment, IncomingEvent, Reply, Scope, Upload
from storage.sqlite import outbox
from storage.sqlite.accounts import scope_of
from storage.sqlite.instants import from_text

__all__ = ["add", "finish", "next_upload", "pictures", "waiting_agents", "waits"]

_PICTURES = "image/"  # for models that see; the envelope names them


def add(connection: sqlite3.Connection, event: IncomingEvent) -> None:
    """Have the files of a new message read."""
    if event.kind != "user_message":
        return
    connection.executemany(
        "INSERT INTO uploads (event_id, number, agent_id) VALUES (?, ?, ?)",
        (
            (event.event_id, number, event.scope.agent_id)
            for number, attachment in enumerate(event.attachments)
            if not attachment.media_type.startswith(_PICTURES)
        ),
    )


def waiting_agents(connection: sqlite3.Connection) -> list[str]:
    """Agents that have files to read, longest waiting first."""
    rows = connection.execute("SELECT agent_id FROM uploads GROUP BY agent_id ORDER BY min(rowid)")
    return [row[0] for row in rows]


def next_upload(connection: sqlite3.Connection, agent_id: str) -> Upload | None:
    """The agent's oldest file to read, its attempt counted."""
    row = connection.execute(
        "UPDATE uploads SET attempt = attempt + 1 "
        "WHERE rowid = (SELECT min(rowid) FROM uploads WHERE agent_id = ?) "
        "RETURNING event_id, number, attempt",
        (agent_id,),
    ).fetchone()
    if row is None:
        return None
    return Upload(
        event=_event(connection, row["event_id"]),
        number=row["number"],
        turn_id=_turn_id(connection, row["event_id"]),
        attempt=row["attempt"],
    )


def _turn_id(connection: sqlite3.Connection, event_id: str) -> str:
    row = connection.execute("SELECT id FROM turns WHERE event_id = ?", (event_id,)).fetchone()
    return str(row["id"])


def _event(connection: sqlite3.Connection, event_id: str) -> IncomingEvent:
    row = connection.execute(
        "SELECT e.*, t.audience, t.place, t.place_name, t.address, t.speaker_name "
        "FROM events AS e JOIN turns AS t USING (event_id) WHERE e.event_id = ?",
        (event_id,),
    ).fetchone()
    scope = scope_of(row)
    files = json.loads(row["details"])["attachments"]
    return IncomingEvent(
        event_id=row["event_id"],
        source_key=row["source_key"],
        scope=scope,
        place=row["place"],
        place_name=row["place_name"],
        address=row["address"],
        speaker_name=row["speaker_name"],
        text="",
        sent_at=from_text(row["received_at"]),
        attachments=tuple(Attachment(**file) for file in files),
    )


def waits(connection: sqlite3.Connection, upload: Upload) -> bool:
    """Whether a file is still on the list."""
    row = connection.execute(
        "SELECT 1 FROM uploads WHERE event_id = ? AND number = ?",
        (upload.event.event_id, upload.number),
    ).fetchone()
    return row is not None


def pictures(
    connection: sqlite3.Connection, scope: Scope, source_keys: Sequence[str]
) -> tuple[Attachment, ...]:
    """The pictures that came with an agent's messages, in their order."""
    rows = connection.execute(
        "SELECT details FROM events WHERE tenant = ? AND agent_id = ? "
        "AND source_key IN (SELECT value FROM json_each(?)) ORDER BY rowid",
        (scope.tenant, scope.agent_id, json.dumps(source_keys)),
    )
    files = [Attachment(**file) for row in rows for file in json.loads(row[0])["attachments"]]
    return tuple(file for file in files if file.media_type.startswith(_PICTURES))


def finish(
    connection: sqlite3.Connection, upload: Upload, notice: str | None, at: datetime
) -> None:
    """Take a file off the list, with a sentence for its sender where it was refused."""
    event = upload.event
    gone = connection.execute(
        "DELETE FROM uploads WHERE event_id = ? AND number = ?", (event.event_id, upload.number)
    )
    if gone.rowcount and notice:
        destination = (upload.turn_id, event.scope, event.place, event.address)
        outbox.add(connection, destination, [Reply(text=notice, kind="notice")], at)
