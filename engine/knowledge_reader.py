"""Keeps the passages of intuitive knowledge like the files on disk: new, changed and gone."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from engine.config import DocumentConfig
from engine.documents import OPERATOR
from engine.errors import DocumentRefused, StaleDocument
from engine.knowledge import KnowledgeSource, owner_scope
from engine.loading import Loader, NewFile, files_under, read_bytes
from engine.records import Scope
from engine.store import DocumentStore

log = logging.getLogger(__name__)

_ABANDONED = timedelta(hours=1)  # no file takes this long; whoever loaded it has died

Seen = tuple[int, int]


class KnowledgeReader:
    """Reads what the settings name, and again what has changed.

    Args:
        store: Where it goes.
        sources: The tables of the settings.
        config: Limits of a file.
        now: The clock.
    """

    def __init__(
        self,
        store: DocumentStore,
        sources: Sequence[KnowledgeSource],
        config: DocumentConfig,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._sources = sources
        self._config = config
        self._loader = Loader(store, config, now)
        self._now = now
        self._seen: dict[tuple[str, Path], Seen] = {}

    async def refresh(self) -> None:
        """Look at every source once."""
        await self._store.sweep_documents(self._now() - _ABANDONED)
        named = {source.owner for source in self._sources}
        for owner in await self._store.knowledge_owners():
            if owner not in named:
                await self._empty(owner)
        for source in self._sources:
            await self._refresh(source)

    async def _empty(self, owner: str) -> None:
        scope = owner_scope(owner)
        for document in await self._store.documents(scope):
            await self._store.drop_document(scope, document.id)
        await self._store.drop_owner(owner)

    async def _refresh(self, source: KnowledgeSource) -> None:
        scope = owner_scope(source.owner)
        files = await asyncio.to_thread(_listing, source.path)
        for name, (path, seen) in files.items():
            if self._seen.get((source.owner, path)) != seen:
                await self._read(scope, name, path)
                self._seen[source.owner, path] = seen
        for document in await self._store.documents(scope):
            if document.name not in files:
                await self._store.drop_document(scope, document.id)

    async def _read(self, scope: Scope, name: str, path: Path) -> None:
        try:
            data = await read_bytes(path, name, self._config)
            await self._loader.load(scope, NewFile(name=name, data=data, author=OPERATOR))
        except (DocumentRefused, StaleDocument) as problem:
            log.warning("knowledge was not read: %s", problem.sentence)


def _listing(path: Path) -> dict[str, tuple[Path, Seen]]:
    """The files of a source with time and size, by which an unchanged one is known."""
    found = {}
    for name, file in files_under(path):
        with suppress(OSError):  # gone since it was listed
            status = file.stat()
            found[name] = (file, (status.st_mtime_ns, status.st_size))
    return found
