"""Discord's slash commands, made from the command table; what they do is the desk's business."""

import inspect
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Protocol

import discord
from discord import app_commands

from bots.adapter import CommandSpec
from bots.failures import sentence_of
from bots.texts import named, summary
from engine.errors import MembotError

_log = logging.getLogger(__name__)
_HELP_CHARS = 100
_MOST_VALUES = 25  # Discord's limit
_FILE_OPTION = "file"
_ANYWHERE = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True)
_OURS = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False)
_EVERY_INSTALL = app_commands.AppInstallationType(guild=True, user=True)
_GUILD_INSTALL = app_commands.AppInstallationType(guild=True, user=False)

Interaction = discord.Interaction[discord.Client]
Completion = Callable[[Interaction, str], Coroutine[None, None, list[app_commands.Choice[str]]]]
Option = str | discord.Attachment | None


class Desk(Protocol):
    """Who carries a command out."""

    async def command_given(
        self, interaction: Interaction, spec: CommandSpec, options: Mapping[str, Option]
    ) -> None:
        """Acknowledge, run, answer."""
        ...

    async def message_picked(
        self, interaction: Interaction, spec: CommandSpec, message: discord.Message
    ) -> None:
        """The same for a command of a message's menu."""
        ...

    async def values_wanted(
        self, interaction: Interaction, spec: CommandSpec, option: str, typed: str
    ) -> list[str]:
        """What the option may be."""
        ...


class Summaries(app_commands.Translator):
    """What commands and their options are for, in the languages that we have."""

    def __init__(self, table: Sequence[CommandSpec]) -> None:
        self._specs = {spec.words: spec for spec in table}

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """The line in a language, or None to leave it as it is."""
        spec = None
        if context.location is app_commands.TranslationContextLocation.command_description:
            spec = self._specs.get(context.data.qualified_name)
        known = spec.summary if spec else string.message
        line = summary(locale.value, spec) if spec else named(locale.value, "offered", known)
        return None if line == known else _help(line)


class CommandMenu(app_commands.CommandTree[discord.Client]):
    """What Discord offers behind ``/``."""

    def fill(self, table: Sequence[CommandSpec], desk: Desk) -> None:
        """Register every row; ``agent reset`` becomes subcommand ``reset`` of group ``agent``."""
        groups: dict[tuple[str, ...], app_commands.Group] = {}
        for spec in table:
            *path, name = spec.words.split()
            command = _command(name, spec, desk, top=not path)
            if path:
                self._group(tuple(path), table, groups).add_command(command)
            else:
                self.add_command(command)
            if spec.menu:
                self.add_command(_menu(spec, desk))

    def _group(
        self,
        path: tuple[str, ...],
        table: Sequence[CommandSpec],
        groups: dict[tuple[str, ...], app_commands.Group],
    ) -> app_commands.Group:
        if path not in groups:
            groups[path] = _new_group(path, [spec for spec in table if _is_in(spec, path)])
            if len(path) > 1:
                self._group(path[:-1], table, groups).add_command(groups[path])
            else:
                self.add_command(groups[path])
        return groups[path]

    async def on_error(
        self, interaction: Interaction, error: app_commands.AppCommandError, /
    ) -> None:
        """One plain sentence for the person; for the log a name, never what people wrote."""
        cause = getattr(error, "original", error)
        if isinstance(cause, MembotError):
            sentence = cause.sentence
        else:
            sentence = sentence_of(cause, interaction.locale.value)
        try:
            if interaction.response.is_done():
                await interaction.followup.send(sentence, ephemeral=True)
            else:
                await interaction.response.send_message(sentence, ephemeral=True)
        except discord.HTTPException:  # the interaction has expired: nobody is waiting any more
            _log.info("The asker is gone", extra={"action": "discord.command"})


def _is_in(spec: CommandSpec, path: tuple[str, ...]) -> bool:
    words = tuple(spec.words.split())
    return len(words) > len(path) and words[: len(path)] == path


def _new_group(path: tuple[str, ...], rows: Sequence[CommandSpec]) -> app_commands.Group:
    names = dict.fromkeys(spec.words.split()[len(path)] for spec in rows)
    admin = all(spec.admin for spec in rows)
    top = len(path) == 1
    return app_commands.Group(
        name=path[-1],
        description=_help(f"{' '.join(path)}: {', '.join(names)}"),
        default_permissions=_permissions(admin=admin) if top else None,
        allowed_contexts=_contexts(admin=admin) if top else None,
        allowed_installs=_installs(admin=admin) if top else None,
    )


def _command(
    name: str, spec: CommandSpec, desk: Desk, *, top: bool
) -> app_commands.Command[app_commands.Group, ..., None]:
    command: app_commands.Command[app_commands.Group, ..., None] = app_commands.Command(
        name=name,
        description=_help(spec.summary),
        callback=_callback(spec, desk),
        allowed_contexts=_contexts(admin=spec.admin) if top else None,
        allowed_installs=_installs(admin=spec.admin) if top else None,
    )
    command.default_permissions = _permissions(admin=spec.admin) if top else None
    return command


def _menu(spec: CommandSpec, desk: Desk) -> app_commands.ContextMenu:
    async def picked(interaction: Interaction, message: discord.Message) -> None:
        await desk.message_picked(interaction, spec, message)

    return app_commands.ContextMenu(
        name=spec.menu,
        callback=picked,
        allowed_contexts=_contexts(admin=spec.admin),
        allowed_installs=_installs(admin=spec.admin),
    )


def _callback(spec: CommandSpec, desk: Desk) -> Callable[..., Coroutine[None, None, None]]:
    """A function with the signature from which discord.py reads the options."""

    async def given(interaction: Interaction, **options: Option) -> None:
        named = {name.replace("_", "-"): value for name, value in options.items()}
        known = {name.rstrip("?").replace("_", "-"): name.rstrip("?") for name in spec.options}
        await desk.command_given(
            interaction, spec, {known.get(name, name): value for name, value in named.items()}
        )

    parameters, helps = [_parameter("interaction", Interaction)], dict[str, str]()
    for option, line in spec.options.items():
        name = option.rstrip("?").replace("-", "_")
        parameters.append(_parameter(name, str, optional=option.endswith("?")))
        helps[name] = _help(line)
    if spec.takes_file:
        parameters.append(_parameter(_FILE_OPTION, discord.Attachment))
        helps[_FILE_OPTION] = "The file"
    parameters.sort(key=lambda parameter: parameter.default is None)
    given.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    completed = {name.replace("-", "_"): _completion(spec, name, desk) for name in spec.completed}
    return app_commands.autocomplete(**completed)(app_commands.describe(**helps)(given))


def _completion(spec: CommandSpec, option: str, desk: Desk) -> Completion:
    async def complete(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        found = await desk.values_wanted(interaction, spec, option, typed)
        short = dict.fromkeys(value[:_HELP_CHARS] for value in found)
        return [app_commands.Choice(name=one, value=one) for one in short][:_MOST_VALUES]

    return complete


def _parameter(name: str, kind: object, *, optional: bool = False) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        annotation=str | None if optional else kind,
        default=None if optional else inspect.Parameter.empty,
    )


def _help(line: str) -> str:
    return line if len(line) <= _HELP_CHARS else line[: _HELP_CHARS - 1] + "…"


def _permissions(*, admin: bool) -> discord.Permissions | None:
    return discord.Permissions(manage_guild=True) if admin else None


def _contexts(*, admin: bool) -> app_commands.AppCommandContext:
    return _OURS if admin else _ANYWHERE


def _installs(*, admin: bool) -> app_commands.AppInstallationType:
    return _GUILD_INSTALL if admin else _EVERY_INSTALL
