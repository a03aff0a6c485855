"""A line about long work as a message in the thread of the question."""

from html import escape
from typing import Any

from bots.progress import MARK
from bots.slack_bot.address import address_from, where
from bots.slack_bot.calls import SlackCalls, SlackRefused
from bots.slack_bot.render import without_pings
from engine.progress import Work

# What is no reply must not be taken for one of which a crash has left no note.
_NO_REPLY = {"event_type": "membot_progress", "event_payload": {"nonce": "progress"}}


async def show_line(calls: SlackCalls, work: Work, line: str, shown_in: str | None) -> str:
    """Show it, or change it; ``channel/ts`` of its message.

    Raises:
        DeliveryError: Slack does not take it.
    """
    text = without_pings(f"{MARK} {escape(line, quote=False)}")
    body: dict[str, Any] = {"text": text, "metadata": _NO_REPLY}
    if shown_in:
        await calls.post("chat.update", body | where(shown_in))
        return shown_in
    channel, thread = address_from(work.address).session
    body |= {"mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
    answer = await calls.post("chat.postMessage", body | {"channel": channel, "thread_ts": thread})
    return f"{channel}/{answer['ts']}"


async def take_line(calls: SlackCalls, shown_in: str) -> None:
    """Take it away.

    Raises:
        DeliveryDelayed: Slack cannot be asked now.
    """
    try:
        await calls.post("chat.delete", where(shown_in))
    except SlackRefused:
        return
