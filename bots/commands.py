"""Runs chat commands: finds the function, checks rights, turns problems into a sentence.

What the commands do is in the families (``bots/*_commands.py``); adapters only render.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from bots.adapter import Choice, CommandAnswer, CommandRequest
from bots.command_table import COMMANDS
from bots.failures import sentence_of
from bots.rights import Rights
from bots.suggesting import Suggesting
from engine.errors import BadRequest, MembotError, NotAllowed
from engine.kept_choices import ChoiceStore, KeptChoice
from engine.records import Scope

Handler = Callable[[CommandRequest], Awaitable[CommandAnswer]]
_KEPT = "kept"  # what a button gives whose command is in the database
_ADMIN_COMMANDS = frozenset(spec.words for spec in COMMANDS if spec.admin)


class CommandFamily(Protocol):
    """Commands that work with the same things."""

    def handlers(self) -> Mapping[str, Handler]:
        """Its functions by the words of the command table."""
        ...


class Commands:
    """Runs chat commands; rights are checked here, on every call.

    Args:
        families: Which have the commands.
        rights: Who may use those of admins.
        suggesting: Knows values of options.
        store: Where choices wait that are too long for a button.
        now: The clock.
    """

    def __init__(
        self,
        families: Iterable[CommandFamily],
        rights: Rights,
        suggesting: Suggesting,
        store: ChoiceStore,
        now: Callable[[], datetime],
    ) -> None:
        self._rights = rights
        self._suggesting = suggesting
        self._store = store
        self._now = now
        self._handlers = {
            words: handler for family in families for words, handler in family.handlers().items()
        }

    async def run(self, request: CommandRequest) -> CommandAnswer:
        """Carry out a command; problems come back as an answer with one plain sentence."""
        try:
            return await self.carry_out(request)
        except MembotError as problem:
            return CommandAnswer(text=problem.sentence)
        except Exception as error:  # noqa: BLE001 - the last handler of commands
            return CommandAnswer(text=sentence_of(error, request.locale))

    async def carry_out(self, request: CommandRequest) -> CommandAnswer:
        """Carry out a command.

        Raises:
            BadRequest: There is no such command, or it says too little.
            NotAllowed: The actor may not give it.
        """
        if request.command == _KEPT:
            request = await self._chosen(request)
        return await self._allowed(request)(request)

    async def suggest(self, request: CommandRequest, option: str, typed: str) -> list[str]:
        """Values for an option of a command that is being put together; none in doubt."""
        try:
            self._allowed(request)
            values = await self._suggesting.values(request, option)
        except MembotError:
            return []
        return [value for value in dict.fromkeys(values) if typed.casefold() in value.casefold()]

    async def form_text(self, request: CommandRequest) -> str | None:
        """What stands in the form of a command at first; None where there is to be no form."""
        try:
            self._allowed(request)
            return await self._suggesting.text(request)
        except MembotError:
            return None

    def _allowed(self, request: CommandRequest) -> Handler:
        """What carries a command out, where its giver may give it."""
        handler = self._handlers.get(request.command)
        if handler is None:
            raise BadRequest(request.say("answer.unknown_command"))
        if request.command in _ADMIN_COMMANDS and not self._rights.is_admin(request):
            raise NotAllowed(request.say("answer.admins_only"))
        if self._rights.is_shut_out(request):
            raise NotAllowed(request.say("answer.shut_out"))
        return handler

    async def keep(self, request: CommandRequest, choice: Choice) -> Choice:
        """A shorter choice in the place of one that is too long for a button."""
        kept = KeptChoice(
            command=choice.command, arguments=choice.arguments, confirmed=choice.confirmed
        )
        key = await self._store.keep_choice(_of_actor(request), kept, self._now())
        return replace(choice, command=_KEPT, arguments={"key": key})

    async def _chosen(self, request: CommandRequest) -> CommandRequest:
        key = request.arguments.get("key", "")
        kept = await self._store.kept_choice(_of_actor(request), key, self._now())
        if kept is None:
            raise BadRequest(request.say("answer.too_old"))
        written = {name: value for name, value in request.arguments.items() if name != "key"}
        return replace(
            request,
            command=kept.command,
            arguments={**kept.arguments, **written},
            confirmed=kept.confirmed,
        )


def _of_actor(request: CommandRequest) -> Scope:
    return replace(request.scope, speaker=request.actor)
