"""What every reader of a format offers: portions for the store, and what it left out and why."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from bots.imports.reading import Limits
from engine.errors import BadRequest
from engine.imports import PastMessage, Portion

# Stored in some 60 ms, during which a bot beside has to wait.
_MESSAGES_AT_ONCE = 250
_CHARS_AT_ONCE = 1_000_000
_MESSAGE_CHARS = 100_000


class Export(ABC):
    """One exported file; it is read once.

    Args:
        file: The file.
        key: The agent that gets it, or None for the one that the format tells.
        limits: The bounds.

    Attributes:
        title: The format, for people.
        total_bytes: What there is to read; known from the first portion on.
        bytes_read: How much of that was read.
        skipped: How many of what were left out.
        notes: Sentences on what the file holds besides.
    """

    title: ClassVar[str]

    def __init__(self, file: Path, key: str | None = None, limits: Limits | None = None) -> None:
        self.file = file
        self.key = key
        self.limits = limits or Limits()
        self.total_bytes = 0
        self.bytes_read = 0
        self.skipped: Counter[str] = Counter()
        self.notes: list[str] = []

    @abstractmethod
    def portions(self) -> Iterator[Portion]:
        """What it holds, agent by agent.

        Raises:
            ArchiveRefused: It is damaged or too large.
            BadRequest: The key does not fit the file.
        """

    def room_key(self, own: str) -> str:
        """The room's agent that the operator named, or else the file's own.

        Raises:
            BadRequest: What was named is no room.
        """
        if self.key is None:
            return own
        if "/channel/" not in self.key:
            raise BadRequest(f"What a channel said cannot become {self.key}; name a room's agent.")
        return self.key

    def in_portions(
        self, agent_id: str, place_name: str, said: Iterable[PastMessage]
    ) -> Iterator[Portion]:
        """Messages of one agent in portions of bounded size, each in the order of time."""
        gathered: list[PastMessage] = []
        chars = 0
        for message in said:
            if not self._is_kept(message):
                continue
            gathered.append(message)
            chars += len(message.text)
            if len(gathered) >= _MESSAGES_AT_ONCE or chars >= _CHARS_AT_ONCE:
                yield _portion(agent_id, place_name, gathered)
                gathered, chars = [], 0
        if gathered:
            yield _portion(agent_id, place_name, gathered)

    def _is_kept(self, message: PastMessage) -> bool:
        if len(message.text) > _MESSAGE_CHARS:
            self.skipped[f"messages of more than {_MESSAGE_CHARS:,} characters"] += 1
            return False
        if not message.text:
            self.skipped["messages without text"] += 1
            return False
        return True


def _portion(agent_id: str, place_name: str, said: list[PastMessage]) -> Portion:
    def time(message: PastMessage) -> datetime:
        return message.sent_at

    return Portion(agent_id=agent_id, place_name=place_name, messages=tuple(sorted(said, key=time)))
