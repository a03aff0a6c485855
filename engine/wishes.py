"""What people want of learning: not about me, not me at all, not this conversation."""

from datetime import datetime
from typing import Literal, Protocol

from engine.records import Scope

Wish = Literal["pause", "never"]


class WishStore(Protocol):
    """Wishes, and what they do to what is stored from then on."""

    async def wish_of(self, principal: str) -> Wish | None:
        """What a person wants; None when they are learned about like everybody."""
        ...

    async def set_wish(self, principal: str, wish: Wish | None, at: datetime) -> None:
        """Note what a person wants; their turns that run begin again under it.

        ``pause``: what they say is kept, and nothing is made of it. ``never``: it is gone when
        its turn has ended, and there is no block about them.
        """
        ...

    async def is_off_record(self, scope: Scope) -> bool:
        """Whether the scope's conversation is off the record."""
        ...

    async def go_off_record(self, scope: Scope, at: datetime) -> None:
        """Keep what is said in the conversation from now on in its window alone."""
        ...

    async def go_on_record(self, scope: Scope, at: datetime) -> None:
        """End that, and remove what was said meanwhile."""
        ...
