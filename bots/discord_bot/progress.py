"""A line about long work as a quiet message in Discord's small print."""

import discord

from bots.discord_bot.outbound import channel_of, delivery_errors, reply_to
from bots.progress import MARK
from engine.errors import DeliveryRefused
from engine.progress import Work


async def show_line(client: discord.Client, work: Work, line: str, shown_in: str | None) -> str:
    """Show it, or change it; ``channel/id`` of its message.

    Raises:
        DeliveryError: Discord does not take it.
    """
    channel = channel_of(work.address)
    if channel is None:
        raise DeliveryRefused("The line has no Discord channel to go to.")
    text = f"-# {MARK} {discord.utils.escape_markdown(line)}"
    quiet = discord.AllowedMentions.none()
    with delivery_errors():
        if shown_in:
            await _message(client, shown_in).edit(content=text, allowed_mentions=quiet)
            return shown_in
        sent = await client.get_partial_messageable(channel).send(
            text,
            reference=reply_to(work.address),  # type: ignore[arg-type] # None is its default
            allowed_mentions=quiet,
            silent=True,
            suppress_embeds=True,
        )
    return f"{channel}/{sent.id}"


async def take_line(client: discord.Client, shown_in: str) -> None:
    """Take it away.

    Raises:
        DeliveryError: Discord cannot be asked.
    """
    with delivery_errors():
        try:
            await _message(client, shown_in).delete()
        except (discord.NotFound, discord.Forbidden):
            return


def _message(client: discord.Client, reference: str) -> discord.PartialMessage:
    channel, _, number = reference.partition("/")
    return client.get_partial_messageable(int(channel)).get_partial_message(int(number))
