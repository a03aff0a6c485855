"""A reply while it is being written, as a chat stream of Slack's that ends as the reply.

A stream only grows, lives about five minutes and stands in a thread. Whatever it refuses, the
message is changed into the reply instead, or taken away and the reply posted.
Source: https://docs.slack.dev/reference/methods/chat.startStream (and appendStream, stopStream).
"""

import re
from dataclasses import replace
from typing import Any

from bots.previews import PreviewPace
from bots.slack_bot.address import Address, address_from, where
from bots.slack_bot.calls import SlackCalls, SlackRefused
from bots.slack_bot.recent import Recent
from bots.slack_bot.render import PART_CHARS, without_pings
from engine.errors import DeliveryRefused
from engine.records import OutboxItem

EVENT_TYPE = "membot_reply"
PACE = PreviewPace(first_seconds=1.5, between_seconds=1.0)  # appendStream: 100 a minute and more
_KEPT = 1_000
_LINK = re.compile(r"\w\.[a-z]{2,}", re.IGNORECASE)  # only a posted message can refuse previews
_LOOKED_AT = "100"  # messages after the one that is answered


class Streams:
    """The streams of this process, and those that an earlier one left behind."""

    def __init__(self, calls: SlackCalls) -> None:
        self._calls = calls
        self._streamed: Recent[str, str] = Recent(_KEPT)

    async def show(self, item: OutboxItem, text: str) -> str:
        """Let the stream grow to what is written, whole words only; ``channel/ts`` of it.

        Raises:
            DeliveryError: It cannot grow to that.
        """
        address, words = address_from(item.address), _whole_words(text)
        if _LINK.search(words):
            raise DeliveryRefused("A stream cannot keep a link without its preview.")
        if not item.preview_ref:
            return await self._start(item, address, words)
        known = self._streamed.get(item.id)
        if known is None or not words.startswith(known) or len(words) > PART_CHARS:
            raise DeliveryRefused("The stream cannot become that text.")
        if words != known:
            more = {"markdown_text": words[len(known) :]}
            await self._calls.post("chat.appendStream", where(item.preview_ref) | more)
            self._streamed.put(item.id, words)
        return item.preview_ref

    async def _start(self, item: OutboxItem, address: Address, words: str) -> str:
        body = {
            "channel": address.channel,
            "thread_ts": address.thread_ts,
            "recipient_user_id": address.user,
            "recipient_team_id": address.team,
        }
        if words:
            body["markdown_text"] = words
        answer = await self._calls.post("chat.startStream", body)
        self._streamed.put(item.id, words)
        return f"{address.channel}/{answer['ts']}"

    async def become(self, item: OutboxItem, content: dict[str, Any]) -> str | None:
        """Make the stream the first part of the reply; None when there is none to be made it.

        Args:
            item: The reply.
            content: Its first part as ``chat.postMessage`` takes it.

        Raises:
            DeliveryDelayed: Slack cannot take it now.
        """
        shown_in = item.preview_ref or await self._lost(item)
        if not shown_in:
            return None
        if _LINK.search(content.get("markdown_text") or content.get("text", "")):
            await self.withdraw(replace(item, preview_ref=shown_in))
            return None
        text, known = content.get("markdown_text", ""), self._streamed.pop(item.id)
        grows = bool(text) and known is not None and text.startswith(known)
        rest = text.removeprefix(known or "") if grows else ""
        more = {"markdown_text": rest} if rest else {}
        stopped = await self._tried("chat.stopStream", where(shown_in) | more | mark(item))
        if stopped and grows:
            return shown_in
        if await self._tried("chat.update", where(shown_in) | content | mark(item)):
            return shown_in
        await self._tried("chat.delete", where(shown_in))
        return None

    async def withdraw(self, item: OutboxItem) -> None:
        """Take away what was streamed of a reply that never came.

        Raises:
            DeliveryDelayed: Slack cannot be asked now.
        """
        shown_in = item.preview_ref or await self._lost(item)
        if shown_in:
            await self._tried("chat.stopStream", where(shown_in))
            await self._tried("chat.delete", where(shown_in))

    async def _tried(self, method: str, body: dict[str, Any]) -> bool:
        try:
            await self._calls.post(method, body)
        except SlackRefused:
            return False
        return True

    async def sent(self, item: OutboxItem, number: int) -> str | None:
        """A part that was posted, when Slack's answer to the post was lost.

        Raises:
            DeliveryDelayed: Slack cannot be asked now.
        """
        payload = mark(item, number)["metadata"]["event_payload"]
        return next((ref for ref, known in await self._ours(item) if known == payload), None)

    async def _lost(self, item: OutboxItem) -> str | None:
        """A stream whose ``ts`` was not noted: ours, later than the question, without our mark."""
        marks = {None, item.nonce}
        ours = await self._ours(item)
        return next((ref for ref, known in ours if known.get("nonce") in marks), None)

    async def _ours(self, item: OutboxItem) -> list[tuple[str, dict[str, Any]]]:
        """What the bot said where a reply goes, later than the question, each with its mark."""
        address = address_from(item.address)
        in_thread = {"ts": address.thread_ts} if address.thread_ts else {}
        since = {"oldest": address.message_ts, "limit": _LOOKED_AT, "include_all_metadata": "true"}
        method = "conversations.replies" if in_thread else "conversations.history"
        try:
            identity = await self._calls.read("auth.test", {})
            answer = await self._calls.read(
                method, {"channel": address.channel} | in_thread | since
            )
        except SlackRefused:
            return []
        return [
            (
                f"{address.channel}/{message['ts']}",
                (message.get("metadata") or {}).get("event_payload") or {},
            )
            for message in answer.get("messages") or []
            if message.get("user") == identity.get("user_id") and not message.get("files")
        ]


def mark(item: OutboxItem, number: int = 0) -> dict[str, Any]:
    """The metadata by which a part of a reply is known again."""
    payload = {"nonce": item.nonce, "part": number}
    return {"metadata": {"event_type": EVENT_TYPE, "event_payload": payload}}


def _whole_words(text: str) -> str:
    """Up to the last blank: a word that is not whole may become one that calls everybody."""
    cut = max(text.rfind(" "), text.rfind("\n")) + 1
    return without_pings(text[:cut])
