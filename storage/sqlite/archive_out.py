"""Reads one agent out of the database for its archive."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.errors import UnknownAgent
from storage.transfer import FIELDS, write_archive

__all__ = ["export"]

Row = dict[str, Any]

_ORDER = {
    "messages": "seq",
    "passages": "seq",
    "summaries": "conversation_id, prepared",
    "schedules": "id",
    "documents": "name",
}
_IN_SIGHT = {  # what is half loaded or half removed is nobody's yet, what passes is not kept
    "messages": "AND state <> 'passing'",
    "documents": "AND state = 'ready'",
    "passages": (
        "AND (document_id IS NULL OR document_id IN "
        "(SELECT id FROM documents WHERE agent_id = passages.agent_id AND state = 'ready'))"
    ),
}
_LISTS = ("tags", "speakers", "sources", "pinned")
_SOURCES = {  # of each table, where it stands
    "passages": (
        "(SELECT json_group_array(source_key) FROM passage_sources "
        "WHERE passage_id = passages.id) AS sources"
    ),
    "history": (
        "(SELECT json_group_array(source_key) FROM block_sources "
        "WHERE version_id = block_versions.id) AS sources"
    ),
}


def export(
    connection: sqlite3.Connection, agent_id: str, file: Path, at: datetime
) -> dict[str, int]:
    """Write an agent's archive; its counts.

    Raises:
        UnknownAgent: There is no such agent.
    """
    agent = connection.execute(
        "SELECT agent_id, place, created_at FROM agents WHERE agent_id = ?", (agent_id,)
    ).fetchone()
    if agent is None:
        raise UnknownAgent
    about = {**dict(agent), "conversations": list(_rows(connection, "conversations", agent_id))}
    tables = {table: _rows(connection, table, agent_id) for table in _ORDER}
    tables["blocks"] = _blocks(connection, agent_id)
    return write_archive(file, about, tables, _for_people(connection, agent_id, at), at)


def _rows(connection: sqlite3.Connection, table: str, agent_id: str) -> Iterator[Row]:
    order = _ORDER.get(table, "1")
    rows = connection.execute(
        f"SELECT {_columns(table)} FROM {table} "
        f"WHERE agent_id = ? {_IN_SIGHT.get(table, '')} ORDER BY {order}",
        (agent_id,),
    )
    for row in rows:
        yield _plain(row)


def _columns(table: str) -> str:
    return ", ".join(_SOURCES[table] if name == "sources" else name for name in FIELDS[table])


def _plain(row: sqlite3.Row) -> Row:
    plain = dict(row)
    for name in _LISTS:
        if name in plain:
            plain[name] = json.loads(plain[name])
    return plain


def _blocks(connection: sqlite3.Connection, agent_id: str) -> Iterator[Row]:
    columns = [name for name in FIELDS["blocks"] if name != "history"]
    blocks = connection.execute(
        f"SELECT {', '.join(columns)} FROM blocks WHERE agent_id = ? ORDER BY label",
        (agent_id,),
    ).fetchall()
    for block in blocks:
        past = connection.execute(
            f"SELECT {_columns('history')} FROM block_versions "
            "WHERE agent_id = ? AND label = ? ORDER BY version",
            (agent_id, block["label"]),
        )
        yield {**_plain(block), "history": [_plain(row) for row in past]}


def _for_people(connection: sqlite3.Connection, agent_id: str, at: datetime) -> Iterator[str]:
    """The memory as Markdown."""
    yield f"# What {agent_id} remembers\n\nAs of {at:%Y-%m-%d %H:%M} UTC.\n\n## Core memory\n"
    for block in _blocks(connection, agent_id):
        owner = f" ({block['owner_name']})" if block["owner_name"] else ""
        yield f"\n### {block['label']}{owner}\n\n{block['value'] or '(empty)'}\n"
    yield "\n## Summaries\n"
    for summary in _rows(connection, "summaries", agent_id):
        yield f"\n### {summary['conversation_id']}\n\n{summary['text']}\n"
    yield "\n## Archival memory\n\n"
    for passage in _rows(connection, "passages", agent_id):
        ended = " (superseded)" if passage["superseded_at"] else ""
        title = f"{passage['title']}: " if passage["title"] else ""
        yield f"- {passage['created_at'][:10]}{ended} {title}{passage['text']}\n"
    yield "\n## Messages\n\n"
    for message in _rows(connection, "messages", agent_id):
        if message["text"]:
            who = message["author_name"] or message["role"]
            yield f"- {message['sent_at'][:16]} {who}: {message['text']}\n"
