"""Ends turns that cannot be answered: a person reads one sentence, the log has its id."""

import logging
import secrets
from collections.abc import Callable
from datetime import datetime

from engine import notices
from engine.errors import MembotError, StaleTurn, StoreUnavailable
from engine.records import Reply, StepCommit, Turn, TurnState
from engine.store import TurnStore
from engine.turn import TurnResult
from engine.turn_log import TurnLog, is_awaited

log = logging.getLogger(__name__)


class GivingUp:
    """The end of turns that have no answer.

    Args:
        store: Keeps what people are told.
        now: The clock.
        on_commit: Called when the outbox may have something new.
    """

    def __init__(
        self, store: TurnStore, now: Callable[[], datetime], on_commit: Callable[[], None]
    ) -> None:
        self._store = store
        self._now = now
        self._on_commit = on_commit

    async def fail(self, turn: Turn, sentence: str, error: Exception) -> TurnResult:
        """End a turn for an error; the sentence has a place for the id under which it is logged."""
        error_id = secrets.token_hex(4)
        reason = error.sentence if isinstance(error, MembotError) else type(error).__name__
        log.error(
            "turn failed (id %s): %s",
            error_id,
            reason,
            extra={"action": "turn.failed", "agent_id": turn.scope.agent_id},
        )
        return await self.end(turn, sentence.format(error_id=error_id), error_id=error_id)

    async def end(
        self,
        turn: Turn,
        sentence: str,
        *,
        state: TurnState = "failed",
        error_id: str | None = None,
    ) -> TurnResult:
        """End a turn with a sentence, if anybody waits for it."""
        told: tuple[str, ...] = ()
        try:
            told = await self._told(turn, sentence)
            commit = StepCommit(
                turn=turn,
                step=turn.steps,
                replies=tuple(Reply(text=text, kind="notice") for text in told),
                state=state,
                error_id=error_id,
                at=self._now(),
            )
            await self._store.commit_step(commit)
        except (StaleTurn, StoreUnavailable):
            state = "cancelled"
        self._on_commit()
        return TurnResult(turn_id=turn.id, state=state, steps=turn.steps, replies=told)

    async def _told(self, turn: Turn, sentence: str) -> tuple[str, ...]:
        """What a person is told of a turn that failed: nothing if nobody waits for it."""
        if not is_awaited(turn.kind):
            return ()
        log = TurnLog(list(await self._store.turn_messages(turn)))
        if not log.scheduled_for:
            return (sentence,)
        return () if log.has_spoken else (notices.REMINDER.format(reason=log.scheduled_for),)
