"""What the buttons of the line about memory pressure do; whoever is at the place may press them."""

from collections.abc import Mapping

from bots.adapter import CommandAnswer, CommandRequest
from bots.approving import Turns
from bots.commands import Handler
from engine.errors import BadRequest, StaleTurn
from engine.pinning import LET_GO, PIN

_ANSWERS = {
    "pinned": "Pinned: the gist of it is noted and stays when the messages are summarised.",
    "pinned before": "That is pinned already.",
    "private": "Nobody who spoke there wants anything to be made of it; nothing was noted.",
    "left": "Those messages have been summarised already; search still finds every one of them.",
}
_LET_GO = "Fine. They are summarised when the window is full; search still finds every one of them."
_CHANGED = "Something of it was deleted meanwhile; please try again."


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
            raise BadRequest(_CHANGED) from changed
        return CommandAnswer(text=_ANSWERS[outcome])

    async def _let_go(self, request: CommandRequest) -> CommandAnswer:
        del request
        return CommandAnswer(text=_LET_GO)
