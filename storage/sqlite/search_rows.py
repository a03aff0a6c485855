"""What recall and archival search share in SQL: agents' numbers, word look-ups, vectors, queue.

Every statement here names one agent's number; a number belongs to one agent and one tier and is
never used again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from storage.vectors import Codes, Floats, pack, unpack

__all__ = [
    "AgentState",
    "PendingText",
    "Tier",
    "add_words",
    "agent_state",
    "drop_agent",
    "drop_vectors",
    "ensure_agent",
    "known_model",
    "load_vectors",
    "mark_changed",
    "matches",
    "pending",
    "purge_words",
    "remove_words",
    "start_model",
    "store_pending",
    "store_vectors",
    "use_model",
]

Tier = Literal["recall", "archival"]
Seqs = NDArray[np.int64]

_INSERT_WORDS: dict[Tier, str] = {
    "recall": "INSERT INTO recall_words (rowid, terms) VALUES (?, ?)",
    "archival": "INSERT INTO archival_words (rowid, terms) VALUES (?, ?)",
}
_DELETE_WORDS: dict[Tier, str] = {
    "recall": "DELETE FROM recall_words WHERE rowid = ?",
    "archival": "DELETE FROM archival_words WHERE rowid = ?",
}
_MATCH_WORDS: dict[Tier, str] = {
    "recall": (
        "SELECT group_concat(rowid, ' ') FROM "
        "(SELECT rowid FROM recall_words WHERE recall_words MATCH ? AND rowid > ? LIMIT ?)"
    ),
    "archival": (
        "SELECT group_concat(rowid, ' ') FROM "
        "(SELECT rowid FROM archival_words WHERE archival_words MATCH ? AND rowid > ? LIMIT ?)"
    ),
}
_OPTIMIZE_WORDS: dict[Tier, str] = {
    "recall": "INSERT INTO recall_words (recall_words) VALUES ('optimize')",
    "archival": "INSERT INTO archival_words (archival_words) VALUES ('optimize')",
}
_PENDING: dict[Tier, str] = {
    "recall": (
        "SELECT q.agent, q.seq, m.text FROM search_queue AS q "
        "JOIN search_agents AS a ON a.number = q.agent AND a.tier = ? "
        "JOIN messages AS m ON m.seq = q.seq ORDER BY q.id DESC LIMIT ?"
    ),
    "archival": (
        "SELECT q.agent, q.seq, p.title || char(10) || p.text FROM search_queue AS q "
        "JOIN search_agents AS a ON a.number = q.agent AND a.tier = ? "
        "JOIN passages AS p ON p.seq = q.seq ORDER BY q.id DESC LIMIT ?"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingText:
    """A row without a vector: its agent's number, its seq and what to embed."""

    agent: int
    seq: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentState:
    """What a reader must know before it trusts arrays it has kept.

    Attributes:
        number: Stands for the agent and tier in every table of search.
        generation: Counts removals; kept arrays of another generation are of no use.
        batches: Counts stored batches of vectors.
        languages: A bit for each language its texts were stored in.
    """

    number: int
    generation: int
    batches: int
    languages: int


def agent_state(connection: sqlite3.Connection, tier: Tier, agent_id: str) -> AgentState | None:
    """The agent's number and counters in the connection's snapshot; None if it stored nothing."""
    row = connection.execute(
        "SELECT number, generation, batches, languages FROM search_agents "
        "WHERE tier = ? AND agent_id = ?",
        (tier, agent_id),
    ).fetchone()
    if row is None:
        return None
    return AgentState(number=row[0], generation=row[1], batches=row[2], languages=row[3])


def ensure_agent(
    connection: sqlite3.Connection, tier: Tier, agent_id: str, language: int = 0
) -> int:
    """The agent's number, given now if it had none; notes the bit of a language it uses."""
    connection.execute(
        "INSERT INTO search_agents (tier, agent_id, languages) VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET languages = languages | excluded.languages "
        "WHERE languages & excluded.languages <> excluded.languages",
        (tier, agent_id, language),
    )
    row = connection.execute(
        "SELECT number FROM search_agents WHERE tier = ? AND agent_id = ?", (tier, agent_id)
    ).fetchone()
    return int(row[0])


def drop_agent(connection: sqlite3.Connection, number: int) -> None:
    """Forget the number itself, after everything stored under it."""
    connection.execute("DELETE FROM search_agents WHERE number = ?", (number,))


def mark_changed(connection: sqlite3.Connection, number: int) -> None:
    """Make every kept array of this agent out of date, once the caller's transaction commits."""
    connection.execute(
        "UPDATE search_agents SET generation = generation + 1 WHERE number = ?", (number,)
    )


# ------------------------------------------------------------------ words


def add_words(
    connection: sqlite3.Connection, tier: Tier, number: int, seq: int, terms: Iterable[str]
) -> None:
    """Store a row's terms for one agent, each once."""
    body = " ".join(f"{number}{term}" for term in dict.fromkeys(terms))
    connection.execute(_INSERT_WORDS[tier], (seq, body))


def remove_words(connection: sqlite3.Connection, tier: Tier, seqs: Sequence[int]) -> None:
    """Remove rows' terms from what can be found; `purge_words` clears them from the file."""
    connection.executemany(_DELETE_WORDS[tier], ((seq,) for seq in seqs))


def purge_words(connection: sqlite3.Connection, tier: Tier) -> None:
    """Rewrite the word index without the removed words.

    FTS5 keeps a removed row's words until its segments are merged; the option "secure-delete"
    came with SQLite 3.42. Source: https://www.sqlite.org/fts5.html#the_secure_delete_configuration_option
    """
    connection.execute(_OPTIMIZE_WORDS[tier])


def matches(
    connection: sqlite3.Connection,
    tier: Tier,
    number: int,
    terms: Sequence[str],
    limit: int = -1,
    after: int = -1,
) -> Seqs:
    """The rows of one agent that hold any of the terms, in ascending order.

    One text of numbers instead of a row each: three times as fast for long lists.

    Args:
        connection: Of a reader.
        tier: Which memory.
        number: The agent's.
        terms: As made by `storage.words` and `storage.dates`.
        limit: The most rows; -1 for all.
        after: Only rows with a greater seq.
    """
    if not terms:
        return np.empty(0, dtype=np.int64)
    values = (_any_of(number, terms), after, limit)
    row = connection.execute(_MATCH_WORDS[tier], values).fetchone()
    return np.fromstring(row[0] or "", dtype=np.int64, sep=" ")


def _any_of(number: int, terms: Sequence[str]) -> str:
    """An FTS5 expression; every term is quoted, so no user text is its syntax."""
    quoted = (f"{number}{term}".replace('"', '""') for term in terms)
    return " OR ".join(f'"{term}"' for term in quoted)


# ------------------------------------------------------------------ vectors


def use_model(connection: sqlite3.Connection, model: str, dimension: int) -> int:
    """The model's number, given now if it had none.

    Raises:
        ValueError: The model is known with another dimension.
    """
    known = known_model(connection, model)
    if known is None:
        cursor = connection.execute(
            "INSERT INTO search_models (name, dimension) VALUES (?, ?)", (model, dimension)
        )
        return int(cursor.lastrowid or 0)
    number, stored = known
    if stored != dimension:
        raise ValueError(f"{model} has vectors of {stored} dimensions here, not {dimension}")
    return number


def known_model(connection: sqlite3.Connection, model: str) -> tuple[int, int] | None:
    """The number and dimension of a model that has vectors here."""
    row = connection.execute(
        "SELECT number, dimension FROM search_models WHERE name = ?", (model,)
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else None


def store_vectors(
    connection: sqlite3.Connection, number: int, model: int, seqs: Sequence[int], vectors: Floats
) -> None:
    """Store one batch of an agent's vectors in place of older ones; its rows leave the queue."""
    row = connection.execute(
        "UPDATE search_agents SET batches = batches + 1 WHERE number = ? RETURNING batches",
        (number,),
    ).fetchone()
    if row is None:
        return
    left = _still_waiting(connection, number, seqs)
    drop_vectors(connection, number, seqs)
    connection.executemany(
        "INSERT INTO search_vectors (agent, model, batch, seq, vector) VALUES (?, ?, ?, ?, ?)",
        (
            (number, model, row[0], seq, blob)
            for seq, blob in zip(seqs, pack(vectors), strict=True)
            if seq in left
        ),
    )


def _still_waiting(connection: sqlite3.Connection, number: int, seqs: Sequence[int]) -> set[int]:
    """Rows that were not removed while their vectors were made."""
    found = (
        connection.execute(
            "SELECT seq FROM search_queue WHERE agent = ? AND seq = ?", (number, seq)
        ).fetchone()
        for seq in seqs
    )
    return {row[0] for row in found if row}


def start_model(connection: sqlite3.Connection, model: str, dimension: int) -> None:
    """Make this the one model: forget other models' vectors and queue every row without one."""
    number = use_model(connection, model, dimension)
    others = connection.execute(
        "DELETE FROM search_models WHERE number <> ? RETURNING number", (number,)
    ).fetchall()
    if not others:
        return
    connection.execute("DELETE FROM search_vectors WHERE model <> ?", (number,))
    queue_all(connection)


def queue_all(connection: sqlite3.Connection) -> int:
    """Have every row wait for a vector; how many wait now."""
    connection.execute(
        "INSERT OR IGNORE INTO search_queue (agent, seq) "
        "SELECT agent, seq FROM recall_rows UNION ALL SELECT agent, seq FROM archival_rows"
    )
    return waiting(connection)


def waiting(connection: sqlite3.Connection) -> int:
    """How many rows wait for a vector."""
    return int(connection.execute("SELECT count(*) FROM search_queue").fetchone()[0])


def pending(connection: sqlite3.Connection, tier: Tier, limit: int) -> list[PendingText]:
    """Rows that wait for a vector, the newest first, with the text to embed."""
    rows = connection.execute(_PENDING[tier], (tier, limit)).fetchall()
    return [PendingText(agent=row[0], seq=row[1], text=row[2]) for row in rows]


def store_pending(
    connection: sqlite3.Connection, model: int, rows: Sequence[PendingText], vectors: Floats
) -> None:
    """Store the vectors of rows that waited, agent by agent."""
    for agent in dict.fromkeys(row.agent for row in rows):
        own = [at for at, row in enumerate(rows) if row.agent == agent]
        store_vectors(connection, agent, model, [rows[at].seq for at in own], vectors[own])


def load_vectors(
    connection: sqlite3.Connection, number: int, model: tuple[int, int], after_batch: int
) -> tuple[Seqs, Codes, Floats]:
    """The vectors stored after a batch: their rows, codes and scales."""
    rows = connection.execute(
        "SELECT seq, vector FROM search_vectors WHERE agent = ? AND model = ? AND batch > ?",
        (number, model[0], after_batch),
    ).fetchall()
    codes, scales = unpack([row[1] for row in rows], model[1])
    return np.array([row[0] for row in rows], dtype=np.int64), codes, scales


def drop_vectors(connection: sqlite3.Connection, number: int, seqs: Sequence[int]) -> None:
    """Remove rows' vectors of every model, and the rows from the queue."""
    keys = [(number, seq) for seq in seqs]
    connection.executemany("DELETE FROM search_vectors WHERE agent = ? AND seq = ?", keys)
    connection.executemany("DELETE FROM search_queue WHERE agent = ? AND seq = ?", keys)
