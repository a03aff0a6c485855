"""What becomes of memory whose place is gone: closed at once, erased a week later."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from engine.records import Turn


class ClosingStore(Protocol):
    """Places that are gone; the next message from one opens it again."""

    async def close_place(self, key: str, at: datetime) -> Sequence[Turn]:
        """Close a channel's memory, or a tenant's; the turns that end with it.

        Nothing of it is answered, sent, scheduled or looked through any more. It can be exported
        until it is erased.
        """
        ...

    async def closed_agents(self, before: datetime) -> list[str]:
        """Agents that were closed before a time and not opened since."""
        ...
