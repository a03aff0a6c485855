"""The one thread that writes: everything that waits goes into one transaction, then one flush.

Each job has its own savepoint, so a failing job takes back only what it did itself.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, TypeVar

import sqlite_utils

from engine.errors import StoreUnavailable
from storage.sqlite.failures import unavailable

__all__ = ["Writer"]

T = TypeVar("T")
JobKind = Literal["durable", "soon", "look", "alone"]

_LINGER_SECONDS = 0.02
_MOST_JOBS_A_COMMIT = 256


@dataclass(slots=True)
class _Job:
    run: Callable[[sqlite3.Connection], Any]
    kind: JobKind
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"


class _Outcome:
    """What a job came to; keeps whatever it raises, so that no job ends the thread."""

    def __init__(self) -> None:
        self.value: Any = None
        self.error: BaseException | None = None

    def __enter__(self) -> "_Outcome":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        self.error = unavailable(error) if isinstance(error, sqlite3.Error) else error
        return True


class Writer:
    """Runs jobs on one connection, first in, first out.

    Args:
        connection: Opened with ``check_same_thread=False``; the thread owns it until `close`.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._database = sqlite_utils.Database(connection, execute_plugins=False)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._waiting: list[tuple[_Job, _Outcome]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="membot-writer", daemon=True)
        self._thread.start()

    async def submit(self, run: Callable[[sqlite3.Connection], T], kind: JobKind) -> T:
        """Run a job; what it returns.

        A ``durable`` job is answered after its commit, a ``soon`` job once it has run (its commit
        follows within 20 ms), a ``look`` reads what is not yet committed too, an ``alone`` job
        runs outside of any transaction. Cancelling the wait does not stop the job.
        """
        if self._closed:
            raise StoreUnavailable("The database is closed.")
        loop = asyncio.get_running_loop()
        job = _Job(run, kind, loop, loop.create_future())
        self._jobs.put(job)
        value: T = await job.future
        return value

    async def close(self) -> None:
        """Finish what waits, then close the connection."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while True:
            job = self._take()
            if job is None:
                break
            self._handle(job)
            full = len(self._waiting) >= _MOST_JOBS_A_COMMIT
            if full or (self._waiting and self._jobs.empty()):
                self._commit()
        self._commit()
        self._connection.close()

    def _take(self) -> _Job | None:
        """The next job; None at the end. Commits what lingers while nothing comes."""
        if self._connection.in_transaction:
            with suppress(queue.Empty):
                return self._jobs.get(timeout=_LINGER_SECONDS)
            self._commit()
        return self._jobs.get()

    def _handle(self, job: _Job) -> None:
        if job.kind == "alone":
            self._commit()
        outcome = _Outcome()
        with outcome:
            if job.kind in ("look", "alone"):
                outcome.value = job.run(self._connection)
            else:
                outcome.value = self._in_transaction(job)
        self._give_up_if_rolled_back()
        if job.kind == "durable" and outcome.error is None:
            self._waiting.append((job, outcome))
        else:
            _resolve(job, outcome)

    def _in_transaction(self, job: _Job) -> Any:  # noqa: ANN401 - a job's result is its own
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        with self._database.atomic():
            return job.run(self._connection)

    def _give_up_if_rolled_back(self) -> None:
        """SQLite takes back the whole transaction when the disk is full or fails."""
        if self._waiting and not self._connection.in_transaction:
            self._answer(StoreUnavailable("The database could not store this; try again."))

    def _commit(self) -> None:
        if not self._connection.in_transaction:
            return
        outcome = _Outcome()
        with outcome:
            self._connection.execute("COMMIT")
        if outcome.error is not None:
            with _Outcome():
                self._connection.execute("ROLLBACK")
        self._answer(outcome.error)

    def _answer(self, failure: BaseException | None) -> None:
        for job, outcome in self._waiting:
            if failure is not None:
                outcome.error = StoreUnavailable(str(failure))
                outcome.error.__cause__ = failure
            _resolve(job, outcome)
        self._waiting.clear()


def _resolve(job: _Job, outcome: _Outcome) -> None:
    with suppress(RuntimeError):  # the loop may be closed by now
        job.loop.call_soon_threadsafe(_settle, job.future, outcome)


def _settle(future: "asyncio.Future[Any]", outcome: _Outcome) -> None:
    if future.done():
        return
    if outcome.error is not None:
        future.set_exception(outcome.error)
    else:
        future.set_result(outcome.value)
