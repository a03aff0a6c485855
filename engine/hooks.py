"""What happened, as frozen values handed to hooks; the log line and Prometheus are two hooks.

No event holds message or memory text.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFinished:
    """A turn has ended."""

    agent_id: str
    turn_id: str
    state: str
    steps: int
    seconds: float
    error_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCalled:
    """A model call has come back."""

    agent_id: str
    model: str
    purpose: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled:
    """A tool has run."""

    agent_id: str
    tool: str
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPressure:
    """The alert was given."""

    agent_id: str
    conversation_id: str
    used_tokens: int
    context_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFlushed:
    """Messages have left a queue."""

    agent_id: str
    conversation_id: str
    messages: int
    tokens: int
    mechanical: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A reply has left the outbox."""

    platform: str
    state: str
    attempts: int
    parts: int


Hook = Callable[[object], None]


def ignore(event: object) -> None:
    """The hook of whoever wants none."""
