"""The product's own search behind the three methods of a retrieval evaluation.

Factories: `recall`, `recall_lexical`, `archival`, `archival_lexical`. Each stores what it is given
in a temporary database as one agent's messages or passages, has them embedded by the background
indexer, and searches as the agent's tool does. Run the evaluation from the checkout:

    python retrieval_eval.py locomo --data DATA --retriever bench/retrieval.py:recall
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.tables import insert_messages, insert_passages, open_database
from storage.embedder import ChildEmbedder, EmbedderLimits
from storage.embedding_child import ChildCommand
from storage.embedding_worker import MINILM
from storage.sqlite.archival_index import ArchivalIndex, ArchivalQuery, IndexedPassage
from storage.sqlite.embedding import EmbeddingIndexer
from storage.sqlite.recall_index import Hits, IndexedMessage, RecallIndex, RecallQuery
from storage.vectors import Floats

_AGENT = "bench"
_CACHE_BYTES = 256 * 1024 * 1024


class _Loop:
    """An event loop on a thread of its own, as the bot has one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - whatever work gives
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _embedder() -> ChildEmbedder:
    """Patient with a busy machine: a query that goes without its vector would spoil the figure."""
    return ChildEmbedder(ChildCommand(model=MINILM), EmbedderLimits(query_seconds=60))


class _Retriever(ABC):
    """One agent's memory of one tier, in a temporary database."""

    def __init__(self, *, with_vectors: bool) -> None:
        self._loop = _Loop()
        self._embedder = _embedder() if with_vectors else None
        self._folder = Path(tempfile.mkdtemp(prefix="membot-bench-"))
        self._stores = 0
        self._ids: list[str] = []
        self._open()

    def _open(self) -> None:
        self._stores += 1
        self._connection = open_database(self._folder / f"{self._stores}.db")
        self._make_index()

    @abstractmethod
    def _make_index(self) -> None: ...

    @abstractmethod
    def _store(self, turns: Sequence[dict[str, Any]]) -> None: ...

    @abstractmethod
    def _find(self, query: str, vector: Floats | None, count: int) -> Hits: ...

    @property
    @abstractmethod
    def _index(self) -> RecallIndex | ArchivalIndex: ...

    def _asked(self, query: str) -> str:
        return query

    def index(self, turns: list[dict[str, Any]]) -> None:
        """Store everything a store holds, and embed it."""
        self._ids = [turn["id"] for turn in turns]
        with self._connection:
            self._store(turns)
        if self._embedder is not None:
            self._loop.run(self._embed_all(self._embedder))

    async def _embed_all(self, embedder: ChildEmbedder) -> None:
        await EmbeddingIndexer(
            read=self._transaction,
            write=self._transaction,
            embedder=embedder,
            indexes=[self._index],
        ).drain()

    async def _transaction(self, work: Callable[[sqlite3.Connection], Any]) -> Any:  # noqa: ANN401
        with self._connection:
            return work(self._connection)

    def search(self, query: str, k: int) -> list[str]:
        """The ids of at most k turns, best first."""
        vector = None
        if self._embedder is not None:
            vector = self._loop.run(self._embedder.embed_query(self._asked(query)))
            if vector is None:
                raise RuntimeError(self._embedder.problem or "the embedder was not ready")
        return [self._ids[seq - 1] for seq in self._find(query, vector, k).seqs]

    def reset(self) -> None:
        """Forget everything."""
        self._connection.close()
        self._open()

    def close(self) -> None:
        """Remove the database and end the child process."""
        if self._embedder is not None:
            self._loop.run(self._embedder.close())
        self._connection.close()
        self._loop.close()
        shutil.rmtree(self._folder)


class _Recall(_Retriever):
    def _make_index(self) -> None:
        self._recall = RecallIndex(cache_bytes=_CACHE_BYTES)

    @property
    def _index(self) -> RecallIndex:
        return self._recall

    def _asked(self, query: str) -> str:
        return self._recall.meaning_of(self._connection, _AGENT, query)

    def _store(self, turns: Sequence[dict[str, Any]]) -> None:
        texts = [_text(turn) for turn in turns]
        seqs = insert_messages(self._connection, texts)
        messages = [
            IndexedMessage(
                seq=seq,
                agent_id=_AGENT,
                conversation_id=_conversation(turn["session"]),
                author_name=turn["speaker"],
                text=text,
                sent_at=datetime.fromisoformat(turn["said_at"]),
            )
            for seq, turn, text in zip(seqs, turns, texts, strict=True)
        ]
        self._recall.add(self._connection, messages)

    def _find(self, query: str, vector: Floats | None, count: int) -> Hits:
        model = MINILM if vector is not None else ""
        asked = RecallQuery(agent_id=_AGENT, text=query, vector=vector, model=model)
        return self._recall.search(self._connection, asked, count)


class _Archival(_Retriever):
    def _make_index(self) -> None:
        self._archival = ArchivalIndex(cache_bytes=_CACHE_BYTES)

    @property
    def _index(self) -> ArchivalIndex:
        return self._archival

    def _store(self, turns: Sequence[dict[str, Any]]) -> None:
        pieces = [turn["text"].partition("\n") for turn in turns]
        rows = [(title, text) if text else ("", title) for title, _, text in pieces]
        seqs = insert_passages(self._connection, rows)
        passages = [
            IndexedPassage(
                seq=seq,
                agent_id=_AGENT,
                title=title,
                text=text,
                tags=(),
                created_at=datetime.fromisoformat(turn["said_at"]),
            )
            for seq, turn, (title, text) in zip(seqs, turns, rows, strict=True)
        ]
        self._archival.add(self._connection, passages)

    def _find(self, query: str, vector: Floats | None, count: int) -> Hits:
        model = MINILM if vector is not None else ""
        asked = ArchivalQuery(agent_id=_AGENT, text=query, vector=vector, model=model)
        return self._archival.search(self._connection, asked, count)


def _text(turn: dict[str, Any]) -> str:
    """A message as the adapters store it: what a shared picture shows stands behind the text."""
    caption = turn.get("caption")
    return f"{turn['text']} [shared image: {caption}]" if caption else str(turn["text"])


def _conversation(session: str) -> str:
    """Sessions "1", "2" are sittings of one conversation, told apart by the gap between them."""
    conversation, _, number = session.rpartition("/")
    return conversation if number.isdigit() else session


def recall() -> _Recall:
    """Recall memory by words and meaning."""
    return _Recall(with_vectors=True)


def recall_lexical() -> _Recall:
    """Recall memory by words alone."""
    return _Recall(with_vectors=False)


def archival() -> _Archival:
    """Archival memory by words and meaning."""
    return _Archival(with_vectors=True)


def archival_lexical() -> _Archival:
    """Archival memory by words alone."""
    return _Archival(with_vectors=False)
