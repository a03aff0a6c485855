"""Runs chat commands: finds the function, checks rights, turns problems into a sentence.

What the commands do is in the families (``bots/*_commands.py``); adapters only render.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

from bots.adapter import CommandAnswer, CommandRequest
from bots.command_table import COMMANDS
from bots.rights import Rights
from bots.texts import text
from engine.errors import BadRequest, MembotError, NotAllowed

Handler = Callable[[CommandRequest], Awaitable[CommandAnswer]]
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
    """

    def __init__(self, families: Iterable[CommandFamily], rights: Rights) -> None:
        self._rights = rights
        self._handlers = {
            words: handler for family in families for words, handler in family.handlers().items()
        }

    async def run(self, request: CommandRequest) -> CommandAnswer:
        """Carry out a command; problems come back as an answer with one plain sentence."""
        handler = self._handlers.get(request.command)
        try:
            if handler is None:
                raise BadRequest(text(request.locale, "answer.unknown_command"))
            if request.command in _ADMIN_COMMANDS and not self._rights.is_admin(request):
                raise NotAllowed(text(request.locale, "answer.admins_only"))
            if self._rights.is_shut_out(request):
                raise NotAllowed(text(request.locale, "answer.shut_out"))
            return await handler(request)
        except MembotError as problem:
            return CommandAnswer(text=problem.sentence)
