"""Slack's rate limits, kept by us: a method's calls a minute, and a channel's messages.

Source: docs.slack.dev/apis/web-api/rate-limits, and the tier on the page of each method. Tiers
are a little below what Slack allows, because it counts when a call arrives and not when it leaves.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from bots.pacing import Allowance
from bots.slack_bot.recent import Recent

_MINUTE_SECONDS = 60.0
_SECOND_TIER, _THIRD_TIER, _FOURTH_TIER = 18, 48, 95  # of 20, 50 and 100 a minute
_SIGN_PATIENCE_SECONDS = 0.3  # a sign of life that comes late is none
_BETWEEN_MESSAGES_SECONDS = 1.0  # of one channel, counted from Slack's answer
_KEPT_CHANNELS = 2_000
_TIERS = {
    "chat.stopStream": _SECOND_TIER,
    "agents.sessions.rename": _THIRD_TIER,
    "chat.delete": _THIRD_TIER,
    "chat.update": _THIRD_TIER,
    "conversations.history": _THIRD_TIER,
    "conversations.info": _THIRD_TIER,
    "conversations.open": _THIRD_TIER,
    "conversations.replies": _THIRD_TIER,
    "reactions.remove": _THIRD_TIER,
    "chat.postEphemeral": _FOURTH_TIER,
    "users.info": _FOURTH_TIER,
    "views.open": _FOURTH_TIER,
    "views.publish": _FOURTH_TIER,
}
_SIGNS = {  # what is not worth waiting for
    "assistant.threads.setStatus": 570,  # of 600, a special tier
    "chat.appendStream": _FOURTH_TIER,
    "chat.startStream": _SECOND_TIER,
    "reactions.add": _THIRD_TIER,
}
_WORKSPACE_MESSAGES = 290  # "several hundred a minute"


class SlackLimits:
    """One workspace's allowances."""

    def __init__(self) -> None:
        self._methods = {
            method: Allowance(most, _MINUTE_SECONDS) for method, most in _TIERS.items()
        }
        self._methods["chat.postMessage"] = Allowance(_WORKSPACE_MESSAGES, _MINUTE_SECONDS)
        self._methods |= {
            method: Allowance(most, _MINUTE_SECONDS, _SIGN_PATIENCE_SECONDS)
            for method, most in _SIGNS.items()
        }
        # As many sessions may begin as may end, so that none is left in "processing".
        half = _THIRD_TIER // 2
        self._begin = Allowance(half, _MINUTE_SECONDS, _SIGN_PATIENCE_SECONDS)
        self._end = Allowance(half, _MINUTE_SECONDS, math.inf)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._free_at: Recent[str, float] = Recent(_KEPT_CHANNELS)

    @asynccontextmanager
    async def kept(self, method: str, body: Mapping[str, Any]) -> AsyncIterator[None]:
        """Make a call inside of this, which begins when it may be made.

        Raises:
            DeliveryDelayed: That would be too late.
        """
        if allowance := self._allowance(method, body):
            await allowance.take()
        if method == "chat.postMessage":
            async with self._message(str(body["channel"])):
                yield
        else:
            yield

    @property
    def may_stream(self) -> bool:
        """Whether another reply may be shown while it is written."""
        return self._methods["chat.startStream"].has_room

    async def end_of_session(self) -> None:
        """Return when a session may be taken out of processing; before the call, not around it."""
        await self._end.take()

    def _allowance(self, method: str, body: Mapping[str, Any]) -> Allowance | None:
        if method == "agents.sessions.setStatus" and body["status"] == "processing":
            return self._begin
        return self._methods.get(method)

    @asynccontextmanager
    async def _message(self, channel: str) -> AsyncIterator[None]:
        """One message of a channel after the other, and a pause between them."""
        time = asyncio.get_running_loop().time
        async with self._turns.setdefault(channel, asyncio.Lock()):
            await asyncio.sleep((self._free_at.get(channel) or 0.0) - time())
            try:
                yield
            finally:
                self._free_at.put(channel, time() + _BETWEEN_MESSAGES_SECONDS)
