"""A circuit breaker: after failures in a row, refuse at once for a while, then let one try."""

from collections.abc import Callable

FAILURES_IN_A_ROW = 5
REST_SECONDS = 30.0


class Circuit:
    """Counts failures in a row of something outside.

    Args:
        clock: Monotonic seconds.
        failures: So many in a row open the circuit.
        rest_seconds: How long it then refuses.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        failures: int = FAILURES_IN_A_ROW,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._clock = clock
        self._limit = failures
        self._rest_seconds = rest_seconds
        self._failed = 0
        self._closed_until = 0.0

    def allows(self) -> bool:
        """Whether to try now; after a rest one caller may, the others wait for how it ends."""
        if self._failed < self._limit:
            return True
        now = self._clock()
        if now < self._closed_until:
            return False
        self._closed_until = now + self._rest_seconds
        return True

    def succeeded(self) -> None:
        """Close the circuit."""
        self._failed = 0

    def failed(self) -> None:
        """Count a failure; the last allowed one opens the circuit."""
        self._failed += 1
        if self._failed >= self._limit:
            self._closed_until = self._clock() + self._rest_seconds
