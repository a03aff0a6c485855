"""Where an agent's frequent words stand, kept between searches and read on from where they end."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from storage.arrays import GrowingArray
from storage.sqlite.kept_vectors import placed
from storage.sqlite.search_rows import matches

__all__ = ["KeptWords"]

# A shorter list is read again as fast as it is kept.
_LEAST_HITS = 256
# All kept lists together have at most this many entries a message.
_ENTRIES_A_MESSAGE = 2


class KeptWords:
    """The places of words in one agent's messages; those asked for longest ago leave first."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._kept: OrderedDict[tuple[str, ...], tuple[NDArray[np.intp], int]] = OrderedDict()
        self._entries = 0

    @property
    def bytes_used(self) -> int:
        """The memory of all kept lists."""
        return self._entries * np.dtype(np.intp).itemsize

    def places(
        self,
        connection: sqlite3.Connection,
        terms: tuple[str, ...],
        seqs: GrowingArray[np.int64],
        limit: int,
    ) -> NDArray[np.intp]:
        """The messages that hold any of the terms, oldest first; reading stops at `limit`."""
        nothing = np.empty(0, dtype=np.intp)
        places, last = self._kept.pop(terms, (nothing, -1))
        self._entries -= len(places)
        if len(places) < limit:
            left = limit - len(places)
            found = matches(connection, "recall", self._number, terms, left, last)
            if len(found):
                places, last = np.concatenate((places, placed(seqs, found)[0])), int(found[-1])
        if len(places) >= _LEAST_HITS:
            self._kept[terms] = (places, last)
            self._entries += len(places)
            self._shrink(_ENTRIES_A_MESSAGE * len(seqs))
        return places

    def _shrink(self, most: int) -> None:
        while self._entries > most:
            _, (places, _) = self._kept.popitem(last=False)
            self._entries -= len(places)
