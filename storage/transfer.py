"""The archive of one agent: a zip of JSON lines with a manifest; knows no database.

Reading trusts nothing: sizes and counts are bounded, names are checked, every member must have
the hash of the manifest and every row the fields of its kind, before anything is handed on.
"""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from types import NoneType
from typing import IO, Any

from engine.errors import ArchiveRefused, StoreUnavailable

__all__ = ["FIELDS", "Archive", "Limits", "open_archive", "write_archive"]

Row = dict[str, Any]

_FORMAT = "membot-archive"
_VERSION = 3
_MANIFEST = "manifest.json"
_AGENT = "agent.json"
_FOR_PEOPLE = "memory.md"
_FILES = "files"
_CHUNK_BYTES = 1 << 16
_TIMES = (
    "sent_at", "created_at", "at", "updated_at", "superseded_at", "next_at", "loaded_at",
)  # fmt: skip

_text, _number, _text_or_none = (str,), (int,), (str, NoneType)

FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "agent": {
        "agent_id": _text,
        "place": _text,
        "created_at": _text,
        "conversations": (list,),
    },
    "conversations": {
        "conversation_id": _text,
        "place_name": _text,
        "window_start_seq": _number,
        "shown_messages": _number,
        "shown_passages": _number,
        "warned": _number,
        "speakers": (list,),
        "created_at": _text,
    },
    "blocks": {
        "label": _text,
        "description": _text,
        "value": _text,
        "limit_chars": _number,
        "read_only": _number,
        "owner": _text_or_none,
        "owner_name": _text,
        "version": _number,
        "updated_at": _text,
        "pinned": (list,),
        "history": (list,),
    },
    "history": {
        "version": _number,
        "value": _text,
        "author": _text_or_none,
        "source_key": _text_or_none,
        "turn_id": _text_or_none,
        "operation": _text,
        "at": _text,
        "pinned": (list,),
        "sources": (list,),
    },
    "messages": {
        "seq": _number,
        "id": _text,
        "conversation_id": _text,
        "turn_id": _text,
        "role": _text,
        "kind": _text,
        "author": _text_or_none,
        "author_name": _text,
        "text": _text,
        "payload": _text,
        "tokens": _number,
        "source_key": _text_or_none,
        "reply_to": _text_or_none,
        "place": _text,
        "sent_at": _text,
        "searchable": _number,
    },
    "passages": {
        "id": _text,
        "title": _text,
        "text": _text,
        "tags": (list,),
        "author": _text_or_none,
        "author_name": _text,
        "source_key": _text_or_none,
        "turn_id": _text_or_none,
        "created_at": _text,
        "superseded_at": _text_or_none,
        "superseded_by": _text_or_none,
        "document_id": _text_or_none,
        "sources": (list,),
    },
    "documents": {
        "id": _text,
        "name": _text,
        "sha256": _text,
        "size_bytes": _number,
        "pages": _number,
        "passages": _number,
        "author": _text_or_none,
        "author_name": _text,
        "source_key": _text_or_none,
        "loaded_at": _text,
    },
    "summaries": {
        "conversation_id": _text,
        "prepared": _number,
        "through_seq": _number,
        "text": _text,
        "tokens": _number,
        "mechanical": _number,
        "created_at": _text,
    },
    "schedules": {
        "id": _text,
        "conversation_id": _text,
        "kind": _text,
        "rule": _text,
        "timezone": _text,
        "reason": _text,
        "author": _text_or_none,
        "author_name": _text,
        "source_key": _text_or_none,
        "place": _text,
        "place_name": _text,
        "address": _text,
        "next_at": _text_or_none,
        "created_at": _text,
    },
}
_SINCE_VERSION_1: dict[str, Row] = {  # what older archives lack, and what it was then
    "passages": {"document_id": None, "sources": []},
    "history": {"sources": [], "pinned": []},
    "blocks": {"pinned": []},
    "schedules": {"timezone": "UTC", "author_name": "", "source_key": None},
}
_TABLES_SINCE_VERSION_1 = ("documents",)
_TABLES = ("blocks", "messages", "passages", "summaries", "schedules", *_TABLES_SINCE_VERSION_1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of what is read.

    Attributes:
        bytes: Of all members together, unpacked.
        line_bytes: Of one row.
    """

    members: int = 10_000
    bytes: int = 4 * 1024**3
    line_bytes: int = 16 * 1024**2
    rows: int = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A checked archive; made by `open_archive`."""

    file: Path
    agent: Row
    counts: dict[str, int]
    limits: Limits = field(default_factory=Limits)

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of one table, in the order of the archive."""
        if table not in self.counts:
            return
        with zipfile.ZipFile(self.file) as archive, archive.open(f"{table}.jsonl") as member:
            yield from _rows(member, table, self.limits)


# ---------------------------------------------------------------------- writing


def write_archive(
    file: Path,
    agent: Row,
    tables: Mapping[str, Iterable[Row]],
    for_people: Iterable[str],
    at: datetime,
) -> dict[str, int]:
    """Write an archive; how many rows of each table it holds.

    Raises:
        StoreUnavailable: The file cannot be written.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
            draft.chmod(0o600)
            counts = _write_members(archive, agent, tables, for_people, at)
        draft.replace(file)
    except OSError as error:
        raise StoreUnavailable(f"The archive cannot be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return counts


def _write_members(
    archive: zipfile.ZipFile,
    agent: Row,
    tables: Mapping[str, Iterable[Row]],
    for_people: Iterable[str],
    at: datetime,
) -> dict[str, int]:
    hashes = {_AGENT: _write(archive, _AGENT, [_line(agent)])[0]}
    counts = {}
    for table in _TABLES:
        name = f"{table}.jsonl"
        hashes[name], counts[table] = _write(archive, name, map(_line, tables[table]))
    hashes[_FOR_PEOPLE], _ = _write(archive, _FOR_PEOPLE, for_people)
    archive.writestr(f"{_FILES}/", b"")
    manifest = {
        "format": _FORMAT,
        "version": _VERSION,
        "product_version": _product_version(),
        "created_at": at.isoformat(),
        "agent_id": agent["agent_id"],
        "counts": counts,
        "sha256": hashes,
    }
    _write(archive, _MANIFEST, [json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"])
    return counts


def _write(archive: zipfile.ZipFile, name: str, lines: Iterable[str]) -> tuple[str, int]:
    digest, count = hashlib.sha256(), 0
    with archive.open(name, "w", force_zip64=True) as member:
        for line in lines:
            data = line.encode()
            digest.update(data)
            member.write(data)
            count += 1
    return digest.hexdigest(), count


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _product_version() -> str:
    with suppress(PackageNotFoundError):
        return version("membot")
    return "unknown"


# ---------------------------------------------------------------------- reading


def open_archive(file: Path, limits: Limits | None = None) -> Archive:
    """Check an archive from end to end.

    Raises:
        ArchiveRefused: It is damaged, newer, of another format or too large.
    """
    limits = limits or Limits()
    try:
        with zipfile.ZipFile(file) as archive:
            names = _names(archive, limits)
            manifest = _manifest(archive, names, limits)
            agent = _agent(archive, manifest, limits)
            there = [table for table in _TABLES if f"{table}.jsonl" in names]
            counts = {table: _count(archive, table, limits) for table in there}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArchiveRefused("The archive is damaged; nothing was changed.") from error
    except OSError as error:
        raise ArchiveRefused(f"The archive cannot be read: {error.strerror}.") from error
    if counts != manifest["counts"]:
        raise ArchiveRefused("The archive does not hold what its manifest says.")
    return Archive(file=file, agent=agent, counts=counts, limits=limits)


def _names(archive: zipfile.ZipFile, limits: Limits) -> set[str]:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if len(names) > limits.members or sum(entry.file_size for entry in entries) > limits.bytes:
        raise ArchiveRefused("The archive is larger than this version reads.")
    if len(set(names)) != len(names) or not all(map(_is_allowed, names)):
        raise ArchiveRefused("The archive holds names that do not belong there.")
    if min((entry.header_offset for entry in entries), default=0):  # half a bundle ends in one
        raise ArchiveRefused("The archive is only a part of a file; nothing was changed.")
    return set(names)


def _is_allowed(name: str) -> bool:
    """A member of our own, or a plain name below ``files/``."""
    path = PurePosixPath(name)
    if "\\" in name or "\0" in name or path.is_absolute() or ".." in path.parts:
        return False
    known = {_MANIFEST, _AGENT, _FOR_PEOPLE, *(f"{table}.jsonl" for table in _TABLES)}
    return name in known or path.parts[:1] == (_FILES,)


def _manifest(archive: zipfile.ZipFile, names: set[str], limits: Limits) -> Row:
    if _MANIFEST not in names:
        raise ArchiveRefused("The file is not an archive of membot.")
    with archive.open(_MANIFEST) as member:
        manifest = _object(member.read(limits.line_bytes))
    if manifest.get("format") != _FORMAT or not isinstance(manifest.get("version"), int):
        raise ArchiveRefused("The file is not an archive of membot.")
    if manifest["version"] > _VERSION:
        raise ArchiveRefused("A newer version of membot made this archive; update membot.")
    hashes = manifest.get("sha256")
    members = {name for name in names if not name.endswith("/")} - {_MANIFEST}
    if not isinstance(hashes, dict) or set(hashes) != members:
        raise ArchiveRefused("The archive does not hold what its manifest says.")
    for name in sorted(members):
        if _hash(archive, name, limits) != hashes[name]:
            raise ArchiveRefused(f"The archive is damaged: {name} has changed.")
    if not isinstance(manifest.get("counts"), dict) or not _required() <= members:
        raise ArchiveRefused("The archive is incomplete.")
    return manifest


def _required() -> set[str]:
    tables = set(_TABLES) - set(_TABLES_SINCE_VERSION_1)
    return {_AGENT, *(f"{table}.jsonl" for table in tables)}


def _hash(archive: zipfile.ZipFile, name: str, limits: Limits) -> str:
    digest, size = hashlib.sha256(), 0
    with archive.open(name) as member:
        while chunk := member.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > limits.bytes:
                raise ArchiveRefused("The archive is larger than this version reads.")
            digest.update(chunk)
    return digest.hexdigest()


def _agent(archive: zipfile.ZipFile, manifest: Row, limits: Limits) -> Row:
    with archive.open(_AGENT) as member:
        agent = _checked(_object(member.read(limits.line_bytes)), "agent")
    for conversation in agent["conversations"]:
        _checked(conversation, "conversations")
        _require(_below(conversation["conversation_id"], agent["agent_id"]))
    _require(agent["agent_id"] == manifest.get("agent_id"))
    return agent


def _below(conversation_id: str, agent_id: str) -> bool:
    return conversation_id == agent_id or conversation_id.startswith(f"{agent_id}/")


def _count(archive: zipfile.ZipFile, table: str, limits: Limits) -> int:
    with archive.open(f"{table}.jsonl") as member:
        return sum(1 for _ in _rows(member, table, limits))


def _rows(member: IO[bytes], table: str, limits: Limits) -> Iterator[Row]:
    count = 0
    while line := member.readline(limits.line_bytes + 1):
        count += 1
        if len(line) > limits.line_bytes or count > limits.rows:
            raise ArchiveRefused("The archive is larger than this version reads.")
        row = _checked(_object(line), table)
        if "history" in row:
            row["history"] = [_checked(past, "history") for past in row["history"]]
        yield row


def _object(data: bytes) -> Row:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ArchiveRefused("The archive is damaged: a row is not JSON.") from error
    _require(isinstance(found, dict))
    return dict(found)


def _checked(row: object, kind: str) -> Row:
    """The row, if it has just the fields of its kind."""
    fields = FIELDS[kind]
    _require(isinstance(row, dict))
    assert isinstance(row, dict)  # noqa: S101 - tells the type checker
    row = {**_SINCE_VERSION_1.get(kind, {}), **row}
    _require(set(row) == set(fields))
    for name, types in fields.items():
        _require(type(row[name]) in types)
        if name in _TIMES and row[name] is not None:
            _require_time(row[name])
    return row


def _require_time(text: str) -> None:
    try:
        _require(datetime.fromisoformat(text).tzinfo is not None)
    except ValueError as error:
        raise ArchiveRefused("The archive is damaged: a time cannot be read.") from error


def _require(holds: Any) -> None:  # noqa: ANN401 - anything that is true or not
    if not holds:
        raise ArchiveRefused("The archive is damaged: a row is not as it should be.")
