"""The part of the store for documents, intuitive knowledge and files still to be read."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from engine.records import Attachment, Document, Message, Passage, Scope, Upload
from storage.sqlite import accounts, documents, messages, uploads, wiping
from storage.sqlite.database import Database
from storage.sqlite.indexes import Indexes

__all__ = ["Loading"]


class Loading:
    """Documents in, in sight, and out; the store gives it everything it needs."""

    _database: Database
    _indexes: Indexes

    def _rows_added(self) -> None:
        """Called after rows were stored that wait for vectors."""

    async def pictures(self, scope: Scope, source_keys: Sequence[str]) -> tuple[Attachment, ...]:
        """The pictures of an agent's messages, in their order."""
        return await self._database.read(lambda c: uploads.pictures(c, scope, source_keys))

    async def documents(self, scope: Scope) -> list[Document]:
        """What the agent has read, by name."""
        return await self._database.read(lambda c: documents.listed(c, scope))

    async def add_document_part(
        self, scope: Scope, document: Document, passages: Sequence[Passage]
    ) -> None:
        """Store some passages of a document, out of sight until it is published.

        Raises:
            StaleDocument: The agent whose message it came with has been erased.
        """
        await self._database.write(
            lambda c: documents.add_part(c, self._indexes, scope, document, passages)
        )
        self._rows_added()

    async def publish_document(self, scope: Scope, document: Document) -> None:
        """Bring a whole document into sight, in the place of an older one of its name.

        Raises:
            StaleDocument: It was removed while it was being read.
        """
        for replaced in await self._database.write(lambda c: documents.publish(c, scope, document)):
            await self._remove_document(scope, replaced)

    async def tell_agent(self, message: Message) -> None:
        """Put a message into the queue of the agent's conversation that was last active."""
        await self._database.write(lambda c: messages.add_to_last_active(c, self._indexes, message))

    async def drop_document(self, scope: Scope, document_id: str) -> int:
        """Remove a document at once from sight, then its passages; how many those were."""
        await self._database.write(lambda c: documents.hide(c, scope, document_id))
        return await self._remove_document(scope, document_id)

    async def sweep_documents(self, before: datetime) -> None:
        """Remove what was left half loaded or half removed before that time."""
        found = await self._database.read(lambda c: documents.left_behind(c, before))
        for scope, document_id in found:
            await self.drop_document(scope, document_id)

    async def knowledge_owners(self) -> list[str]:
        """Every owner of intuitive knowledge there is."""
        return await self._database.read(accounts.knowledge_owners)

    async def drop_owner(self, owner: str) -> None:
        """Remove an owner of intuitive knowledge, which has no document any more."""
        await self._database.write(lambda c: wiping.delete_agent(c, self._indexes, owner))

    async def agents_with_uploads(self) -> list[str]:
        """Agents that have files to read, longest waiting first."""
        return await self._database.look(uploads.waiting_agents)

    async def next_upload(self, agent_id: str) -> Upload | None:
        """The agent's oldest file to read, its attempt counted."""
        return await self._database.write(lambda c: uploads.next_upload(c, agent_id))

    async def upload_waits(self, upload: Upload) -> bool:
        """Whether a file is still wanted; its message may have been erased meanwhile."""
        return await self._database.look(lambda c: uploads.waits(c, upload))

    async def finish_upload(self, upload: Upload, notice: str | None, at: datetime) -> None:
        """A file is read, or its sender is told why not; it waits no more."""
        await self._database.write(lambda c: uploads.finish(c, upload, notice, at))

    async def _remove_document(self, scope: Scope, document_id: str) -> int:
        def run(connection: sqlite3.Connection) -> int:
            return documents.remove_some(connection, self._indexes, scope, document_id)

        removed = 0
        while some := await self._database.write(run):
            removed += some
        return removed
