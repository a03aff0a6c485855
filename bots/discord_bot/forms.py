"""Forms that ask for a longer text; what they are for is in their code, as in a button's."""

from collections.abc import Mapping
from typing import Any, cast

import discord

from bots.discord_bot.confirmations import Button

_TITLE_CHARS = 45  # Discord's limits
_TEXT_CHARS = 4000


def form(button: Button, title: str, label: str, text: str) -> discord.ui.Modal:
    """A form with one field.

    Args:
        button: The command that the form completes.
        title: What the command does.
        label: Of the field.
        text: What stands in it at first.
    """
    short = title if len(title) <= _TITLE_CHARS else f"{title[: _TITLE_CHARS - 1]}…"
    modal = discord.ui.Modal(title=short, custom_id=button.code)
    field: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        label=label,
        custom_id=label,
        style=discord.TextStyle.paragraph,
        default=text[:_TEXT_CHARS],
        max_length=_TEXT_CHARS,
        required=False,
    )
    modal.add_item(field)
    modal.stop()  # the client itself listens to forms, so nothing has to be kept of them
    return modal


def written_in(interaction: discord.Interaction[discord.Client]) -> dict[str, str]:
    """What was written into the field of a form, by the name of its option."""
    data = cast(Mapping[str, Any], interaction.data or {})
    field = data["components"][0]["components"][0]
    return {str(field["custom_id"]): str(field["value"])}
