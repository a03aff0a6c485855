"""The commands about the conversation itself: begin afresh, stop, decide, see how things are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bots.adapter import CommandAnswer, CommandRequest
from bots.approving import Turns, decide, waiting_answer
from bots.command_table import help_text
from bots.commands import Handler
from bots.operations import kept_text, used_tokens
from bots.rights import Rights
from engine.errors import BadRequest, NotAllowed
from engine.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusInfo:
    """What ``status`` says that memory does not know."""

    model: str
    is_demonstration: bool
    context_tokens: int
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationCommands:
    """``new``, ``stop``, ``retry``, ``approve``, ``deny``, ``status``, ``help``.

    Attributes:
        store: The memory.
        inbox: Whose turns ``stop`` and ``new`` end, and who takes decisions.
        rights: Who is an admin.
        now: The clock.
        info: For ``status``.
    """

    store: Store
    inbox: Turns
    rights: Rights
    now: Callable[[], datetime]
    info: StatusInfo

    def handlers(self) -> Mapping[str, Handler]:
        """By the words of the command table."""
        return {
            "new": self._new,
            "stop": self._stop,
            "approve": self._approve,
            "deny": self._deny,
            "retry": self._retry,
            "status": self._status,
            "help": self._help,
        }

    async def _new(self, request: CommandRequest) -> CommandAnswer:
        may_end_it = self.rights.decides_for_all(request)
        if not may_end_it and await self.store.is_off_record(request.scope):
            raise NotAllowed(request.say("learning.whole_channel"))
        await self.inbox.stop(request.scope)
        await self.store.start_conversation(request.scope, self.now())
        return CommandAnswer(text=request.say("new.done"))

    async def _stop(self, request: CommandRequest) -> CommandAnswer:
        stopped = await self.inbox.stop(request.scope)
        return CommandAnswer(text=request.say("stop.done" if stopped else "stop.nothing"))

    async def _retry(self, request: CommandRequest) -> CommandAnswer:
        turn_id = await self.inbox.retry(request.scope)
        if turn_id is None:
            raise BadRequest(request.say("retry.nothing"))
        return CommandAnswer(text=request.say("retry.again"), turn_id=turn_id)

    async def _approve(self, request: CommandRequest) -> CommandAnswer:
        if request.arguments.get("id"):
            return await self._decide(request, approved=True)
        waiting = await self.store.waiting_approvals(request.scope, self.now())
        return waiting_answer(waiting, request.locale)

    async def _deny(self, request: CommandRequest) -> CommandAnswer:
        return await self._decide(request, approved=False)

    async def _decide(self, request: CommandRequest, *, approved: bool) -> CommandAnswer:
        is_admin = self.rights.is_admin(request)
        return await decide(self.inbox, request, is_admin=is_admin, approved=approved)

    async def _status(self, request: CommandRequest) -> CommandAnswer:
        window = await self.store.load_window(request.scope)
        counts = await self.store.counts(request.scope)
        used, size = used_tokens(window), self.info.context_tokens
        waiting = await self.store.open_turns(request.scope)
        lines = [
            request.say("status.version", version=self.info.version, model=self.info.model),
            request.say("status.window", used=used, size=size, percent=100 * used // size),
            request.say("status.pressure" if window.warned else "status.no_pressure"),
            request.say("status.queue", waiting=waiting),
            request.say("status.memory", counts=kept_text(counts, request.locale)),
            *await self._mapping(request),
            *(
                request.say(f"status.budget_{one.payer}", percent=round(100 * one.left))
                for one in await self.inbox.spent(request.scope)
            ),
        ]
        if self.info.is_demonstration:
            lines.append(request.say("status.demo"))
        return CommandAnswer(text="\n".join(lines))

    async def _mapping(self, request: CommandRequest) -> list[str]:
        """Who remembers this place, and what it remembered under another preset."""
        if request.origin is None:
            return []
        places = self.rights.allowances.places
        rules = places.rules_for(request.origin)
        others = places.other_keys(request.origin)
        kept = [key for key in others if await self.store.resolve_agent(key) == key]
        current = {"agent": request.scope.agent_id, "mapping": rules.mapping, "mode": rules.mode}
        return [
            request.say("status.mapping", **current),
            *(request.say("status.kept_apart", agent=key) for key in kept),
        ]

    async def _help(self, request: CommandRequest) -> CommandAnswer:
        return CommandAnswer(
            text=help_text(
                admin=self.rights.is_admin(request), locale=request.locale, sign=_sign(request)
            )
        )


def _sign(request: CommandRequest) -> str:
    """What stands before the words of a command where it was given."""
    slack = request.origin and request.origin.platform == "slack"
    return "/membot " if slack else "/"
