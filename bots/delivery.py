"""The outbox's one sender per platform: order, pacing, retries, idempotency.

Knows no SDK and no SQL. Within a place replies go strictly in order, places go side by side. An
item is marked ``sending`` before it is sent; after a crash it goes again with the same nonce, and
only the parts that are not known to have arrived.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from bots.failures import without_words
from bots.previews import Previewing, Previews
from engine.choices import Choice
from engine.delivery import Delivery
from engine.errors import DeliveryDelayed, DeliveryRefused, MembotError
from engine.hooks import Delivered, Hook, ignore
from engine.notices import NO_FILE
from engine.previews import PreviewStore
from engine.records import OutboxItem
from engine.store import OutboxStore

_RECEIPT_SIGN = "\u24d8"  # a circled i
log = logging.getLogger(__name__)


class SenderStore(OutboxStore, PreviewStore, Protocol):
    """What a sender needs of the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """Bounds of a sender.

    Attributes:
        places: How many places are served side by side.
        poll_seconds: The slow look that catches what no wake-up announced.
        retry_cap_seconds: Longest wait between two attempts of ours.
        wish_cap_seconds: Longest wait that a platform may ask for.
        keep_seconds: Age at which an answer is no longer worth delivering.
        trouble_seconds: Rest after the database or the adapter itself failed.
    """

    places: int = 16
    poll_seconds: float = 30.0
    retry_first_seconds: float = 1.0
    retry_cap_seconds: float = 60.0
    wish_cap_seconds: float = 3600.0
    keep_seconds: float = 86400.0
    trouble_seconds: float = 5.0


def receipt_of(item: OutboxItem) -> Choice:
    """The button that opens what a reply's turn used and wrote."""
    return Choice(label=_RECEIPT_SIGN, command="receipt", arguments={"turn": item.turn_id})


def retry_delay(attempts: int, wish_seconds: float | None, pacing: Pacing) -> float:
    """Seconds until the next attempt: doubled each time, and never before the platform's wish."""
    own = min(pacing.retry_cap_seconds, pacing.retry_first_seconds * 2.0 ** min(attempts, 20))
    return max(own, min(wish_seconds or 0.0, pacing.wish_cap_seconds))


class OutboxSender:
    """Takes one platform's replies out of the outbox and hands them to its Delivery."""

    def __init__(  # noqa: PLR0913 - each is a thing of its own
        self,
        delivery: Delivery,
        store: SenderStore,
        now: Callable[[], datetime],
        hooks: Hook = ignore,
        pacing: Pacing | None = None,
        previews: Previews | None = None,
        *,
        receipts: bool = False,
    ) -> None:
        self._delivery = delivery
        self._store = store
        self._now = now
        self._hooks = hooks
        self._pacing = pacing or Pacing()
        self._previews = previews
        self._receipts = receipts
        self._awake = asyncio.Event()
        self._idle = asyncio.Condition()
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._wakes = 0
        self._wakes_seen = 0

    def wake(self) -> None:
        """Look at the outbox now; cheap, called after each commit."""
        self._wakes += 1
        self._awake.set()

    async def run(self) -> None:
        """Send until cancelled; what is under way then is finished by ``close``."""
        while True:
            self._awake.clear()
            wait = await self._start_due()
            with suppress(TimeoutError):  # not wait_for: on 3.11 it can swallow a cancellation
                async with asyncio.timeout(wait):
                    await self._awake.wait()

    async def settle(self) -> None:
        """Return when nothing is due and nothing under way; postponed replies may remain."""
        self.wake()
        async with self._idle:
            await self._idle.wait_for(self._is_idle)

    def _is_idle(self) -> bool:
        return self._wakes_seen == self._wakes and not self._sending

    async def close(self) -> None:
        """Wait for the sends under way."""
        if self._sending:
            await asyncio.wait(self._sending.values())

    async def _start_due(self) -> float:
        """Start what can be started; seconds until there may be more to do."""
        wakes, at = self._wakes, self._now()
        platform, places = self._delivery.platform, self._pacing.places
        try:
            due, next_time = await asyncio.gather(
                self._store.outbox_due(platform, at, places),
                self._store.next_outbox_time(platform, at),
            )
        except MembotError as error:
            log.warning("The outbox cannot be read: %s", error.sentence)
            return self._pacing.trouble_seconds
        self._start(due)
        self._wakes_seen = wakes  # only now: a wake-up during the look may mean a row it missed
        await self._tell_idle()
        ahead = (next_time - at).total_seconds() if next_time else self._pacing.poll_seconds
        return min(ahead, self._pacing.poll_seconds)

    def _start(self, due: Sequence[OutboxItem]) -> None:
        """Serve places that are not being served; the end of each wakes us for the rest."""
        for item in due:
            if item.place not in self._sending and len(self._sending) < self._pacing.places:
                task = asyncio.create_task(self._serve(item), name=f"deliver {item.id}")
                self._sending[item.place] = task

    async def _tell_idle(self) -> None:
        async with self._idle:
            self._idle.notify_all()

    async def _serve(self, item: OutboxItem) -> None:
        sending = asyncio.create_task(self._deliver(item))
        await asyncio.wait({sending})
        if problem := sending.exception():
            log.error(
                "A reply could not be sent and will be tried again",
                extra={"action": "delivery.failed", "item_id": item.id},
                exc_info=None if isinstance(problem, MembotError) else without_words(problem),
            )
            await asyncio.sleep(self._pacing.trouble_seconds)
        del self._sending[item.place]
        self.wake()

    async def _deliver(self, item: OutboxItem) -> None:
        if self._previews and item.preview_ref is not None:
            shown_in = await self._previews.end(item.turn_id)
            item = replace(item, preview_ref=shown_in or item.preview_ref)
        if item.state == "preview":
            await self._withdraw(item)
        else:
            await self._send(item)

    async def _withdraw(self, item: OutboxItem) -> None:
        """Take away the beginning of a reply that never came."""
        try:
            if isinstance(self._delivery, Previewing):
                await self._delivery.withdraw(item)
        except DeliveryDelayed as delay:
            await self._later(item, delay)
        except DeliveryRefused:
            await self._store.drop_preview(item.id)
        else:
            await self._store.drop_preview(item.id)

    async def _send(self, item: OutboxItem) -> None:
        if self._receipts and item.has_receipt and item.kind == "answer":
            item = replace(item, choices=(*item.choices, receipt_of(item)))
        await self._store.mark_sending(item.id, self._now())
        parts = self._parts_of(item)
        try:
            reference = await self._send_parts(item, parts)
        except DeliveryDelayed as delay:
            await self._later(item, delay)
        except DeliveryRefused as refusal:
            await self._never(item, refusal.sentence)
        else:
            await self._store.mark_sent(item.id, reference, self._now())
            self._tell(item, "sent", len(parts))

    async def _send_parts(self, item: OutboxItem, parts: list[str]) -> str:
        reference = item.part_refs[-1] if item.part_refs else ""
        for number in range(len(item.part_refs), len(parts)):
            last = number + 1 == len(parts)
            has_buttons = not any(parts[number + 1 :])  # they stand under the end of the words
            shown = replace(
                item,
                choices=item.choices if has_buttons else (),
                file=item.file if last else None,
            )
            reference = await self._send_part(shown, parts[number], number)
            if not last:
                await self._store.mark_part_sent(item.id, reference)
        return reference

    def _parts_of(self, item: OutboxItem) -> list[str]:
        parts = self._delivery.split(item.text)
        return [*parts, ""] if item.file and self._delivery.files_apart else parts

    async def _send_part(self, item: OutboxItem, part: str, number: int) -> str:
        """Send a part; when the file is what is not taken, its words come alone and say so."""
        try:
            return await self._delivery.send(item, part, number)
        except DeliveryRefused:
            if item.file is None:
                raise
        log.warning(
            "A file is undeliverable",
            extra={"action": "delivery.file_refused", "item_id": item.id},
        )
        bare, reference = replace(item, file=None), ""
        words = f"{part}\n\n{NO_FILE.format(name=item.file.name)}".strip()
        for piece in self._delivery.split(words):
            reference = await self._delivery.send(bare, piece, number)
            number += 1
        return reference

    async def _later(self, item: OutboxItem, delay: DeliveryDelayed) -> None:
        at = self._now()
        if at - item.created_at > timedelta(seconds=self._pacing.keep_seconds):
            await self._never(item, delay.sentence)
            return
        seconds = retry_delay(item.attempts, delay.retry_after_seconds, self._pacing)
        log.info(
            "A reply waits for the platform",
            extra={"action": "delivery.delayed", "item_id": item.id, "seconds": seconds},
        )
        await self._store.postpone(item.id, at + timedelta(seconds=seconds), delay.sentence)

    async def _never(self, item: OutboxItem, reason: str) -> None:
        log.warning(
            "A reply is undeliverable",
            extra={"action": "delivery.refused", "item_id": item.id},
        )
        await self._store.give_up(item.id, reason, self._now())
        self._tell(item, "undeliverable", len(item.part_refs))

    def _tell(self, item: OutboxItem, state: str, parts: int) -> None:
        self._hooks(
            Delivered(
                platform=self._delivery.platform,
                state=state,
                attempts=item.attempts + 1,
                parts=parts,
            )
        )
