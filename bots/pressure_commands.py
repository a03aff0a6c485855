"""What the buttons of the line about memory pressure do; whoever is at the place may press them."""

from collections.abc import Mapping

from bots.adapter import CommandAnswer, CommandRequest
from bots.approving import Turns
from bots.commands import Handler
from engine.errors import BadRequest, StaleTurn
from engine.pinning import LET_GO, PIN


class PressureCommands:
    """``pressure pin`` and ``pressure let-go``.

    Args:
        inbox: Whose pinning keeps what is about to be summarised.
    """

    def __init__(self, inbox: Turns) -> None:
        self._inbox = inbox

    def handlers(self) -> Mapping[str, Handler]:
        """By the words of the command table."""
        return {PIN: self._pin, LET_GO: self._let_go}

    async def _pin(self, request: CommandRequest) -> CommandAnswer:
        through = request.arguments.get("through", "").strip()
        try:
            outcome = await self._inbox.pinning.pin(request.scope, through)
        except StaleTurn as changed:
            raise BadRequest(request.say("pressure.changed")) from changed
        key = f"pressure.{outcome.replace(' ', '_')}"
        return CommandAnswer(text=request.say(key))

    async def _let_go(self, request: CommandRequest) -> CommandAnswer:
        return CommandAnswer(text=request.say("pressure.let_go"))
