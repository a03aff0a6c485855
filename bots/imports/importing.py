"""Brings an exported file into memory: checked from end to end first, then stored in portions.

Every portion is a transaction and knows what the agent has already, so an import that was cut
off is finished by repeating it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from pathlib import Path

from bots.imports.discord_exporter import DiscordExport
from bots.imports.export import Export
from bots.imports.letta import LettaFile
from bots.imports.reading import Limits, open_zip, opened, top_level_keys
from bots.imports.report import AgentReport, ImportReport
from bots.imports.slack_export import SlackExport, is_slack_export
from engine.errors import ArchiveRefused, BadRequest
from engine.imports import Portion
from engine.places import agent_scope
from engine.store import Store

# Between portions a bot beside gets its turn to write; without, it waited up to 1.4 s.
_PAUSE_SECONDS = 0.02
_ZIP = b"PK"
_LOOKED_AT = 1 << 12
_OWN = {"manifest.json", "bundle.json"}
_KEY = re.compile(r"(discord|slack|console):[^/\s]+(/(user|channel)/[^/\s]+)?")
_LETTA_KEYS = {"agents", "core_memory", "agent_type"}
_UNKNOWN = (
    "The file is none that import reads: an archive or bundle that `membot export` made, a Letta "
    "agent file (.af), a Slack export (zip) or a file of DiscordChatExporter (JSON)."
)


def format_of(file: Path, limits: Limits | None = None) -> type[Export] | None:
    """How a file is read, by what is in it; None for an archive of our own.

    Raises:
        ArchiveRefused: It is of no format that is known.
    """
    limits = limits or Limits()
    with opened(file, limits) as start:
        if start.read(len(_ZIP)) == _ZIP:
            return _kind_of_zip(file, limits)
    with opened(file, limits) as start:
        first = start.read(_LOOKED_AT).lstrip()[:1]
    if first == b"{":
        return _kind_of_object(file, limits)
    if first == b'"':
        return LettaFile
    raise ArchiveRefused(_UNKNOWN)


def _kind_of_object(file: Path, limits: Limits) -> type[Export]:
    with opened(file, limits) as whole:
        for key in top_level_keys(whole):
            if key == "guild":
                return DiscordExport
            if key in _LETTA_KEYS:
                return LettaFile
    raise ArchiveRefused(_UNKNOWN)


def _kind_of_zip(file: Path, limits: Limits) -> type[Export] | None:
    with open_zip(file, limits) as archive:
        if _OWN & set(archive.namelist()):
            return None
        if is_slack_export(archive):
            return SlackExport
    raise ArchiveRefused(_UNKNOWN)


class Import:
    """One file on its way into memory.

    Args:
        store: Where it goes.
        kind: How the file is read, see `format_of`.
        file: The file.
        key: The agent that gets it, or None for the one the file tells.
        now: The clock.
    """

    def __init__(
        self,
        store: Store,
        kind: type[Export],
        file: Path,
        key: str | None,
        now: Callable[[], datetime],
    ) -> None:
        if key is not None and not _KEY.fullmatch(key):
            raise BadRequest(f"'{key}' is not the key of an agent, such as slack:T1/channel/C2.")
        self._store = store
        self._kind = kind
        self._file = file
        self._key = key
        self._now = now
        self.report = ImportReport(kind.title)

    async def check(self) -> AsyncIterator[tuple[int, int]]:
        """Read everything once, so that a damaged file changes nothing; yields (done, total)."""
        export = self._kind(self._file, self._key)
        async for _ in _in_thread(export.portions()):
            yield export.bytes_read, export.total_bytes

    async def store(self, *, dry_run: bool) -> AsyncIterator[tuple[int, int]]:
        """Store what is new, or only count it; yields (done, total)."""
        export = self._kind(self._file, self._key)
        async for portion in _in_thread(export.portions()):
            added = await self._store.add_past(
                agent_scope(portion.agent_id), portion, dry_run=dry_run, at=self._now()
            )
            about = self.report.agents.setdefault(portion.agent_id, AgentReport(portion.place_name))
            about.count(portion, added)
            yield export.bytes_read, export.total_bytes
            if added.messages and not dry_run:
                await asyncio.sleep(_PAUSE_SECONDS)
        self.report.skipped = dict(export.skipped)
        self.report.notes = export.notes


async def _in_thread(portions: Iterator[Portion]) -> AsyncIterator[Portion]:
    """The portions, each parsed off the event loop."""
    while (portion := await asyncio.to_thread(next, portions, None)) is not None:
        yield portion
