"""Links to the messages that memories came from; pure."""

import json
from collections.abc import Collection

from engine.records import Scope, Turn


def permalink(
    scope: Scope, source_key: str | None, channels: Collection[str], site: str
) -> str | None:
    """Where a message is opened; None for one that stands elsewhere than in these channels.

    Args:
        scope: Of the place where the link is to be shown.
        source_key: The message: ``discord:channel/message`` or ``slack:team/channel/ts``.
        channels: Those that whoever reads the link is in.
        site: Address of the Slack workspace; "" when it is not known.

    Source: https://discord.com/developers/docs/reference and
    https://docs.slack.dev/reference/methods/chat.getPermalink, where both kinds can be seen.
    """
    platform, _, rest = (source_key or "").partition(":")
    *team, channel, message = rest.split("/") if rest.count("/") else ["", ""]
    own, _, place = scope.tenant.partition(":")
    if platform != own or channel not in channels:
        return None
    if platform == "discord" and not team:
        guild = "@me" if scope.audience == "private" else place
        return f"https://discord.com/channels/{guild}/{channel}/{message}"
    if platform == "slack" and team == [place] and site:
        return f"{site.rstrip('/')}/archives/{channel}/p{message.replace('.', '')}"
    return None


def channels_of(scope: Scope, turn: Turn) -> frozenset[str]:
    """Channels whose messages somebody who is at a place may open: its own, as it is named.

    Args:
        scope: The place.
        turn: One of the same agent; its address names the channel where the keys do not.
    """
    names = {scope.agent_id.rpartition("/channel/")[2], scope.conversation_id.rpartition("/")[2]}
    if turn.scope.conversation_id == scope.conversation_id:
        names.add(str(json.loads(turn.address or "{}").get("channel", "")))
    return frozenset(names - {""})
