"""Identities of one person on several platforms that share a memory."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Whose direct messages go to an agent that is not named after them.

    Attributes:
        principal: Key in direct messages, e.g. ``discord:*/222``.
        agent_id: The agent.
        linked: The identity it is shared with; None when it is theirs alone.
    """

    principal: str
    agent_id: str
    linked: str | None = None


class LinkStore(Protocol):
    """Links, and the one-time codes that make them; only hashes of codes are kept."""

    async def links(self) -> list[Link]:
        """All of them."""
        ...

    async def keep_link_code(self, code: str, principal: str, until: datetime) -> None:
        """Keep a person's code until a time, in the place of an earlier one."""
        ...

    async def link_code_owner(self, code: str, at: datetime) -> str | None:
        """Whose code it is; None when there is none such any more."""
        ...

    async def use_link_code(self, code: str, link: Link, at: datetime) -> bool:
        """Link, where the code is still good; it never is again."""
        ...

    async def set_link(self, link: Link, at: datetime) -> None:
        """Send a person's direct messages to an agent from now on, and note it for the audit."""
        ...
