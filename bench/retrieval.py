"""The product's own search behind the three methods of a retrieval evaluation.

Factories: `recall`, `recall_lexical`, `archival`, `archival_lexical`. Each opens a temporary
database, has every turn accepted as a message (or stored as a passage) through the Store, waits for
the vectors, and searches with the verb behind the agent's tool. Every store of the evaluation is an
agent of its own in the one database. Run the evaluation from the checkout:

    python retrieval_eval.py locomo --data DATA --retriever bench/retrieval.py:recall
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.records import (
    ArchivalSearch,
    IncomingEvent,
    Message,
    Passage,
    RecallSearch,
    Scope,
    SearchPage,
    StepCommit,
)
from engine.store import AcceptRequest
from storage.embedder import ChildEmbedder, EmbedderLimits
from storage.embedding_child import ChildCommand
from storage.embedding_worker import MINILM
from storage.sqlite.store import SqliteStore

_PATIENCE = EmbedderLimits(query_seconds=60)  # a loaded machine must not turn vectors off


def _now() -> datetime:
    return datetime.now(UTC)


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


class _Retriever(ABC):
    """One tier of memory of one agent after the other, in a temporary database."""

    def __init__(self, *, with_vectors: bool) -> None:
        self._with_vectors = with_vectors
        self._loop = _Loop()
        self._folder = Path(tempfile.mkdtemp(prefix="membot-bench-"))
        self._agents = 1
        self._store: SqliteStore = self._loop.run(self._open())

    async def _open(self) -> SqliteStore:
        command = ChildCommand(model=MINILM)
        embedder = ChildEmbedder(command, _PATIENCE) if self._with_vectors else None
        file = self._folder / "membot.db"
        return await SqliteStore.open(file, embedder=embedder, now=_now, synchronous="NORMAL")

    def index(self, turns: list[dict[str, Any]]) -> None:
        """Store everything a store holds, and wait for its vectors."""
        self._loop.run(self._index(turns))

    async def _index(self, turns: list[dict[str, Any]]) -> None:
        await self._keep(turns)
        while self._with_vectors and self._waiting():
            await asyncio.sleep(0.1)

    def _waiting(self) -> int:
        """Rows that the background has not embedded yet."""
        with closing(sqlite3.connect(self._folder / "membot.db")) as connection:
            return int(connection.execute("SELECT count(*) FROM search_queue").fetchone()[0])

    def search(self, query: str, k: int) -> list[str]:
        """The ids of at most k turns, best first."""
        page = self._loop.run(self._find(query, k))
        return [hit.id.partition("|")[2] for hit in page.hits]

    def reset(self) -> None:
        """Go on with another agent, which must not find what this one holds."""
        self._agents += 1

    def close(self) -> None:
        """Remove the database and end the child process."""
        self._loop.run(self._store.close())
        self._loop.close()
        shutil.rmtree(self._folder)

    def _scope(self, conversation: str = "main") -> Scope:
        agent = f"bench:local/channel/{self._agents}"
        return Scope(
            tenant="bench:local",
            agent_id=agent,
            conversation_id=f"{agent}/{conversation}",
            speaker="bench:local/someone",
            audience="room",
        )

    def _id(self, turn: dict[str, Any]) -> str:
        return f"{self._agents}|{turn['id']}"

    async def _accept(self, turn: dict[str, Any], passages: Sequence[Passage] = ()) -> None:
        """A turn as the adapters bring it, ended at once with what it stored."""
        event = _event(turn, self._scope(_conversation(turn["session"])), self._id(turn))
        request = AcceptRequest(
            event=event,
            message=_message(event),
            turn_id=event.event_id,
            blocks=(),
            max_queued=10,
            busy_notice="",
            at=event.sent_at,
        )
        await self._store.accept(request)
        running = await self._store.next_turn(event.scope.agent_id)
        assert running is not None
        done = StepCommit(turn=running, step=1, state="done", at=event.sent_at)
        await self._store.commit_step(replace(done, passages=tuple(passages)))

    @abstractmethod
    async def _keep(self, turns: Sequence[dict[str, Any]]) -> None: ...

    @abstractmethod
    async def _find(self, query: str, count: int) -> SearchPage: ...


class _Recall(_Retriever):
    async def _keep(self, turns: Sequence[dict[str, Any]]) -> None:
        for turn in turns:
            await self._accept(turn)

    async def _find(self, query: str, count: int) -> SearchPage:
        search = RecallSearch(query=query, page_size=count)
        return await self._store.search_recall(self._scope(), search)


class _Archival(_Retriever):
    async def _keep(self, turns: Sequence[dict[str, Any]]) -> None:
        opener = {**turns[0], "id": "opener", "text": "Please keep these."}
        await self._accept(opener, [self._passage(turn) for turn in turns])

    def _passage(self, turn: dict[str, Any]) -> Passage:
        title, _, text = turn["text"].partition("\n")
        created_at = datetime.fromisoformat(turn["said_at"])
        shown = {"title": title, "text": text} if text else {"text": title}
        return Passage(id=self._id(turn), created_at=created_at, **shown)

    async def _find(self, query: str, count: int) -> SearchPage:
        search = ArchivalSearch(query=query, page_size=count)
        return await self._store.search_archival(self._scope(), search)


def _event(turn: dict[str, Any], scope: Scope, key: str) -> IncomingEvent:
    return IncomingEvent(
        event_id=key,
        source_key=key,
        scope=scope,
        place=scope.conversation_id,
        place_name="bench",
        address="{}",
        speaker_name=turn["speaker"],
        text=_text(turn),
        sent_at=datetime.fromisoformat(turn["said_at"]),
    )


def _message(event: IncomingEvent) -> Message:
    return Message(
        id=event.event_id,
        scope=event.scope,
        turn_id=event.event_id,
        role="user",
        kind=event.kind,
        author=event.scope.speaker,
        author_name=event.speaker_name,
        text=event.text,
        payload="{}",
        tokens=0,
        source_key=event.source_key,
        sent_at=event.sent_at,
    )


def _text(turn: dict[str, Any]) -> str:
    """A message as the adapters store it: what a shared picture shows stands behind the text."""
    caption = turn.get("caption")
    return f"{turn['text']} [shared image: {caption}]" if caption else str(turn["text"])


def _conversation(session: str) -> str:
    """Sessions "1", "2" are sittings of one conversation, told apart by the gap between them."""
    conversation, _, number = session.rpartition("/")
    return (conversation or "main") if number.isdigit() else session


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
