"""Keeps within a platform's rate limits before the platform has to say so. Knows no platform."""

import asyncio
import math
from collections import deque

from engine.errors import DeliveryDelayed


class Allowance:
    """So many calls in any stretch of so many seconds, in the order in which they are asked for.

    Args:
        most: Calls.
        seconds: Length of the stretch.
        patience_seconds: The longest wait; a call that had to wait longer is refused instead.
    """

    def __init__(self, most: int, seconds: float, patience_seconds: float = 60.0) -> None:
        self._given: deque[float] = deque(maxlen=most)
        self._seconds = seconds
        self._patience_seconds = patience_seconds

    @property
    def has_room(self) -> bool:
        """Whether a call of now would not wait."""
        return self._free_at() <= _time()

    async def take(self) -> None:
        """Return when the call may be made.

        Raises:
            DeliveryDelayed: That would be later than anybody waits.
        """
        now = _time()
        at = max(now, self._free_at())
        if at - now > self._patience_seconds:
            raise DeliveryDelayed("The platform's rate limit is used up.", at - now)
        self._given.append(at)
        await asyncio.sleep(at - now)

    def _free_at(self) -> float:
        full = len(self._given) == self._given.maxlen
        return self._given[0] + self._seconds if full else -math.inf


def _time() -> float:
    return asyncio.get_running_loop().time()
