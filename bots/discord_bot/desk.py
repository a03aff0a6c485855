"""Carries Discord commands and the buttons under their answers to the command layer and back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

import discord

from bots.adapter import (
    Choice,
    CommandAnswer,
    CommandRequest,
    CommandRunner,
    CommandSpec,
    PointedMessage,
)
from bots.choices import choices_of, short
from bots.discord_bot.answers import drawn, show_answer
from bots.discord_bot.attachments import attached_file
from bots.discord_bot.confirmations import ANYONE, MOST_CHARS, Asked, Button, Confirmations
from bots.discord_bot.forms import form, written_in
from bots.discord_bot.inbound import Place, place_in_guild, roles_of, source_key, text_of
from bots.places import Places
from bots.routing import clean_name, principal_key
from bots.texts import summary, text
from engine.errors import BadRequest, MembotError

Interaction = discord.Interaction[discord.Client]


class CommandDesk:
    """Every answer is seen by the asker alone."""

    def __init__(
        self,
        client: discord.Client,
        runner: CommandRunner,
        now: Callable[[], datetime],
        places: Places,
        table: Sequence[CommandSpec],
    ) -> None:
        self._client = client
        self._runner = runner
        self._places = places
        self._confirmations = Confirmations(now)
        self._specs = {spec.words: spec for spec in table}
        self._forms = {spec.words: spec.form for spec in table if spec.form}

    async def command_given(
        self,
        interaction: Interaction,
        spec: CommandSpec,
        options: Mapping[str, str | discord.Attachment | None],
    ) -> None:
        """Acknowledge at once, run, answer; or open the form that the command has."""
        arguments = {name: value for name, value in options.items() if isinstance(value, str)}
        given = Asked(words=spec.words, arguments=arguments)
        if await self._opened_form(interaction, given):
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        attachment = next((o for o in options.values() if isinstance(o, discord.Attachment)), None)
        try:
            locale = interaction.locale.value
            file = await attached_file(attachment, locale) if attachment is not None else None
        except BadRequest as problem:
            await show_answer(interaction, CommandAnswer(text=problem.sentence))
            return
        await self._carry_out(interaction, replace(given, file=file))

    async def values_wanted(
        self, interaction: Interaction, spec: CommandSpec, option: str, typed: str
    ) -> list[str]:
        """What an option may be, of what is the asker's to see."""
        request = self._request(interaction, Asked(words=spec.words))
        return await self._runner.suggest(request, option, typed)

    async def form_sent(self, interaction: Interaction) -> None:
        """Run the command whose form was filled in."""
        button = Button.parse(_code_of(interaction))
        asked = self._confirmations.take(button) if button else None
        if asked is None:
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        arguments = {**asked.arguments, **written_in(interaction)}
        await self._carry_out(interaction, replace(asked, arguments=arguments))

    async def _opened_form(self, interaction: Interaction, asked: Asked) -> bool:
        """Whether a form asks for what the command lacks; it has to be the first response."""
        option = self._forms.get(asked.words)
        if option is None or option in asked.arguments:
            return False
        request = self._request(interaction, asked)
        written = await self._runner.form_text(request)
        if written is None:
            return False
        title = summary(request.locale, self._specs[asked.words])
        given = Choice(label=title, command=asked.words, arguments=asked.arguments)
        completed = Asked.by(await short(self._runner, request, given, MOST_CHARS))
        button = self._confirmations.offer(interaction.user.id, completed)
        shown = form(button, title, option, written)
        await interaction.response.send_modal(shown)
        return True

    async def message_picked(
        self, interaction: Interaction, spec: CommandSpec, message: discord.Message
    ) -> None:
        """Run a command about a message."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        pointed = self._pointed(interaction, message)
        await self._carry_out(interaction, Asked(words=spec.words, message=pointed))

    def _pointed(self, interaction: Interaction, message: discord.Message) -> PointedMessage:
        me = self._client.user.id if self._client.user else 0
        team = self._place_of(interaction).origin(message.author.id).team
        own = message.author.id == me
        return PointedMessage(
            source_key=source_key(message.channel.id, message.id),
            author=None if own else principal_key("discord", team, str(message.author.id)),
            author_name=clean_name(message.author.display_name),
            text=text_of(message, me),
            sent_at=message.created_at,
        )

    async def button_pressed(self, interaction: Interaction) -> None:
        """Go on with what was asked, or leave it; only for the person who asked."""
        button = Button.parse(_code_of(interaction))
        if button is None:
            return
        if button.asker not in {ANYONE, interaction.user.id}:
            await interaction.response.send_message(
                _said(interaction, "answer.not_yours"), ephemeral=True
            )
            return
        asked = self._confirmations.take(button)
        if button.kind == "no":
            await interaction.response.edit_message(
                content=_said(interaction, "answer.nothing_changed"), view=None
            )
        elif asked is None:
            await interaction.response.edit_message(
                content=_said(interaction, "answer.too_old"), view=None
            )
        elif not await self._opened_form(interaction, asked):
            await _acknowledge(interaction, button)
            await self._carry_out(interaction, asked)

    async def _carry_out(self, interaction: Interaction, asked: Asked) -> None:
        request = self._request(interaction, asked)
        try:
            answer = await self._runner.run(request)
        except MembotError as problem:
            answer = CommandAnswer(text=problem.sentence)
        choices = await choices_of(self._runner, request, answer, MOST_CHARS)
        await show_answer(interaction, answer, self._buttons(interaction, asked, answer, choices))

    def _buttons(
        self,
        interaction: Interaction,
        asked: Asked,
        answer: CommandAnswer,
        choices: Sequence[Choice],
    ) -> list[discord.ui.Button[discord.ui.View]]:
        asker, buttons = interaction.user.id, []
        for choice in choices:
            file = asked.file if choice.label == answer.confirm else None
            offered = self._confirmations.offer(asker, replace(Asked.by(choice), file=file))
            buttons.append(drawn(choice.label, offered, danger=choice.danger))
        if answer.confirm:
            no = replace(offered, kind="no")
            buttons.append(drawn(_said(interaction, "answer.cancel"), no))
        return buttons

    def _request(self, interaction: Interaction, asked: Asked) -> CommandRequest:
        place = self._place_of(interaction)
        user = interaction.user
        origin = place.origin(user.id)
        scope = self._places.scope_of(origin)
        return CommandRequest(
            command=asked.words,
            arguments=asked.arguments,
            scope=scope,
            origin=origin,
            actor=scope.speaker or "",
            actor_name=clean_name(user.display_name),
            platform_admin=place.guild is not None and _manages_guild(interaction.permissions),
            confirmed=asked.confirmed,
            file=asked.file,
            locale=interaction.locale.value,
            message=asked.message,
            roles=roles_of(user),
        )

    def _place_of(self, interaction: Interaction) -> Place:
        """The room where the bot is a member; anywhere else the person's own memory."""
        guild_id, channel = interaction.guild_id, interaction.channel
        if guild_id is None or self._client.get_guild(guild_id) is None:
            return Place()
        if isinstance(channel, discord.Thread | discord.abc.GuildChannel):
            return place_in_guild(guild_id, channel)
        return Place()


def _said(interaction: Interaction, key: str) -> str:
    return text(interaction.locale.value, key)


async def _acknowledge(interaction: Interaction, button: Button) -> None:
    """A second step is taken once; other buttons stay, as one may want several of them."""
    if button.kind == "yes":
        await interaction.response.edit_message(view=None)
    else:
        await interaction.response.defer(ephemeral=True, thinking=True)


def _code_of(interaction: Interaction) -> str:
    data: Mapping[str, object] = cast(Mapping[str, object], interaction.data or {})
    return str(data.get("custom_id", ""))


def _manages_guild(permissions: discord.Permissions) -> bool:
    return permissions.manage_guild or permissions.administrator
