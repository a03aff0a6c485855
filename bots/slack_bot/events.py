"""What a Slack event is, and whether it is a person's message at all; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from bots.routing import Origin
from bots.slack_bot.address import Address, source_key
from bots.slack_bot.identity import Identity
from engine.records import Attachment

RoomKind = Literal["im", "mpim", "channel", "group"]
_KINDS: dict[str, RoomKind] = {"im": "im", "mpim": "mpim", "channel": "channel", "group": "group"}
_BY_PREFIX: dict[str, RoomKind] = {"D": "im", "C": "channel", "G": "group"}
_SUBTYPES = {None, "file_share", "thread_broadcast"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackMessage:
    """A person's message, in Slack's own words.

    Attributes:
        thread_ts: Root of the thread it stands in; None at the top level.
        parent_user: Who wrote the root, where the event tells.
        from_bot: Whether another app wrote it.
        outside: Whether people of other organisations may be there.
    """

    event_id: str
    team: str
    channel: str
    kind: RoomKind
    ts: str
    thread_ts: str | None
    user: str
    text: str
    parent_user: str | None = None
    from_bot: bool = False
    outside: bool = False
    attachments: tuple[Attachment, ...] = ()

    @property
    def direct(self) -> bool:
        """Whether only the person and the bot are there."""
        return self.kind == "im"

    @property
    def root(self) -> str:
        """The message that its thread hangs on: itself, when it stands in none."""
        return self.thread_ts or self.ts

    @property
    def source_key(self) -> str:
        """The same for ``message`` and ``app_mention`` of one message."""
        return source_key(self.team, self.channel, self.ts)

    @property
    def sent_at(self) -> datetime:
        """When it was written."""
        return datetime.fromtimestamp(float(self.ts), UTC)

    @property
    def origin(self) -> Origin:
        """Where it comes from."""
        return Origin(
            platform="slack",
            team=self.team,
            user=self.user,
            room=None if self.direct else self.channel,
            thread=self.thread_ts,
            confined=self.kind == "mpim" or self.outside,
        )

    @property
    def address(self) -> Address:
        """Where the answer goes: rooms are answered in a thread, direct messages where they are."""
        return Address(
            channel=self.channel,
            thread_ts=self.thread_ts or (None if self.direct else self.ts),
            message_ts=self.ts,
            team=self.team,
            user=self.user,
        )


def read_message(body: Mapping[str, Any], me: Identity) -> SlackMessage | None:
    """The message in an ``event_callback``, or None for what is never answered."""
    event = body.get("event") or {}
    if not _from_person(event, me):
        return None
    kind = _kind_of(event)
    thread_ts = event.get("thread_ts")
    team = str(body.get("team_id") or me.team)
    return SlackMessage(
        event_id=f"slack:{body.get('event_id') or source_key(team, event['channel'], event['ts'])}",
        team=team,
        channel=event["channel"],
        kind=kind or "channel",
        outside=kind is None or bool(body.get("is_ext_shared_channel")),
        ts=event["ts"],
        thread_ts=thread_ts if thread_ts != event["ts"] else None,
        user=event["user"],
        text=event.get("text") or "",
        parent_user=event.get("parent_user_id"),
        from_bot=_is_by_bot(event),
        attachments=_attachments(event),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackChange:
    """A message that was edited, or deleted: then it has no text.

    Attributes:
        before: What it said, where Slack tells.
    """

    team: str
    channel: str
    ts: str
    text: str | None
    before: str = ""

    @property
    def tenant(self) -> str:
        """Whose memory may hold the message."""
        return f"slack:{self.team}"

    @property
    def source_key(self) -> str:
        """Key of the message."""
        return source_key(self.team, self.channel, self.ts)


def read_change(body: Mapping[str, Any], me: Identity) -> SlackChange | None:
    """The change of a message's words in an ``event_callback``, or None when it is none.

    Source: https://docs.slack.dev/reference/events/message/message_changed (and message_deleted);
    a deleted message with replies is changed into a tombstone.
    """
    event = body.get("event") or {}
    team, channel = str(body.get("team_id") or me.team), str(event.get("channel") or "")
    if event.get("subtype") == "message_deleted" and event.get("deleted_ts"):
        return SlackChange(team=team, channel=channel, ts=event["deleted_ts"], text=None)
    now, before = event.get("message") or {}, event.get("previous_message") or {}
    if event.get("subtype") != "message_changed" or not now.get("ts"):
        return None
    text = None if now.get("subtype") == "tombstone" else str(now.get("text") or "")
    if text is not None and text == before.get("text"):
        return None  # a link was unfolded, or a thread has begun
    return SlackChange(
        team=team, channel=channel, ts=now["ts"], text=text, before=str(before.get("text") or "")
    )


def as_if_new(body: Mapping[str, Any]) -> dict[str, Any]:
    """The ``event_callback`` with which an edited message would come if it were new."""
    event = body["event"]
    where = {key: event[key] for key in ("channel", "channel_type") if key in event}
    return {**body, "event": {**event["message"], **where, "type": "message"}}


def _from_person(event: Mapping[str, Any], me: Identity) -> bool:
    return bool(
        event.get("subtype") in _SUBTYPES
        and not event.get("hidden")
        and event.get("user") not in (None, "", me.user, "USLACKBOT")
        and event.get("bot_id") != (me.bot or None)
        and event.get("channel")
        and event.get("ts")
    )


def _is_by_bot(event: Mapping[str, Any]) -> bool:
    return bool(event.get("bot_id") or event.get("bot_profile"))


def _kind_of(event: Mapping[str, Any]) -> RoomKind | None:
    if "channel_type" in event:
        return _KINDS.get(event["channel_type"])
    return _BY_PREFIX.get(event["channel"][0])  # app_mention does not tell


def _attachments(event: Mapping[str, Any]) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(
            name=str(file.get("name") or "file"),
            media_type=str(file.get("mimetype") or ""),
            size_bytes=int(file.get("size") or 0),
            url=str(file.get("url_private") or ""),
        )
        for file in event.get("files") or []
    )
