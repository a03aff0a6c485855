"""The commands with which admins look after a place's agent."""

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

from bots.adapter import Choice, CommandAnswer, CommandRequest
from bots.allowance_commands import named_id
from bots.archives import archive
from bots.commands import Handler
from bots.operations import Operations, counts_text, receipt_text
from bots.rights import Rights
from engine.errors import BadRequest, NotAllowed, UnknownAgent
from engine.store import Store


class AgentCommands:
    """``agent ...``.

    Args:
        store: The memory.
        rights: Who may reach beyond a tenant.
        now: The clock.
    """

    def __init__(self, store: Store, rights: Rights, now: Callable[[], datetime]) -> None:
        self._store = store
        self._rights = rights
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """By the words of the command table."""
        return {
            "agent reset": self._agent_reset,
            "agent export": self._agent_export,
            "agent import": self._agent_import,
        }

    def _operations(self, request: CommandRequest) -> Operations:
        return Operations(self._store, self._now, request.actor)

    async def _agent_reset(self, request: CommandRequest) -> CommandAnswer:
        agent_id = await self._reset_target(request)
        if not request.confirmed or request.arguments.get("sure", "").strip().lower() != "yes":
            return self._ask_twice(request, agent_id)
        receipt = await self._operations(request).reset(agent_id, conversation_only=False)
        done = request.say("answer.done")
        return CommandAnswer(text=f"{done} {receipt_text(receipt, request.locale)}")

    def _ask_twice(self, request: CommandRequest, agent_id: str) -> CommandAnswer:
        """The first question offers a copy, where the asker may have one."""
        say = partial(request.say, agent=agent_id)
        if not request.confirmed:
            copy = Choice(label=say("reset.export"), command="agent export")
            offered = (copy,) if agent_id == request.scope.agent_id else ()
            return CommandAnswer(
                text=say("reset.question"), confirm=say("reset.button"), choices=offered
            )
        wipe = Choice(
            label=say("reset.for_good"),
            command="agent reset",
            arguments={**request.arguments, "sure": "yes"},
            confirmed=True,
            danger=True,
        )
        return CommandAnswer(text=say("reset.sure"), choices=(wipe,))

    async def _reset_target(self, request: CommandRequest) -> str:
        target = request.arguments.get("target", "").strip().lower()
        if target == "room" and request.scope.audience == "room":
            return await self._known(request, request.scope.agent_id, "show.nothing_yet")
        if target == "room":
            raise BadRequest(request.say("reset.no_room"))
        if target != "user":
            raise BadRequest(request.say("reset.say_whom"))
        return await self._person_agent(request)

    async def _person_agent(self, request: CommandRequest) -> str:
        named = named_id(request, request.arguments.get("person", "").strip())
        if named is None:
            raise BadRequest(request.say("whom.user"))
        tenant, user = named
        if tenant != request.scope.tenant and not self._rights.is_operator(request):
            raise NotAllowed(request.say("reset.this_workspace"))
        agent_id = await self._known(request, f"{tenant}/user/{user}", "reset.unknown")
        if agent_id.startswith("discord:*/") and not self._rights.is_operator(request):
            raise NotAllowed(request.say("reset.direct_messages"))
        return agent_id

    async def _known(self, request: CommandRequest, key: str, otherwise: str) -> str:
        try:
            return await self._operations(request).resolve(key)
        except UnknownAgent:
            raise BadRequest(request.say(otherwise)) from None

    async def _agent_export(self, request: CommandRequest) -> CommandAnswer:
        return await archive(self._store, self._now, request)

    async def _agent_import(self, request: CommandRequest) -> CommandAnswer:
        if request.file is None:
            raise BadRequest(request.say("archive.attach"))
        with tempfile.TemporaryDirectory(prefix="membot-") as folder:
            file = Path(folder) / "memory.zip"
            await asyncio.to_thread(file.write_bytes, request.file.content)
            counts = await self._operations(request).import_archive(
                file, agent_id=request.scope.agent_id, dry_run=not request.confirmed
            )
        told = counts_text(counts, request.locale)
        if request.confirmed:
            return CommandAnswer(text=request.say("archive.imported", counts=told))
        return CommandAnswer(
            text=request.say("archive.sound", counts=told), confirm=request.say("archive.import")
        )
