"""The commands with which a person shares one memory between platforms, and ends that."""

import hashlib
import secrets
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from bots.adapter import Choice, CommandAnswer, CommandRequest
from bots.commands import Handler
from bots.operations import Operations
from bots.places import Places
from engine.errors import BadRequest
from engine.links import Link
from engine.store import Store

CODE_LIFE = timedelta(minutes=10)
WRONG_CODES = 5
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no characters that look alike
_CODE_CHARS = 8
_GUESSERS = 1_000


class LinkCommands:
    """``memory link`` and ``memory unlink``.

    Args:
        store: The memory.
        places: Which follow what is linked.
        now: The clock.
    """

    def __init__(self, store: Store, places: Places, now: Callable[[], datetime]) -> None:
        self._store = store
        self._places = places
        self._now = now
        self._wrong: dict[str, deque[datetime]] = {}

    def handlers(self) -> Mapping[str, Handler]:
        """By the words of the command table."""
        return {"memory link": self._link, "memory unlink": self._unlink}

    async def _link(self, request: CommandRequest) -> CommandAnswer:
        _require_private(request)
        typed = request.arguments.get("code", "")
        if not typed.strip():
            return await self._new_code(request)
        code = _hashed(typed)
        other = await self._owner(request, code)
        if not (keep := request.arguments.get("keep", "").strip().lower()):
            return _which(request, typed, other)
        agents = {"here": (other, request.actor), "there": (request.actor, other)}
        if keep not in agents:
            raise BadRequest(request.say("link.say_which"))
        moving, staying = agents[keep]
        agent_id = await self._agent_of(staying)
        link = Link(principal=moving, agent_id=agent_id, linked=staying)
        if not await self._store.use_link_code(code, link, self._now()):
            raise BadRequest(request.say("link.wrong"))
        await self._places.load(self._store)
        return CommandAnswer(
            text=request.say("link.done", agent=agent_id, one=moving, other=staying)
        )

    async def _new_code(self, request: CommandRequest) -> CommandAnswer:
        code = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_CHARS))
        await self._store.keep_link_code(_hashed(code), request.actor, self._now() + CODE_LIFE)
        return CommandAnswer(text=request.say("link.code", code=code))

    async def _owner(self, request: CommandRequest, code: str) -> str:
        """Whose code it is; wrong ones are counted, so that nobody finds one by trying."""
        now, actor = self._now(), request.actor
        wrong = self._wrong.get(actor)
        if wrong and len(wrong) == WRONG_CODES and now - wrong[0] < CODE_LIFE:
            raise BadRequest(request.say("link.too_many"))
        owner = await self._store.link_code_owner(code, now)
        if owner is None:
            self._wrong.setdefault(actor, deque(maxlen=WRONG_CODES)).append(now)
            if len(self._wrong) > _GUESSERS:
                self._wrong.pop(next(iter(self._wrong)))
            raise BadRequest(request.say("link.wrong"))
        if owner == actor:
            raise BadRequest(request.say("link.own"))
        if await self._agent_of(owner) == await self._agent_of(actor):
            raise BadRequest(request.say("link.already"))
        return owner

    async def _unlink(self, request: CommandRequest) -> CommandAnswer:
        _require_private(request)
        leaving, agent_id = await self._shared(request)
        own = _own_key(leaving)
        before = await self._store.resolve_agent(own) == own and own != agent_id
        start = request.arguments.get("start", "").strip().lower()
        if not start:
            return _where_from(request, leaving, agent_id, before=before)
        if start == "before" and before:
            target = own
        elif start in ("copy", "empty"):
            target = await self._unused_key(leaving)
        else:
            raise BadRequest(request.say("unlink.say_how"))
        if start == "copy":
            await self._copy(agent_id, target, request.actor)
        await self._store.set_link(Link(principal=leaving, agent_id=target), self._now())
        await self._places.load(self._store)
        done = request.say("unlink.done", agent=target, who=leaving)
        return CommandAnswer(text=done)

    async def _shared(self, request: CommandRequest) -> tuple[str, str]:
        """Who leaves, and which agent: the one who came, whoever of the two asks."""
        for link in await self._store.links():
            if link.linked and request.actor in (link.principal, link.linked):
                return link.principal, link.agent_id
        raise BadRequest(request.say("unlink.nobody"))

    async def _agent_of(self, principal: str) -> str:
        links = {link.principal: link.agent_id for link in await self._store.links()}
        return links.get(principal) or _own_key(principal)

    async def _unused_key(self, principal: str) -> str:
        key, number = _own_key(principal), 1
        tenant, _, user = principal.partition("/")
        while await self._store.resolve_agent(key) == key:
            number += 1
            key = f"{tenant}/{number}/user/{user}"
        return key

    async def _copy(self, agent_id: str, target: str, actor: str) -> None:
        if await self._store.resolve_agent(agent_id) is None:
            return  # nothing was said yet
        operations = Operations(self._store, self._now, actor)
        with tempfile.TemporaryDirectory(prefix="membot-") as folder:
            file = Path(folder) / "memory.zip"
            await operations.export(agent_id, file)
            await operations.import_archive(file, agent_id=target, dry_run=False)


def _require_private(request: CommandRequest) -> None:
    if request.scope.audience != "private":
        raise BadRequest(request.say("link.private_only"))


def _hashed(code: str) -> str:
    plain = "".join(char for char in code.upper() if char in _ALPHABET)
    return hashlib.sha256(plain.encode()).hexdigest()


def _own_key(principal: str) -> str:
    tenant, _, user = principal.partition("/")
    return f"{tenant}/user/{user}"


def _which(request: CommandRequest, typed: str, other: str) -> CommandAnswer:
    say = partial(request.say, other=other)
    choices = tuple(
        Choice(
            label=say(f"link.keep_{keep}"),
            command="memory link",
            arguments={"code": typed, "keep": keep},
        )
        for keep in ("here", "there")
    )
    return CommandAnswer(text=say("link.which"), choices=choices)


def _where_from(
    request: CommandRequest, leaving: str, agent_id: str, *, before: bool
) -> CommandAnswer:
    say = partial(request.say, who=leaving, agent=agent_id)
    choices = tuple(
        Choice(
            label=say(f"unlink.start_{start}"), command="memory unlink", arguments={"start": start}
        )
        for start in ("copy", "empty", *(("before",) if before else ()))
    )
    return CommandAnswer(text=say("unlink.question"), choices=choices)
