"""Writes a checked archive into the database, whole or not at all."""

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

from ulid import ULID

from engine.errors import ArchiveRefused
from engine.records import Message, Passage, Scope
from storage.sqlite import accounts, messages, passages
from storage.sqlite.indexes import Indexes
from storage.sqlite.instants import from_text, to_text
from storage.transfer import Archive

__all__ = ["load", "require_empty"]

Row = dict[str, Any]

_ROWS_AT_ONCE = 500
_TENANT_PARTS = 2


@dataclass(slots=True)
class _Target:
    """Where an archive goes, and the new numbers of what it holds."""

    old_agent: str
    agent_id: str
    at: datetime
    old_seqs: list[int] = field(default_factory=list)
    new_seqs: list[int] = field(default_factory=list)
    new_ids: dict[str, str] = field(default_factory=dict)
    new_documents: dict[str | None, str] = field(default_factory=dict)

    @property
    def tenant(self) -> str:
        return self.agent_id.split("/", 1)[0]

    def scope(self, conversation_id: str) -> Scope:
        personal = accounts.agent_kind(self.agent_id) == "personal"
        return Scope(
            tenant=self.tenant,
            agent_id=self.agent_id,
            conversation_id=self.agent_id + conversation_id[len(self.old_agent) :],
            speaker=None,
            audience="private" if personal else "room",
        )

    def seq(self, old: int) -> int:
        """The number here of the last message up to an old number."""
        place = bisect_right(self.old_seqs, old)
        return self.new_seqs[place - 1] if place else 0


def require_empty(connection: sqlite3.Connection, agent_id: str) -> None:
    """Raise unless the key is one an agent can have and nothing is stored under it."""
    tenant, _, rest = agent_id.partition("/")
    if not rest or len(tenant.split(":")) != _TENANT_PARTS:
        raise ArchiveRefused(f"'{agent_id}' is not the key of an agent, such as slack:T1/user/U2.")
    row = connection.execute("SELECT 1 FROM agents WHERE agent_id = ?", (agent_id,)).fetchone()
    if row is not None:
        raise ArchiveRefused(
            f"{agent_id} remembers things already; reset it first or give another key."
        )


def load(
    connection: sqlite3.Connection,
    indexes: Indexes,
    archive: Archive,
    agent_id: str,
    at: datetime,
) -> None:
    """Store everything an archive holds under a key.

    Raises:
        ArchiveRefused: The agent is not empty, or a row does not fit.
    """
    require_empty(connection, agent_id)
    target = _Target(archive.agent["agent_id"], agent_id, at)
    _add_agent(connection, archive.agent, target)
    try:
        _add_messages(connection, indexes, archive, target)
        _add_documents(connection, archive, target)
        _add_passages(connection, indexes, archive, target)
        accounts.count_passages(connection, agent_id)
        _add_blocks(connection, archive, target)
        _add_summaries(connection, archive, target)
        _add_schedules(connection, archive, target)
    except (sqlite3.IntegrityError, OverflowError, UnicodeEncodeError) as error:
        raise ArchiveRefused("The archive is damaged: a row does not fit.") from error
    _set_windows(connection, archive.agent, target)


def _add_agent(connection: sqlite3.Connection, agent: Row, target: _Target) -> None:
    for conversation in agent["conversations"] or [{"conversation_id": agent["agent_id"]}]:
        scope = target.scope(conversation["conversation_id"])
        accounts.ensure_conversation(connection, scope, agent["place"], "", to_text(target.at))
    connection.execute(
        "UPDATE agents SET place = ?, created_at = ? WHERE agent_id = ?",
        (agent["place"], _time(agent["created_at"]), target.agent_id),
    )


def _time(text: str) -> str:
    return to_text(from_text(text))


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(islice(rows, _ROWS_AT_ONCE)):
        yield chunk


def _free_id(connection: sqlite3.Connection, table: str, row: Row, at: datetime) -> str:
    """The row's own id, or a new one where the original is in this database too."""
    known = connection.execute(
        f"SELECT 1 FROM {table} WHERE id = ?",
        (row["id"],),
    ).fetchone()
    return str(ULID.from_datetime(at)) if known else str(row["id"])


def _add_messages(
    connection: sqlite3.Connection, indexes: Indexes, archive: Archive, target: _Target
) -> None:
    for chunk in _chunks(archive.rows("messages")):
        records = [_message(connection, row, target) for row in chunk]
        target.new_seqs += messages.add(connection, indexes, records)
        target.old_seqs += [row["seq"] for row in chunk]
    if target.old_seqs != sorted(set(target.old_seqs)):
        raise ArchiveRefused("The archive is damaged: messages are out of order.")


def _message(connection: sqlite3.Connection, row: Row, target: _Target) -> Message:
    known = messages.from_row(row, target.scope(row["conversation_id"]))
    free = _free_id(connection, "messages", row, known.sent_at)
    return replace(known, id=free, seq=0)


def _add_documents(connection: sqlite3.Connection, archive: Archive, target: _Target) -> None:
    for row in archive.rows("documents"):
        free = _free_id(connection, "documents", row, target.at)
        target.new_documents[row["id"]] = free
        moved = {"id": free, "loaded_at": _time(row["loaded_at"]), "state": "ready"}
        _insert(connection, "documents", {**row, **moved, **_owned(target)})


def _add_passages(
    connection: sqlite3.Connection, indexes: Indexes, archive: Archive, target: _Target
) -> None:
    for row in archive.rows("passages"):
        target.new_ids[row["id"]] = _free_id(
            connection, "passages", row, from_text(row["created_at"])
        )
    for row in archive.rows("passages"):
        scope = target.scope(target.old_agent)
        passages.add(connection, indexes, scope, [_passage(row, target)], row["turn_id"])


def _passage(row: Row, target: _Target) -> Passage:
    by = row["superseded_by"]
    return Passage(
        id=target.new_ids[row["id"]],
        title=row["title"],
        text=row["text"],
        tags=tuple(map(str, row["tags"])),
        author=row["author"],
        author_name=row["author_name"],
        source_key=row["source_key"],
        created_at=from_text(row["created_at"]),
        superseded_at=from_text(row["superseded_at"]) if row["superseded_at"] else None,
        superseded_by=target.new_ids.get(by, by),
        document_id=target.new_documents.get(row["document_id"]),
        sources=tuple(map(str, row["sources"])),
    )


def _insert(connection: sqlite3.Connection, table: str, row: Row) -> int:
    marks = ", ".join("?" * len(row))
    cursor = connection.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})",
        tuple(row.values()),
    )
    return int(cursor.lastrowid or 0)


def _owned(target: _Target) -> Row:
    return {"agent_id": target.agent_id, "tenant": target.tenant}


def _add_blocks(connection: sqlite3.Connection, archive: Archive, target: _Target) -> None:
    for row in archive.rows("blocks"):
        history = row.pop("history")
        updated = {"updated_at": _time(row["updated_at"]), "pinned": json.dumps(row["pinned"])}
        _insert(connection, "blocks", {**row, **updated, **_owned(target)})
        for past in history:
            sources = past.pop("sources")
            pinned = json.dumps(past["pinned"])
            kept = {"label": row["label"], "at": _time(past["at"]), "pinned": pinned}
            version = _insert(connection, "block_versions", {**past, **kept, **_owned(target)})
            for source in dict.fromkeys(map(str, sources)):
                _insert(connection, "block_sources", {"version_id": version, "source_key": source})


def _add_summaries(connection: sqlite3.Connection, archive: Archive, target: _Target) -> None:
    for row in archive.rows("summaries"):
        moved = {
            "conversation_id": target.scope(row["conversation_id"]).conversation_id,
            "through_seq": target.seq(row["through_seq"]),
            "created_at": _time(row["created_at"]),
        }
        _insert(connection, "summaries", {**row, **moved, **_owned(target)})


def _add_schedules(connection: sqlite3.Connection, archive: Archive, target: _Target) -> None:
    """Under another key they rest: their address is the old place's, and it is not asked here."""
    same_place = target.agent_id == target.old_agent
    for row in archive.rows("schedules"):
        scope = target.scope(row["conversation_id"])
        moved = {
            "id": _free_id(connection, "schedules", row, target.at),
            "conversation_id": scope.conversation_id,
            "audience": scope.audience,
            "next_at": _time(row["next_at"]) if row["next_at"] and same_place else None,
            "created_at": _time(row["created_at"]),
        }
        _insert(connection, "schedules", {**row, **moved, **_owned(target)})


def _set_windows(connection: sqlite3.Connection, agent: Row, target: _Target) -> None:
    connection.executemany(
        "UPDATE conversations SET place_name = ?, window_start_seq = ?, reflected_seq = ?, "
        "begun_seq = ?, shown_messages = ?, shown_passages = ?, warned = ?, speakers = ?, "
        "created_at = ? "
        "WHERE conversation_id = ?",
        (
            (
                row["place_name"],
                *[target.seq(row["window_start_seq"])] * 3,
                row["shown_messages"],
                row["shown_passages"],
                row["warned"],
                json.dumps(row["speakers"]),
                _time(row["created_at"]),
                target.scope(row["conversation_id"]).conversation_id,
            )
            for row in agent["conversations"]
        ),
    )
