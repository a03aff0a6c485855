"""Keeps agents' arrays between searches, within a bound of memory over all agents."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from storage.sqlite.search_rows import AgentState

__all__ = ["ArrayCache"]


class _Arrays(Protocol):
    generation: int

    @property
    def bytes_used(self) -> int: ...


Kept = TypeVar("Kept", bound=_Arrays)


class ArrayCache(Generic[Kept]):
    """Arrays by agent number; those searched longest ago leave first. Safe for many threads.

    Args:
        limit_bytes: The most memory all arrays together may keep. The arrays of the agent that
            was searched last stay even if they alone are larger.
        make: Makes empty arrays for an agent.
    """

    def __init__(self, limit_bytes: int, make: Callable[[AgentState], Kept]) -> None:
        self._limit_bytes = limit_bytes
        self._make = make
        self._kept: OrderedDict[int, Kept] = OrderedDict()
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def bytes_used(self) -> int:
        """The memory of everything kept."""
        with self._lock:
            return sum(arrays.bytes_used for arrays in self._kept.values())

    def __contains__(self, agent_id: object) -> bool:
        """Whether an agent's arrays are kept now."""
        with self._lock:
            return any(
                known == agent_id and number in self._kept
                for known, number in self._numbers.items()
            )

    def get(self, agent_id: str, state: AgentState) -> Kept:
        """The agent's arrays, empty ones if there are none of this generation."""
        with self._lock:
            self._numbers[agent_id] = state.number
            arrays = self._kept.pop(state.number, None)
            if arrays is None or arrays.generation != state.generation:
                arrays = self._make(state)
            self._kept[state.number] = arrays
            return arrays

    def shrink(self) -> None:
        """Let agents go until the rest fits."""
        with self._lock:
            used = sum(arrays.bytes_used for arrays in self._kept.values())
            while used > self._limit_bytes and len(self._kept) > 1:
                _, arrays = self._kept.popitem(last=False)
                used -= arrays.bytes_used

    def drop(self, agent_id: str | None) -> None:
        """Forget one agent's arrays, or all."""
        with self._lock:
            if agent_id is None:
                self._kept.clear()
                self._numbers.clear()
            else:
                self._kept.pop(self._numbers.pop(agent_id, -1), None)
