"""What the bot needs to be allowed on Discord, and the link that asks for exactly that."""

import discord

NEEDED = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    create_public_threads=True,  # mode `thread`
    read_message_history=True,
    add_reactions=True,
    attach_files=True,
)
_SCOPES = ("bot", "applications.commands")


def names_of(permissions: discord.Permissions) -> set[str]:
    """The names of what is allowed."""
    return {name for name, allowed in permissions if allowed}


def invite_link(application_id: int) -> str:
    """Where a server's admin lets the bot in."""
    return discord.utils.oauth_url(application_id, permissions=NEEDED, scopes=_SCOPES)
