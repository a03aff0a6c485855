"""Reads one file into archival memory: parse, store in parts, then bring the whole into sight."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ulid import ULID

from engine.config import DocumentConfig
from engine.documents import OPERATOR, Piece, size_text, title
from engine.errors import DocumentRefused, StaleDocument
from engine.events import whole_characters
from engine.parsing.child import parse
from engine.records import Document, Passage, Scope
from engine.store import DocumentStore

_PIECES_AT_ONCE = 100
_TAKEN = "{name} is the name of a document of the operator's; please send yours under another."
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A file to read, and whose it is.

    Attributes:
        author: Principal key of who sent it, or ``operator``.
        source_key: Of the message it came with.
    """

    name: str
    data: bytes
    author: str
    author_name: str = ""
    source_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of a file.

    Attributes:
        places: Where its passages stand, in order; none for an unchanged file.
        changed: False when the same bytes were there already.
    """

    document: Document
    places: tuple[str, ...] = ()
    changed: bool = True


class Loader:
    """Loads files; one at a time for each agent is the caller's business.

    Args:
        store: Where passages go.
        config: Limits of a file.
        now: The clock.
    """

    def __init__(
        self, store: DocumentStore, config: DocumentConfig, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._config = config
        self._now = now

    async def load(self, scope: Scope, file: NewFile, progress: Progress | None = None) -> Loaded:
        """Read a file, in the place of an older one of its name.

        Args:
            scope: Whose memory it goes to.
            file: The file.
            progress: Called with pages done and pages in all, where the format has pages.

        Raises:
            DocumentRefused: It cannot be read; one plain sentence.
        """
        require_size(file.name, len(file.data), self._config)
        sha256 = await asyncio.to_thread(_hash, file.data)
        for known in await self._store.documents(scope):
            if known.name == file.name and known.sha256 == sha256:
                return Loaded(document=known, changed=False)
            if known.name == file.name and known.author == OPERATOR != file.author:
                raise DocumentRefused(_TAKEN.format(name=file.name))
        document = Document(
            id=str(ULID.from_datetime(self._now())),
            name=file.name,
            sha256=sha256,
            size_bytes=len(file.data),
            author=file.author,
            author_name=file.author_name,
            source_key=file.source_key,
            loaded_at=self._now(),
        )
        try:
            return await self._read(scope, document, file, progress)
        except (DocumentRefused, StaleDocument):
            await self._store.drop_document(scope, document.id)
            raise

    async def _read(
        self, scope: Scope, document: Document, file: NewFile, progress: Progress | None
    ) -> Loaded:
        places: list[str] = []
        part: list[Passage] = []
        pages = 0
        async with aclosing(parse(file.name, file.data, self._config)) as found:
            async for item in found:
                if not isinstance(item, Piece):
                    pages = item[1]
                    if progress:
                        progress(*item)
                    continue
                places.append(item.place)
                part.append(self._passage(document, item))
                if len(part) == _PIECES_AT_ONCE:
                    await self._store.add_document_part(scope, document, part)
                    part = []
        if not places:
            raise DocumentRefused(f"{file.name} holds no text, so there was nothing to read.")
        await self._store.add_document_part(scope, document, part)
        whole = replace(document, pages=pages, passages=len(places))
        await self._store.publish_document(scope, whole)
        return Loaded(document=whole, places=tuple(places))

    def _passage(self, document: Document, piece: Piece) -> Passage:
        return Passage(
            id=str(ULID.from_datetime(self._now())),
            title=title(document.name, piece.place),
            text=piece.text,
            author=document.author,
            author_name=document.author_name,
            source_key=document.source_key,
            created_at=document.loaded_at,
            document_id=document.id,
        )


def require_size(name: str, size_bytes: int, config: DocumentConfig) -> None:
    """Refuse a file that is too large to read.

    Raises:
        DocumentRefused: With its size and the limit.
    """
    if size_bytes > config.max_bytes:
        raise DocumentRefused(
            f"{name} is {size_text(size_bytes)}; I read files of at most "
            f"{size_text(config.max_bytes)}."
        )


async def read_bytes(path: Path, name: str, config: DocumentConfig) -> bytes:
    """The bytes of a file of this machine.

    Raises:
        DocumentRefused: It is too large or cannot be opened.
    """

    def read() -> bytes:
        require_size(name, path.stat().st_size, config)
        return path.read_bytes()

    try:
        return await asyncio.to_thread(read)
    except OSError as error:
        raise DocumentRefused(f"{name} cannot be opened: {error.strerror}.") from error


def files_under(path: Path) -> Sequence[tuple[str, Path]]:
    """A file, or the files of a folder and those below it, by name; hidden ones are left out."""
    if not path.is_dir():
        return [(whole_characters(path.name), path)]
    found = [
        (whole_characters(str(file.relative_to(path))), file)
        for file in path.rglob("*")
        if not any(part.startswith(".") for part in file.relative_to(path).parts) and _is_file(file)
    ]
    return sorted(found)


def _is_file(path: Path) -> bool:
    """Whether it is one, or may be: then opening it says why it cannot be read."""
    try:
        return path.is_file()
    except OSError:
        return True


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
