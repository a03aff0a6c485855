"""Archival memory's rows."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from engine.knowledge import knowledge_name
from engine.records import Hit, Passage, Revision, Scope
from storage.sqlite import accounts
from storage.sqlite.archival_index import IndexedPassage
from storage.sqlite.indexes import Indexes
from storage.sqlite.instants import from_text, to_text

__all__ = ["add", "by_seq", "current", "from_row", "hits", "remove", "revive", "supersede"]


def add(
    connection: sqlite3.Connection,
    indexes: Indexes,
    scope: Scope,
    passages: Sequence[Passage],
    turn_id: str | None,
) -> list[int]:
    """Store passages, with what search keeps of them; their numbers."""
    seqs = [_add(connection, scope, passage, turn_id) for passage in passages]
    stored = list(zip(passages, seqs, strict=True))
    current = [one for one in stored if one[0].superseded_at is None]
    ended = [one for one in stored if one[0].superseded_at is not None]
    indexes.archival.add(connection, [_indexed(*one, scope.agent_id) for one in current])
    indexes.archival.add_past(connection, [_indexed(*one, scope.agent_id) for one in ended])
    in_sight = sum(passage.document_id is None for passage, _ in current)
    if in_sight:
        accounts.add_counts(connection, scope.agent_id, passages=in_sight)
    return seqs


def _add(
    connection: sqlite3.Connection, scope: Scope, passage: Passage, turn_id: str | None
) -> int:
    ended = passage.superseded_at
    cursor = connection.execute(
        "INSERT INTO passages (id, tenant, agent_id, turn_id, title, text, tags, author, "
        "author_name, source_key, created_at, superseded_at, superseded_by, document_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            passage.id,
            scope.tenant,
            scope.agent_id,
            turn_id,
            passage.title,
            passage.text,
            json.dumps(passage.tags, ensure_ascii=False),
            passage.author,
            passage.author_name,
            passage.source_key,
            to_text(passage.created_at),
            to_text(ended) if ended else None,
            passage.superseded_by,
            passage.document_id,
        ),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO passage_sources (passage_id, source_key) VALUES (?, ?)",
        ((passage.id, source) for source in passage.sources),
    )
    return int(cursor.lastrowid or 0)


def _indexed(passage: Passage, seq: int, agent_id: str) -> IndexedPassage:
    return IndexedPassage(
        seq=seq,
        agent_id=agent_id,
        title=passage.title,
        text=passage.text,
        tags=passage.tags,
        created_at=passage.created_at,
    )


def remove(connection: sqlite3.Connection, indexes: Indexes, seqs: Sequence[int]) -> int:
    """Delete passages by number with all that search keeps of them; how many."""
    indexes.archival.remove(connection, seqs)
    connection.executemany("DELETE FROM passages WHERE seq = ?", ((seq,) for seq in seqs))
    return len(seqs)


def supersede(
    connection: sqlite3.Connection,
    indexes: Indexes,
    scope: Scope,
    revisions: Iterable[Revision],
    at: datetime,
) -> None:
    """End passages: their text is kept for who asks for the past; those ended already stay so."""
    for revision in revisions:
        row = connection.execute(
            "UPDATE passages SET superseded_at = ?, superseded_by = ? WHERE id = ? "
            "AND agent_id = ? AND tenant = ? AND superseded_at IS NULL RETURNING *",
            (
                to_text(at),
                revision.successor,
                revision.passage_id,
                scope.agent_id,
                scope.tenant,
            ),
        ).fetchone()
        if row:
            indexes.archival.remove(connection, [row["seq"]])
            ended = _indexed(from_row(row), row["seq"], scope.agent_id)
            indexes.archival.add_past(connection, [ended])
            accounts.add_counts(connection, scope.agent_id, passages=-1)


def revive(connection: sqlite3.Connection, indexes: Indexes, scope: Scope, seq: int) -> None:
    """Let a superseded passage stand again."""
    row = connection.execute(
        "UPDATE passages SET superseded_at = NULL, superseded_by = NULL WHERE seq = ? "
        "AND agent_id = ? AND tenant = ? AND superseded_at IS NOT NULL RETURNING *",
        (seq, scope.agent_id, scope.tenant),
    ).fetchone()
    if row:
        indexes.archival.remove(connection, [seq])
        indexes.archival.add(connection, [_indexed(from_row(row), seq, scope.agent_id)])
        accounts.add_counts(connection, scope.agent_id, passages=1)


def current(connection: sqlite3.Connection, scope: Scope, passage_id: str) -> Passage | None:
    """One passage of the agent by its id, unless it is superseded."""
    row = connection.execute(
        "SELECT * FROM passages WHERE id = ? AND agent_id = ? AND tenant = ? "
        "AND superseded_at IS NULL",
        (passage_id, scope.agent_id, scope.tenant),
    ).fetchone()
    return from_row(row) if row else None


def by_seq(connection: sqlite3.Connection, scope: Scope, seq: int) -> Passage | None:
    """One passage of the agent."""
    row = connection.execute(
        "SELECT * FROM passages WHERE seq = ? AND agent_id = ? AND tenant = ?",
        (seq, scope.agent_id, scope.tenant),
    ).fetchone()
    return from_row(row) if row else None


def hits(
    connection: sqlite3.Connection, scopes: Sequence[Scope], seqs: Iterable[int]
) -> tuple[Hit, ...]:
    """Search results from their numbers, in that order; each belongs to one of the scopes."""
    found = (
        (passage, scope)
        for seq in seqs
        for scope in scopes
        if (passage := by_seq(connection, scope, seq))
    )
    return tuple(_hit(passage, scope) for passage, scope in found)


def _hit(passage: Passage, scope: Scope) -> Hit:
    shelf = knowledge_name(scope.agent_id)
    return Hit(
        id=passage.id,
        time=passage.created_at,
        who=passage.author_name or passage.author or "",
        where=f"{shelf}: {passage.title}" if shelf else passage.title,
        text=passage.text,
        source_key=passage.source_key,
        superseded_at=passage.superseded_at,
    )


def from_row(row: sqlite3.Row) -> Passage:
    """The passage a row holds."""
    return Passage(
        id=row["id"],
        seq=row["seq"],
        title=row["title"],
        text=row["text"],
        tags=tuple(json.loads(row["tags"])),
        author=row["author"],
        author_name=row["author_name"],
        source_key=row["source_key"],
        created_at=from_text(row["created_at"]),
        superseded_at=from_text(row["superseded_at"]) if row["superseded_at"] else None,
        superseded_by=row["superseded_by"],
        document_id=row["document_id"],
    )
