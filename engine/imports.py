"""What another program remembered, on its way into memory; frozen values, no I/O."""

from dataclasses import dataclass
from datetime import datetime

from engine.records import Block, Passage, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class PastMessage:
    """A message that was said elsewhere; recall memory keeps it, no queue ever holds it.

    Attributes:
        source_key: As the live adapter would name it, so that nothing is stored twice.
        thread: Key of the thread it stands in; None in the place's main flow.
        place_name: What people call that thread, where it has a name of its own.
        author: Principal key, or None when an agent spoke.
        searchable: False for what a tool answered.
    """

    source_key: str
    thread: str | None = None
    place_name: str = ""
    role: Role = "user"
    author: str | None = None
    author_name: str = ""
    text: str
    sent_at: datetime
    searchable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """A part of an import, for one agent, stored in one transaction.

    Attributes:
        place_name: What people call the place the messages come from.
    """

    agent_id: str
    place_name: str
    messages: tuple[PastMessage, ...] = ()
    passages: tuple[Passage, ...] = ()
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """How much of a portion was new."""

    messages: int = 0
    passages: int = 0
    blocks: int = 0
