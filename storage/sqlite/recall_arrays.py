"""One agent's recall memory as arrays, kept between searches and grown as messages arrive.

Filled only from what the reader's own connection sees, so a row that was never committed, or has
been removed, is never shown. The caller holds `lock` while it uses them.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from storage.arrays import GrowingArray
from storage.search import Columns, Sittings
from storage.sqlite.kept_vectors import KeptVectors, placed
from storage.sqlite.kept_words import KeptWords
from storage.sqlite.search_rows import AgentState
from storage.vectors import Floats

__all__ = ["RecallArrays"]

_ROWS = (
    "SELECT seq, sitting, sent, speaker, flags, length, words FROM recall_rows "
    "WHERE agent = ? AND seq > ? ORDER BY seq"
)


class RecallArrays:
    """The features and vectors of one agent's messages, oldest first.

    Args:
        state: The agent as its first reader saw it.
    """

    def __init__(self, state: AgentState) -> None:
        self.lock = threading.Lock()
        self.number = state.number
        self.generation = state.generation
        self.languages = state.languages
        self.seqs = GrowingArray(np.int64)
        self.sent = GrowingArray(np.int64)
        self.speakers: dict[str, int] = {}
        self.spoken: list[int] = []
        self._speaker = GrowingArray(np.int32)
        self._flags = GrowingArray(np.uint8)
        self._length = GrowingArray(np.float32)
        self._words = GrowingArray(np.int32)
        self._sitting = GrowingArray(np.int32)
        self._before = GrowingArray(np.int32, fill=-1)
        self._after = GrowingArray(np.int32, fill=-1)
        self._sittings: dict[int, int] = {}
        self._last_of: list[int] = []
        self._columns: Columns | None = None
        self._vectors = KeptVectors()
        self._hits = KeptWords(state.number)

    def __len__(self) -> int:
        """How many messages are loaded."""
        return len(self.seqs)

    @property
    def bytes_used(self) -> int:
        """The memory of all arrays."""
        return (
            self._vectors.bytes_used
            + self._hits.bytes_used
            + sum(
                column.bytes_used
                for column in (
                    self.seqs,
                    self.sent,
                    self._speaker,
                    self._flags,
                    self._length,
                    self._words,
                    self._sitting,
                    self._before,
                    self._after,
                )
            )
        )

    def refresh(
        self, connection: sqlite3.Connection, state: AgentState, model: tuple[int, int] | None
    ) -> None:
        """Add what the connection sees and the arrays do not have yet."""
        self.languages = state.languages
        last = int(self.seqs.values[-1]) if len(self) else -1
        rows = connection.execute(_ROWS, (self.number, last)).fetchall()
        if rows:
            self._add(rows)
        if model is not None:
            self._vectors.refresh(connection, state, model, self.seqs)

    def places(self, seqs: NDArray[np.int64]) -> NDArray[np.intp]:
        """Where rows stand; rows that are not loaded are left out."""
        return placed(self.seqs, seqs)[0]

    def holding(
        self, connection: sqlite3.Connection, terms: tuple[str, ...], limit: int
    ) -> NDArray[np.intp]:
        """The messages that hold any of the terms, oldest first; reading stops at `limit`."""
        return self._hits.places(connection, terms, self.seqs, limit)

    def cosines(self, query: Floats) -> Floats:
        """The cosine of each message with the query; NaN where there is no vector yet."""
        return self._vectors.cosines(query, len(self))

    def columns(self) -> Columns:
        """What the recipe reads."""
        if self._columns is None:
            self._columns = Columns(
                before=self._before.values,
                after=self._after.upto(len(self) + 1),
                speaker=self._speaker.values,
                flags=self._flags.values,
                length=self._length.values,
                sittings=self._order_sittings(),
            )
        return self._columns

    def _order_sittings(self) -> Sittings:
        of = self._sitting.values
        order = np.argsort(of, kind="stable")
        count = len(self._sittings)
        starts = np.searchsorted(of[order], np.arange(count))
        lengths = np.bincount(of, weights=self._words.values, minlength=count).astype(np.float64)
        return Sittings(of=of, count=count, order=order, starts=starts, lengths=lengths)

    def _add(self, rows: Sequence[Any]) -> None:
        seqs, sittings, sent, speakers, flags, lengths, words = zip(*rows, strict=True)
        first = len(self)
        self.seqs.extend(seqs)
        self.sent.extend(sent)
        self._flags.extend(flags)
        self._length.extend(lengths)
        self._words.extend(words)
        self._speaker.extend([self._speaker_number(name) for name in speakers])
        self._sitting.extend([self._sitting_number(key) for key in sittings])
        self._link(first)
        self._columns = None

    def _speaker_number(self, name: str) -> int:
        number = self.speakers.setdefault(name, len(self.speakers))
        if number == len(self.spoken):
            self.spoken.append(0)
        self.spoken[number] += 1
        return number

    def _sitting_number(self, key: int) -> int:
        number = self._sittings.setdefault(key, len(self._sittings))
        if number == len(self._last_of):
            self._last_of.append(-1)
        return number

    def _link(self, first: int) -> None:
        """Tell each new message what stands before and after it in its sitting."""
        count = len(self)
        after = self._after.upto(count + 1)
        before = []
        for place, sitting in enumerate(self._sitting.values[first:].tolist(), first):
            previous = self._last_of[sitting]
            before.append(previous)
            if previous >= 0:
                after[previous] = place
            self._last_of[sitting] = place
        self._before.extend(before)
        self._after.extend_blank(count - first)
