"""Commands written as text, ``!memory show``; what a message is and whose, the client knows.

Discord shows no message to one person alone, so the answer goes into their direct messages. There
it has no buttons: pressed there, they would be about another place.
"""

from collections.abc import Sequence

import discord

from bots.adapter import CommandAnswer, CommandRequest, CommandRunner, CommandSpec
from bots.discord_bot.answers import fitting
from bots.discord_bot.attachments import attached_file
from bots.discord_bot.inbound import Place, roles_of
from bots.places import Places
from bots.routing import clean_name
from bots.texts import SOURCE, text
from bots.typed_commands import Parsed, parse, with_typed_choices
from engine.errors import MembotError


class TypedWords:
    """Runs typed commands and answers their givers alone."""

    def __init__(self, runner: CommandRunner, table: Sequence[CommandSpec], places: Places) -> None:
        self._runner = runner
        self._table = table
        self._places = places

    async def take(self, message: discord.Message, place: Place, typed: str) -> None:
        """Run what was typed after the exclamation mark."""
        locale = message.guild.preferred_locale.value if message.guild else SOURCE
        try:
            parsed = parse(typed, self._table, locale)
            answer = await self._runner.run(await self._request(message, place, parsed, locale))
        except MembotError as problem:
            answer = CommandAnswer(text=problem.sentence)
        await _show(message, answer, locale)

    async def _request(
        self, message: discord.Message, place: Place, parsed: Parsed, locale: str
    ) -> CommandRequest:
        author = message.author
        origin = place.origin(author.id)
        scope = self._places.scope_of(origin)
        file = None
        if parsed.spec.takes_file and message.attachments:
            file = await attached_file(message.attachments[0], locale)
        return CommandRequest(
            command=parsed.spec.words,
            arguments=parsed.arguments,
            scope=scope,
            origin=origin,
            actor=scope.speaker or "",
            actor_name=clean_name(author.display_name),
            platform_admin=isinstance(author, discord.Member)
            and author.guild_permissions.manage_guild,
            confirmed=parsed.confirmed,
            file=file,
            locale=locale,
            roles=roles_of(author),
        )


async def _show(message: discord.Message, answer: CommandAnswer, locale: str) -> None:
    done = text(locale, "answer.done")
    parts, files = fitting(answer, with_typed_choices(answer, "!", locale) or done)
    to = message.channel if message.guild is None else message.author
    quiet = discord.AllowedMentions.none()
    try:
        for part in parts[:-1]:
            await to.send(part, suppress_embeds=True, allowed_mentions=quiet)
        await to.send(parts[-1], files=files, suppress_embeds=True, allowed_mentions=quiet)
    except discord.DiscordException:  # closed, or opened too many of late
        if message.guild is not None:
            line = text(locale, "answer.no_direct_messages")
            await message.reply(line, mention_author=False, allowed_mentions=quiet)
