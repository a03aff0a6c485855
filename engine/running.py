"""A turn that is being answered, and how later messages of a burst get into it.

Nobody waits for a timer: the model is asked at once, and asked again when more has come.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from engine.records import IncomingEvent, Turn
from engine.store import AcceptRequest

BURST: Final = timedelta(seconds=1.5)

Phase = Literal["joining", "asking", "acting"]


@dataclass(slots=True, kw_only=True)
class Running:
    """A turn with the task that works on it.

    Attributes:
        turn: With what has joined it so far.
        phase: ``acting`` from the moment on in which something may be said or done.
        again: Whether more has come that has to join it.
    """

    turn: Turn
    phase: Phase = "asking"
    again: bool = False
    _task: asyncio.Task[Any] | None = field(default=None, init=False)

    async def work(self, answer: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Task[Any]:
        """Answer the turn, from the start whenever more has joined; the task that has ended."""
        while True:
            self._task = task = asyncio.create_task(answer())
            try:
                await asyncio.wait({task})
            finally:
                if not task.done():
                    task.cancel()
                    await asyncio.wait({task})
            if not (task.cancelled() and self.again):
                return task

    def takes(self, event: IncomingEvent, at: datetime) -> bool:
        """Whether a message that has come then still gets into the turn; it is started anew."""
        turn = self.turn
        same = (turn.scope, turn.place, turn.kind) == (event.scope, event.place, event.kind)
        in_time = self.phase != "acting" and at - turn.created_at <= BURST
        if not (same and in_time and event.kind == "user_message"):
            return False
        self.begin_anew()
        return True

    def begin_anew(self) -> None:
        """Ask the model again, with what is stored now, unless it has answered."""
        if self.phase == "acting":
            return
        self.again = True
        if self.phase == "asking":
            self.cancel()

    def acts(self) -> None:
        """The model has answered: from now on something is said and done."""
        self.phase = "acting"

    def cancel(self) -> None:
        """End what is being worked on; the model's answer is not waited for."""
        if self._task:
            self._task.cancel()


def waiting_turn(request: AcceptRequest) -> Turn:
    """The turn that was just stored for an event, as long as nobody works on it."""
    event = request.event
    return Turn(
        id=request.turn_id,
        seq=0,
        scope=event.scope,
        kind=event.kind,
        state="queued",
        attempt=0,
        steps=0,
        place=event.place,
        place_name=event.place_name,
        address=event.address,
        speaker_name=event.speaker_name,
        source_key=event.source_key,
        created_at=request.at,
    )
