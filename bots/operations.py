"""What people who run or own a memory may do with it, as functions; chat and shell both use them.

Knows no surface and no SQL. Every act that changes or copies memory is recorded for the audit.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bots.bundles import archives_in, write_bundle
from bots.texts import SOURCE, named, text
from engine.core_memory import line_sources
from engine.documents import OPERATOR
from engine.errors import BadRequest, UnknownAgent
from engine.knowledge import KnowledgeSource, readable_owners
from engine.oversight import AgentOverview, AuditRow, Receipt, UsageRow
from engine.place_settings import PlaceSetting
from engine.places import agent_scope
from engine.records import (
    ArchivalSearch,
    Block,
    BlockVersion,
    MemoryCounts,
    RecallSearch,
    Schedule,
    Scope,
    SearchPage,
    Window,
)
from engine.store import Store

if TYPE_CHECKING:
    from bots.imports.export import Export
    from bots.imports.report import ImportReport

# Shows people how far something is: what it is called, and its steps as (done, total).
Show = Callable[[str, AsyncIterator[tuple[int, int]]], Awaitable[int]]

_CHARS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentView:
    """One agent for ``membot show`` and ``status``.

    Attributes:
        used_tokens: About what the main conversation takes of the context window.
        history: Every write of its blocks, oldest first.
    """

    overview: AgentOverview
    blocks: tuple[Block, ...]
    used_tokens: int
    history: tuple[BlockVersion, ...]

    def sources(self, label: str) -> dict[str, BlockVersion]:
        """The lines of a block, each with the write that brought it."""
        return line_sources(version for version in self.history if version.label == label)


def used_tokens(window: Window) -> int:
    """About how much of the context window a conversation takes, in tokens."""
    blocks = sum(len(block.value) + len(block.description) for block in window.blocks)
    summary = window.summary.tokens if window.summary else 0
    return blocks // _CHARS_PER_TOKEN + summary + sum(message.tokens for message in window.queue)


def plain_key(key: str) -> str:
    """A key as people type it; terminal names are kept in lower case."""
    return key.casefold() if key.startswith("console:") else key


class Operations:
    """Acts on stored memory.

    Args:
        store: Of which memory.
        now: The clock.
        actor: Who acts, for the audit: a principal, or the operator at the shell.
        knowledge: Reference texts that searches of archival memory cover.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        actor: str = OPERATOR,
        knowledge: Sequence[KnowledgeSource] = (),
    ) -> None:
        self._store = store
        self._now = now
        self._actor = actor
        self._knowledge = knowledge

    async def agents(self) -> list[AgentOverview]:
        """All agents, the one last active first."""
        found = await self._store.agents()
        return sorted(found, key=lambda agent: _age_key(agent, self._now()))

    async def resolve(self, key: str) -> str:
        """The agent a key means.

        Raises:
            UnknownAgent: There is none.
        """
        found = await self._store.resolve_agent(plain_key(key))
        if found is None:
            raise UnknownAgent
        return found

    async def show(self, key: str) -> AgentView:
        """One agent with its blocks and gauge."""
        agent_id = await self.resolve(key)
        overviews = await self._store.agents()
        window = await self._store.load_window(agent_scope(agent_id))
        return AgentView(
            overview=next(one for one in overviews if one.agent_id == agent_id),
            blocks=tuple(await self._store.blocks(agent_id)),
            used_tokens=used_tokens(window),
            history=tuple(await self._store.block_history(agent_id, None)),
        )

    async def search(self, scope: Scope, query: str, tier: str) -> SearchPage:
        """The search that the agent itself has; tier is ``recall`` or ``archival``."""
        if not query.strip():
            raise BadRequest("Say what to search for.")
        if tier == "recall":
            return await self._store.search_recall(scope, RecallSearch(query=query))
        owners = readable_owners(scope, self._knowledge)
        return await self._store.search_archival(scope, ArchivalSearch(query=query), owners)

    async def export(self, agent_id: str, file: Path) -> dict[str, int]:
        """Write one agent's archive; its counts."""
        counts = await self._store.export(agent_id, file, self._now())
        await self.record("agent.export", agent_id)
        return counts

    async def export_all(self, file: Path) -> dict[str, int]:
        """Write a bundle with the archive of every agent; counts over all of them."""
        total: dict[str, int] = {}
        agents = [agent.agent_id for agent in await self._store.agents()]
        with TemporaryDirectory(dir=file.parent, prefix=".membot-") as folder:
            members = []
            for number, agent_id in enumerate(agents):
                members.append(Path(folder) / f"{number:05}.zip")
                _add(total, await self.export(agent_id, members[-1]))
            write_bundle(file, agents, members)
        return {"agents": len(agents), **total}

    async def import_archive(
        self, file: Path, *, agent_id: str | None, dry_run: bool
    ) -> dict[str, int]:
        """Read an archive, or a bundle of them; the counts of what is (or would be) stored.

        Raises:
            ArchiveRefused: And nothing was changed.
        """
        with archives_in(file) as archives:
            if agent_id and len(archives) > 1:
                raise BadRequest("A bundle of several agents cannot be imported as one agent.")
            found = [await self._import(one, agent_id, dry_run=True) for one in archives]
            if not dry_run:
                found = [await self._import(one, agent_id, dry_run=False) for one in archives]
        total: dict[str, int] = {}
        for counts in found:
            _add(total, counts)
        if not dry_run:
            await self.record("agent.import", agent_id or file.name)
        return total

    async def import_export(
        self, file: Path, kind: "type[Export]", *, key: str | None, dry_run: bool, show: Show
    ) -> "ImportReport":
        """Take in what another program exported; what was (or would be) stored.

        Raises:
            ArchiveRefused: It is damaged, and nothing was changed.
        """
        from bots.imports.importing import Import

        reading = Import(self._store, kind, file, key, self._now)
        if not dry_run:
            await show("Checking", reading.check())
        await show("Reading" if dry_run else "Importing", reading.store(dry_run=dry_run))
        if not dry_run:
            await self.record("import", key or file.name)
        return reading.report

    async def reset(self, agent_id: str, *, conversation_only: bool) -> Receipt:
        """Wipe an agent's memory, or only its context windows."""
        return await self._store.reset(
            agent_id, conversation_only=conversation_only, actor=self._actor, at=self._now()
        )

    async def forget(self, principal: str) -> Receipt:
        """Erase everything about a person."""
        return await self._store.forget(plain_key(principal), actor=self._actor, at=self._now())

    async def schedules(self, key: str) -> list[Schedule]:
        """What is scheduled in an agent's conversations, the next one first."""
        return await self._store.agent_schedules(await self.resolve(key))

    async def backup(self, file: Path) -> None:
        """Write a verified copy of the database."""
        await self._store.backup(file)
        await self.record("backup", file.name)

    async def usage(self, days: int, tenant: str | None = None) -> list[UsageRow]:
        """Tokens by day, model and purpose, of a tenant or of all."""
        return await self._store.usage(days, self._now(), tenant)

    async def audit(self, limit: int, tenant: str | None = None) -> list[AuditRow]:
        """The last acts in a tenant, or in all, newest first."""
        return await self._store.audit(limit, tenant)

    async def set_place(self, place: str, name: str, value: str | None) -> PlaceSetting:
        """Keep a setting of a place, or take it back; what was stored."""
        setting = PlaceSetting(
            place=place, name=name, value=value, actor=self._actor, at=self._now()
        )
        await self._store.set_place_setting(setting)
        return setting

    async def record(self, action: str, subject: str, detail: str = "") -> None:
        """Note an act; never with message text."""
        row = AuditRow(
            at=self._now(), actor=self._actor, action=action, subject=subject, detail=detail
        )
        await self._store.record_audit(row)

    async def _import(self, file: Path, agent_id: str | None, *, dry_run: bool) -> dict[str, int]:
        return await self._store.import_archive(
            file, agent_id=agent_id, dry_run=dry_run, at=self._now()
        )


def receipt_text(receipt: Receipt, locale: str = SOURCE) -> str:
    """What was removed and what remains, in words."""
    say = partial(text, locale)
    counts = _counts(receipt.removed, locale)
    lines = [say("erased.removed", counts=counts) if counts else say("erased.nothing")]
    lines += [say("erased.remains", what=say(f"erased.{one}")) for one in receipt.remains]
    return "\n".join(lines)


def counts_text(counts: dict[str, int], locale: str = SOURCE) -> str:
    """``3 messages, 1 block`` from counts by what they are of."""
    return _counts(counts, locale) or text(locale, "archive.nothing")


def kept_text(counts: MemoryCounts, locale: str) -> str:
    """How much recall and archival memory hold; results of tools are entries of the first too."""
    return counts_text({"entries": counts.messages, "passages": counts.passages}, locale)


def _counts(counts: dict[str, int], locale: str) -> str:
    return ", ".join(
        f"{count} {_noun(locale, what, count)}" for what, count in counts.items() if count
    )


def _noun(locale: str, what: str, count: int) -> str:
    one, _, several = named(locale, "counted", what).partition("|")
    return one if count == 1 else several or one


def _age_key(agent: AgentOverview, now: datetime) -> tuple[float, str]:
    age = (now - agent.last_activity).total_seconds() if agent.last_activity else float("inf")
    return age, agent.agent_id


def _add(total: dict[str, int], counts: dict[str, int]) -> None:
    for what, count in counts.items():
        total[what] = total.get(what, 0) + count
