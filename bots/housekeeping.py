"""What a running bot sees to now and then, beside everything else."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from engine.errors import MembotError
from engine.knowledge_reader import KnowledgeReader
from engine.store import OperatorStore

log = logging.getLogger(__name__)

KEPT_DAYS = 90
_DAY_SECONDS = 86_400.0
_KNOWLEDGE_SECONDS = 300.0


async def keep_house(store: OperatorStore, now: Callable[[], datetime]) -> None:
    """Prune what has served its purpose, at start and then daily, until cancelled."""
    while True:
        try:
            removed = await store.prune(now() - timedelta(days=KEPT_DAYS))
        except MembotError as problem:
            log.warning("Old rows were not pruned: %s", problem.sentence)
        else:
            log.info("pruned", extra={"action": "prune", "rows": removed})
        await asyncio.sleep(_DAY_SECONDS)


async def keep_knowledge(reader: KnowledgeReader) -> None:
    """Read reference texts, at start and when they have changed, until cancelled."""
    while True:
        try:
            await reader.refresh()
        except MembotError as problem:
            log.warning("Knowledge was not looked at: %s", problem.sentence)
        await asyncio.sleep(_KNOWLEDGE_SECONDS)
