"""Replies out: one post a part; whoever calls decides about a second try."""

from bots.slack_bot.address import address_from
from bots.slack_bot.calls import SlackCalls
from bots.slack_bot.render import without_pings
from bots.slack_bot.threads import Threads
from engine.records import OutboxItem

EVENT_TYPE = "membot_reply"


class Outbound:
    """Posts replies as Slack Markdown, without pings and link previews."""

    def __init__(self, calls: SlackCalls, threads: Threads) -> None:
        self._calls = calls
        self._threads = threads

    async def send(self, item: OutboxItem, part: str, number: int) -> str:
        """Post one part; ``channel/ts`` of it, since ``ts`` is unique only in its channel."""
        address = address_from(item.address)
        body = {
            "channel": address.channel,
            "markdown_text": without_pings(part),
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {
                "event_type": EVENT_TYPE,
                "event_payload": {"nonce": item.nonce, "part": number},
            },
        }
        if address.thread_ts:
            body["thread_ts"] = address.thread_ts
            self._threads.join(address.channel, address.thread_ts)
        answer = await self._calls.post("chat.postMessage", body)
        return f"{address.channel}/{answer['ts']}"
