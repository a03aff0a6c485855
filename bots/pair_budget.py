"""How much another bot may say to the bot before both have a rest; pure but for the clock."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

EVENTS = 20
WINDOW_SECONDS = REST_SECONDS = 60.0
_PAIRS = 1_000


@dataclass(slots=True)
class _Pair:
    heard: deque[float] = field(default_factory=lambda: deque(maxlen=EVENTS))
    rests_until: float = 0.0


class PairBudget:
    """Bounds every pair of another bot and a place, so that no two bots talk for ever.

    Args:
        seconds: A clock that only goes forward.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._pairs: OrderedDict[tuple[str, str], _Pair] = OrderedDict()

    def allows(self, principal: str, place: str) -> bool:
        """Whether the bot may be heard there once more."""
        pair = self._pairs.setdefault((principal, place), _Pair())
        self._pairs.move_to_end((principal, place))
        if len(self._pairs) > _PAIRS:
            self._pairs.popitem(last=False)
        now = self._seconds()
        if now < pair.rests_until:
            return False
        pair.heard.append(now)
        if len(pair.heard) == EVENTS and now - pair.heard[0] < WINDOW_SECONDS:
            pair.rests_until = now + REST_SECONDS
            pair.heard.clear()
        return True
