"""Carries Discord commands and the buttons under their answers to the command layer and back."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

import aiohttp
import discord

from bots.adapter import AnswerFile, CommandAnswer, CommandRequest, CommandRunner, CommandSpec
from bots.discord_bot.answers import show_answer
from bots.discord_bot.confirmations import Asked, Button, Confirmations
from bots.discord_bot.inbound import Place, place_in_guild
from bots.routing import clean_name, scope_of
from engine.errors import BadRequest, MembotError

Interaction = discord.Interaction[discord.Client]
_MOST_FILE_BYTES = 50 * 1024 * 1024
_NOT_YOURS = "Only the person who gave the command can answer this."
_EXPIRED = "That question is too old; please give the command again."
_NOTHING_DONE = "Nothing was changed."


class CommandDesk:
    """Every answer is seen by the asker alone."""

    def __init__(
        self, client: discord.Client, runner: CommandRunner, now: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._runner = runner
        self._confirmations = Confirmations(now)

    async def command_given(
        self,
        interaction: Interaction,
        spec: CommandSpec,
        options: Mapping[str, str | discord.Attachment | None],
    ) -> None:
        """Acknowledge at once, run, answer."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        arguments = {name: text for name, text in options.items() if isinstance(text, str)}
        attachment = next((o for o in options.values() if isinstance(o, discord.Attachment)), None)
        try:
            file = await _fetched(attachment) if attachment is not None else None
        except BadRequest as problem:
            await show_answer(interaction, CommandAnswer(text=problem.sentence))
            return
        await self._carry_out(interaction, Asked(words=spec.words, arguments=arguments, file=file))

    async def button_pressed(self, interaction: Interaction) -> None:
        """Go on with what was asked, or leave it; only for the person who asked."""
        button = Button.parse(_code_of(interaction))
        if button is None:
            return
        if button.asker != interaction.user.id:
            await interaction.response.send_message(_NOT_YOURS, ephemeral=True)
            return
        asked = self._confirmations.take(button)
        if not button.yes:
            await interaction.response.edit_message(content=_NOTHING_DONE, view=None)
        elif asked is None:
            await interaction.response.edit_message(content=_EXPIRED, view=None)
        else:
            await interaction.response.edit_message(view=None)
            await self._carry_out(interaction, asked, confirmed=True)

    async def _carry_out(
        self, interaction: Interaction, asked: Asked, *, confirmed: bool = False
    ) -> None:
        request = self._request(interaction, asked, confirmed=confirmed)
        try:
            answer = await self._runner.run(request)
        except MembotError as problem:
            answer = CommandAnswer(text=problem.sentence)
        codes = None
        if answer.confirm is not None:
            codes = self._confirmations.ask(interaction.user.id, asked)
        await show_answer(interaction, answer, codes)

    def _request(
        self, interaction: Interaction, asked: Asked, *, confirmed: bool
    ) -> CommandRequest:
        place = self._place_of(interaction)
        user = interaction.user
        origin = place.origin(user.id)
        scope = scope_of(origin)
        return CommandRequest(
            command=asked.words,
            arguments=asked.arguments,
            scope=scope,
            actor=scope.speaker or "",
            actor_name=clean_name(user.display_name),
            platform_admin=place.guild is not None and _manages_guild(interaction.permissions),
            confirmed=confirmed,
            file=asked.file,
        )

    def _place_of(self, interaction: Interaction) -> Place:
        """The room where the bot is a member; anywhere else the person's own memory."""
        guild_id, channel = interaction.guild_id, interaction.channel
        if guild_id is None or self._client.get_guild(guild_id) is None:
            return Place()
        if isinstance(channel, discord.Thread | discord.abc.GuildChannel):
            return place_in_guild(guild_id, channel)
        return Place()


def _code_of(interaction: Interaction) -> str:
    data: Mapping[str, object] = cast(Mapping[str, object], interaction.data or {})
    return str(data.get("custom_id", ""))


def _manages_guild(permissions: discord.Permissions) -> bool:
    return permissions.manage_guild or permissions.administrator


async def _fetched(attachment: discord.Attachment) -> AnswerFile:
    if attachment.size > _MOST_FILE_BYTES:
        raise BadRequest(f"The file is larger than {_MOST_FILE_BYTES // 1024 // 1024} MiB.")
    try:
        content = await attachment.read()
    except (discord.DiscordException, aiohttp.ClientError, OSError) as trouble:
        raise BadRequest("Discord did not hand over the file; please try again.") from trouble
    return AnswerFile(name=attachment.filename, content=content)
