"""Which threads the bot takes part in: kept in the database, else seen in Slack's history."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bots.slack_bot.address import source_key
from bots.slack_bot.calls import SlackCalls, SlackRefused, within
from bots.slack_bot.identity import Identity
from bots.slack_bot.recent import Recent
from bots.slack_bot.streams import EVENT_TYPE
from engine.errors import DeliveryDelayed
from engine.place_settings import ThreadStore

_KEPT = 5_000
_LOOKED_AT = 200  # messages of a thread
_PATIENCE_SECONDS = 1.5  # with the names, less than the three seconds Slack gives


class Threads:
    """Remembers where the bot takes part, and for a while what Slack said of other threads."""

    def __init__(self, calls: SlackCalls, store: ThreadStore, now: Callable[[], datetime]) -> None:
        self._calls = calls
        self._store = store
        self._now = now
        self._known: Recent[tuple[str, str], bool] = Recent(_KEPT)

    async def join(self, team: str, channel: str, thread_ts: str) -> bool:
        """The bot was addressed in the thread or wrote there; whether that is new."""
        if self._known.get((channel, thread_ts)):
            return False
        new = await self._store.engage_thread(source_key(team, channel, thread_ts), self._now())
        self._known.put((channel, thread_ts), True)
        return new

    async def begun_by(
        self, channel: str, thread_ts: str, me: Identity
    ) -> tuple[dict[str, Any] | None, list[str]]:
        """The message that a thread hangs on, with our answers; nothing once that was told."""
        told = f"{source_key(me.team, channel, thread_ts)}/told"
        if not await self._store.engage_thread(told, self._now()):
            return None, []
        where = {"channel": channel, "ts": thread_ts, "limit": str(_LOOKED_AT)}
        try:
            answer = await within(
                _PATIENCE_SECONDS,
                self._calls.read("conversations.replies", where | {"include_all_metadata": "true"}),
            )
        except (SlackRefused, DeliveryDelayed):
            return None, []  # the message is worth more than what it hangs on
        messages = answer.get("messages") or [{}]
        root = messages[0] if messages[0].get("ts") == thread_ts else {}
        replies = [one for one in messages[1:] if _is_answer(one, me)]
        return root if root.get("user") else None, [str(one.get("text") or "") for one in replies]

    async def joined(self, channel: str, thread_ts: str, me: Identity) -> bool:
        """Whether a message in the thread is meant for the bot.

        Raises:
            DeliveryDelayed: Slack cannot say now; the event should come again.
        """
        known = self._known.get((channel, thread_ts))
        if known is None:
            kept = await self._store.is_engaged(source_key(me.team, channel, thread_ts))
            known = kept or await self._look(channel, thread_ts, me)
            # Unless it was joined while Slack was being asked.
            known = known or self._known.get((channel, thread_ts)) or False
            self._known.put((channel, thread_ts), known)
        return known

    async def _look(self, channel: str, thread_ts: str, me: Identity) -> bool:
        where = {"channel": channel, "ts": thread_ts, "limit": str(_LOOKED_AT)}
        try:
            answer = await within(
                _PATIENCE_SECONDS, self._calls.read("conversations.replies", where)
            )
        except SlackRefused:
            return False
        return any(_shows(message, me) for message in answer.get("messages") or [])


def _is_answer(message: dict[str, Any], me: Identity) -> bool:
    """Whether a message is an answer of the bot's, whole, and not a line about its work."""
    mark = message.get("metadata") or {}
    return message.get("user") == me.user and mark.get("event_type") == EVENT_TYPE


def _shows(message: dict[str, object], me: Identity) -> bool:
    replied = message.get("reply_users")
    return (
        message.get("user") == me.user
        or (bool(me.bot) and message.get("bot_id") == me.bot)
        or (isinstance(replied, list) and me.user in replied)
        or (not message.get("bot_id") and f"<@{me.user}>" in str(message.get("text") or ""))
    )
