"""Slack's own Stop button."""

from collections.abc import Mapping
from typing import Any

from bots.adapter import Inbox
from bots.routing import Origin, scope_of
from bots.slack_bot.activity import Activity
from bots.slack_bot.identity import Identity
from engine.records import Scope


class StopButton:
    """Ends the work that a session shows, and the showing."""

    def __init__(self, inbox: Inbox, activity: Activity) -> None:
        self._inbox = inbox
        self._activity = activity

    async def pressed(self, body: Mapping[str, Any], me: Identity) -> None:
        """Handle ``agent_session_stopped``; Slack itself does not leave ``processing``."""
        event = body["event"]
        session = (str(event["channel"]), str(event.get("thread_ts") or ""))
        scopes = self._activity.scopes(session) or _possible(body, session, me)
        for scope in scopes:
            await self._inbox.stop(scope)
        await self._activity.leave(session)


def _possible(body: Mapping[str, Any], session: tuple[str, str], me: Identity) -> list[Scope]:
    """What the session may belong to when nothing is known of its turns: after a restart."""
    channel, thread = session
    direct = channel.startswith("D")
    places = (thread, None) if direct else (thread,)
    return [
        scope_of(
            Origin(
                platform="slack",
                team=str(body.get("team_id") or me.team),
                user=str(body["event"].get("user") or ""),
                room=None if direct else channel,
                thread=place or None,
            )
        )
        for place in places
    ]
