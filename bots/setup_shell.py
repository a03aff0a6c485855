"""The shell's commands for setting up: what to paste at Slack and at Discord."""

import asyncio
from typing import Annotated

import typer

from engine.errors import BadRequest


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(slack_manifest)
    app.command()(discord_invite)


def slack_manifest(
    url: Annotated[
        str | None,
        typer.Option(help="For HTTP mode: where Slack reaches the web listener."),
    ] = None,
) -> int:
    """Print the manifest to paste for the Slack app."""
    from bots.printing import print_json
    from bots.slack_bot.manifest import manifest

    if url and not url.startswith("https://"):
        raise BadRequest("Slack wants an address that begins with https://.")
    return print_json(manifest(url))


def discord_invite(
    application: Annotated[
        int | None,
        typer.Argument(help="The application's id; unset: Discord is asked with DISCORD_TOKEN."),
    ] = None,
) -> int:
    """Print the link that lets the bot into a server.

    It asks for the least permissions.
    """
    from bots.discord_bot.permissions import invite_link
    from bots.printing import print_lines

    return print_lines([invite_link(application or asyncio.run(_own_id()))])


async def _own_id() -> int:
    import discord
    from aiohttp import ClientError

    from bots.doctor.on_discord import discord_login
    from bots.settings import load_settings

    settings = load_settings()
    if not settings.discord:
        raise BadRequest("Name the application's id, or set DISCORD_TOKEN.")
    try:
        async with discord_login(settings) as client:
            return client.application_id or 0
    except (discord.DiscordException, ClientError, OSError) as error:
        raise BadRequest("Discord does not say whose token it is; name the id.") from error
