"""Tenants, principals, agents and conversations: who there is, and the counters of agents."""

import json
import re
import sqlite3
from collections.abc import Iterable
from datetime import datetime

from engine.oversight import AgentOverview
from engine.places import audience_of
from engine.records import IncomingEvent, MemoryCounts, Scope
from storage.sqlite.instants import from_text, to_text

__all__ = [
    "add_counts",
    "add_speakers",
    "agent_kind",
    "count_again",
    "count_passages",
    "counts",
    "ensure_conversation",
    "ensure_scope",
    "has_agent",
    "knowledge_owners",
    "meet",
    "names",
    "overviews",
    "platform_of",
    "refresh_shown_counts",
    "resolve",
    "scope_of",
    "touch",
]

_SHOWN_SPEAKERS = 8


def platform_of(key: str) -> str:
    """The platform of any key: ``slack`` of ``slack:T1/U2``."""
    return key.split(":", 1)[0]


def agent_kind(agent_id: str) -> str:
    """``personal`` for an agent that speaks to one person alone, else ``room``."""
    return "personal" if audience_of(agent_id) == "private" else "room"


def ensure_scope(connection: sqlite3.Connection, event: IncomingEvent, at: datetime) -> bool:
    """Create what the event's scope names and does not exist; whether the agent is new."""
    scope, now = event.scope, to_text(at)
    new = ensure_conversation(connection, scope, event.place, event.place_name, now)
    if scope.speaker:
        _ensure_tenant(connection, scope.speaker.split("/", 1)[0], now)
        connection.execute(
            "INSERT INTO principals (principal, tenant, name, timezone, created_at, last_seen_at) "
            "VALUES (:principal, :tenant, :name, :timezone, :now, :now) "
            "ON CONFLICT DO UPDATE SET name = excluded.name, last_seen_at = excluded.last_seen_at, "
            "timezone = coalesce(excluded.timezone, timezone)",
            {
                "principal": scope.speaker,
                "tenant": scope.speaker.split("/", 1)[0],
                "name": event.speaker_name,
                "timezone": event.timezone,
                "now": now,
            },
        )
    add_speakers(connection, scope, [scope.speaker, *event.mentions])
    return new


def ensure_conversation(
    connection: sqlite3.Connection, scope: Scope, place: str, place_name: str, now: str
) -> bool:
    """Create tenant, agent and conversation where they are new; whether the agent is."""
    _ensure_tenant(connection, scope.tenant, now)
    agent = connection.execute(
        "INSERT OR IGNORE INTO agents (agent_id, tenant, kind, place, created_at) "
        "VALUES (?, ?, ?, ?, ?)",
        (scope.agent_id, scope.tenant, agent_kind(scope.agent_id), place_name or place, now),
    )
    connection.execute(
        "INSERT OR IGNORE INTO conversations (conversation_id, agent_id, tenant, place_name, "
        "shown_messages, shown_passages, created_at) "
        "SELECT ?, agent_id, tenant, ?, message_count, passage_count, ? "
        "FROM agents WHERE agent_id = ? AND tenant = ?",
        (scope.conversation_id, place_name, now, scope.agent_id, scope.tenant),
    )
    return agent.rowcount == 1


def meet(connection: sqlite3.Connection, place: str, at: datetime) -> bool:
    """Note that a channel or person has met the bot; whether it is the first time."""
    met = connection.execute(
        "INSERT OR IGNORE INTO meetings (place, at) VALUES (?, ?)", (place, to_text(at))
    )
    return met.rowcount == 1


def scope_of(row: sqlite3.Row) -> Scope:
    """The scope that a row was stored with."""
    return Scope(
        tenant=row["tenant"],
        agent_id=row["agent_id"],
        conversation_id=row["conversation_id"],
        speaker=row["speaker"],
        audience=row["audience"],
    )


def _ensure_tenant(connection: sqlite3.Connection, tenant: str, now: str) -> None:
    connection.execute(
        "INSERT OR IGNORE INTO tenants (tenant, platform, created_at) VALUES (?, ?, ?)",
        (tenant, platform_of(tenant), now),
    )


def names(connection: sqlite3.Connection, principals: Iterable[str]) -> dict[str, str]:
    """What people were called last."""
    rows = connection.execute(
        "SELECT principal, name FROM principals "
        "WHERE principal IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(principals)),),
    )
    return {row["principal"]: row["name"] for row in rows}


def add_speakers(
    connection: sqlite3.Connection, scope: Scope, principals: Iterable[str | None]
) -> None:
    """Note who spoke or was mentioned; the last eight are kept, the latest at the end."""
    row = connection.execute(
        "SELECT speakers FROM conversations WHERE conversation_id = ?", (scope.conversation_id,)
    ).fetchone()
    known: list[str] = json.loads(row["speakers"])
    latest = dict.fromkeys(known)
    for principal in principals:
        if principal:
            latest.pop(principal, None)
            latest[principal] = None
    shown = list(latest)[-_SHOWN_SPEAKERS:]
    if shown != known:
        connection.execute(
            "UPDATE conversations SET speakers = ? WHERE conversation_id = ?",
            (json.dumps(shown), scope.conversation_id),
        )


def add_counts(
    connection: sqlite3.Connection, agent_id: str, *, messages: int = 0, passages: int = 0
) -> None:
    """Count what was just stored."""
    connection.execute(
        "UPDATE agents SET message_count = message_count + ?, passage_count = passage_count + ? "
        "WHERE agent_id = ?",
        (messages, passages, agent_id),
    )


def count_again(connection: sqlite3.Connection, agent_id: str) -> None:
    """Make the counters right after deletions, and show the new ones in every prefix."""
    connection.execute(
        "UPDATE agents SET "
        "message_count = (SELECT count(*) FROM messages WHERE agent_id = agents.agent_id) "
        "WHERE agent_id = ?",
        (agent_id,),
    )
    count_passages(connection, agent_id)
    refresh_shown_counts(connection, agent_id)


def count_passages(connection: sqlite3.Connection, agent_id: str) -> None:
    """Count what archival memory has in sight."""
    connection.execute(
        "UPDATE agents SET passage_count = (SELECT count(*) FROM passages "
        "WHERE agent_id = agents.agent_id AND superseded_at IS NULL AND (document_id IS NULL "
        "OR document_id IN (SELECT id FROM documents WHERE agent_id = agents.agent_id "
        "AND state = 'ready'))) WHERE agent_id = ?",
        (agent_id,),
    )


def refresh_shown_counts(connection: sqlite3.Connection, agent_id: str) -> None:
    """The prefix of each of the agent's conversations is rebuilt: show the counts of now."""
    connection.execute(
        "UPDATE conversations SET (shown_messages, shown_passages) = "
        "(SELECT message_count, passage_count FROM agents WHERE agent_id = ?) WHERE agent_id = ?",
        (agent_id, agent_id),
    )


def has_agent(connection: sqlite3.Connection, scope: Scope) -> bool:
    """Whether the scope's agent exists and belongs to the scope's tenant."""
    row = connection.execute(
        "SELECT 1 FROM agents WHERE agent_id = ? AND tenant = ?", (scope.agent_id, scope.tenant)
    ).fetchone()
    return row is not None


def counts(connection: sqlite3.Connection, scope: Scope) -> MemoryCounts:
    """How much the agent's recall and archival memory hold now."""
    row = connection.execute(
        "SELECT message_count, passage_count FROM agents WHERE agent_id = ? AND tenant = ?",
        (scope.agent_id, scope.tenant),
    ).fetchone()
    return MemoryCounts(messages=row[0], passages=row[1]) if row else MemoryCounts()


def touch(connection: sqlite3.Connection, agent_id: str, now: str) -> None:
    """Note that the agent was active."""
    connection.execute("UPDATE agents SET last_activity = ? WHERE agent_id = ?", (now, agent_id))


def overviews(connection: sqlite3.Connection, tenant: str | None) -> list[AgentOverview]:
    """One line for each agent, the one active last first; owners of knowledge are none."""
    rows = connection.execute(
        "SELECT a.*, (SELECT count(*) FROM blocks AS b WHERE b.agent_id = a.agent_id) AS blocks "
        "FROM agents AS a WHERE (:tenant IS NULL OR a.tenant = :tenant) "
        "AND a.agent_id NOT GLOB 'knowledge:*' "
        "ORDER BY a.last_activity IS NULL, a.last_activity DESC, a.agent_id",
        {"tenant": tenant},
    )
    return [_overview(row) for row in rows]


def _overview(row: sqlite3.Row) -> AgentOverview:
    return AgentOverview(
        agent_id=row["agent_id"],
        kind=row["kind"],
        platform=platform_of(row["agent_id"]),
        place=row["place"],
        messages=row["message_count"],
        passages=row["passage_count"],
        blocks=row["blocks"],
        last_activity=from_text(row["last_activity"]) if row["last_activity"] else None,
    )


def knowledge_owners(connection: sqlite3.Connection) -> list[str]:
    """Owners of intuitive knowledge."""
    rows = connection.execute("SELECT agent_id FROM agents WHERE agent_id GLOB 'knowledge:*'")
    return [row[0] for row in rows]


def resolve(connection: sqlite3.Connection, key: str) -> str | None:
    """The agent a key means; a Discord user's agent is found through any guild."""
    candidates = [key]
    head, mark, user = key.partition("/user/")
    if mark and re.fullmatch(r"discord:[^/]+", head):
        candidates.append(f"discord:*/user/{user}")
    for candidate in candidates:
        row = connection.execute("SELECT 1 FROM agents WHERE agent_id = ?", (candidate,))
        if row.fetchone():
            return candidate
    return None
