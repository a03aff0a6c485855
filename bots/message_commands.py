"""The commands about one message: remember what it says, forget all that came from it."""

from collections.abc import Callable, Mapping
from datetime import datetime

from ulid import ULID

from bots.adapter import Choice, CommandAnswer, CommandRequest, Inbox, PointedMessage
from bots.commands import Handler
from bots.rights import Rights
from bots.texts import text
from engine.errors import BadRequest, NotAllowed
from engine.imports import PastMessage, Portion
from engine.records import Passage
from engine.store import Store


class MessageCommands:
    """``memory remember`` and ``memory forget-message``.

    Args:
        store: The memory.
        inbox: Forgets a message with all that came of it.
        rights: Who may forget what others said, and where is learned.
        now: The clock.
    """

    def __init__(
        self, store: Store, inbox: Inbox, rights: Rights, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._rights = rights
        self._places = rights.allowances.places
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """By the words of the command table."""
        return {
            "memory remember": self._remember,
            "memory forget-message": self._forget_message,
        }

    async def _remember(self, request: CommandRequest) -> CommandAnswer:
        said = request.message or self._typed(request)
        if not said.text.strip():
            raise BadRequest(request.say("remember.empty"))
        await self._check_wishes(request, said)
        typed = not said.source_key
        if typed and await self._store.find_duplicate_passage(request.scope, said.text):
            return CommandAnswer(text=request.say("remember.known"))
        added = await self._store.add_past(
            request.scope, self._portion(request, said), dry_run=False, at=self._now()
        )
        key = "remember.done" if added.passages else "remember.known"
        return CommandAnswer(text=request.say(key))

    def _typed(self, request: CommandRequest) -> PointedMessage:
        """What somebody types to be remembered comes from no other message."""
        return PointedMessage(
            source_key="",
            author=request.actor,
            author_name=request.actor_name,
            text=request.arguments.get("text", ""),
            sent_at=self._now(),
        )

    async def _check_wishes(self, request: CommandRequest, said: PointedMessage) -> None:
        origin = request.origin
        if origin and not self._places.learns(origin, outsider=request.outsider):
            raise NotAllowed(text(request.locale, "remember.closed"))
        if await self._store.is_off_record(request.scope):
            raise BadRequest(request.say("remember.off_the_record"))
        if said.author and await self._store.wish_of(said.author):
            raise NotAllowed(request.say("remember.not_wanted"))

    def _portion(self, request: CommandRequest, said: PointedMessage) -> Portion:
        """The message too, so that it is followed when it is edited or deleted."""
        passage = Passage(
            id=str(ULID.from_datetime(self._now())),
            text=said.text,
            author=said.author,
            author_name=said.author_name,
            source_key=said.source_key or None,
            created_at=said.sent_at,
        )
        message = PastMessage(
            source_key=said.source_key,
            author=said.author,
            author_name=said.author_name,
            text=said.text,
            sent_at=said.sent_at,
        )
        return Portion(
            agent_id=request.scope.agent_id,
            place_name="",
            messages=(message,) if said.source_key else (),
            passages=(passage,),
        )

    async def _forget_message(self, request: CommandRequest) -> CommandAnswer:
        key = request.message.source_key if request.message else request.arguments["message"]
        tenant, locale = request.scope.tenant, request.locale
        message = await self._store.find_message(tenant, key)
        if message is None:
            raise BadRequest(text(locale, "forget_message.unknown"))
        if message.author != request.actor and not self._rights.is_admin(request):
            raise NotAllowed(text(locale, "forget_message.not_yours"))
        if not request.confirmed:
            return CommandAnswer(
                text=text(locale, "forget_message.question", name=message.author_name),
                choices=(self._yes(request, key),),
            )
        await self._inbox.delete(tenant, [key])
        return CommandAnswer(text=text(locale, "forget_message.done"))

    def _yes(self, request: CommandRequest, key: str) -> Choice:
        return Choice(
            label=request.say("answer.forget"),
            command=request.command,
            arguments={"message": key},
            confirmed=True,
            danger=True,
        )
