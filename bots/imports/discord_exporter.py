"""A channel as DiscordChatExporter writes it in its JSON format.

Source: JsonMessageWriter.cs of https://github.com/Tyrrrz/DiscordChatExporter
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bots.discord_bot.markup import readable
from bots.imports.export import Export
from bots.imports.reading import json_items, json_scalars, moment, objects, opened, refusing, words
from bots.routing import Origin, clean_name, principal_key, scope_of
from engine.errors import ArchiveRefused
from engine.imports import PastMessage, Portion

_MESSAGES = "messages"
_ID = re.compile(r"[0-9]{1,20}")
_DIRECT = "0"  # the guild it gives to direct messages
_SPOKEN = {"Default", "Reply"}


class DiscordExport(Export):
    """A channel becomes its room's agent, a thread a part of its parent's; no direct messages."""

    title = "DiscordChatExporter file"

    def portions(self) -> Iterator[Portion]:
        """What the channel said."""
        with refusing():
            self.total_bytes = self.file.stat().st_size
        with opened(self.file, self.limits) as file:
            head = json_scalars(file, until=_MESSAGES)
        guild, channel = _id(head, "guild.id"), _id(head, "channel.id")
        if guild == _DIRECT:
            self.skipped["conversations of direct messages"] += 1
            return
        threaded = "Thread" in str(head.get("channel.type"))
        room = _id(head, "channel.categoryId") if threaded else channel
        own = scope_of(Origin(platform="discord", team=guild, user="", room=room)).agent_id
        own_name = clean_name(str(head.get("channel.name", ""))) or channel
        parent = clean_name(str(head.get("channel.category", ""))) or room
        said = self._messages(guild, channel, thread=own_name if threaded else "")
        place_name = f"#{parent if threaded else own_name}"
        yield from self.in_portions(self.room_key(own), place_name, said)

    def _messages(self, guild: str, channel: str, *, thread: str) -> Iterator[PastMessage]:
        with opened(self.file, self.limits) as file:
            for record in json_items(file, f"{_MESSAGES}.item"):
                self.bytes_read = file.bytes_read
                reason = _why_not(record)
                if reason:
                    self.skipped[reason] += 1
                else:
                    yield _message(record, guild, channel, thread=thread)


def _id(head: Mapping[str, Any], place: str) -> str:
    found = str(head.get(place) or "")
    if not _ID.fullmatch(found):
        raise ArchiveRefused(f"The file does not say its {place}; nothing was changed.")
    return found


def _why_not(record: Mapping[str, Any]) -> str:
    """Why a record is no person's message; ``""`` when it is one."""
    author = record.get("author")
    if words(record, "type") not in _SPOKEN:
        return "notices of joins and the like"
    if isinstance(author, dict) and author.get("isBot"):
        return "messages of bots and apps"
    if not _ID.fullmatch(words(author, "id")) or not _ID.fullmatch(words(record, "id")):
        return "messages without an author"
    if moment(words(record, "timestamp")) is None:
        return "messages without a time"
    return ""


def _message(record: Mapping[str, Any], guild: str, channel: str, *, thread: str) -> PastMessage:
    author = record["author"]
    sent_at = moment(words(record, "timestamp"))
    assert sent_at is not None  # noqa: S101 - `_why_not` has looked
    return PastMessage(
        source_key=f"discord:{channel}/{words(record, 'id')}",
        thread=f"discord:{channel}" if thread else None,
        place_name=thread,
        author=principal_key("discord", guild, words(author, "id")),
        author_name=_name(author),
        text=_text(record),
        sent_at=sent_at,
    )


def _name(person: Mapping[str, Any]) -> str:
    return clean_name(words(person, "nickname") or words(person, "name"))


def _text(record: Mapping[str, Any]) -> str:
    """What people see; the exporter has made most markup readable, unless it was told not to."""
    people = {words(person, "id"): _name(person) for person in objects(record, "mentions")}
    shown = readable(
        words(record, "content"),
        lambda person: people.get(str(person), str(person)),
        lambda _: "role",
        lambda _: "channel",
    )
    forwarded = words(record.get("forwardedMessage"), "content")
    stickers = (f"[sticker: {clean_name(words(it, 'name'))}]" for it in objects(record, "stickers"))
    files = (
        f"[file: {clean_name(words(it, 'fileName'))}]" for it in objects(record, "attachments")
    )
    return "\n".join(filter(None, [shown.strip(), forwarded.strip(), *stickers, *files]))
