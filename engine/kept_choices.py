"""Buttons that hold more than fits into one: kept, for the one person who may press them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.records import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptChoice:
    """A command that a button stands for."""

    command: str
    arguments: Mapping[str, str]
    confirmed: bool


class ChoiceStore(Protocol):
    """Where such commands wait, for a day."""

    async def keep_choice(self, scope: Scope, choice: KeptChoice, at: datetime) -> str:
        """Keep it for the scope's speaker; the key that goes into the button."""
        ...

    async def kept_choice(self, scope: Scope, key: str, at: datetime) -> KeptChoice | None:
        """What the scope's speaker was offered in this memory, if it is not too old."""
        ...
