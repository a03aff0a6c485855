"""What people change on the platform after they have said it, and how memory follows.

No turn is started: the agent sees it when it is next spoken to.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from ulid import ULID

from engine.config import EngineConfig
from engine.context_window import Fitter
from engine.events import (
    DELETED,
    EDITED,
    changed_payload,
    reworded_payload,
    whole_characters,
)
from engine.records import Message
from engine.store import ChangeStore
from engine.tokens import TokenCounter


class Changes:
    """Follows edits and deletions.

    Args:
        store: Where messages are.
        counter: Counts what a change takes in the prompt.
        config: Sizes and time zone.
        now: The clock.
    """

    def __init__(
        self,
        *,
        store: ChangeStore,
        counter: TokenCounter,
        config: EngineConfig,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._fitter = Fitter(counter, config.memory.message_tokens)
        self._config = config
        self._now = now

    async def edit(self, tenant: str, source_key: str, text: str) -> Message | None:
        """Remember a message with another text; as it was, if that changed anything."""
        text = whole_characters(text)
        message = await self._store.find_message(tenant, source_key)
        if message is None or message.text == text:
            return None
        notice = await self._notice(message, text)
        payload, tokens = await self._fitter.fit(
            text, lambda shown: reworded_payload(message.payload, shown)
        )
        reworded = replace(message, text=text, payload=payload, tokens=tokens)
        changed = await self._store.edit_message(message, reworded, notice)
        return message if changed else None

    async def delete(self, tenant: str, source_keys: Sequence[str]) -> list[Message]:
        """Forget messages with all that came of them; those that were known."""
        keys: list[str] = []
        for key in source_keys:
            keys += await self._store.keys_below(tenant, key) if key.endswith("/") else [key]
        found = [await self._store.find_message(tenant, key) for key in keys]
        known = [(item, await self._notice(item, None)) for item in found if item]
        if known:
            await self._store.delete_messages(known, self._now())
        return [message for message, _ in known]

    async def _notice(self, message: Message, text: str | None) -> Message:
        """What a queue is told; without the new text, that there is none any more."""
        now = self._now()
        zone = self._config.timezone

        def entry(shown: str) -> str:
            return changed_payload(message, None if text is None else shown, now, zone)

        payload, tokens = await self._fitter.fit(text or "", entry)
        number = str(ULID.from_datetime(now))
        return Message(
            id=number,
            scope=message.scope,
            turn_id=number if text is None else message.turn_id,
            role="user",
            kind=DELETED if text is None else EDITED,
            author=message.author,
            author_name=message.author_name,
            text="",
            payload=payload,
            tokens=tokens,
            source_key=None if text is None else message.source_key,
            place=message.place,
            sent_at=now,
            searchable=False,
        )
