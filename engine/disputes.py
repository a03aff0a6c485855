"""What people say of something noted: that it is not true; memory withdraws it and says why."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from ulid import ULID

from engine.events import alert_payload
from engine.prompts import load_prompt
from engine.receipts import NOT_TRUE, ReceiptStore, TakeBack, Write
from engine.records import Message, Passage
from engine.tokens import TokenCounter


class Disputes:
    """Withdraws what is not true, so that it is not learnt again from the same message.

    Args:
        store: Where writes are.
        counter: Counts what the agent is told of it.
        now: The clock.
        zone: The agent's time zone.
    """

    def __init__(
        self,
        *,
        store: ReceiptStore,
        counter: TokenCounter,
        now: Callable[[], datetime],
        zone: ZoneInfo,
    ) -> None:
        self._store = store
        self._counter = counter
        self._now = now
        self._zone = zone

    async def not_true(self, write: Write, *, actor: str, name: str) -> bool:
        """Take a write back, note why, tell the agent; False when something later builds on it.

        Args:
            write: Of a block or a passage.
            actor: Principal of who says so, and the name by which the agent knows them.
            name: Of the same person.
        """
        text = load_prompt("not_true").format(name=name, text=write.added or write.removed)
        taking = TakeBack(
            write=write,
            actor=actor,
            operation="not-true",
            note=self._note(write, text, actor, name),
            told=self._told(write, text, actor, name),
            at=self._now(),
        )
        return await self._store.take_back(write.turn.scope, taking)

    def _note(self, write: Write, text: str, actor: str, name: str) -> Passage:
        """It goes with who said so, and with the message that was noted from."""
        now = self._now()
        return Passage(
            id=str(ULID.from_datetime(now)),
            title=NOT_TRUE,
            text=text,
            author=actor,
            author_name=name,
            source_key=write.source_key,
            sources=(write.source_key,) if write.source_key else (),
            created_at=now,
        )

    def _told(self, write: Write, text: str, actor: str, name: str) -> Message:
        now = self._now()
        payload = alert_payload(text, now, self._zone, "not_true")
        return Message(
            id=str(ULID.from_datetime(now)),
            scope=write.turn.scope,
            turn_id=write.turn.id,
            role="user",
            kind="not_true",
            author=actor,
            author_name=name,
            text="",
            payload=payload,
            tokens=self._counter.count_now(payload),
            place=write.turn.place_name,
            sent_at=now,
            searchable=False,
        )
