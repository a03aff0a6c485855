"""Takes messages, and all that was made of them, out of every memory that holds some of it.

Every function here spans agents on purpose: a person speaks to many.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.erasure import Forms, PastValue, blotted, cleaned, forms_of, holds_words, unquoted
from storage.sqlite import accounts, messages, passages
from storage.sqlite.indexes import Indexes
from storage.sqlite.instants import to_text

__all__ = ["Traces", "clean_blocks", "column", "drop_passages", "unlearn", "unlearn_words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Where a person, or a message, left something.

    Attributes:
        keys: Their principal keys, as JSON for ``json_each``.
        turns: Turns they triggered, and ``sources`` what they sent, both as JSON.
        texts: What they said and what was answered.
        rows: Their messages, and the bot's in their turns: agent, conversation, seq.
    """

    keys: str
    turns: str
    sources: str
    names: frozenset[str]
    texts: frozenset[str]
    rows: Sequence[Any]

    def quotes(self, name: str, text: str) -> bool:
        """Whether a quote of this name and text is of them or of an answer to them."""
        cut = text.rstrip("….")
        is_part = any(cut in said for said in self.texts if cut)
        return name in self.names or is_part or holds_words(text, self.texts)

    @property
    def first(self) -> int:
        """Number after which they may be quoted: of a person also what was never stored."""
        return 0 if self.names else min((row["seq"] for row in self.rows), default=0)

    def values(self) -> dict[str, str]:
        """Parameters of the statements below."""
        return {"keys": self.keys, "turns": self.turns, "sources": self.sources}


def unlearn(
    connection: sqlite3.Connection, indexes: Indexes, traces: Traces, at: datetime
) -> Counter[str]:
    """Remove what the traces lead to; how much, by table.

    The words of removed rows are found no more, and leave the file with ``Indexes.purge``.
    """
    removed: Counter[str] = Counter()
    agents = {row["agent_id"] for row in traces.rows}
    agents |= _stop_turns(connection, traces)
    removed["messages"] += messages.remove(connection, indexes, [row["seq"] for row in traces.rows])
    removed.update(_drop_derived(connection, indexes, traces, agents, at))
    removed.update(_drop_rest(connection, traces))
    for agent_id in agents:
        accounts.count_again(connection, agent_id)
    return removed


def unlearn_words(
    connection: sqlite3.Connection, indexes: Indexes, traces: Traces, at: datetime
) -> None:
    """Remove what came of a message's old words; it, its answer and its schedules stay.

    A turn that has read them goes on; what it writes over a cleaned block is refused.
    """
    agents = {row["agent_id"] for row in traces.rows}
    _drop_derived(connection, indexes, traces, agents, at)
    for agent_id in agents:
        accounts.count_again(connection, agent_id)


def _drop_derived(
    connection: sqlite3.Connection,
    indexes: Indexes,
    traces: Traces,
    agents: set[str],
    at: datetime,
) -> Counter[str]:
    """What was made of messages: summaries, quotes, notes, block lines; how much, by table."""
    removed: Counter[str] = Counter()
    removed["summaries"] += _drop_summaries(connection, traces, at)
    removed["quotes"] += _drop_quotes(connection, agents, traces)
    removed["quotes"] += _blot_repeats(connection, indexes, agents, traces)
    removed["passages"] += drop_passages(connection, indexes, agents, traces)
    removed.update(clean_blocks(connection, traces, agents, at))
    return removed


def column(connection: sqlite3.Connection, query: str, values: dict[str, str]) -> list[Any]:
    """The first column of what a query finds."""
    return [row[0] for row in connection.execute(query, values)]


def _stop_turns(connection: sqlite3.Connection, traces: Traces) -> set[str]:
    """Put running turns of the agents back: what they have read is no longer so."""
    agents = {row["agent_id"] for row in traces.rows}
    agents |= set(
        column(
            connection,
            "SELECT agent_id FROM turns WHERE id IN (SELECT value FROM json_each(:turns)) "
            "UNION SELECT agent_id FROM blocks "
            "WHERE owner IN (SELECT value FROM json_each(:keys)) "
            "UNION SELECT agent_id FROM block_versions "
            "WHERE author IN (SELECT value FROM json_each(:keys)) "
            "UNION SELECT agent_id FROM passages "
            "WHERE author IN (SELECT value FROM json_each(:keys))",
            {"turns": traces.turns, "keys": traces.keys},
        )
    )
    connection.execute(
        "UPDATE turns SET state = 'queued' WHERE state = 'running' "
        "AND agent_id IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(agents)),),
    )
    return agents


def _drop_summaries(connection: sqlite3.Connection, traces: Traces, at: datetime) -> int:
    """Summaries that covered their messages go; those being made now will be refused.

    What is left of what they covered is in the queue again, so that the next flush sums it up.
    """
    first: dict[str, int] = {}
    for row in traces.rows:
        known = first.get(row["conversation_id"], row["seq"])
        first[row["conversation_id"]] = min(known, row["seq"])
    dropped = 0
    for conversation_id, seq in first.items():
        gone = connection.execute(
            "DELETE FROM summaries WHERE conversation_id = ? AND through_seq >= ? "
            "RETURNING prepared",
            (conversation_id, seq),
        ).fetchall()
        dropped += len(gone)
        connection.execute(
            "UPDATE conversations SET erased_at = ? WHERE conversation_id = ?",
            (to_text(at), conversation_id),
        )
        if not all(row["prepared"] for row in gone):
            _reopen(connection, conversation_id)
    return dropped


_REOPENED = 100  # what people said; a summary of more than fits into half a window is a guess


def _reopen(connection: sqlite3.Connection, conversation_id: str) -> None:
    """Begin a queue earlier, with something that a person said and not before its last `new`."""
    connection.execute(
        "UPDATE conversations AS c SET window_start_seq = max(c.begun_seq, coalesce("
        "(SELECT m.seq - 1 FROM messages AS m WHERE m.conversation_id = c.conversation_id "
        "AND m.agent_id = c.agent_id AND m.role = 'user' AND m.seq <= c.window_start_seq "
        "ORDER BY m.seq DESC LIMIT 1 OFFSET ?), 0)) WHERE conversation_id = ?",
        (_REOPENED - 1, conversation_id),
    )


def _drop_quotes(connection: sqlite3.Connection, agents: Iterable[str], traces: Traces) -> int:
    """Quotes of them in what other people sent."""
    dropped = 0
    for agent_id in agents:
        rows = connection.execute(
            "SELECT seq, payload FROM messages WHERE agent_id = ? AND seq > ? "
            "AND instr(payload, 'in_reply_to') > 0",
            (agent_id, traces.first),
        ).fetchall()
        for row in rows:
            payload = unquoted(row["payload"], traces.quotes)
            if payload != row["payload"]:
                connection.execute(
                    "UPDATE messages SET payload = ? WHERE seq = ?", (payload, row["seq"])
                )
                dropped += 1
        _drop_event_quotes(connection, agent_id, traces.quotes)
    return dropped


def _drop_event_quotes(
    connection: sqlite3.Connection, agent_id: str, is_theirs: Callable[[str, str], bool]
) -> None:
    rows = connection.execute(
        "SELECT event_id, details FROM events WHERE agent_id = ? "
        "AND json_extract(details, '$.quote') IS NOT NULL",
        (agent_id,),
    ).fetchall()
    for row in rows:
        details = json.loads(row["details"])
        if is_theirs(details["quote"]["author_name"], details["quote"]["text"]):
            details["quote"] = None
            connection.execute(
                "UPDATE events SET details = ? WHERE event_id = ?",
                (json.dumps(details, ensure_ascii=False), row["event_id"]),
            )


# Shorter ones are said by many; in what a search found they are its words all the same.
_TOLD_CHARS, _FOUND_CHARS = 16, 8


def _blot_repeats(
    connection: sqlite3.Connection, indexes: Indexes, agents: Iterable[str], traces: Traces
) -> int:
    """Their words in what the bot looked up for other people and told them; how often."""
    said = {row["text"].strip() for row in traces.rows if row["author"]}
    told, found = (
        forms_of(words for words in said if len(words) >= least)
        for least in (_TOLD_CHARS, _FOUND_CHARS)
    )
    blots = 0
    for agent_id in agents if found else ():
        rows = connection.execute(
            "SELECT * FROM messages WHERE agent_id = ? AND seq > ? "
            "AND role IN ('tool', 'assistant')",
            (agent_id, traces.first),
        ).fetchall()
        for row in rows:
            forms = found if row["role"] == "tool" else told
            blots += messages.blot(connection, indexes, row, forms)
        _blot_outbox(connection, agent_id, told)
    return blots


def _blot_outbox(connection: sqlite3.Connection, agent_id: str, told: Forms) -> None:
    rows = connection.execute("SELECT id, text FROM outbox WHERE agent_id = ?", (agent_id,))
    connection.executemany(
        "UPDATE outbox SET text = ?1 WHERE id = ?2 AND text <> ?1",
        [(blotted(row["text"], told), row["id"]) for row in rows.fetchall()],
    )


def drop_passages(
    connection: sqlite3.Connection, indexes: Indexes, agents: set[str], traces: Traces
) -> int:
    """Passages from them, and those of the memory agent that repeat their words."""
    rows = connection.execute(
        "SELECT seq, id, agent_id FROM passages "
        "WHERE author IN (SELECT value FROM json_each(:keys)) "
        "OR source_key IN (SELECT value FROM json_each(:sources)) "
        "OR id IN (SELECT passage_id FROM passage_sources "
        "WHERE source_key IN (SELECT value FROM json_each(:sources))) "
        "OR turn_id IN (SELECT value FROM json_each(:turns))",
        traces.values(),
    ).fetchall()
    for agent_id in agents:
        rows += [
            row
            for row in connection.execute(
                "SELECT seq, id, agent_id, text FROM passages WHERE agent_id = ? "
                "AND document_id IS NULL AND (author IS NULL OR instr(author, '/') = 0)",
                (agent_id,),
            )
            if holds_words(row["text"], traces.texts)
        ]
    seqs = {row["seq"]: row for row in rows}
    agents |= {row["agent_id"] for row in rows}
    connection.executemany(
        "UPDATE passages SET superseded_by = NULL WHERE superseded_by = ?",
        ((row["id"],) for row in seqs.values()),
    )
    return passages.remove(connection, indexes, list(seqs))


def clean_blocks(
    connection: sqlite3.Connection, traces: Traces, agents: set[str], at: datetime
) -> dict[str, int]:
    """Their own blocks go; from others go the lines that came from them."""
    own = connection.execute(
        "DELETE FROM blocks WHERE owner IN (SELECT value FROM json_each(:keys)) OR label IN "
        "(SELECT 'human:' || value FROM json_each(:keys)) RETURNING agent_id, label",
        traces.values(),
    ).fetchall()
    connection.executemany(
        "DELETE FROM block_versions WHERE agent_id = ? AND label = ?",
        ((row["agent_id"], row["label"]) for row in own),
    )
    touched = connection.execute(
        "SELECT DISTINCT agent_id, label FROM block_versions "
        "WHERE author IN (SELECT value FROM json_each(:keys)) "
        "OR source_key IN (SELECT value FROM json_each(:sources)) "
        "OR id IN (SELECT version_id FROM block_sources "
        "WHERE source_key IN (SELECT value FROM json_each(:sources))) "
        "OR turn_id IN (SELECT value FROM json_each(:turns))",
        traces.values(),
    ).fetchall()
    agents |= {row["agent_id"] for row in [*own, *touched]}
    versions = sum(
        _clean_block(connection, row["agent_id"], row["label"], traces, at) for row in touched
    )
    return {"blocks": len(own), "block_versions": versions}


_STILL_THERE = (  # the pinned lines that a cleaned value has
    "(SELECT json_group_array(pin.value) FROM json_each(pinned) AS pin "
    "WHERE instr(char(10) || :value || char(10), char(10) || pin.value || char(10)))"
)


def _clean_block(
    connection: sqlite3.Connection, agent_id: str, label: str, traces: Traces, at: datetime
) -> int:
    rows = connection.execute(
        "SELECT id, value, (author IN (SELECT value FROM json_each(:keys)) "
        "OR source_key IN (SELECT value FROM json_each(:sources)) "
        "OR id IN (SELECT version_id FROM block_sources "
        "WHERE source_key IN (SELECT value FROM json_each(:sources))) "
        "OR turn_id IN (SELECT value FROM json_each(:turns))) IS TRUE AS theirs "
        "FROM block_versions WHERE agent_id = :agent AND label = :label ORDER BY version",
        {**traces.values(), "agent": agent_id, "label": label},
    ).fetchall()
    values = cleaned([PastValue(row["value"], bool(row["theirs"])) for row in rows])
    connection.executemany(
        f"UPDATE block_versions SET value = :value, pinned = {_STILL_THERE} WHERE id = :id",
        ({"value": value, "id": row["id"]} for row, value in zip(rows, values, strict=True)),
    )
    removed = connection.executemany(
        "DELETE FROM block_versions WHERE id = ?", ((row["id"],) for row in rows if row["theirs"])
    ).rowcount
    if values[-1] != rows[-1]["value"]:
        _write_cleaned(connection, agent_id, label, values[-1], to_text(at))
    return max(removed, 0)


def _write_cleaned(
    connection: sqlite3.Connection, agent_id: str, label: str, value: str, now: str
) -> None:
    """A new version, so that a turn which has read the old one is told."""
    connection.execute(
        f"UPDATE blocks SET value = :value, pinned = {_STILL_THERE}, version = version + 1, "
        "updated_at = :now WHERE agent_id = :agent AND label = :label",
        {"value": value, "now": now, "agent": agent_id, "label": label},
    )
    connection.execute(
        "INSERT INTO block_versions (agent_id, tenant, label, version, value, operation, at, "
        "pinned) SELECT agent_id, tenant, label, version, value, 'forget', updated_at, pinned "
        "FROM blocks "
        "WHERE agent_id = ? AND label = ?",
        (agent_id, label),
    )


_REST = {
    "documents": (
        "DELETE FROM documents WHERE author IN (SELECT value FROM json_each(:keys)) "
        "OR source_key IN (SELECT value FROM json_each(:sources))"
    ),
    "outbox": (
        "DELETE FROM outbox WHERE speaker IN (SELECT value FROM json_each(:keys)) "
        "OR turn_id IN (SELECT value FROM json_each(:turns))"
    ),
    "approvals": "DELETE FROM approvals WHERE turn_id IN (SELECT value FROM json_each(:turns))",
    "turns": (  # one that others have joined goes on without the words that are gone
        "DELETE FROM turns WHERE id IN (SELECT value FROM json_each(:turns)) "
        "AND id NOT IN (SELECT turn_id FROM messages WHERE kind IN ('user_message', 'overheard'))"
    ),
    "events": "DELETE FROM events WHERE speaker IN (SELECT value FROM json_each(:keys))",
    "schedules": (
        "DELETE FROM schedules WHERE author IN (SELECT value FROM json_each(:keys)) "
        "OR source_key IN (SELECT value FROM json_each(:sources))"
    ),
    "wishes": (  # who wants never to be remembered would be, if that were forgotten too
        "DELETE FROM wishes WHERE wish = 'pause' "
        "AND principal IN (SELECT value FROM json_each(:keys))"
    ),
    "links": (
        "DELETE FROM links WHERE principal IN (SELECT value FROM json_each(:keys)) "
        "OR linked IN (SELECT value FROM json_each(:keys))"
    ),
    "budget_notices": (
        "DELETE FROM budget_notices WHERE payer IN (SELECT value FROM json_each(:keys))"
    ),
    "cards": "DELETE FROM cards WHERE principal IN (SELECT value FROM json_each(:keys))",
    "corrections": "DELETE FROM corrections WHERE actor IN (SELECT value FROM json_each(:keys))",
    "kept choices": (
        "DELETE FROM kept_choices WHERE principal IN (SELECT value FROM json_each(:keys))"
    ),
    "link codes": "DELETE FROM link_codes WHERE principal IN (SELECT value FROM json_each(:keys))",
    "principals": "DELETE FROM principals WHERE principal IN (SELECT value FROM json_each(:keys))",
}
_ANONYMOUS = (
    (
        "UPDATE turns SET (speaker, speaker_name) = (SELECT m.author, m.author_name "
        "FROM messages AS m WHERE m.turn_id = turns.id "
        "AND m.kind IN ('user_message', 'overheard')) "
        "WHERE speaker IN (SELECT value FROM json_each(:keys)) "
        "AND id IN (SELECT turn_id FROM messages WHERE kind IN ('user_message', 'overheard'))"
    ),
    "UPDATE place_settings SET actor = NULL WHERE actor IN (SELECT value FROM json_each(:keys))",
    "UPDATE usage SET speaker = NULL WHERE speaker IN (SELECT value FROM json_each(:keys))",
    (
        "UPDATE audit SET detail = '' WHERE actor IN (SELECT value FROM json_each(:keys)) "
        "OR subject IN (SELECT value FROM json_each(:keys))"
    ),
    (
        "UPDATE conversations SET speakers = (SELECT json_group_array(value) FROM "
        "json_each(conversations.speakers) "
        "WHERE value NOT IN (SELECT value FROM json_each(:keys))) "
        "WHERE EXISTS (SELECT 1 FROM json_each(conversations.speakers) "
        "WHERE value IN (SELECT value FROM json_each(:keys)))"
    ),
)


def _drop_rest(connection: sqlite3.Connection, traces: Traces) -> dict[str, int]:
    for statement in _ANONYMOUS:
        connection.execute(statement, traces.values())
    return {
        name: connection.execute(statement, traces.values()).rowcount
        for name, statement in _REST.items()
    }
