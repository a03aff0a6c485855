"""What a running bot sees to now and then, beside everything else."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bots.backups import remove_old_backups
from bots.places import PlaceAndLinkStore, Places
from engine.errors import MembotError
from engine.knowledge_reader import KnowledgeReader
from engine.store import Store

log = logging.getLogger(__name__)

KEPT_DAYS = 90
CLOSED_DAYS = 7
_HOUSEKEEPING = "housekeeping"
_DAY_SECONDS = 86_400.0
_APPROVAL_SECONDS = 30.0
_KNOWLEDGE_SECONDS = 300.0
_PLACES_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long things are kept, in days; 0: for ever.

    Attributes:
        recall_days: For what was said in a tenant.
        backups: The folder of backups.
    """

    recall_days: Callable[[str], int]
    backups_days: int
    backups: Path


async def keep_house(store: Store, retention: Retention, now: Callable[[], datetime]) -> None:
    """Remove what has served its purpose, at start and then daily, until cancelled."""
    while True:
        try:
            removed = await tidy(store, retention, now())
        except MembotError as problem:
            log.warning("Housekeeping was not done: %s", problem.sentence)
        except OSError as problem:
            log.warning("Old backups were not removed: %s", problem.strerror)
        else:
            log.info("tidied", extra={"action": "housekeeping", **removed})
        await asyncio.sleep(_DAY_SECONDS)


async def tidy(store: Store, retention: Retention, at: datetime) -> dict[str, int]:
    """Remove old rows, messages beyond their retention and old backups; how many of each."""
    removed = {"rows": await store.prune(at - timedelta(days=KEPT_DAYS))}
    removed["messages"] = await _expire(store, retention, at)
    removed["agents"] = await _erase_closed(store, at)
    if retention.backups_days:
        before = at - timedelta(days=retention.backups_days)
        removed["backups"] = await asyncio.to_thread(remove_old_backups, retention.backups, before)
    return removed


async def _erase_closed(store: Store, at: datetime) -> int:
    """Erase what was closed a week ago, because its place is gone."""
    closed = await store.closed_agents(at - timedelta(days=CLOSED_DAYS))
    for agent_id in closed:
        await store.reset(agent_id, conversation_only=False, actor=_HOUSEKEEPING, at=at)
    return len(closed)


async def _expire(store: Store, retention: Retention, at: datetime) -> int:
    erased = 0
    for tenant in await store.tenants():
        if days := retention.recall_days(tenant):
            erased += await store.expire(tenant, at - timedelta(days=days), at)
    return erased


async def keep_places(places: Places, store: PlaceAndLinkStore) -> None:
    """Follow what the shell sets for places beside the running bot, until cancelled."""
    while True:
        await asyncio.sleep(_PLACES_SECONDS)
        try:
            await places.load(store)
        except MembotError as problem:
            log.warning("Settings of places were not read: %s", problem.sentence)


async def keep_knowledge(reader: KnowledgeReader) -> None:
    """Read reference texts, at start and when they have changed, until cancelled."""
    while True:
        try:
            await reader.refresh()
        except (MembotError, OSError) as problem:  # the latter of a folder that is out of reach
            log.warning("Knowledge was not looked at: %s", type(problem).__name__)
        await asyncio.sleep(_KNOWLEDGE_SECONDS)


async def keep_approvals(expire: Callable[[], Awaitable[None]]) -> None:
    """End calls that nobody allows in time, until cancelled."""
    while True:
        try:
            await expire()
        except MembotError as problem:
            log.warning("Late approvals were not ended: %s", problem.sentence)
        await asyncio.sleep(_APPROVAL_SECONDS)
