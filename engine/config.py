"""The engine's settings, already checked; only ``bots.settings`` fills them from outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

from engine.due_times import QuietHours
from engine.knowledge import KnowledgeSource
from engine.records import Audience, Reply

_TOKENS_A_CALL = 1024
CHARS_PER_TOKEN = 3  # cautious: English has about 4, code and other scripts fewer

ToolMode = Literal["auto", "native", "json_schema"]
MemoryAgentMode = Literal["flush", "idle", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """How to reach the language model.

    Attributes:
        base_url: Any OpenAI-compatible endpoint; None for the provider's own.
        timeout_seconds: For one request; the library's default of 600 s would hold a person up.
    """

    model: str = "gpt-5-mini"
    background_model: str | None = None
    api_key: str | None = None
    base_url: str | None = None
    tool_mode: ToolMode = "auto"
    timeout_seconds: float = 120.0
    connect_timeout_seconds: float = 10.0
    max_attempts: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryConfig:
    """Numbers of the memory design; shares are of ``context_tokens``.

    Attributes:
        agent: When the memory agent runs: as messages leave a queue, or in quiet conversations.
        idle_seconds: A conversation is quiet when nothing was said for so long.
        pressure_line: Whether people are told of memory pressure too.
    """

    context_tokens: int = 32768
    warn: float = 0.70
    prepare: float = 0.85
    flush: float = 1.0
    evict: float = 0.5
    keep_last_messages: int = 3
    max_steps: int = 12
    repeat_limit: int = 3
    summary_words: int = 500
    summary_attempts: int = 3
    block_limit_chars: int = 2000
    result_share: float = 0.25
    message_share: float = 0.25
    tool_share: float = 0.25
    page_size: int = 5
    agent: MemoryAgentMode = "flush"
    idle_seconds: float = 600.0
    pressure_line: bool = True

    @property
    def result_tokens(self) -> int:
        """What one tool result may take of the window."""
        return int(self.context_tokens * self.result_share)

    @property
    def result_chars(self) -> int:
        """Characters of a tool result that fit its share, if they are not of a costly script."""
        return self.result_tokens * CHARS_PER_TOKEN

    @property
    def message_tokens(self) -> int:
        """What one message, or one answer of the model, may take of the window."""
        return int(self.context_tokens * self.message_share)

    @property
    def max_calls(self) -> int:
        """Calls of one answer that are carried out: their results must stand in one window."""
        return max(1, self.context_tokens // _TOKENS_A_CALL)

    @property
    def tool_chars(self) -> int:
        """What all tools that are not ours may take of the window, in characters."""
        return int(self.context_tokens * self.tool_share) * CHARS_PER_TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentConfig:
    """Limits of a file that is read; the time is for all of its parsing."""

    max_bytes: int = 20_000_000
    max_pages: int = 1000
    timeout_seconds: float = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchConfig:
    """Bounds of the dispatcher."""

    max_parallel_turns: int = 16
    max_queued_per_agent: int = 20
    max_attempts: int = 5
    drain_seconds: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorBlock:
    """A core memory block that the operator gives to the agents of some places.

    Attributes:
        text: What an editable block starts with, and what a read-only one holds.
        places: Patterns, see ``engine.places``.
    """

    label: str
    text: str
    description: str
    limit_chars: int
    read_only: bool
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventConfig:
    """Events besides messages.

    Attributes:
        heartbeat_minutes: How long an agent is idle before it gets a timed heartbeat; 0 for never.
        quiet: When no heartbeat comes and scheduled messages wait.
        absence_days: After so long, a person's next message comes with a ``login``. Source: ours.
        late_minutes: From here on a scheduled event says that it is late. Source: ours.
    """

    heartbeat_minutes: int = 0
    quiet: QuietHours = field(default_factory=QuietHours)
    absence_days: int = 7
    late_minutes: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Everything the engine is built from.

    Attributes:
        personas: Texts by name; ``default`` is for places that name none.
        place_personas: Names of personas by pattern of places.
        blocks: Given to agents beside the blocks that every agent has.
        admins: Principals for whom tools of admins work.
        approval_minutes: How long a call that waits for a person may be allowed.
        greetings: What is said where the bot is met for the first time, by audience.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    dispatch: DispatchConfig = field(default_factory=DispatchConfig)
    documents: DocumentConfig = field(default_factory=DocumentConfig)
    knowledge: tuple[KnowledgeSource, ...] = ()
    events: EventConfig = field(default_factory=EventConfig)
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    personas: Mapping[str, str] = field(default_factory=dict)
    place_personas: Mapping[str, str] = field(default_factory=dict)
    blocks: tuple[OperatorBlock, ...] = ()
    admins: frozenset[str] = frozenset()
    approval_minutes: int = 60
    greetings: Mapping[Audience, Reply] = field(default_factory=dict)
