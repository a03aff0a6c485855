"""Slack's own Stop button, and the reaction that means the same."""

from collections.abc import Mapping
from typing import Any

from bots.adapter import Inbox
from bots.places import Places
from bots.routing import Origin, principal_key
from bots.slack_bot.activity import Activity
from bots.slack_bot.address import source_key
from bots.slack_bot.identity import Identity
from engine import notices

_STOP = "octagonal_sign"


class StopSigns:
    """Ends the work that a session shows, and the showing."""

    def __init__(self, inbox: Inbox, activity: Activity, places: Places) -> None:
        self._inbox = inbox
        self._activity = activity
        self._places = places

    async def pressed(self, body: Mapping[str, Any], me: Identity) -> None:
        """Handle ``agent_session_stopped``; Slack itself does not leave ``processing``."""
        event = body["event"]
        session = (str(event["channel"]), str(event.get("thread_ts") or ""))
        possible = map(self._places.scope_of, _possible(body, session, me))
        scopes = self._activity.scopes(session) or dict.fromkeys(possible)
        for scope in scopes:
            await self._inbox.stop(scope, notices.STOPPED)
        await self._activity.leave(session)

    async def reacted(self, body: Mapping[str, Any], me: Identity) -> None:
        """Handle ``reaction_added``: on a question or a reply it stops what it belongs to."""
        event = body["event"]
        item = event.get("item") or {}
        if event.get("reaction") != _STOP or not item.get("ts"):
            return
        team = str(body.get("team_id") or me.team)
        key = source_key(team, str(item["channel"]), str(item["ts"]))
        actor = principal_key("slack", team, str(event["user"]))
        await self._inbox.stop_asked(f"slack:{team}", key, actor, notices.STOPPED)


def _possible(body: Mapping[str, Any], session: tuple[str, str], me: Identity) -> list[Origin]:
    """Where its turns may come from when nothing is known of them: after a restart."""
    channel, thread = session
    direct = channel.startswith("D")
    places = (thread, None) if direct else (thread,)
    return [
        Origin(
            platform="slack",
            team=str(body.get("team_id") or me.team),
            user=str(body["event"].get("user") or ""),
            room=None if direct else channel,
            thread=place or None,
            confined=confined,
        )
        for place in places
        for confined in (False, True)
    ]
