"""How long what was said is kept; the verbs of the store for that."""

from datetime import datetime
from typing import Protocol


class RetentionStore(Protocol):
    """What housekeeping erases."""

    async def tenants(self) -> list[str]:
        """Every tenant there is."""
        ...

    async def expire(self, tenant: str, before: datetime, at: datetime) -> int:
        """Erase what was said in a tenant before a time, with what was made of it then.

        Returns:
            How many messages that was.
        """
        ...
