"""Every chat command once, as functions from a request to an answer; adapters only render.

Rights are checked here, on every call. A room's member never sees what belongs to another person.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bots.adapter import AnswerFile, CommandAnswer, CommandRequest
from bots.approving import Turns, decide, waiting_text
from bots.command_table import COMMANDS, help_text
from bots.operations import Operations, counts_text, receipt_text, used_tokens
from bots.routing import clean_name
from engine.errors import BadRequest, MembotError, NotAllowed
from engine.records import Block, SearchPage, Window
from engine.rights import is_admin
from engine.store import Store

DEMO_NOTE = (
    "No language model is set up, so the offline demo brain answers: it remembers, but it does "
    "not reason. Set OPENAI_API_KEY or OPENAI_BASE_URL for a real model."
)
_ADMIN_COMMANDS = frozenset(spec.words for spec in COMMANDS if spec.admin)
_LARGEST_FILE_BYTES = 8 * 1024 * 1024
_HIT_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusInfo:
    """What ``status`` says that memory does not know."""

    model: str
    is_demonstration: bool
    context_tokens: int
    version: str


class Commands:
    """Runs chat commands.

    Args:
        store: The memory.
        inbox: Whose turns ``stop`` and ``new`` end, and who takes decisions.
        admins: Principals that are admins whatever the platform says.
        now: The clock.
        info: For ``status``.
    """

    def __init__(
        self,
        *,
        store: Store,
        inbox: Turns,
        admins: frozenset[str],
        now: Callable[[], datetime],
        info: StatusInfo,
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._admins = admins
        self._now = now
        self._info = info
        self._handlers: dict[str, Callable[[CommandRequest], Awaitable[CommandAnswer]]] = {
            "memory show": self._memory_show,
            "memory search": self._memory_search,
            "memory export": self._memory_export,
            "memory forget-me": self._forget_me,
            "new": self._new,
            "stop": self._stop,
            "approve": self._approve,
            "deny": self._deny,
            "status": self._status,
            "help": self._help,
            "agent reset": self._agent_reset,
            "agent export": self._agent_export,
            "agent import": self._agent_import,
        }

    async def run(self, request: CommandRequest) -> CommandAnswer:
        """Carry out a command; problems come back as an answer with one plain sentence."""
        handler = self._handlers.get(request.command)
        try:
            if handler is None:
                raise BadRequest("There is no such command; `help` lists them.")
            if request.command in _ADMIN_COMMANDS and not self.is_admin(request):
                raise NotAllowed
            return await handler(request)
        except MembotError as problem:
            return CommandAnswer(text=problem.sentence)

    def is_admin(self, request: CommandRequest) -> bool:
        """Whether the actor may use admin commands in this tenant."""
        return request.platform_admin or self._is_operator(request)

    def _is_operator(self, request: CommandRequest) -> bool:
        return is_admin(request.actor, self._admins)

    def _operations(self, request: CommandRequest) -> Operations:
        return Operations(self._store, self._now, request.actor)

    async def _memory_show(self, request: CommandRequest) -> CommandAnswer:
        window = await self._store.load_window(request.scope)
        topic = request.arguments.get("topic", "").strip()
        blocks = visible_blocks(window, request)
        counts = await self._store.counts(request.scope)
        lines = [text for block in blocks if (text := _block_text(block, topic))]
        if topic and not lines:
            lines = [f"Nothing in my core memory here is about {topic!r}."]
        lines.append(f"{counts.messages} messages and {counts.passages} notes can be searched.")
        return CommandAnswer(text="\n\n".join(lines))

    async def _memory_search(self, request: CommandRequest) -> CommandAnswer:
        query = request.arguments.get("query", "")
        operations = self._operations(request)
        said = await operations.search(request.scope, query, "recall")
        noted = await operations.search(request.scope, query, "archival")
        return CommandAnswer(text=f"{_hits('Said', said)}\n\n{_hits('Noted', noted)}")

    async def _memory_export(self, request: CommandRequest) -> CommandAnswer:
        if request.scope.audience == "private":
            return await self._archive(request)
        shown = await self._memory_show(request)
        file = AnswerFile(name="memory.md", content=shown.text.encode())
        note = "This is what I keep in mind here that is yours to see; for your own archive, "
        return CommandAnswer(text=f"{note}use this command in a direct message.", file=file)

    async def _forget_me(self, request: CommandRequest) -> CommandAnswer:
        if not request.confirmed:
            text = (
                "I will erase everything about you that I keep here and in our direct messages: "
                "what you said, what I noted, and the lines about you. It cannot be undone; "
                "`memory export` gives you a copy first."
            )
            return CommandAnswer(text=text, confirm="Forget me")
        await self._inbox.stop(request.scope)
        receipt = await self._operations(request).forget(request.actor)
        return CommandAnswer(text=f"Done. {receipt_text(receipt)}")

    async def _new(self, request: CommandRequest) -> CommandAnswer:
        await self._inbox.stop(request.scope)
        await self._store.start_conversation(request.scope, self._now())
        return CommandAnswer(
            text="This is a fresh conversation. Memory is kept: what I know and everything that "
            "was said can still be found."
        )

    async def _stop(self, request: CommandRequest) -> CommandAnswer:
        stopped = await self._inbox.stop(request.scope)
        return CommandAnswer(text="Stopped." if stopped else "Nothing was being worked on.")

    async def _approve(self, request: CommandRequest) -> CommandAnswer:
        if request.arguments.get("id"):
            return await self._decide(request, approved=True)
        waiting = await self._store.waiting_approvals(request.scope, self._now())
        return CommandAnswer(text=waiting_text(waiting))

    async def _deny(self, request: CommandRequest) -> CommandAnswer:
        return await self._decide(request, approved=False)

    async def _decide(self, request: CommandRequest, *, approved: bool) -> CommandAnswer:
        is_admin = self.is_admin(request)
        return await decide(self._inbox, request, is_admin=is_admin, approved=approved)

    async def _status(self, request: CommandRequest) -> CommandAnswer:
        window = await self._store.load_window(request.scope)
        counts = await self._store.counts(request.scope)
        used, size = used_tokens(window), self._info.context_tokens
        lines = [
            f"membot {self._info.version}, model {self._info.model}",
            f"Context window: about {used} of {size} tokens ({100 * used // size} %)",
            f"Memory: {counts.messages} messages, {counts.passages} notes",
        ]
        if self._info.is_demonstration:
            lines.append(DEMO_NOTE)
        return CommandAnswer(text="\n".join(lines))

    async def _help(self, request: CommandRequest) -> CommandAnswer:
        return CommandAnswer(text=help_text(admin=self.is_admin(request)))

    async def _agent_reset(self, request: CommandRequest) -> CommandAnswer:
        agent_id = await self._reset_target(request)
        if not request.confirmed:
            text = (
                f"I will wipe everything the agent {agent_id} remembers: blocks, messages, notes. "
                "It cannot be undone; `agent export` gives you a copy first."
            )
            return CommandAnswer(text=text, confirm="Wipe it")
        receipt = await self._operations(request).reset(agent_id, conversation_only=False)
        return CommandAnswer(text=f"Done. {receipt_text(receipt)}")

    async def _reset_target(self, request: CommandRequest) -> str:
        target = request.arguments.get("target", "").strip().lower()
        if target == "room" and request.scope.audience == "room":
            return request.scope.agent_id
        if target == "room":
            raise BadRequest("This is no room; `memory forget-me` erases what is yours.")
        if target != "user":
            raise BadRequest("Say `agent reset room` or `agent reset user` with a person's key.")
        return await self._person_agent(request)

    async def _person_agent(self, request: CommandRequest) -> str:
        person = request.arguments.get("person", "").strip()
        tenant, _, user = person.partition("/")
        if not user:
            raise BadRequest("Name the person by key, such as slack:T1/U2 or discord:111/222.")
        if tenant != request.scope.tenant and not self._is_operator(request):
            raise NotAllowed("Only people of this workspace can be named here.")
        agent_id = await self._operations(request).resolve(f"{tenant}/user/{user}")
        if agent_id.startswith("discord:*/") and not self._is_operator(request):
            raise NotAllowed("Direct messages belong to no server; only MEMBOT_ADMINS may do that.")
        return agent_id

    async def _agent_export(self, request: CommandRequest) -> CommandAnswer:
        return await self._archive(request)

    async def _archive(self, request: CommandRequest) -> CommandAnswer:
        with tempfile.TemporaryDirectory(prefix="membot-") as folder:
            file = Path(folder) / "memory.zip"
            counts = await self._operations(request).export(request.scope.agent_id, file)
            content = await asyncio.to_thread(file.read_bytes)
        if len(content) > _LARGEST_FILE_BYTES:
            raise BadRequest("The archive is too large for chat; `membot export` writes it.")
        answer = AnswerFile(name="memory.zip", content=content)
        return CommandAnswer(text=f"Here it is: {counts_text(counts)}.", file=answer)

    async def _agent_import(self, request: CommandRequest) -> CommandAnswer:
        if request.file is None:
            raise BadRequest("Attach the archive that `agent export` made.")
        with tempfile.TemporaryDirectory(prefix="membot-") as folder:
            file = Path(folder) / "memory.zip"
            await asyncio.to_thread(file.write_bytes, request.file.content)
            counts = await self._operations(request).import_archive(
                file, agent_id=request.scope.agent_id, dry_run=not request.confirmed
            )
        if request.confirmed:
            return CommandAnswer(text=f"Imported: {counts_text(counts)}.")
        text = f"The archive is sound. It would add {counts_text(counts)}."
        return CommandAnswer(text=text, confirm="Import")


def visible_blocks(window: Window, request: CommandRequest) -> list[Block]:
    """The blocks an asker may see: shared ones and their own, nobody else's."""
    return [block for block in window.blocks if block.owner in {None, request.actor}]


def _block_text(block: Block, topic: str) -> str:
    title = block.owner_name and f"about {clean_name(block.owner_name)}"
    head = f"**{title or block.label}** ({len(block.value)}/{block.limit_chars} characters)"
    if not topic or topic.lower() in block.label.lower():
        return f"{head}\n{block.value or '(empty)'}"
    lines = [line for line in block.value.splitlines() if topic.lower() in line.lower()]
    return "\n".join([head, *lines]) if lines else ""


def _hits(title: str, page: SearchPage) -> str:
    if not page.hits:
        return f"**{title}**: nothing found."
    lines = [
        f"- {hit.time:%Y-%m-%d %H:%M} {clean_name(hit.who)}: {_short(hit.text)}"
        for hit in page.hits
    ]
    return "\n".join([f"**{title}** ({len(page.hits)} of {page.total})", *lines])


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _HIT_CHARS else f"{line[:_HIT_CHARS]}..."
