"""The store's part in showing a reply while it is being written.

A preview is an outbox row without a text: the reply that the turn stores takes it over, so that
its last edit is the delivery of the reply. Whatever happens in between, the row says which message
on the platform is to be finished or taken away.
"""

from datetime import datetime
from typing import Protocol

from engine.records import OutboxItem, Turn


class PreviewStore(Protocol):
    """Previews of replies; only the delivery of ``bots`` uses it."""

    async def open_preview(self, turn: Turn, at: datetime) -> OutboxItem | None:
        """The preview of the turn's first reply, made where there is none, before it is shown.

        None when the turn has said something or is not running, or when its place still waits
        for another reply, which a preview would overtake.
        """
        ...

    async def note_preview(self, item_id: str, reference: str) -> None:
        """Commit the platform's id of the message that shows it."""
        ...

    async def drop_preview(self, item_id: str) -> None:
        """Forget a preview that came to nothing and is no longer shown."""
        ...
