"""A person's card: a short text that they wrote and let follow them into rooms; nothing else does.

The room's prompt shows it as a read-only block beside the blocks of its last speakers.
"""

from datetime import datetime
from typing import Final, Protocol

from engine.records import Block

CARD_CHARS: Final = 500
_EVERY_TEAM: Final = "*"  # Discord direct messages belong to no server


def card_label(principal: str) -> str:
    """Label of the block that shows a card."""
    return f"card:{principal}"


def everywhere(principal: str) -> str:
    """The key under which a person has a card for every server: that of direct messages."""
    tenant, _, user = principal.partition("/")
    platform, _, _ = tenant.partition(":")
    return f"{platform}:{_EVERY_TEAM}/{user}"


class CardStore(Protocol):
    """Where cards are kept, one for a person and tenant."""

    async def card(self, principal: str) -> Block | None:
        """The card that rooms see of a person, as they see it."""
        ...

    async def keep_card(self, principal: str, name: str, text: str, at: datetime) -> None:
        """Put a card in the place of an earlier one; an empty text takes it away."""
        ...
