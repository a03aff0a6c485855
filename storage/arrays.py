"""Arrays that grow at their end, so that one more message does not copy all the others."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["GrowingArray"]

Item = TypeVar("Item", bound=np.generic)

_FIRST_ROWS = 64
_GROWTH = 1.5


class GrowingArray(Generic[Item]):
    """A column of one type, or of rows of one width, that gets more room when it is full.

    Args:
        dtype: The type of each value.
        fill: What stands in the room that is not used yet.
        width: Values in a row; 0 for a plain column.
    """

    def __init__(self, dtype: type[Item], *, fill: float = 0, width: int = 0) -> None:
        self._fill = fill
        self._shape = (width,) if width else ()
        self._room: NDArray[Item] = np.full((_FIRST_ROWS, *self._shape), fill, dtype=dtype)
        self._count = 0

    def __len__(self) -> int:
        """How many rows are filled."""
        return self._count

    @property
    def values(self) -> NDArray[Item]:
        """The filled rows; writing to them writes here."""
        return self._room[: self._count]

    @property
    def bytes_used(self) -> int:
        """The memory of the whole room."""
        return self._room.nbytes

    def upto(self, count: int) -> NDArray[Item]:
        """The first `count` rows of the room, with the fill value where nothing is yet."""
        self._reserve(count)
        return self._room[:count]

    def extend(self, values: ArrayLike) -> None:
        """Add rows at the end."""
        rows = np.asarray(values, dtype=self._room.dtype).reshape(-1, *self._shape)
        self._reserve(self._count + len(rows))
        self._room[self._count : self._count + len(rows)] = rows
        self._count += len(rows)

    def extend_blank(self, count: int) -> None:
        """Add rows that hold the fill value."""
        self._reserve(self._count + count)
        self._count += count

    def _reserve(self, count: int) -> None:
        if count <= len(self._room):
            return
        room = max(count, int(len(self._room) * _GROWTH))
        larger = np.full((room, *self._shape), self._fill, dtype=self._room.dtype)
        larger[: len(self._room)] = self._room
        self._room = larger
