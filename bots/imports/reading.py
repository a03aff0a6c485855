"""Reads files that nobody vouches for: JSON piece by piece and zips member by member, in bounds.

Whatever is wrong with a file comes out as an `ArchiveRefused`.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import IO, Any

from engine.errors import ArchiveRefused
from engine.events import whole_characters

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - set(_STEP))
_EARLIEST_YEAR, _LATEST_YEAR = 1990, 2100
_TOO_LARGE = "The file is larger than this version reads; nothing was changed."
_DAMAGED = "The file is damaged; nothing was changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of what is read.

    Attributes:
        bytes: Of the file, or of all members of a zip together, unpacked.
        item_bytes: Of one message with all that belongs to it.
        depth: Of lists and objects within each other; the parser's memory grows with its square.
        document_bytes: Of a file that has to be read whole.
    """

    members: int = 500_000
    bytes: int = 64 * 1024**3
    item_bytes: int = 4 * 1024**2
    depth: int = 64
    document_bytes: int = 64 * 1024**2


class Metered:
    """A file that counts what is read of it, and refuses when one item takes too much.

    Args:
        file: Open for reading bytes.
        limits: The bounds.
    """

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._item_bytes = 0
        self._depth = Depth()
        self.bytes_read = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes.

        Raises:
            ArchiveRefused: The file or the item is too large, or nested too deeply.
        """
        data = self._file.read(size)
        if not self.bytes_read:
            data = data.removeprefix(_BYTE_ORDER_MARK)
        self.bytes_read += len(data)
        self._item_bytes += len(data)
        if self.bytes_read > self._limits.bytes or self._item_bytes > self._limits.item_bytes:
            raise ArchiveRefused(_TOO_LARGE)
        if self._depth.deepest(data) > self._limits.depth:
            raise ArchiveRefused("The file is nested too deeply; nothing was changed.")
        return data

    def read_whole(self) -> bytes:
        """Everything, where a format leaves no other way.

        Raises:
            ArchiveRefused: The file is too large for that.
        """
        data = self._file.read(self._limits.document_bytes + 1)
        self.bytes_read = len(data)
        if len(data) > self._limits.document_bytes:
            raise ArchiveRefused(_TOO_LARGE)
        return data.removeprefix(_BYTE_ORDER_MARK)

    def start_item(self) -> None:
        """What was read until now belonged to earlier items."""
        self._item_bytes = 0


class Depth:
    """How deep JSON is nested, before a parser sees it; counts brackets outside of texts."""

    def __init__(self) -> None:
        self._now = 0
        self._in_text = False
        self._escaped = False

    def deepest(self, data: bytes) -> int:
        """The deepest place of the next bytes."""
        if not data:
            return self._now
        data = data[self._escaped :]
        self._escaped = (len(data) - len(data.rstrip(b"\\"))) % 2 == 1
        pieces = data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
        outside = b"".join(pieces[self._in_text :: 2])
        self._in_text ^= len(pieces) % 2 == 0
        steps = map(_STEP.__getitem__, outside.translate(None, _NO_BRACKETS))
        depths = list(accumulate(steps, initial=self._now))
        self._now = depths[-1]
        return max(depths)


@contextmanager
def opened(file: Path, limits: Limits) -> Iterator[Metered]:
    """A file, read from its start.

    Raises:
        ArchiveRefused: It cannot be read.
    """
    with refusing(), file.open("rb") as raw:
        yield Metered(raw, limits)


@contextmanager
def refusing() -> Iterator[None]:
    """Turns every way in which a file can be damaged into an `ArchiveRefused`."""
    from ijson import JSONError

    try:
        yield
    except OSError as error:
        raise ArchiveRefused(f"The file cannot be read: {error.strerror}.") from error
    except (
        *(JSONError, ValueError, OverflowError, RecursionError),
        *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
    ) as error:
        raise ArchiveRefused(_DAMAGED) from error


def json_items(file: Metered, prefix: str) -> Iterator[dict[str, Any]]:
    """The objects of a JSON array, one at a time.

    Args:
        file: Bytes of JSON.
        prefix: Where the array's items stand, as ijson names it (``messages.item``).
    """
    import ijson

    with refusing():
        for item in ijson.items(file, prefix, use_float=True):
            file.start_item()
            if isinstance(item, dict):
                yield item


def json_scalars(file: Metered, until: str) -> dict[str, Any]:
    """Strings and numbers by their place (``guild.id``), up to the first event at another place."""
    import ijson

    found: dict[str, Any] = {}
    with refusing():
        for prefix, event, value in ijson.parse(file, use_float=True):
            if prefix == until:
                break
            if event in {"string", "number"}:
                found[prefix] = value
    return found


def top_level_keys(file: Metered) -> Iterator[str]:
    """The keys of a JSON object, as they come."""
    import ijson

    with refusing():
        for prefix, event, value in ijson.parse(file, use_float=True):
            if prefix == "" and event == "map_key":
                yield value


@contextmanager
def open_zip(file: Path, limits: Limits) -> Iterator[zipfile.ZipFile]:
    """A zip whose members have harmless names and a bounded size.

    Raises:
        ArchiveRefused: It has not.
    """
    with refusing(), zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        names = {entry.filename for entry in entries}
        if len(entries) > limits.members or sum(e.file_size for e in entries) > limits.bytes:
            raise ArchiveRefused(_TOO_LARGE)
        if len(names) != len(entries) or not all(map(_stays_inside, names)):
            raise ArchiveRefused("The zip holds names that lead out of it; nothing was changed.")
        yield archive


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not ("\\" in name or "\0" in name or path.is_absolute() or ".." in path.parts)


def words(record: object, name: str) -> str:
    """A text field of a JSON object, ``""`` when it is none."""
    value = record.get(name) if isinstance(record, dict) else None
    return whole_characters(value) if isinstance(value, str) else ""


def objects(record: object, name: str) -> list[dict[str, Any]]:
    """The objects in a list field of a JSON object."""
    value = record.get(name) if isinstance(record, dict) else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(record: object, name: str) -> list[str]:
    """The texts in a list field of a JSON object."""
    value = record.get(name) if isinstance(record, dict) else None
    found = value if isinstance(value, list) else []
    return [whole_characters(item) for item in found if isinstance(item, str)]


def moment(value: float | str) -> datetime | None:
    """An instant from seconds since 1970 or ISO 8601 text; None when it cannot be."""
    try:
        at = (
            datetime.fromisoformat(value)
            if isinstance(value, str)
            else datetime.fromtimestamp(value, UTC)
        )
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at if _EARLIEST_YEAR <= at.year <= _LATEST_YEAR else None
