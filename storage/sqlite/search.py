"""Turns a search of the engine into one of the index, and what it finds into pages."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from engine.records import ArchivalSearch, Passage, RecallSearch, Scope, SearchPage
from storage.sqlite import accounts, documents, messages, passages
from storage.sqlite.archival_index import ArchivalQuery, past_of
from storage.sqlite.indexes import Indexes
from storage.sqlite.recall_index import RecallQuery
from storage.vectors import Floats
from storage.words import terms

__all__ = ["Meaning", "archival_page", "duplicate_passage", "recall_page"]

_SAME_MEANING = 0.97
_CANDIDATES = 3

# A query's vector and the model that made it; None to search by words alone.
Meaning = tuple[Floats, str] | None


def recall_page(
    connection: sqlite3.Connection,
    indexes: Indexes,
    scope: Scope,
    search: RecallSearch,
    meaning: Meaning,
    today: datetime,
) -> SearchPage:
    """One page of messages, the best first."""
    if not accounts.has_agent(connection, scope):
        return SearchPage(hits=(), total=0, page=search.page, page_size=search.page_size)
    vector, model = meaning or (None, "")
    query = RecallQuery(
        agent_id=scope.agent_id,
        text=search.query,
        vector=vector,
        model=model,
        start=search.start,
        end=search.end,
        speaker=search.speaker,
        exclude=messages.under_way(connection, scope),
        today=today.date(),
    )
    found = indexes.recall.search(
        connection, query, search.page_size, search.page * search.page_size
    )
    return SearchPage(
        hits=messages.hits(connection, scope, found.seqs),
        total=found.total,
        page=search.page,
        page_size=search.page_size,
    )


def archival_page(
    connection: sqlite3.Connection,
    indexes: Indexes,
    scopes: Sequence[Scope],
    search: ArchivalSearch,
    meaning: Meaning,
) -> SearchPage:
    """One page of the passages of one or more owners, the best first."""
    known = [scope for scope in scopes if accounts.has_agent(connection, scope)]
    vector, model = meaning or (None, "")
    query = ArchivalQuery(
        agents=_owners(known, past=search.past),
        text=search.query,
        vector=vector,
        model=model,
        tags=search.tags,
        start=search.start,
        end=search.end,
        exclude=_out_of_sight(connection, known),
    )
    found = indexes.archival.search(
        connection, query, search.page_size, search.page * search.page_size
    )
    return SearchPage(
        hits=passages.hits(connection, known, found.seqs),
        total=found.total,
        page=search.page,
        page_size=search.page_size,
    )


def _owners(scopes: Sequence[Scope], *, past: bool) -> tuple[str, ...]:
    agents = tuple(scope.agent_id for scope in scopes)
    return (*agents, *map(past_of, agents)) if past else agents


def _out_of_sight(connection: sqlite3.Connection, scopes: Sequence[Scope]) -> frozenset[int]:
    return frozenset(seq for scope in scopes for seq in documents.out_of_sight(connection, scope))


def duplicate_passage(
    connection: sqlite3.Connection, indexes: Indexes, scope: Scope, text: str, meaning: Meaning
) -> Passage | None:
    """A current passage that says the same in the same words.

    Without vectors the words must also stand in the same order.
    """
    words = terms(text)
    hidden = _out_of_sight(connection, [scope])
    query = ArchivalQuery(agents=(scope.agent_id,), text=text, exclude=hidden)
    for seq in indexes.archival.search(connection, query, _CANDIDATES).seqs:
        passage = passages.by_seq(connection, scope, seq)
        if passage and terms(passage.text) == words:
            return passage
    if meaning is None:
        return None
    nearest = indexes.archival.nearest(connection, scope.agent_id, meaning[1], meaning[0])
    if nearest is None or nearest[1] <= _SAME_MEANING or nearest[0] in hidden:
        return None
    passage = passages.by_seq(connection, scope, nearest[0])
    return passage if passage and Counter(terms(passage.text)) == Counter(words) else None
