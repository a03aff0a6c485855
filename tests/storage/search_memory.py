"""A database with messages and passages to search, for tests."""

import hashlib
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from bench.tables import insert_messages, insert_passages, open_database
from storage.sqlite.archival_index import ArchivalIndex, ArchivalQuery, IndexedPassage
from storage.sqlite.recall_index import Hits, IndexedMessage, RecallIndex, RecallQuery
from storage.vectors import Floats
from storage.words import terms

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
MODEL = "test-model"
DIMENSION = 64


def embed(text: str) -> Floats:
    """A vector in which texts with the same words are near each other."""
    vector = np.zeros(DIMENSION, dtype=np.float32)
    for term in terms(text):
        vector[int(hashlib.sha256(term.encode()).hexdigest(), 16) % DIMENSION] += 1
    return vector


class RecallMemory:
    """Messages of several agents in a real database."""

    def __init__(self, path: Path, *, cache_bytes: int = 1 << 24) -> None:
        self.path = path
        self.connection = open_database(path)
        self.index = RecallIndex(cache_bytes=cache_bytes)
        self.texts: dict[int, str] = {}

    def say(
        self,
        text: str,
        *,
        minutes: float = 0,
        author: str = "Ada",
        agent: str = "a",
        conversation: str = "dm",
    ) -> int:
        with self.connection:
            seq = self.insert(text)
            self.index.add(
                self.connection,
                [
                    self.message(
                        seq,
                        text,
                        minutes=minutes,
                        author=author,
                        agent=agent,
                        conversation=conversation,
                    )
                ],
            )
        return seq

    def insert(self, text: str) -> int:
        (seq,) = insert_messages(self.connection, [text])
        self.texts[seq] = text
        return seq

    def message(
        self,
        seq: int,
        text: str,
        *,
        minutes: float = 0,
        author: str = "Ada",
        agent: str = "a",
        conversation: str = "dm",
    ) -> IndexedMessage:
        return IndexedMessage(
            seq=seq,
            agent_id=agent,
            conversation_id=conversation,
            author_name=author,
            text=text,
            sent_at=NOON + timedelta(minutes=minutes),
        )

    def chatter(self, count: int, *, agent: str = "a", author: str = "Grace") -> None:
        """Messages about nothing, each a sitting of its own."""
        for number in range(count):
            self.say(
                f"filler sentence number{number}",
                minutes=-1000 * (number + 3),
                author=author,
                agent=agent,
                conversation=f"filler {number}",
            )

    def embed_all(self, *, model: str = MODEL) -> None:
        with self.connection:
            while rows := self.index.pending(self.connection, 100):
                vectors = np.array([embed(row.text) for row in rows])
                self.index.store_vectors(self.connection, model, rows, vectors)

    def hits(
        self,
        text: str,
        *,
        agent: str = "a",
        limit: int = 10,
        offset: int = 0,
        meaning: bool = False,
        **filters,
    ) -> Hits:
        query = RecallQuery(
            agent_id=agent,
            text=text,
            vector=embed(text) if meaning else None,
            model=MODEL if meaning else "",
            **filters,
        )
        return self.index.search(self.connection, query, limit, offset)

    def found(self, text: str, **how) -> list[str]:
        return [self.texts[seq] for seq in self.hits(text, **how).seqs]


class ArchivalMemory:
    """Passages of several agents in a real database."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = open_database(path)
        self.index = ArchivalIndex(cache_bytes=1 << 24)
        self.texts: dict[int, str] = {}

    def keep(
        self,
        text: str,
        *,
        title: str = "",
        tags: tuple[str, ...] = (),
        agent: str = "a",
        days: float = 0,
    ) -> int:
        with self.connection:
            (seq,) = insert_passages(self.connection, [(title, text)])
            self.texts[seq] = text
            self.index.add(
                self.connection,
                [
                    IndexedPassage(
                        seq=seq,
                        agent_id=agent,
                        title=title,
                        text=text,
                        tags=tags,
                        created_at=NOON + timedelta(days=days),
                    )
                ],
            )
        return seq

    def embed_all(self) -> None:
        with self.connection:
            while rows := self.index.pending(self.connection, 100):
                vectors = np.array([embed(row.text) for row in rows])
                self.index.store_vectors(self.connection, MODEL, rows, vectors)

    def found(
        self,
        text: str,
        *,
        agent: str = "a",
        agents: tuple[str, ...] = (),
        meaning: bool = False,
        limit: int = 10,
        **filters,
    ) -> list[str]:
        query = ArchivalQuery(
            agents=agents or (agent,),
            text=text,
            vector=embed(text) if meaning else None,
            model=MODEL if meaning else "",
            **filters,
        )
        hits = self.index.search(self.connection, query, limit)
        return [self.texts[seq] for seq in hits.seqs]


def raw_bytes(connection: sqlite3.Connection, path: Path) -> bytes:
    """Everything in the file, once nothing is left in its journal or free pages."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()
