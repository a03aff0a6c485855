"""Search of archival memory in SQLite: what is written when a passage is stored, and the search.

Writes happen inside the caller's transaction. Reads are bound to one agent in SQL: every
statement names the agent's number. A superseded passage moves to its agent's past, which is
searched when somebody asks for it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import or_

import numpy as np
from numpy.typing import NDArray

from storage.arrays import GrowingArray
from storage.search import Frequency, fuse, passage_results, passage_words
from storage.sqlite.array_cache import ArrayCache
from storage.sqlite.kept_vectors import KeptVectors, placed
from storage.sqlite.moments import microseconds, snapshot
from storage.sqlite.recall_index import Hits
from storage.sqlite.search_index import SearchIndex
from storage.sqlite.search_rows import (
    AgentState,
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
from storage.words import QueryWord, fold, language_bit, query_identifiers, query_words, terms

__all__ = ["ArchivalIndex", "ArchivalQuery", "IndexedPassage", "past_of"]

_TIER: Tier = "archival"
# A word found more often than this counts no more; BM25 has nearly levelled out by then.
_MOST_REPEATS = 5
_IDENTIFIER_WEIGHT = 100.0


def past_of(agent_id: str) -> str:
    """The owner under which search keeps an agent's superseded passages."""
    return f"{agent_id}#past"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedPassage:
    """What search keeps of one passage; `seq` is its number in the passages table."""

    seq: int
    agent_id: str
    title: str
    text: str
    tags: tuple[str, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivalQuery:
    """One search of an agent's passages, or of several owners' in one ranking.

    Attributes:
        agents: Whose passages; chosen by code, never by what somebody asks.
        vector: Of the text, or None to search by words alone.
        model: The model that made the vector.
        tags: Only passages with every one of these.
        start: The earliest instant of storage, included.
        end: The latest, included.
        exclude: Passages that are no results.
    """

    agents: tuple[str, ...]
    text: str
    vector: Floats | None = None
    model: str = ""
    tags: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    exclude: frozenset[int] = frozenset()


class _Arrays:
    """The columns of one agent's passages, oldest first."""

    def __init__(self, state: AgentState) -> None:
        self.lock = threading.Lock()
        self.number = state.number
        self.generation = state.generation
        self.languages = state.languages
        self.seqs = GrowingArray(np.int64)
        self.created = GrowingArray(np.int64)
        self.words = GrowingArray(np.int32)
        self.vectors = KeptVectors()

    @property
    def bytes_used(self) -> int:
        return self.vectors.bytes_used + sum(
            column.bytes_used for column in (self.seqs, self.created, self.words)
        )

    def refresh(
        self, connection: sqlite3.Connection, state: AgentState, model: tuple[int, int] | None
    ) -> None:
        self.languages = state.languages
        last = int(self.seqs.values[-1]) if len(self.seqs) else -1
        rows = connection.execute(
            "SELECT seq, created, words FROM archival_rows WHERE agent = ? AND seq > ? "
            "ORDER BY seq",
            (self.number, last),
        ).fetchall()
        if rows:
            seqs, created, words = zip(*rows, strict=True)
            self.seqs.extend(seqs)
            self.created.extend(created)
            self.words.extend(words)
        if model is not None:
            self.vectors.refresh(connection, state, model, self.seqs)

    def places(self, seqs: NDArray[np.int64]) -> NDArray[np.intp]:
        return placed(self.seqs, seqs)[0]


class _Union:
    """The columns of one or more agents, one after another, so that all are scored together."""

    def __init__(self, parts: Sequence[_Arrays]) -> None:
        self.parts = parts
        self.languages = reduce(or_, (part.languages for part in parts))
        self.seqs = np.concatenate([part.seqs.values for part in parts])
        self.created = np.concatenate([part.created.values for part in parts])
        self.words = np.concatenate([part.words.values for part in parts])
        self._starts = np.cumsum([0, *(len(part.seqs) for part in parts)])

    def places(self, connection: sqlite3.Connection, found: Sequence[str]) -> NDArray[np.intp]:
        """Where passages stand that hold any of the terms."""
        return np.concatenate(
            [
                start + part.places(matches(connection, _TIER, part.number, found))
                for start, part in zip(self._starts, self.parts, strict=False)
            ]
        )

    def cosines(self, query: Floats) -> Floats:
        return np.concatenate([part.vectors.cosines(query, len(part.seqs)) for part in self.parts])


class ArchivalIndex(SearchIndex[_Arrays]):
    """The index over all agents' passages.

    Args:
        cache_bytes: The most memory kept between searches, over all agents.
    """

    tier = _TIER

    def __init__(self, *, cache_bytes: int) -> None:
        super().__init__(ArrayCache(cache_bytes, _Arrays))

    # -------------------------------------------------------------- writing

    def add(self, connection: sqlite3.Connection, passages: Sequence[IndexedPassage]) -> None:
        """Index passages inside the caller's transaction."""
        for passage in passages:
            self._add(connection, passage)

    def _add(self, connection: sqlite3.Connection, passage: IndexedPassage) -> None:
        text = f"{passage.title}\n{passage.text}"
        number = ensure_agent(connection, _TIER, passage.agent_id, language_bit(text))
        body = terms(text)
        tags = [_tag_term(tag) for tag in passage.tags]
        add_words(connection, _TIER, number, passage.seq, [*_with_repeats(body), *tags])
        connection.execute(
            "INSERT INTO archival_rows (agent, seq, created, words) VALUES (?, ?, ?, ?)",
            (number, passage.seq, microseconds(passage.created_at), len(body)),
        )
        connection.execute(
            "INSERT OR IGNORE INTO search_queue (agent, seq) VALUES (?, ?)", (number, passage.seq)
        )

    def add_past(self, connection: sqlite3.Connection, passages: Sequence[IndexedPassage]) -> None:
        """Index superseded passages apart, inside the caller's transaction."""
        for passage in passages:
            past = replace(passage, agent_id=past_of(passage.agent_id))
            self._add(connection, past)
            mark_changed(connection, ensure_agent(connection, _TIER, past.agent_id))

    def remove(self, connection: sqlite3.Connection, seqs: Sequence[int]) -> None:
        """Remove passages from search, inside the caller's transaction."""
        for seq in seqs:
            row = connection.execute(
                "DELETE FROM archival_rows WHERE seq = ? RETURNING agent", (seq,)
            ).fetchone()
            if row is not None:
                remove_words(connection, _TIER, [seq])
                drop_vectors(connection, row[0], [seq])
                mark_changed(connection, row[0])

    def nearest(
        self, connection: sqlite3.Connection, agent_id: str, model: str, vector: Floats
    ) -> tuple[int, float] | None:
        """The passage whose meaning is nearest to a vector, and their cosine."""
        with snapshot(connection):
            arrays = self._loaded(connection, agent_id, model)
        if arrays is None:
            return None
        with arrays.lock:
            found = arrays.vectors.cosines(normalised(vector), len(arrays.seqs))
            if np.isnan(found).all():
                return None
            best = int(np.nanargmax(found))
            return int(arrays.seqs.values[best]), float(found[best])

    # -------------------------------------------------------------- reading

    def search(
        self, connection: sqlite3.Connection, query: ArchivalQuery, limit: int, offset: int = 0
    ) -> Hits:
        """The best passages of the query's agents, on the caller's connection for reading."""
        with snapshot(connection), ExitStack() as locked:
            loaded = [self._loaded(connection, agent, query.model) for agent in query.agents]
            parts = [arrays for arrays in loaded if arrays is not None]
            if not parts:
                return Hits()
            for part in sorted(parts, key=lambda arrays: arrays.number):  # one order: no deadlock
                locked.enter_context(part.lock)
            union = _Union(parts)
            scores = _scores(connection, union, query)
            best = top(scores, offset + limit)[offset:]
            return Hits(
                seqs=tuple(union.seqs[best].tolist()),
                total=int(np.isfinite(scores).sum()),
                scores=tuple(scores[best].tolist()),
            )

    def _loaded(self, connection: sqlite3.Connection, agent_id: str, model: str) -> _Arrays | None:
        state = agent_state(connection, _TIER, agent_id)
        if state is None:
            return None
        arrays = self._cache.get(agent_id, state)
        with arrays.lock:
            arrays.refresh(connection, state, known_model(connection, model) if model else None)
        self._cache.shrink()
        return arrays


def _scores(connection: sqlite3.Connection, union: _Union, query: ArchivalQuery) -> Floats:
    """The score of every passage; minus infinity where it is no result."""
    words = [
        _frequency(connection, union, word) for word in query_words(query.text, union.languages)
    ]
    lexical = passage_words(union.words, words)
    meaning = None
    if query.vector is not None:
        meaning = union.cosines(normalised(query.vector))
    scores = np.array(fuse(lexical, meaning), dtype=np.float32)
    scores[~passage_results(lexical, meaning)] = -np.inf
    for item in query_identifiers(query.text):
        scores[union.places(connection, [item])] += _IDENTIFIER_WEIGHT
    scores[~_allowed(connection, union, query)] = -np.inf
    return scores


def _frequency(connection: sqlite3.Connection, union: _Union, word: QueryWord) -> Frequency:
    repeats = []
    for times in range(2, _MOST_REPEATS + 1):
        found = union.places(connection, [f"t{times}{term}" for term in word.terms])
        if not len(found):
            break
        repeats.append(found)
    return Frequency(hits=union.places(connection, word.terms), repeats=repeats)


def _allowed(
    connection: sqlite3.Connection, union: _Union, query: ArchivalQuery
) -> NDArray[np.bool_]:
    allowed = np.ones(len(union.seqs), dtype=np.bool_)
    if query.start is not None:
        allowed &= union.created >= microseconds(query.start)
    if query.end is not None:
        allowed &= union.created <= microseconds(query.end)
    for tag in query.tags:
        tagged = np.zeros_like(allowed)
        tagged[union.places(connection, [_tag_term(tag)])] = True
        allowed &= tagged
    if query.exclude:
        allowed &= ~np.isin(union.seqs, list(query.exclude))
    return allowed


def _with_repeats(body: Sequence[str]) -> list[str]:
    """Every term, and one more for each time it is repeated: "t2wtea" stands twice or more.

    The word index keeps no counts (detail=none), which makes it small.
    """
    return [
        term if times == 1 else f"t{times}{term}"
        for term, count in Counter(body).items()
        for times in range(1, min(count, _MOST_REPEATS) + 1)
    ]


def _tag_term(tag: str) -> str:
    """A tag as one term, whatever signs it has."""
    return f"k{fold(tag.strip()).encode().hex()}"
