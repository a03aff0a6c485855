"""Bundles: the archives of several agents in one zip, which is whole or refused."""

import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from engine.errors import ArchiveRefused

__all__ = ["archives_in", "write_bundle"]

_CONTENTS = "bundle.json"
_FORMAT = "membot-bundle"
_LARGEST_MEMBER_BYTES = 1 << 30
_LARGEST_LIST_BYTES = 1 << 24
_DAMAGED = "The bundle is damaged; nothing was changed."


def write_bundle(file: Path, agents: Sequence[str], archives: Sequence[Path]) -> None:
    """Put archives into one file.

    Args:
        file: What is written.
        agents: Their keys, in the order of the archives.
        archives: One an agent.
    """
    draft = file.with_name(f".{file.name}.partial")
    with zipfile.ZipFile(draft, "w") as bundle:
        bundle.writestr(_CONTENTS, json.dumps({"format": _FORMAT, "agents": agents}))
        for archive in archives:
            bundle.write(archive, f"agents/{archive.name}")
    draft.chmod(0o600)
    draft.replace(file)


@contextmanager
def archives_in(file: Path) -> Iterator[list[Path]]:
    """The archives in a file: itself, or those of a bundle, unpacked for a while.

    Raises:
        ArchiveRefused: The bundle does not hold just the agents that it names.
    """
    if not _is_bundle(file):
        yield [file]
        return
    with TemporaryDirectory(prefix="membot-") as folder:
        yield _unpack(file, Path(folder))


def _is_bundle(file: Path) -> bool:
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return _CONTENTS in archive.namelist()


def _unpack(file: Path, folder: Path) -> list[Path]:
    try:
        with zipfile.ZipFile(file) as bundle:
            named = _object(bundle, _CONTENTS).get("agents")
            entries = [info for info in bundle.infolist() if info.filename.startswith("agents/")]
            archives = [
                _copied(bundle, entry, folder / f"{number:05}.zip")
                for number, entry in enumerate(entries)
            ]
        held = [_agent_of(archive) for archive in archives]
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, RuntimeError) as error:
        raise ArchiveRefused(_DAMAGED) from error
    if held != named or len(set(held)) != len(held):
        raise ArchiveRefused(_DAMAGED)
    return archives


def _copied(bundle: zipfile.ZipFile, entry: zipfile.ZipInfo, file: Path) -> Path:
    if entry.file_size > _LARGEST_MEMBER_BYTES:
        raise ArchiveRefused
    with bundle.open(entry) as member, file.open("wb") as copy:
        shutil.copyfileobj(member, copy)
    return file


def _agent_of(archive: Path) -> str:
    with zipfile.ZipFile(archive) as opened:
        return str(_object(opened, "manifest.json")["agent_id"])


def _object(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    with archive.open(name) as member:
        found = json.loads(member.read(_LARGEST_LIST_BYTES))
    if not isinstance(found, dict):
        raise ArchiveRefused(_DAMAGED)
    return found
