"""Erases one person: what they said, what was made of it, and their keys.

Every function here spans agents on purpose: a person speaks to many.
"""

import json
import sqlite3
from collections import Counter
from datetime import datetime

from storage.erasure import Person
from storage.sqlite import wiping
from storage.sqlite.indexes import Indexes
from storage.sqlite.unlearning import Traces, column, unlearn

__all__ = ["forget"]

_KEYS = """
    SELECT principal FROM principals UNION SELECT author FROM messages
    UNION SELECT author FROM passages UNION SELECT author FROM block_versions
    UNION SELECT owner FROM blocks UNION SELECT speaker FROM turns
    UNION SELECT speaker FROM events UNION SELECT speaker FROM usage
    UNION SELECT principal FROM cards UNION SELECT principal FROM kept_choices
    UNION SELECT author FROM schedules UNION SELECT principal FROM links
    UNION SELECT linked FROM links UNION SELECT principal FROM link_codes
    UNION SELECT payer FROM budget_notices
    UNION SELECT actor FROM place_settings
"""


def forget(
    connection: sqlite3.Connection, indexes: Indexes, person: Person, at: datetime
) -> dict[str, int]:
    """Erase a person; how much was removed, by table."""
    removed: Counter[str] = Counter()
    for agent_id in _own_agents(connection, person):
        removed.update(wiping.delete_agent(connection, indexes, agent_id))
        _anonymise_agent(connection, agent_id)
    removed.update(unlearn(connection, indexes, _traces(connection, person), at))
    indexes.purge(connection)
    return {name: count for name, count in removed.items() if count}


def _own_agents(connection: sqlite3.Connection, person: Person) -> list[str]:
    rows = connection.execute("SELECT agent_id FROM agents")
    return [row[0] for row in rows if person.owns_agent(row[0])]


def _anonymise_agent(connection: sqlite3.Connection, agent_id: str) -> None:
    """What the agent cost and what was done to it stays, without saying whose it was."""
    connection.execute(
        "UPDATE usage SET agent_id = '', speaker = NULL WHERE agent_id = ?", (agent_id,)
    )
    connection.execute("UPDATE audit SET detail = '' WHERE subject = ?", (agent_id,))


def _traces(connection: sqlite3.Connection, person: Person) -> Traces:
    rows = connection.execute(_KEYS).fetchall()
    keys = json.dumps([row[0] for row in rows if row[0] and person.is_key(row[0])])
    turns = column(
        connection,
        "SELECT id FROM turns WHERE speaker IN (SELECT value FROM json_each(:keys)) "
        "UNION SELECT turn_id FROM messages WHERE author IN (SELECT value FROM json_each(:keys))",
        {"keys": keys},
    )
    found = connection.execute(
        "SELECT seq, agent_id, conversation_id, author, author_name, text, source_key "
        "FROM messages WHERE author IN (SELECT value FROM json_each(:keys)) "
        "OR (author IS NULL AND turn_id IN (SELECT value FROM json_each(:turns)))",
        {"keys": keys, "turns": json.dumps(turns)},
    ).fetchall()
    sources = column(
        connection,
        "SELECT source_key FROM events WHERE speaker IN (SELECT value FROM json_each(:keys))",
        {"keys": keys},
    )
    sources += [row["source_key"] for row in found if row["source_key"]]
    names = column(
        connection,
        "SELECT name FROM principals WHERE principal IN (SELECT value FROM json_each(:keys))",
        {"keys": keys},
    )
    names += [row["author_name"] for row in found if row["author"]]
    return Traces(
        keys=keys,
        turns=json.dumps(turns),
        sources=json.dumps(sources),
        names=frozenset(name for name in names if name),
        texts=frozenset(row["text"].strip() for row in found if row["text"].strip()),
        rows=found,
    )
