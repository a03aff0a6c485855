"""The card: the one thing about a person that follows them into rooms, because they wrote it."""

from collections.abc import Callable, Mapping
from datetime import datetime

from bots.adapter import Choice, CommandAnswer, CommandRequest
from bots.commands import Handler
from bots.own_memory import reach
from bots.routing import clean_name
from engine.cards import CARD_CHARS, CardStore
from engine.errors import BadRequest

_CARD, _DROP = "memory card", "none"


class CardCommands:
    """``memory card``.

    Args:
        store: Where cards are kept.
        now: The clock.
    """

    def __init__(self, store: CardStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """By the words of the command table."""
        return {_CARD: self._card}

    async def _card(self, request: CommandRequest) -> CommandAnswer:
        card = " ".join(request.arguments.get("text", "").split())
        if not card:
            return await self._shown(request)
        if card.casefold() == _DROP:
            await self._keep(request, "")
            return CommandAnswer(text=request.say("card.removed"))
        if len(card) > CARD_CHARS:
            raise BadRequest(request.say("card.too_long", most=CARD_CHARS, chars=len(card)))
        if not request.confirmed:
            asked = request.say("card.question", where=reach(request), text=card)
            return CommandAnswer(text=asked, confirm=request.say("card.use"))
        await self._keep(request, card)
        return CommandAnswer(text=request.say("card.done"), choices=(_remove(request),))

    async def _shown(self, request: CommandRequest) -> CommandAnswer:
        card = await self._store.card(request.actor)
        if card is None:
            return CommandAnswer(text=request.say("card.none"))
        shown = request.say("card.shown", text=card.value)
        return CommandAnswer(text=shown, choices=(_remove(request),))

    async def _keep(self, request: CommandRequest, card: str) -> None:
        name = clean_name(request.actor_name)
        await self._store.keep_card(request.actor, name, card, self._now())


def _remove(request: CommandRequest) -> Choice:
    label = request.say("card.remove")
    return Choice(label=label, command=_CARD, arguments={"text": _DROP})
