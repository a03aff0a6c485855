"""The card: the one thing about a person that follows them into rooms, because they wrote it."""

from collections.abc import Callable, Mapping
from datetime import datetime

from bots.adapter import Choice, CommandAnswer, CommandRequest
from bots.commands import Handler
from bots.routing import clean_name
from engine.cards import CARD_CHARS, CardStore
from engine.errors import BadRequest

_CARD, _DROP = "memory card", "none"
_NONE = (
    "You have no card. `memory card` with a short text writes one: I then know it in every room "
    "where you speak with me, and nothing else of what you tell me elsewhere."
)
_ASK = (
    "This will be your card. I know it in every room of {where} where you speak with me, and "
    "everybody there can ask me for it:\n\n> {text}"
)


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
        text = " ".join(request.arguments.get("text", "").split())
        if not text:
            return await self._shown(request)
        if text.casefold() == _DROP:
            await self._keep(request, "")
            return CommandAnswer(text="You have no card any more; rooms know nothing of it.")
        if len(text) > CARD_CHARS:
            raise BadRequest(f"A card holds at most {CARD_CHARS} characters; this has {len(text)}.")
        if not request.confirmed:
            everywhere = request.actor.partition("/")[0].endswith(":*")
            where = "every server" if everywhere else "this server or workspace"
            return CommandAnswer(text=_ASK.format(where=where, text=text), confirm="Use this card")
        await self._keep(request, text)
        return CommandAnswer(text="This is your card from now on.", choices=(_remove(),))

    async def _shown(self, request: CommandRequest) -> CommandAnswer:
        card = await self._store.card(request.actor)
        if card is None:
            return CommandAnswer(text=_NONE)
        return CommandAnswer(text=f"Your card:\n\n> {card.value}", choices=(_remove(),))

    async def _keep(self, request: CommandRequest, text: str) -> None:
        name = clean_name(request.actor_name)
        await self._store.keep_card(request.actor, name, text, self._now())


def _remove() -> Choice:
    return Choice(label="Remove it", command=_CARD, arguments={"text": _DROP})
