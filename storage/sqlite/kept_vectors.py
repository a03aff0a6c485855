"""The vectors of one agent's rows, kept beside their other columns."""

from __future__ import annotations

import sqlite3

import numpy as np
from numpy.typing import NDArray

from storage.arrays import GrowingArray
from storage.sqlite.search_rows import AgentState, load_vectors
from storage.vectors import Floats, cosines

__all__ = ["KeptVectors", "placed"]


def placed(
    ascending: GrowingArray[np.int64], seqs: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where rows stand, and which of those asked for are there at all."""
    found = np.searchsorted(ascending.values, seqs)
    known = ascending.upto(len(ascending) + 1)[found] == seqs
    known &= found < len(ascending)
    return found[known], known


class KeptVectors:
    """Codes and scales of one model, in the order of the rows; scale 0 where there is none."""

    def __init__(self) -> None:
        self._model: tuple[int, int] | None = None
        self._batch = 0
        self._codes: GrowingArray[np.int8] | None = None
        self._scales = GrowingArray(np.float32)

    @property
    def bytes_used(self) -> int:
        """The memory of both columns."""
        codes = self._codes.bytes_used if self._codes is not None else 0
        return codes + self._scales.bytes_used

    def refresh(
        self,
        connection: sqlite3.Connection,
        state: AgentState,
        model: tuple[int, int],
        seqs: GrowingArray[np.int64],
    ) -> None:
        """Load the batches stored since the last time; all of them for another model."""
        if self._model != model or self._codes is None:
            self._model, self._batch = model, 0
            self._codes = GrowingArray(np.int8, width=model[1])
            self._scales = GrowingArray(np.float32)
        if self._batch >= state.batches:
            return
        found, codes, scales = load_vectors(connection, state.number, model, self._batch)
        self._batch = state.batches
        places, known = placed(seqs, found)
        self._codes.upto(len(seqs))[places] = codes[known]
        self._scales.upto(len(seqs))[places] = scales[known]

    def cosines(self, query: Floats, count: int) -> Floats:
        """The cosine of the first `count` rows with a query; NaN where there is no vector."""
        if self._codes is None or len(query) != self._codes.upto(count).shape[1]:
            return np.full(count, np.nan, dtype=np.float32)
        scales = self._scales.upto(count)
        result = cosines(self._codes.upto(count), scales, query)
        result[scales == 0] = np.nan
        return result
