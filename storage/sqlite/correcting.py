"""The part of the store for what people change, keep and choose themselves."""

from collections.abc import Collection
from datetime import datetime

from engine.cards import everywhere
from engine.corrections import Change, Correction
from engine.kept_choices import KeptChoice
from engine.records import Block, Message, Passage, Scope
from storage.sqlite import accounts, cards, corrections, kept_choices
from storage.sqlite.database import Database
from storage.sqlite.indexes import Indexes

__all__ = ["Correcting"]


class Correcting:
    """Corrections, cards and kept choices; the store gives it everything it needs."""

    _database: Database
    _indexes: Indexes

    def _rows_added(self) -> None:
        """Called after rows were stored that wait for vectors."""

    async def correct(self, scope: Scope, correction: Correction) -> str:
        """Store a correction; its id in the history.

        Raises:
            StaleBlock: A block has changed since it was read.
        """
        change_id = await self._database.write(
            lambda c: corrections.correct(c, self._indexes, scope, correction)
        )
        self._rows_added()
        return change_id

    async def changes(self, scope: Scope, limit: int) -> list[Change]:
        """The latest changes of the agent's blocks and passages, the newest first."""
        return await self._database.read(lambda c: corrections.changes(c, scope, limit))

    async def undo(self, scope: Scope, change_id: str, *, actor: str, at: datetime) -> bool:
        """Take a change back; False when something later builds on it, or it is undone."""
        undone = await self._database.write(
            lambda c: corrections.undo(c, self._indexes, scope, change_id, (actor, at))
        )
        self._rows_added()
        return undone

    async def passages_with(self, scope: Scope, words: str) -> list[Passage]:
        """Current passages that hold these words, documents left out, the newest first."""
        return await self._database.read(lambda c: corrections.passages_with(c, scope, words))

    async def exchanges_with(self, scope: Scope, words: str, speaker: str | None) -> list[Message]:
        """What was said, by one speaker or by anybody, where it or its answer holds these words."""
        return await self._database.read(
            lambda c: corrections.exchanges_with(c, scope, words, speaker)
        )

    async def authors_of(self, scope: Scope, source_keys: Collection[str]) -> dict[str, str]:
        """Who wrote messages that the agent remembers, by their keys."""
        return await self._database.read(lambda c: corrections.authors(c, scope, source_keys))

    async def names_of(self, principals: Collection[str]) -> dict[str, str]:
        """What people were called last."""
        return await self._database.read(lambda c: accounts.names(c, principals))

    async def card(self, principal: str) -> Block | None:
        """The card that rooms see of a person, as they see it."""
        return await self._database.read(lambda c: cards.card(c, principal))

    async def keep_card(self, principal: str, name: str, text: str, at: datetime) -> None:
        """Put a card in the place of an earlier one; an empty text takes it away."""
        keys = dict.fromkeys([principal] if text else [principal, everywhere(principal)])
        await self._database.write(lambda c: cards.keep(c, keys, name, text, at))

    async def keep_choice(self, scope: Scope, choice: KeptChoice, at: datetime) -> str:
        """Keep it for the scope's speaker; the key that goes into the button."""
        return await self._database.write(lambda c: kept_choices.keep(c, scope, choice, at))

    async def kept_choice(self, scope: Scope, key: str, at: datetime) -> KeptChoice | None:
        """What the scope's speaker was offered in this memory, if it is not too old."""
        return await self._database.read(lambda c: kept_choices.find(c, scope, key, at))
