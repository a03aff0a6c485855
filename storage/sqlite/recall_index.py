"""Search of recall memory in SQLite: what is written when a message is stored, and the search.

Writes happen inside the caller's transaction. Reads are bound to one agent in SQL: every
statement names the agent's number.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from storage.dates import asked_dates, asks_when, date_terms, holds_time, spoken_terms
from storage.search import (
    FIRST_PERSON,
    HYBRID,
    TIME_WORD,
    WORDS_ONLY,
    Asked,
    Word,
    recall_scores,
)
from storage.sqlite.array_cache import ArrayCache
from storage.sqlite.moments import microseconds, snapshot
from storage.sqlite.recall_arrays import RecallArrays
from storage.sqlite.search_index import SearchIndex
from storage.sqlite.search_rows import (
    Tier,
    add_words,
    agent_state,
    drop_vectors,
    ensure_agent,
    known_model,
    mark_changed,
    matches,
    remove_words,
)
from storage.vectors import Floats, normalised, top
from storage.words import (
    QueryWord,
    fold,
    language_bit,
    query_identifiers,
    query_words,
    speaks_of_self,
    terms,
)

__all__ = ["Hits", "IndexedMessage", "RecallIndex", "RecallQuery"]

_TIER: Tier = "recall"
_SENTENCE = re.compile(r"[^.!?…。！？]*[.!?…。！？]*")
_QUESTION = ("?", "？")
# Beyond this a message has said enough; its logarithm grows no further.
_MAX_LENGTH_CHARS = 200
# A room that never sleeps would be one sitting, and all of it a result of any search.
_MOST_IN_SITTING = 200
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedMessage:
    """What search keeps of one message.

    Attributes:
        seq: Its number in the messages table.
        text: What people see, with what a shared picture shows in it.
        sent_at: When it was sent, with a zone.
    """

    seq: int
    agent_id: str
    conversation_id: str
    author_name: str
    text: str
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallQuery:
    """One search of one agent's messages.

    Attributes:
        vector: Of `RecallIndex.meaning_of` the text, or None to search by words alone.
        model: The model that made the vector.
        start: The earliest instant, included.
        end: The latest instant, included.
        speaker: Only messages by this author name.
        exclude: Messages that may not be found.
        today: What "yesterday" in the text is counted from.
    """

    agent_id: str
    text: str
    vector: Floats | None = None
    model: str = ""
    start: datetime | None = None
    end: datetime | None = None
    speaker: str | None = None
    exclude: frozenset[int] = field(default=frozenset())
    today: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """Found rows, best first, and how many there are in all."""

    seqs: tuple[int, ...] = ()
    total: int = 0
    scores: tuple[float, ...] = ()


class RecallIndex(SearchIndex[RecallArrays]):
    """The index over all agents' messages.

    Args:
        cache_bytes: The most memory kept between searches, over all agents.
        session_gap_seconds: A silence longer than this ends a sitting of a conversation.
    """

    tier = _TIER

    def __init__(self, *, cache_bytes: int, session_gap_seconds: int = 6 * 3600) -> None:
        super().__init__(ArrayCache(cache_bytes, RecallArrays))
        self._gap = session_gap_seconds * 1_000_000

    # -------------------------------------------------------------- writing

    def add(self, connection: sqlite3.Connection, messages: Sequence[IndexedMessage]) -> None:
        """Index messages, oldest first, inside the caller's transaction."""
        for message in messages:
            self._add(connection, message)

    def _add(self, connection: sqlite3.Connection, message: IndexedMessage) -> None:
        labelled = _labelled(message)
        number = ensure_agent(connection, _TIER, message.agent_id, language_bit(labelled))
        sent = microseconds(message.sent_at)
        sitting = self._sitting(connection, number, message, sent)
        body = terms(labelled)
        dates = date_terms(message.sent_at.date())
        spoken = spoken_terms(message.text, message.sent_at.date())
        add_words(connection, _TIER, number, message.seq, [*body, *dates, *spoken])
        connection.execute(
            "INSERT INTO recall_rows (agent, seq, sitting, sent, speaker, flags, length, words) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                message.seq,
                sitting,
                sent,
                fold(message.author_name),
                _flags(message.text),
                _length(message.text),
                len(body),
            ),
        )
        connection.execute(
            "INSERT OR IGNORE INTO search_queue (agent, seq) VALUES (?, ?)", (number, message.seq)
        )

    def _sitting(
        self, connection: sqlite3.Connection, number: int, message: IndexedMessage, sent: int
    ) -> int:
        """The sitting a message belongs to, named by the seq of its first message."""
        last = connection.execute(
            "SELECT first_seq, last_sent, messages FROM recall_sittings "
            "WHERE agent = ? AND conversation = ? AND first_seq <= ? "
            "ORDER BY first_seq DESC LIMIT 1",
            (number, message.conversation_id, message.seq),
        ).fetchone()
        # Imports may bring what is older than all that is there.
        near = last and abs(sent - last[1]) <= self._gap and last[2] < _MOST_IN_SITTING
        sitting = last[0] if near else message.seq
        connection.execute(
            "INSERT INTO recall_sittings (agent, conversation, first_seq, last_sent, messages) "
            "VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET messages = messages + 1, "
            "last_sent = max(last_sent, excluded.last_sent)",
            (number, message.conversation_id, sitting, sent),
        )
        return int(sitting)

    def remove(self, connection: sqlite3.Connection, seqs: Sequence[int]) -> None:
        """Remove messages from search, inside the caller's transaction."""
        for seq in seqs:
            row = connection.execute(
                "DELETE FROM recall_rows WHERE seq = ? RETURNING agent, sitting", (seq,)
            ).fetchone()
            if row is None:
                continue
            number, sitting = row
            remove_words(connection, _TIER, [seq])
            drop_vectors(connection, number, [seq])
            connection.execute(
                "UPDATE recall_sittings SET messages = messages - 1 "
                "WHERE agent = ? AND first_seq = ?",
                (number, sitting),
            )
            connection.execute(
                "DELETE FROM recall_sittings WHERE agent = ? AND first_seq = ? AND messages <= 0",
                (number, sitting),
            )
            mark_changed(connection, number)

    # -------------------------------------------------------------- reading

    def meaning_of(self, connection: sqlite3.Connection, agent_id: str, text: str) -> str:
        """The query as it should be embedded: without the names of the agent's speakers.

        A name in a query is near to greetings by the other person; what it says about the
        speaker is counted apart.
        """
        with snapshot(connection):
            arrays = self._loaded(connection, agent_id, "")
        if arrays is None:
            return text
        named = _named(arrays.speakers, text)
        parts = {part for name in named for part in _WORD.findall(name)}
        pattern = re.compile(r"[^\W_]+(?:['’]s\b)?")
        kept = pattern.sub(lambda found: "" if _bare(found[0]) in parts else found[0], text)
        return " ".join(kept.split()) or text

    def search(
        self, connection: sqlite3.Connection, query: RecallQuery, limit: int, offset: int = 0
    ) -> Hits:
        """The best messages of one agent, on the caller's connection for reading."""
        with snapshot(connection):
            arrays = self._loaded(connection, query.agent_id, query.model)
            if arrays is None:
                return Hits()
            with arrays.lock:
                return _search(connection, arrays, query, limit, offset)

    def _loaded(
        self, connection: sqlite3.Connection, agent_id: str, model: str
    ) -> RecallArrays | None:
        state = agent_state(connection, _TIER, agent_id)
        if state is None:
            return None
        arrays = self._cache.get(agent_id, state)
        with arrays.lock:
            arrays.refresh(connection, state, known_model(connection, model) if model else None)
        self._cache.shrink()
        return arrays


def _search(
    connection: sqlite3.Connection,
    arrays: RecallArrays,
    query: RecallQuery,
    limit: int,
    offset: int,
) -> Hits:
    asked = _asked(connection, arrays, query)
    weights = WORDS_ONLY if asked.cosines is None else HYBRID
    scores = recall_scores(arrays.columns(), asked, weights)
    scores[~_allowed(arrays, query)] = -np.inf
    best = top(scores, offset + limit)[offset:]
    return Hits(
        seqs=tuple(arrays.seqs.values[best].tolist()),
        total=int(np.isfinite(scores).sum()),
        scores=tuple(scores[best].tolist()),
    )


def _asked(connection: sqlite3.Connection, arrays: RecallArrays, query: RecallQuery) -> Asked:
    number = arrays.number

    def places(found: Sequence[str]) -> NDArray[np.intp]:
        return arrays.places(matches(connection, _TIER, number, found))

    dates = asked_dates(query.text, query.today)
    named = _named(arrays.speakers, query.text)
    return Asked(
        words=_words(connection, arrays, query_words(query.text, arrays.languages)),
        identifiers=[places([item]) for item in query_identifiers(query.text)],
        cosines=_cosines(arrays, query.vector),
        speaker=arrays.speakers[named[0]] if len(named) == 1 else None,
        months=places(dates.months),
        days=places(dates.days),
        when=asks_when(query.text),
    )


def _cosines(arrays: RecallArrays, vector: Floats | None) -> Floats | None:
    """None as long as no message has a vector: then words alone serve better."""
    found = arrays.cosines(normalised(vector)) if vector is not None else None
    return None if found is None or np.isnan(found).all() else found


def _words(
    connection: sqlite3.Connection, arrays: RecallArrays, words: Sequence[QueryWord]
) -> list[Word]:
    """Where each word stands; half of the messages are read to the end only for want of better."""
    half = len(arrays) // 2 + 1
    found = [_word(connection, arrays, word, half) for word in words]
    if any(len(word.hits) and not word.common for word in found):
        return found
    return [_word(connection, arrays, word, len(arrays) + 1) for word in words]


def _word(
    connection: sqlite3.Connection, arrays: RecallArrays, word: QueryWord, limit: int
) -> Word:
    hits = arrays.holding(connection, word.terms, limit)
    return Word(hits=hits, common=len(hits) >= limit)


def _allowed(arrays: RecallArrays, query: RecallQuery) -> NDArray[np.bool_]:
    allowed = np.ones(len(arrays), dtype=np.bool_)
    sent = arrays.sent.values
    if query.start is not None:
        allowed &= sent >= microseconds(query.start)
    if query.end is not None:
        allowed &= sent <= microseconds(query.end)
    if query.speaker is not None:
        number = arrays.speakers.get(fold(query.speaker), -1)
        allowed &= arrays.columns().speaker == number
    if query.exclude:
        allowed[arrays.places(np.sort(np.array(list(query.exclude), dtype=np.int64)))] = False
    return allowed


def _named(speakers: Sequence[str] | dict[str, int], text: str) -> list[str]:
    """The speakers a text names, by any word of their name that no other speaker has."""
    words = set(_WORD.findall(fold(text)))
    owners: dict[str, set[str]] = {}
    for name in speakers:
        for part in _WORD.findall(name):
            owners.setdefault(part, set()).add(name)
    found = [names for part, names in owners.items() if part in words and len(names) == 1]
    return list(dict.fromkeys(name for names in found for name in names))


def _bare(word: str) -> str:
    return fold(re.sub(r"['’]s$", "", word))


def _labelled(message: IndexedMessage) -> str:
    """The message as it is indexed: "[1:56 pm on 8 May, 2023] Ada: text"."""
    sent = message.sent_at
    half = "am" if sent.hour < 12 else "pm"  # noqa: PLR2004 - noon
    clock = f"{sent.hour % 12 or 12}:{sent.minute:02} {half}"
    day = f"{sent.day} {_MONTHS[sent.month - 1]}, {sent.year}"
    return f"[{clock} on {day}] {message.author_name}: {message.text}"


_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def _flags(text: str) -> int:
    return (TIME_WORD if holds_time(text) else 0) | (FIRST_PERSON if speaks_of_self(text) else 0)


def _length(text: str) -> float:
    """The logarithm of the characters outside of questions, up to 200."""
    told = sum(
        len(sentence)
        for sentence in _SENTENCE.findall(text)
        if not sentence.rstrip().endswith(_QUESTION)
    )
    return math.log(1 + min(_MAX_LENGTH_CHARS, told))
