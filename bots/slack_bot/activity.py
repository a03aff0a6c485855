"""The sign of life: Slack's session status while a turn is under way, and its Stop button.

A status is an extra; when Slack refuses it, or has had as many as it takes in a minute, the older
call is tried, then nothing.
"""

import asyncio
import logging
from weakref import WeakValueDictionary

from bots.slack_bot.address import Address, address_from
from bots.slack_bot.background import Background
from bots.slack_bot.calls import SlackCalls, SlackRefused, within
from bots.slack_bot.recent import Recent
from bots.slack_bot.titles import Titles
from engine.errors import DeliveryDelayed
from engine.records import Scope, Turn

_KEPT = 2_000
_WAITING = "hourglass_flowing_sand"
_PATIENCE_SECONDS = 3.0
_LEGACY_WORDS = "is thinking..."
_NOT_FOR_US = {
    "unknown_method",
    "missing_scope",
    "not_authorized",
    "not_allowed_token_type",
    "access_denied",
    "feature_not_enabled",
}
_log = logging.getLogger(__name__)

Session = tuple[str, str]


class Activity:
    """What each session shows, in the order in which it was asked for."""

    def __init__(self, calls: SlackCalls, background: Background) -> None:
        self._calls = calls
        self._titles = Titles(calls)
        self._background = background
        self._shown: Recent[Session, dict[str, Scope]] = Recent(_KEPT)
        self._ended: Recent[str, bool] = Recent(_KEPT)
        self._older: Recent[Session, bool] = Recent(_KEPT)
        self._locks: WeakValueDictionary[Session, asyncio.Lock] = WeakValueDictionary()
        self._sessions_work = True

    def expect(self, turn_id: str, scope: Scope, address: Address) -> None:
        """Show at once that a message was taken, without anybody waiting for it."""
        self._background.start(self.working(turn_id, scope, address))

    def name(self, address: Address, text: str) -> None:
        """Give a conversation that has just begun a title, without anybody waiting for it."""
        self._background.start(self._titles.name(*address.session, text))

    async def working(self, turn_id: str, scope: Scope, address: Address) -> None:
        """Show that the session is being worked on, unless that is shown or over."""
        async with self._lock(address.session):
            turns = self._shown.get(address.session) or {}
            if turn_id in turns or turn_id in self._ended:
                return
            self._shown.put(address.session, {**turns, turn_id: scope})
            await self._show(address.session, "processing")

    async def idle(self, turn_id: str, address: Address) -> None:
        """Show that nothing is going on; a turn that follows shows itself again."""
        self._ended.put(turn_id, True)
        await self.leave(address.session)

    async def leave(self, session: Session) -> None:
        """Take the session out of processing, unless another turn is shown by then."""
        self._shown.pop(session)
        if session not in self._older:
            await self._calls.limits.end_of_session()
        async with self._lock(session):
            if session not in self._shown:
                await self._show(session, "active")
                self._older.pop(session)

    def scopes(self, session: Session) -> list[Scope]:
        """The conversations whose turns the session shows, each once."""
        turns = self._shown.get(session) or {}
        return list({scope.conversation_id: scope for scope in turns.values()}.values())

    def _lock(self, session: Session) -> asyncio.Lock:
        return self._locks.setdefault(session, asyncio.Lock())

    async def _show(self, session: Session, status: str) -> None:
        try:
            if session in self._older or not await self._show_session(session, status):
                self._older.put(session, True)
                await self._show_legacy(session, status)
        except (SlackRefused, DeliveryDelayed) as error:
            _log.debug("No status shown: %s", error.sentence, extra={"action": "slack.status"})

    async def _show_session(self, session: Session, status: str) -> bool:
        if not self._sessions_work:
            return False
        body = {"channel_id": session[0], "thread_ts": session[1], "status": status}
        try:
            await self._post("agents.sessions.setStatus", body)
        except SlackRefused as error:
            self._sessions_work = error.code not in _NOT_FOR_US
            return False
        except DeliveryDelayed:
            return False
        return True

    async def _show_legacy(self, session: Session, status: str) -> None:
        words = _LEGACY_WORDS if status == "processing" else ""
        body = {"channel_id": session[0], "thread_ts": session[1], "status": words}
        await self._post("assistant.threads.setStatus", body)

    async def _post(self, method: str, body: dict[str, str]) -> None:
        await within(_PATIENCE_SECONDS, self._calls.post(method, body))


async def mark_waiting(calls: SlackCalls, turn: Turn, *, method: str) -> None:
    """Put the reaction for waiting on the message of a turn, or take it away."""
    address = address_from(turn.address)
    body = {"channel": address.channel, "timestamp": address.message_ts, "name": _WAITING}
    try:
        await within(_PATIENCE_SECONDS, calls.post(method, body))
    except (SlackRefused, DeliveryDelayed) as error:
        _log.info("No mark: %s", error.sentence, extra={"action": "slack.waiting"})
