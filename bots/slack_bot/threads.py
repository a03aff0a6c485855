"""Which threads the bot takes part in: remembered, and after a restart seen in Slack's history."""

from bots.slack_bot.calls import SlackCalls, SlackRefused, within
from bots.slack_bot.identity import Identity
from bots.slack_bot.recent import Recent

_KEPT = 5_000
_LOOKED_AT = 200  # messages of a thread
_PATIENCE_SECONDS = 1.5  # with the names, less than the three seconds Slack gives


class Threads:
    """Answers for one process; nothing is stored."""

    def __init__(self, calls: SlackCalls) -> None:
        self._calls = calls
        self._known: Recent[tuple[str, str], bool] = Recent(_KEPT)

    def join(self, channel: str, thread_ts: str) -> None:
        """The bot was addressed in the thread or wrote there."""
        self._known.put((channel, thread_ts), True)

    async def joined(self, channel: str, thread_ts: str, me: Identity) -> bool:
        """Whether a message in the thread is meant for the bot.

        Raises:
            DeliveryDelayed: Slack cannot say now; the event should come again.
        """
        known = self._known.get((channel, thread_ts))
        if known is None:
            known = await self._look(channel, thread_ts, me)
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


def _shows(message: dict[str, object], me: Identity) -> bool:
    replied = message.get("reply_users")
    return (
        message.get("user") == me.user
        or (bool(me.bot) and message.get("bot_id") == me.bot)
        or (isinstance(replied, list) and me.user in replied)
        or (not message.get("bot_id") and f"<@{me.user}>" in str(message.get("text") or ""))
    )
