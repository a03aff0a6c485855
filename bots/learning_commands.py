"""The commands with which people say what is not to be learned: not now, not about me, not here."""

from collections.abc import Callable, Mapping
from datetime import datetime

from bots.adapter import Choice, CommandAnswer, CommandRequest
from bots.commands import Handler
from bots.rights import Rights
from engine.errors import NotAllowed
from engine.wishes import WishStore


class LearningCommands:
    """``memory pause`` and its like.

    Args:
        store: Keeps what people want.
        rights: Who may decide for a whole channel.
        now: The clock.
    """

    def __init__(self, store: WishStore, rights: Rights, now: Callable[[], datetime]) -> None:
        self._store = store
        self._rights = rights
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """By the words of the command table."""
        return {
            "memory pause": self._pause,
            "memory resume": self._resume,
            "memory ignore-me": self._ignore_me,
            "memory off-the-record": self._off_record,
            "memory on-the-record": self._on_record,
        }

    async def _pause(self, request: CommandRequest) -> CommandAnswer:
        await self._store.set_wish(request.actor, "pause", self._now())
        return CommandAnswer(text=request.say("learning.paused"))

    async def _resume(self, request: CommandRequest) -> CommandAnswer:
        await self._store.set_wish(request.actor, None, self._now())
        return CommandAnswer(text=request.say("learning.resumed"))

    async def _ignore_me(self, request: CommandRequest) -> CommandAnswer:
        await self._store.set_wish(request.actor, "never", self._now())
        label = request.say("learning.erase")
        erase = Choice(label=label, command="memory forget-me", danger=True)
        return CommandAnswer(text=request.say("learning.ignored"), choices=(erase,))

    async def _off_record(self, request: CommandRequest) -> CommandAnswer:
        self._check_right(request)
        await self._store.go_off_record(request.scope, self._now())
        return CommandAnswer(text=request.say("learning.off_record"))

    async def _on_record(self, request: CommandRequest) -> CommandAnswer:
        if not await self._store.is_off_record(request.scope):
            return CommandAnswer(text=request.say("learning.was_on_record"))
        self._check_right(request)
        await self._store.go_on_record(request.scope, self._now())
        return CommandAnswer(text=request.say("learning.on_record"))

    def _check_right(self, request: CommandRequest) -> None:
        if not self._rights.decides_for_all(request):
            raise NotAllowed(request.say("learning.whole_channel"))
