"""Titles of the conversations of Slack's Messages tab; an extra, so nothing waits for one.

Source: https://docs.slack.dev/reference/methods/agents.sessions.rename (a title has at most 200
characters), and assistant.threads.setTitle for apps that are not agents yet.
"""

import logging

from bots.slack_bot.calls import SlackCalls, SlackRefused, within
from engine.errors import DeliveryDelayed

_LONGEST_CHARS = 60  # more is cut in the list anyhow
_PATIENCE_SECONDS = 3.0
_log = logging.getLogger(__name__)


class Titles:
    """Names a conversation after the first thing that was said in it."""

    def __init__(self, calls: SlackCalls) -> None:
        self._calls = calls

    async def name(self, channel: str, thread_ts: str, text: str) -> None:
        """Give the conversation that begins with a message a title."""
        line = " ".join(text.split())
        title = line if len(line) <= _LONGEST_CHARS else f"{line[: _LONGEST_CHARS - 1]}…"
        body = {"channel_id": channel, "thread_ts": thread_ts, "title": title}
        for method in ("agents.sessions.rename", "assistant.threads.setTitle"):
            try:
                await within(_PATIENCE_SECONDS, self._calls.post(method, body))
            except (SlackRefused, DeliveryDelayed) as error:
                _log.debug("No title: %s", error.sentence, extra={"action": "slack.title"})
            else:
                return
