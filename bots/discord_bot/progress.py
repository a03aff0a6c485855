"""A line about long work as a quiet message in Discord's small print."""

import discord

from bots.discord_bot.outbound import channel_of, delivery_errors, reply_to
from bots.progress import MARK
from engine.errors import DeliveryRefused
from engine.progress import Work


async def show_line(client: discord.Client, work: Work, line: str, shown_in: str | None) -> str:
    """Show it, or change it; the id of its message.

    Raises:
        DeliveryError: Discord does not take it.
    """
    channel = _channel(client, work.address)
    text = f"-# {MARK} {discord.utils.escape_markdown(line)}"
    quiet = discord.AllowedMentions.none()
    with delivery_errors():
        if shown_in:
            message = channel.get_partial_message(int(shown_in))
            await message.edit(content=text, allowed_mentions=quiet)
            return shown_in
        sent = await channel.send(
            text,
            reference=reply_to(work.address),  # type: ignore[arg-type] # None is its default
            allowed_mentions=quiet,
            silent=True,
            suppress_embeds=True,
        )
    return str(sent.id)


async def take_line(client: discord.Client, address: str, shown_in: str) -> None:
    """Take it away.

    Raises:
        DeliveryError: Discord cannot be asked.
    """
    with delivery_errors():
        try:
            await _channel(client, address).get_partial_message(int(shown_in)).delete()
        except (discord.NotFound, discord.Forbidden):
            return


def _channel(client: discord.Client, address: str) -> discord.PartialMessageable:
    channel = channel_of(address)
    if channel is None:
        raise DeliveryRefused("The line has no Discord channel to go to.")
    return client.get_partial_messageable(channel)
