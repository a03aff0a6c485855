"""Keeps an adapter going: starts it again with growing pauses, whatever ended it."""

import asyncio
import logging
from dataclasses import dataclass

from bots.adapter import Adapter
from engine.errors import BadSettings, MembotError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Pauses between starts.

    Attributes:
        settings_seconds: Pause after a token was refused; it may be mended at the platform.
        healthy_seconds: An adapter that ran this long starts again from the first pause.
    """

    first_seconds: float = 1.0
    cap_seconds: float = 60.0
    settings_seconds: float = 300.0
    healthy_seconds: float = 60.0


async def supervise(adapter: Adapter, backoff: Backoff | None = None) -> None:
    """Run an adapter until cancelled; one that fails does not touch another."""
    pauses = backoff or Backoff()
    clock = asyncio.get_running_loop().time
    failures = 0
    while True:
        started = clock()
        problem = await _run_once(adapter)
        failures = 0 if clock() - started > pauses.healthy_seconds else failures + 1
        pause = _pause(problem, failures, pauses)
        _report(adapter.platform, problem, pause)
        await asyncio.sleep(pause)


async def _run_once(adapter: Adapter) -> BaseException | None:
    running = asyncio.create_task(adapter.run(), name=f"adapter {adapter.platform}")
    try:
        await asyncio.wait({running})
    except asyncio.CancelledError:
        running.cancel()
        await asyncio.wait({running})
        raise
    return running.exception() if not running.cancelled() else None


def _pause(problem: BaseException | None, failures: int, pauses: Backoff) -> float:
    if isinstance(problem, BadSettings):
        return pauses.settings_seconds
    return min(pauses.cap_seconds, pauses.first_seconds * 2.0 ** min(max(failures - 1, 0), 20))


def _report(platform: str, problem: BaseException | None, pause: float) -> None:
    reason = problem.sentence if isinstance(problem, MembotError) else type(problem).__name__
    log.error(
        "%s stopped: %s; starting it again in %.0f s",
        platform,
        reason if problem else "the connection ended",
        pause,
        extra={"action": "adapter.restart"},
    )
