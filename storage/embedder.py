"""Vectors for texts, made in a child process that comes and goes as it is needed.

The event loop never waits for a model: without one, or while it loads, a query gets no vector and
search goes by words alone.
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from storage.embedding_child import ChildCommand, ChildDiedError, EmbeddingChild
from storage.vectors import Floats

__all__ = ["ChildEmbedder", "Embedder", "EmbedderLimits", "NoVectorsError"]

_QUERY, _BATCH = 0, 1
_NOT_INSTALLED = "No search by meaning: the embeddings extra is not installed."
_KEEPS_ENDING = "The embedding process keeps ending; search goes by words alone."


class NoVectorsError(Exception):
    """There is no model to make vectors now; the text says why, in one sentence."""


class Embedder(Protocol):
    """What storage needs of a maker of vectors."""

    @property
    def model(self) -> str:
        """The model's name, stored beside its vectors."""

    @property
    def ready(self) -> bool:
        """Whether a query would get a vector at once."""

    @property
    def problem(self) -> str | None:
        """Why there are no vectors, in one sentence; None when nothing is wrong."""

    async def embed(self, texts: Sequence[str]) -> Floats:
        """One vector of length 1 a text, float32 (n, dimension)."""

    async def embed_query(self, text: str) -> Floats | None:
        """The vector of a query, or None when there is none in time."""

    async def close(self) -> None:
        """End what runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderLimits:
    """Times and sizes.

    Attributes:
        batch_texts: Texts sent at once; a query waits for at most one such batch.
        query_seconds: A query that has no vector by then goes without.
        idle_seconds: The child ends after so long without work.
        restart_seconds: How long to leave it after it ended `max_deaths` times in a row.
        max_deaths: Ends without an answer in between.
    """

    batch_texts: int = 16
    query_seconds: float = 1.0
    idle_seconds: float = 600.0
    restart_seconds: float = 60.0
    max_deaths: int = 3


@dataclass(frozen=True, slots=True)
class _Job:
    """Texts and who waits for them; ordered by urgency, then age."""

    urgency: int
    number: int
    texts: Sequence[str]
    answer: asyncio.Future[Floats]

    def __lt__(self, other: _Job) -> bool:
        return (self.urgency, self.number) < (other.urgency, other.number)


class ChildEmbedder:
    """An `Embedder` in a child process. Belongs to one event loop.

    Args:
        command: What to run.
        limits: Times and sizes.
        installed: Tells whether the extra is there, without importing it.

    Attributes:
        starts: How often a child was started.
    """

    def __init__(
        self,
        command: ChildCommand,
        limits: EmbedderLimits | None = None,
        *,
        installed: Callable[[], bool] = lambda: _installed("sentence_transformers"),
    ) -> None:
        self._command = command
        self._limits = limits or EmbedderLimits()
        self._installed = installed
        self._jobs: asyncio.PriorityQueue[_Job] = asyncio.PriorityQueue()
        self._numbers = itertools.count()
        self._child: EmbeddingChild | None = None
        self._runner: asyncio.Task[None] | None = None
        self._problem: str | None = None
        self.starts = 0
        self._deaths = 0
        self._rest_until = 0.0
        self._closed = False

    @property
    def model(self) -> str:
        """The model's name."""
        return self._command.model

    @property
    def ready(self) -> bool:
        """Whether the child is up with its model loaded."""
        return self._child is not None

    @property
    def problem(self) -> str | None:
        """Why there are no vectors, in one sentence."""
        return self._problem

    @property
    def pid(self) -> int | None:
        """The child's process id, while it runs."""
        return self._child.pid if self._child is not None else None

    async def embed(self, texts: Sequence[str]) -> Floats:
        """One vector a text, in small batches between which queries go first.

        Raises:
            NoVectorsError: There is no model, or its process ended twice over this work.
        """
        size = self._limits.batch_texts
        parts = []
        for start in range(0, len(texts), size):
            self._start()
            parts.append(await self._ask(_BATCH, texts[start : start + size]))
        return np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)

    async def embed_query(self, text: str) -> Floats | None:
        """The query's vector; None at once while no model is ready, which starts one."""
        with suppress(NoVectorsError):
            self._start()
        if not self.ready:
            return None
        with suppress(NoVectorsError, TimeoutError):
            async with asyncio.timeout(self._limits.query_seconds):
                found = await self._ask(_QUERY, [text])
            return np.asarray(found[0], dtype=np.float32)
        return None

    async def warm_up(self) -> None:
        """Wait until a query would get its vector.

        Raises:
            NoVectorsError: There is no model.
        """
        await self.embed(["ready"])

    async def idle(self) -> None:
        """Wait until the child has ended for want of work, or there is none."""
        if self._runner is not None:
            await asyncio.wait([self._runner])

    async def close(self) -> None:
        """End the child and whatever waits for it."""
        self._closed = True
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.cancel()
            with suppress(asyncio.CancelledError):
                await runner
        self._refuse_all("The embedder is closed.")

    # ---------------------------------------------------------------- inside

    async def _ask(self, urgency: int, texts: Sequence[str]) -> Floats:
        answer: asyncio.Future[Floats] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait(_Job(urgency, next(self._numbers), texts, answer))
        return await answer

    def _start(self) -> None:
        """See that a runner is there to start the child, if there is any sense in it."""
        if self._closed:
            raise NoVectorsError("The embedder is closed.")
        if self._runner is not None and not self._runner.done():
            return
        if not self._installed():
            self._problem = _NOT_INSTALLED
            raise NoVectorsError(_NOT_INSTALLED)
        if self._problem is not None and time.monotonic() < self._rest_until:
            raise NoVectorsError(self._problem)
        self._runner = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        """Start the child, hand it jobs, end it when nothing has come for a while."""
        try:
            while await self._serve() or not self._jobs.empty():
                pass
        except ChildDiedError as died:
            self._give_up(str(died) or _KEEPS_ENDING)
        finally:
            await self._stop_child()

    async def _serve(self) -> bool:
        """One life of the child; whether it is worth another."""
        job: _Job | None = None
        try:
            self.starts += 1
            self._child = await EmbeddingChild.start(self._command)
            self._problem = None
            while True:
                # Not wait_for: on Python 3.11 it may swallow a cancellation.
                async with asyncio.timeout(self._limits.idle_seconds):
                    job = await self._jobs.get()
                await self._answer(self._child, job)
        except TimeoutError:
            await self._stop_child()
            return False
        except asyncio.CancelledError:
            self._put_back(job)
            raise
        except ChildDiedError as died:
            await self._stop_child()
            self._deaths += 1
            self._put_back(job)
            if str(died) or self._deaths >= self._limits.max_deaths:
                raise
            return True

    def _put_back(self, job: _Job | None) -> None:
        if job is not None and not job.answer.done():
            self._jobs.put_nowait(job)

    async def _answer(self, child: EmbeddingChild, job: _Job) -> None:
        if job.answer.done():
            return
        vectors = await child.embed(job.texts)
        self._deaths = 0
        if not job.answer.done():
            job.answer.set_result(vectors)

    async def _stop_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.stop()

    def _give_up(self, problem: str) -> None:
        self._problem = problem
        self._deaths = 0
        self._rest_until = time.monotonic() + self._limits.restart_seconds
        self._refuse_all(problem)

    def _refuse_all(self, problem: str) -> None:
        while not self._jobs.empty():
            job = self._jobs.get_nowait()
            if not job.answer.done():
                job.answer.set_exception(NoVectorsError(problem))


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
