"""What people change in memory themselves: stored whole, read as a history, taken back whole."""

import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from engine.corrections import Change, Correction, Piece
from engine.receipts import without_change
from engine.records import Block, BlockWrite, Message, Passage, Revision, Scope
from storage.sqlite import accounts, blocks, messages, passages
from storage.sqlite.indexes import Indexes
from storage.sqlite.instants import from_text, to_text

__all__ = ["authors", "changes", "correct", "exchanges_with", "passages_with", "revise", "undo"]

_UNDO = "memory undo"
_MOST_FOUND = 100
_WRITES = """
    SELECT w.*, b.owner, (SELECT json_group_array(s.source_key) FROM block_sources AS s
    WHERE s.version_id = w.id) AS sources FROM (SELECT *, lag(value, 1, '') OVER before AS was,
    lag(pinned, 1, '[]') OVER before AS was_pinned FROM block_versions
    WHERE agent_id = :agent AND tenant = :tenant
    WINDOW before AS (PARTITION BY label ORDER BY version)) AS w
    JOIN blocks AS b ON b.agent_id = w.agent_id AND b.label = w.label
    WHERE w.operation NOT IN ('created', 'configured')
    AND (w.value <> w.was OR w.pinned <> w.was_pinned)
"""
_NOTES = """
    SELECT n.*, coalesce((SELECT o.text FROM passages AS o WHERE o.superseded_by = n.id
    AND o.agent_id = n.agent_id LIMIT 1), '') AS was, (SELECT json_group_array(s.source_key)
    FROM passage_sources AS s WHERE s.passage_id = n.id) AS sources FROM passages AS n
    WHERE n.agent_id = :agent AND n.tenant = :tenant AND n.document_id IS NULL
"""
_INHERIT = """
    INSERT OR IGNORE INTO passage_sources (passage_id, source_key)
    SELECT :new, o.source_key FROM passages AS o WHERE o.id = :old AND o.agent_id = :agent
    AND o.tenant = :tenant AND o.source_key IS NOT NULL
    UNION SELECT :new, s.source_key FROM passage_sources AS s JOIN passages AS o
    ON o.id = s.passage_id WHERE o.id = :old AND o.agent_id = :agent AND o.tenant = :tenant
"""
_BY_COMMANDS = (
    "(SELECT item.value FROM corrections AS c, json_each(c.versions) AS item "
    "WHERE c.agent_id = :agent)"
)
_NOTED_BY_COMMANDS = (  # what an undo has revived is still the note that it was
    "(SELECT item.value FROM corrections AS c, json_each(c.added) AS item "
    "WHERE c.agent_id = :agent AND c.undid = '')"
)
_LISTED = "IN (SELECT value FROM json_each(:numbers))"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """The rows that a change has written: numbers of versions, and of passages."""

    versions: Sequence[int] = ()
    added: Sequence[int] = ()
    ended: Sequence[int] = ()


def correct(
    connection: sqlite3.Connection, indexes: Indexes, scope: Scope, correction: Correction
) -> str:
    """Store a correction; its id."""
    at = correction.at
    accounts.ensure_conversation(connection, scope, "", "", to_text(at))
    versions = blocks.apply(connection, scope, correction.blocks, turn_id=None, at=at)
    added = passages.add(connection, indexes, scope, correction.passages, None)
    ended = _current(connection, scope, correction.revisions)
    passages.supersede(connection, indexes, scope, correction.revisions, at)
    accounts.refresh_shown_counts(connection, scope.agent_id)
    rows = _Rows(versions=versions, added=added, ended=ended)
    return _record(connection, scope, (correction.actor, correction.action, ""), rows, at)


def revise(
    connection: sqlite3.Connection,
    indexes: Indexes,
    scope: Scope,
    revisions: Sequence[Revision],
    at: datetime,
) -> None:
    """End passages as a model says; a deletion is a change of its own, an update is its note's.

    A model writes the new text from the old one: deleting a message of either finds it.
    """
    deleted = _current(connection, scope, (one for one in revisions if one.successor is None))
    passages.supersede(connection, indexes, scope, revisions, at)
    if deleted:
        act = (scope.speaker or "", "archival_memory_delete", "")
        _record(connection, scope, act, _Rows(ended=deleted), at)
    connection.executemany(
        _INHERIT,
        [
            {**_keys(scope), "old": one.passage_id, "new": one.successor}
            for one in revisions
            if one.successor
        ],
    )


def _current(
    connection: sqlite3.Connection, scope: Scope, revisions: Iterable[Revision]
) -> list[int]:
    """The numbers of passages that are about to end."""
    found = (passages.current(connection, scope, one.passage_id) for one in revisions)
    return [passage.seq for passage in found if passage]


def _record(
    connection: sqlite3.Connection,
    scope: Scope,
    act: tuple[str, str, str],
    rows: _Rows,
    at: datetime,
) -> str:
    lists = (json.dumps(list(numbers)) for numbers in (rows.versions, rows.added, rows.ended))
    cursor = connection.execute(
        "INSERT INTO corrections (tenant, agent_id, actor, action, undid, versions, added, ended, "
        "at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (scope.tenant, scope.agent_id, *act, *lists, to_text(at)),
    )
    return f"c{cursor.lastrowid}"


def changes(connection: sqlite3.Connection, scope: Scope, limit: int) -> list[Change]:
    """The latest changes, the newest first."""
    keys: dict[str, Any] = {**_keys(scope), "limit": limit}
    undone = _undone(connection, scope)
    writes = connection.execute(
        f"{_WRITES} AND w.id NOT IN {_BY_COMMANDS} ORDER BY w.id DESC LIMIT :limit", keys
    )
    notes = connection.execute(
        f"{_NOTES} AND n.seq NOT IN {_NOTED_BY_COMMANDS} ORDER BY n.seq DESC LIMIT :limit", keys
    )
    commands = connection.execute(
        "SELECT * FROM corrections WHERE agent_id = :agent AND tenant = :tenant "
        "ORDER BY id DESC LIMIT :limit",
        keys,
    ).fetchall()
    found = [_change("b", row["id"], row, [_block_piece(row)], undone) for row in writes]
    found += [_change("p", row["seq"], row, [_note_piece(row)], undone) for row in notes]
    found += [_command(connection, scope, row, undone) for row in commands]
    return sorted(found, key=lambda change: change.at, reverse=True)[:limit]


def _keys(scope: Scope) -> dict[str, str]:
    return {"agent": scope.agent_id, "tenant": scope.tenant}


def _undone(connection: sqlite3.Connection, scope: Scope) -> set[str]:
    rows = connection.execute(
        "SELECT undid FROM corrections WHERE agent_id = ? AND tenant = ?",
        (scope.agent_id, scope.tenant),
    )
    return {row["undid"] for row in rows}


def _change(
    kind: str,
    number: int,
    row: sqlite3.Row,
    pieces: Sequence[Piece],
    undone: Collection[str],
) -> Change:
    is_block = kind == "b"
    return Change(
        id=f"{kind}{number}",
        at=from_text(row["at"] if is_block else row["created_at"]),
        author=row["author"],
        operation=row["operation"] if is_block else "archival memory",
        pieces=tuple(pieces),
        sources=tuple(dict.fromkeys(filter(None, [row["source_key"], *_list(row["sources"])]))),
        undone=f"{kind}{number}" in undone,
    )


def _list(text: str) -> list[Any]:
    found: list[Any] = json.loads(text)
    return found


def _block_piece(row: sqlite3.Row) -> Piece:
    return Piece(label=row["label"], owner=row["owner"], before=row["was"], after=row["value"])


def _note_piece(row: sqlite3.Row, *, ended: bool = False) -> Piece:
    if ended:
        return Piece(label="", before=row["text"], after="")
    return Piece(label="", before=row["was"], after=row["text"])


def _command(
    connection: sqlite3.Connection,
    scope: Scope,
    row: sqlite3.Row,
    undone: Collection[str],
) -> Change:
    rows = _rows_of(row)
    written = _versions(connection, scope, rows.versions)
    added = _noted(connection, scope, rows.added)
    replaced = {note["was"] for note in added}
    ended = [note for note in _noted(connection, scope, rows.ended) if note["text"] not in replaced]
    return Change(
        id=f"c{row['id']}",
        at=from_text(row["at"]),
        author=row["actor"] or None,
        operation=row["action"],
        pieces=(
            *map(_block_piece, written),
            *map(_note_piece, added),
            *(_note_piece(note, ended=True) for note in ended),
        ),
        undone=f"c{row['id']}" in undone,
    )


def _rows_of(row: sqlite3.Row) -> _Rows:
    versions, added, ended = (_list(row[name]) for name in ("versions", "added", "ended"))
    return _Rows(versions=versions, added=added, ended=ended)


def _versions(connection: sqlite3.Connection, scope: Scope, numbers: Sequence[int]) -> list[Any]:
    values = {**_keys(scope), "numbers": json.dumps(list(numbers))}
    return connection.execute(f"{_WRITES} AND w.id {_LISTED}", values).fetchall()


def _noted(connection: sqlite3.Connection, scope: Scope, numbers: Sequence[int]) -> list[Any]:
    values = {**_keys(scope), "numbers": json.dumps(list(numbers))}
    return connection.execute(f"{_NOTES} AND n.seq {_LISTED}", values).fetchall()


def undo(
    connection: sqlite3.Connection,
    indexes: Indexes,
    scope: Scope,
    change_id: str,
    by: tuple[str, datetime],
) -> bool:
    """Take a change back, as a correction of its own; whether it still stood."""
    actor, at = by
    rows = _written(connection, scope, change_id)
    if rows is None or change_id in _undone(connection, scope):
        return False
    known = {one.label: one for one in blocks.agent_blocks(connection, scope.agent_id)}
    versions = _versions(connection, scope, rows.versions)
    before = [_before(known[row["label"]], row) for row in versions]
    added = _noted(connection, scope, rows.added)
    if None in before or any(note["superseded_at"] for note in added):
        return False
    writes = [
        BlockWrite(block=block, author=actor, source_key=None, operation=_UNDO)
        for block in before
        if block
    ]
    numbers = blocks.apply(connection, scope, writes, turn_id=None, at=at)
    ends = [Revision(passage_id=note["id"]) for note in added]
    passages.supersede(connection, indexes, scope, ends, at)
    for seq in rows.ended:
        passages.revive(connection, indexes, scope, seq)
    accounts.refresh_shown_counts(connection, scope.agent_id)
    back = _Rows(versions=numbers, added=rows.ended, ended=[note["seq"] for note in added])
    _record(connection, scope, (actor, _UNDO, change_id), back, at)
    return True


def _written(connection: sqlite3.Connection, scope: Scope, change_id: str) -> _Rows | None:
    kind, number = change_id[:1], change_id[1:]
    if not number.isdecimal():
        return None
    if kind == "c":
        row = connection.execute(
            "SELECT * FROM corrections WHERE id = ? AND agent_id = ? AND tenant = ?",
            (number, scope.agent_id, scope.tenant),
        ).fetchone()
        return _rows_of(row) if row else None
    if kind == "b":
        return _Rows(versions=[int(number)])
    ended = connection.execute(
        "SELECT o.seq FROM passages AS o JOIN passages AS n ON o.superseded_by = n.id "
        "WHERE n.seq = ? AND n.agent_id = ? AND o.agent_id = n.agent_id",
        (number, scope.agent_id),
    )
    return _Rows(added=[int(number)], ended=[row["seq"] for row in ended])


def _before(block: Block, row: sqlite3.Row) -> Block | None:
    """The block without one write, or None when later ones build on it or it does not fit."""
    now = block.value
    if row["value"] != row["was"]:
        remaining = without_change(row["was"], row["value"], now)
        if remaining is None or len(remaining) > block.limit_chars:
            return None
        now = remaining
    new, old = _list(row["pinned"]), _list(row["was_pinned"])
    pins = [line for line in block.pinned if line not in new or line in old]
    pins += [line for line in old if line not in new]
    kept = tuple(line for line in dict.fromkeys(pins) if line in now.splitlines())
    return replace(block, value=now, pinned=kept, version=block.version + 1)


def passages_with(connection: sqlite3.Connection, scope: Scope, words: str) -> list[Passage]:
    """Current passages that hold these words, with all their sources, the newest first."""
    rows = connection.execute(
        f"{_NOTES} AND n.superseded_at IS NULL ORDER BY n.seq DESC", _keys(scope)
    )
    found: list[Passage] = []
    for row in rows:
        if words.casefold() in row["text"].casefold() and len(found) < _MOST_FOUND:
            passage = passages.from_row(row)
            found.append(replace(passage, sources=tuple(_list(row["sources"]))))
    return found


def exchanges_with(
    connection: sqlite3.Connection, scope: Scope, words: str, speaker: str | None
) -> list[Message]:
    """What people said where it, or what was answered to it, holds these words."""
    spoken = connection.execute(
        "SELECT turn_id, text FROM messages WHERE agent_id = ? AND tenant = ? AND text <> ''",
        (scope.agent_id, scope.tenant),
    )
    turns = {row["turn_id"] for row in spoken if words.casefold() in row["text"].casefold()}
    rows = connection.execute(
        "SELECT * FROM messages WHERE agent_id = :agent AND tenant = :tenant "
        "AND author IS NOT NULL AND source_key IS NOT NULL AND text <> '' "
        "AND (:speaker IS NULL OR author = :speaker) "
        "AND turn_id IN (SELECT value FROM json_each(:turns)) ORDER BY seq DESC",
        {**_keys(scope), "speaker": speaker, "turns": json.dumps(sorted(turns))},
    )
    return [messages.from_row(row, scope) for row in rows]


def authors(
    connection: sqlite3.Connection, scope: Scope, source_keys: Iterable[str]
) -> dict[str, str]:
    """Who wrote messages that the agent remembers."""
    rows = connection.execute(
        "SELECT source_key, author FROM messages WHERE agent_id = ? AND tenant = ? "
        "AND author IS NOT NULL AND source_key IN (SELECT value FROM json_each(?))",
        (scope.agent_id, scope.tenant, json.dumps(sorted(source_keys))),
    )
    return {row["source_key"]: row["author"] for row in rows}
