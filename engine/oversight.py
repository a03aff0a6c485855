"""What those see who look after memory: agents at a glance, tokens, acts, and what was erased."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Remains = Literal["others", "backups", "log"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOverview:
    """One line of ``membot agents``."""

    agent_id: str
    kind: Literal["personal", "room"]
    platform: str
    place: str
    messages: int
    passages: int
    blocks: int
    last_activity: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What an erasure removed, by table, and what could not be reached.

    Attributes:
        remains: ``others``: what they said; ``backups`` from before; ``log``: the database's,
            because another program was reading it.
    """

    removed: dict[str, int] = field(default_factory=dict)
    remains: tuple[Remains, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """Tokens of one day, model and purpose."""

    day: str
    model: str
    purpose: str
    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Who did what to which memory; never holds message text."""

    at: datetime
    actor: str
    action: str
    subject: str
    detail: str = ""
