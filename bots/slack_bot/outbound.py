"""Replies out: one post a part; whoever calls decides about a second try."""

from collections.abc import Sequence
from typing import Any

from bots.adapter import AnswerFile
from bots.replies import WHOLE_REPLY
from bots.slack_bot.address import Address, address_from
from bots.slack_bot.answers import FALLBACK_CHARS, Asker, row_for_anyone
from bots.slack_bot.calls import SlackCalls
from bots.slack_bot.render import is_too_long, without_pings
from bots.slack_bot.streams import Streams, mark
from bots.slack_bot.threads import Threads
from engine.choices import Choice
from engine.records import OutboxItem


class Outbound:
    """Posts replies as Slack Markdown, without pings and link previews."""

    def __init__(self, calls: SlackCalls, threads: Threads, streams: Streams) -> None:
        self._calls = calls
        self._threads = threads
        self._streams = streams

    async def send(self, item: OutboxItem, part: str, number: int) -> str:
        """Post one part; ``channel/ts`` of it, since ``ts`` is unique only in its channel."""
        address = address_from(item.address)
        if address.thread_ts:
            await self._threads.join(address.team, address.channel, address.thread_ts)
        if item.file and not part:
            return await self._upload(item.file, None, address)
        if number == 0 and item.preview_ref is not None:
            content = _content(without_pings(part), item.choices, address)
            shown_in = await self._streams.become(item, content)
            if shown_in:
                return shown_in
        if number and is_too_long(item.text):
            whole = AnswerFile(name=WHOLE_REPLY, content=item.text.encode())
            return await self._upload(whole, part, address)
        return await self._post(item, part, number, address)

    async def _upload(self, file: AnswerFile, words: str | None, address: Address) -> str:
        """A file, which is a message of its own here."""
        await self._calls.upload(file, address.channel, address.thread_ts, words)
        return f"{address.channel}/{file.name}"

    async def _post(self, item: OutboxItem, part: str, number: int, address: Address) -> str:
        tried = item.attempts or item.state == "sending"  # the latter by a process that was killed
        if tried and (known := await self._streams.sent(item, number)):
            return known
        body = {
            "channel": address.channel,
            **_content(without_pings(part), item.choices, address),
            "unfurl_links": False,
            "unfurl_media": False,
            **mark(item, number),
        }
        if address.thread_ts:
            body["thread_ts"] = address.thread_ts
        answer = await self._calls.post("chat.postMessage", body)
        return f"{address.channel}/{answer['ts']}"


def _content(text: str, choices: Sequence[Choice], address: Address) -> dict[str, Any]:
    """Slack takes buttons only as blocks, and blocks only without its Markdown argument."""
    own_thread = address.thread_ts != address.message_ts  # else the reply began it
    place = Asker(
        team=address.team,
        user=address.user,
        channel=address.channel,
        room=None if address.channel.startswith("D") else address.channel,
        thread=address.thread_ts if own_thread else None,
    )
    row = row_for_anyone(place, choices)
    if not row:
        return {"markdown_text": text}
    blocks = [{"type": "markdown", "text": text}, *row]
    return {"text": text[:FALLBACK_CHARS], "blocks": blocks}
