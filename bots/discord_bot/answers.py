"""Shows a command's answer to its asker alone: parts, a file, buttons."""

import io
from collections.abc import Sequence

import discord

from bots.adapter import AnswerFile, CommandAnswer
from bots.discord_bot.confirmations import Button
from bots.discord_bot.render import parts_of
from bots.replies import MOST_PARTS, WHOLE_REPLY
from bots.texts import text

Interaction = discord.Interaction[discord.Client]
_LABEL_CHARS = 80  # Discord's limit


async def show_answer(
    interaction: Interaction,
    answer: CommandAnswer,
    buttons: Sequence[discord.ui.Button[discord.ui.View]] = (),
) -> None:
    """Send the answer to an acknowledged interaction.

    Args:
        interaction: Deferred, or whose message was edited.
        answer: Over five parts, the first part and a file come instead.
        buttons: Shown under the last part.
    """
    done = text(interaction.locale.value, "answer.done")
    parts, files = fitting(answer, answer.text or done)
    for part in parts[:-1]:
        await _send(interaction, part)
    await _send(interaction, parts[-1], files, view_of(buttons))


def fitting(answer: CommandAnswer, shown: str) -> tuple[list[str], list[discord.File]]:
    """What is shown of an answer, in parts; of a very long one the first part and a file."""
    parts = parts_of(shown)
    files = [] if answer.file is None else [upload(answer.file)]
    if len(parts) > MOST_PARTS:
        whole = AnswerFile(name=WHOLE_REPLY, content=answer.text.encode())
        return parts[:1], [upload(whole), *files]
    return parts, files


def upload(file: AnswerFile) -> discord.File:
    """A file as Discord's library takes it."""
    return discord.File(io.BytesIO(file.content), filename=file.name)


def drawn(
    label: str, button: Button, *, danger: bool = False
) -> discord.ui.Button[discord.ui.View]:
    """A button as Discord shows it."""
    style = discord.ButtonStyle.danger if danger else discord.ButtonStyle.secondary
    return discord.ui.Button(label=label[:_LABEL_CHARS], style=style, custom_id=button.code)


def view_of(
    buttons: Sequence[discord.ui.Button[discord.ui.View]],
) -> discord.ui.View | None:
    """What carries buttons, or None without any."""
    if not buttons:
        return None
    view = discord.ui.View(timeout=None)
    for button in buttons:
        view.add_item(button)
    view.stop()  # the client itself listens to the buttons, so nothing has to be kept of them
    return view


async def _send(
    interaction: Interaction,
    part: str,
    files: list[discord.File] | None = None,
    view: discord.ui.View | None = None,
) -> None:
    await interaction.followup.send(
        part,
        files=files or [],
        view=view or discord.utils.MISSING,
        ephemeral=True,
        suppress_embeds=True,
        allowed_mentions=discord.AllowedMentions.none(),
    )
