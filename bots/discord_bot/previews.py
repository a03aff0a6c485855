"""A reply while it is being written: one message that is edited, the last time into the reply.

The message ends in a cursor until then, by which it is known again when a process died before it
could note the message's id.
"""

import discord

from bots.discord_bot.outbound import (
    allowed_mentions,
    attached,
    buttons_of,
    channel_of,
    delivery_errors,
    question_of,
    reference_of,
)
from bots.discord_bot.render import first_part
from bots.previews import PreviewPace
from engine.records import OutboxItem

# Edits are limited to about five in five seconds a channel (platform facts, measured).
PACE = PreviewPace(first_seconds=1.5, between_seconds=1.2)
CURSOR = " ▌"
_LOOKED_AT = 50  # messages after the one that is answered


async def show(client: discord.Client, item: OutboxItem, text: str) -> str:
    """Show the beginning of a reply; the id of the message.

    Raises:
        DeliveryError: Discord does not take it.
    """
    shown = first_part(text, len(CURSOR)) + CURSOR
    mentions = allowed_mentions(item)
    with delivery_errors():
        if item.preview_ref:
            message = _message(client, item, item.preview_ref)
            await message.edit(content=shown, allowed_mentions=mentions)
            return item.preview_ref
        sent = await _channel(client, item).send(
            shown,
            nonce=f"{item.nonce}.w",
            reference=reference_of(item),  # type: ignore[arg-type] # None is its default
            allowed_mentions=mentions,
            suppress_embeds=True,
        )
    return str(sent.id)


async def become(client: discord.Client, item: OutboxItem, part: str) -> str | None:
    """Make the preview the first part of the reply; its id, or None when there is no preview.

    Raises:
        DeliveryError: Discord does not take it.
    """
    with delivery_errors():
        shown_in = item.preview_ref or await _lost(client, item, part)
        if not shown_in:
            return None
        try:
            await _message(client, item, shown_in).edit(
                content=part,
                attachments=attached(item),
                view=buttons_of(item),
                allowed_mentions=allowed_mentions(item),
            )
        except (discord.NotFound, discord.Forbidden):
            return None  # somebody took it away, or the thread is closed: a new message tells
    return shown_in


async def withdraw(client: discord.Client, item: OutboxItem) -> None:
    """Take a preview away whose reply never came.

    Raises:
        DeliveryError: Discord cannot be asked.
    """
    with delivery_errors():
        shown_in = item.preview_ref or await _lost(client, item, "")
        if shown_in:
            try:
                await _message(client, item, shown_in).delete()
            except (discord.NotFound, discord.Forbidden):
                return


async def _lost(client: discord.Client, item: OutboxItem, part: str) -> str | None:
    """A preview whose id was not noted, as a preview or as the reply that it became."""
    me = client.user.id if client.user else 0
    reference = reference_of(item)
    asked = discord.Object(question_of(item.address) or 0)
    history = _channel(client, item).history(limit=_LOOKED_AT, after=asked, oldest_first=True)
    try:
        async for message in history:
            answers = (message.reference and message.reference.message_id) == (
                reference and reference.message_id
            )
            is_it = message.content.endswith(CURSOR) or message.content == part
            if message.author.id == me and answers and is_it:
                return str(message.id)
    except discord.Forbidden:
        return None
    return None


def _channel(client: discord.Client, item: OutboxItem) -> discord.PartialMessageable:
    return client.get_partial_messageable(channel_of(item.address) or 0)


def _message(client: discord.Client, item: OutboxItem, number: str) -> discord.PartialMessage:
    return _channel(client, item).get_partial_message(int(number))
