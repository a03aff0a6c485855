"""How much another bot may say to the bot before both have a rest; pure but for the clock."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

EVENTS = 20
WINDOW = REST = timedelta(minutes=1)
_PAIRS = 1_000


@dataclass(slots=True)
class _Pair:
    heard: deque[datetime] = field(default_factory=lambda: deque(maxlen=EVENTS))
    rests_until: datetime | None = None


class PairBudget:
    """Bounds every pair of another bot and a place, so that no two bots talk for ever.

    Args:
        now: The clock.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._pairs: OrderedDict[tuple[str, str], _Pair] = OrderedDict()

    def allows(self, principal: str, place: str) -> bool:
        """Whether the bot may be heard there once more."""
        pair = self._pairs.setdefault((principal, place), _Pair())
        self._pairs.move_to_end((principal, place))
        if len(self._pairs) > _PAIRS:
            self._pairs.popitem(last=False)
        now = self._now()
        if pair.rests_until and now < pair.rests_until:
            return False
        pair.heard.append(now)
        if len(pair.heard) == EVENTS and now - pair.heard[0] < WINDOW:
            pair.rests_until = now + REST
            pair.heard.clear()
        return True
