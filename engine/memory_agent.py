"""The memory agent: looks through what has left a queue and keeps what will matter.

Runs beside an agent's turns on the background model and never holds one up. It works on a
snapshot; everything a run did is stored in one transaction between two steps, or not at all. What
it has still to read is in the database, so a run that a crash ends is made anew.

Source: sleep-time compute (arXiv 2504.13171) as the agents of Letta have it.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.chat_model import ChatModel, ModelReply, ModelRequest, ToolCall, ask
from engine.config import MemoryConfig
from engine.context_window import Fitter, message_line
from engine.core_memory import render
from engine.errors import MembotError
from engine.events import assistant_payload, result_payload
from engine.hooks import Hook
from engine.memory_tools import finish_rethinking_memory
from engine.prompts import load_prompt
from engine.records import (
    Block,
    BlockWrite,
    Message,
    Reflection,
    ReflectionCommit,
    Scope,
    TokenUsage,
)
from engine.reflection_tools import MEMORY_AGENT, PERSONA, ReflectionContext, reflection_tools
from engine.store import Store
from engine.tokens import TokenCounter
from engine.tools import Draft, Provenance, Toolbox, ToolResult

log = logging.getLogger(__name__)

_SHARE_READ: Final = 4  # a quarter of the window goes to the messages of one run
_SHARE_OF_OUTPUT: Final = 8
_RUNS_AT_ONCE: Final = 2
_LINE_CHARS: Final = 2_000
_FINISH: Final = finish_rethinking_memory.__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryAgentTools:
    """What the memory agent is built from."""

    store: Store
    model: ChatModel
    counter: TokenCounter
    config: MemoryConfig
    now: Callable[[], datetime]
    zone: ZoneInfo
    hook: Hook


@dataclass(slots=True, kw_only=True)
class _Run:
    """One run: what it reads, what it has said and done so far."""

    seen: Reflection
    context: ReflectionContext
    entries: list[str]
    usage: list[TokenUsage] = field(default_factory=list)
    made: set[tuple[str, str]] = field(default_factory=set)
    steps: int = 0

    def repeats_itself(self, calls: Sequence[ToolCall]) -> bool:
        """Whether all of a step's calls were made before; there is nothing new to come then."""
        keys = {(call.name, call.arguments) for call in calls}
        new = keys - self.made
        self.made |= new
        return not new

    def writes(self) -> tuple[BlockWrite, ...]:
        """One write for each block that is another now, made from the version that was read."""
        read = {block.label: block for block in self.seen.blocks}
        last = {write.block.label: write for write in self.context.draft.blocks}
        return tuple(
            replace(write, block=replace(write.block, version=_version(read.get(label)) + 1))
            for label, write in last.items()
            if write.block.value != (read[label].value if label in read else "")
        )


def _version(block: Block | None) -> int:
    return block.version if block else 0


class MemoryAgent:
    """Runs for any number of agents; for each of them one run at a time."""

    def __init__(self, tools: MemoryAgentTools) -> None:
        self._with = tools
        self._toolbox = Toolbox(reflection_tools())
        self._fitter = Fitter(tools.counter, tools.config.result_tokens)
        self._mode = "off" if tools.model.is_demonstration else tools.config.agent
        self._waiting: dict[str, dict[str, Scope]] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._slots = asyncio.Semaphore(_RUNS_AT_ONCE)

    async def start(self) -> None:
        """Go on with what an earlier process left unread."""
        if self._mode == "off":
            return
        since = None
        if self._mode == "idle":
            since = self._with.now() - timedelta(seconds=self._with.config.idle_seconds)
        for scope in await self._with.store.unreflected(since):
            self._wake(scope)

    def flushed(self, scope: Scope) -> None:
        """Messages have left the queue of a conversation."""
        if self._mode == "flush":
            self._wake(scope)

    def turn_ended(self, scope: Scope) -> None:
        """Something was said in a conversation; it is quiet when nothing follows for a while."""
        if self._mode != "idle":
            return
        if timer := self._timers.pop(scope.conversation_id, None):
            timer.cancel()
        later = asyncio.get_running_loop().call_later
        self._timers[scope.conversation_id] = later(
            self._with.config.idle_seconds, self._wake, scope
        )

    async def close(self) -> None:
        """Give up running runs: nothing of them is stored, and they are made anew."""
        self._waiting.clear()
        for timer in self._timers.values():
            timer.cancel()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wake(self, scope: Scope) -> None:
        self._timers.pop(scope.conversation_id, None)
        self._waiting.setdefault(scope.agent_id, {})[scope.conversation_id] = scope
        if scope.agent_id not in self._running:
            self._begin_serving(scope.agent_id)

    def _begin_serving(self, agent_id: str) -> None:
        task = asyncio.create_task(self._serve(agent_id))
        self._running[agent_id] = task
        task.add_done_callback(lambda done: self._served(agent_id, done))

    def _served(self, agent_id: str, task: asyncio.Task[None]) -> None:
        """Begin again for what was woken in the moment of ending."""
        del self._running[agent_id]
        if not task.cancelled() and (problem := task.exception()):
            log.error(
                "the memory agent failed: %s",
                type(problem).__name__,  # its words may quote a message
                extra={"action": "memory.agent", "agent_id": agent_id},
            )
        if self._waiting.get(agent_id):
            self._begin_serving(agent_id)

    async def _serve(self, agent_id: str) -> None:
        while waiting := self._waiting.get(agent_id):
            _, scope = waiting.popitem()
            try:
                await self._read_all(scope)
            except MembotError as error:
                log.warning(
                    "the memory agent gave up: %s",
                    type(error).__name__,
                    extra={"action": "memory.agent", "agent_id": agent_id},
                )

    async def _read_all(self, scope: Scope) -> None:
        more = True
        while more:
            async with self._slots:
                seen = await self._with.store.load_reflection(
                    scope,
                    tokens=self._with.config.context_tokens // _SHARE_READ,
                    whole_queue=self._mode == "idle",
                )
                if seen is None:
                    return
                await self._reflect(seen)
                more = seen.more

    async def _reflect(self, seen: Reflection) -> None:
        """One run; a block that changed meanwhile is handed back once, then left as it is."""
        run = self._begin(seen)
        if not seen.messages:
            await self._commit(run, ())
            return
        try:
            await self._think(run)
            stale = await self._commit(run, run.writes())
            if stale:
                writes = await self._think_again(run, stale)
                stale = await self._commit(run, writes)
                if stale:
                    kept = tuple(one for one in writes if one.block.label not in stale)
                    await self._commit(run, kept)
        except MembotError:
            await self._count_tokens_only(run)
            raise

    def _begin(self, seen: Reflection) -> _Run:
        shown = tuple(block for block in seen.blocks if block.label != PERSONA)
        seen = replace(seen, blocks=shown)  # what is not its own it had better not see
        lines = [message_line(item, self._with.zone, _LINE_CHARS) for item in seen.messages]
        authors = [item.author for item in seen.messages if item.author]
        context = ReflectionContext(
            scope=replace(seen.scope, speaker=authors[-1] if authors else None),
            provenance=_provenance(seen.messages),
            store=self._with.store,
            config=self._with.config,
            memory={block.label: block for block in seen.blocks},
            counter=self._with.counter,
            draft=Draft(),
            now=self._with.now,
            zone=self._with.zone,
            leaving=seen.messages,
            lines=lines,
        )
        numbered = "\n".join(f"{number}. {line}" for number, line in enumerate(lines))
        return _Run(seen=seen, context=context, entries=[_user(f"Messages:\n{numbered}")])

    async def _think(self, run: _Run) -> None:
        """Steps until it has finished, made too many mistakes, or used what it may use."""
        mistakes = 0
        while run.steps < self._with.config.max_steps:
            request = self._request(run)
            if self._with.counter.request_tokens(request) > self._limit_tokens:
                return
            run.steps += 1
            agent_id, hook = run.seen.scope.agent_id, self._with.hook
            reply = await ask(self._with.model, request, agent_id, hook)
            run.usage.append(reply.usage)
            results = await self._toolbox.run_all(reply.tool_calls, run.context, self._with.hook)
            run.entries += await self._entries(reply, results)
            mistakes += any(not result.ok for result in results)
            finished = any(result.ok and result.call.name == _FINISH for result in results)
            again = run.repeats_itself(reply.tool_calls)
            if finished or again or mistakes >= self._with.config.repeat_limit:
                return

    async def _think_again(self, run: _Run, stale: Sequence[str]) -> tuple[BlockWrite, ...]:
        """Hand changed blocks back with their new text; what is to be written then."""
        known = await self._with.store.blocks(run.seen.scope.agent_id)
        fresh = {block.label: block for block in known if block.label in stale}
        seen = tuple(fresh.get(block.label, block) for block in run.seen.blocks)
        run.seen = replace(run.seen, blocks=seen)
        run.context.memory.update(fresh)
        run.context.draft.blocks[:] = [
            write for write in run.context.draft.blocks if write.block.label not in stale
        ]
        text = "These blocks were changed meanwhile and now read:\n" + render(fresh.values())
        run.entries.append(_user(f"{text}\nRewrite them once more if that is still needed."))
        await self._think(run)
        return run.writes()

    @property
    def _limit_tokens(self) -> int:
        size = self._with.config.context_tokens
        return size - size // _SHARE_OF_OUTPUT

    def _request(self, run: _Run) -> ModelRequest:
        core = render(run.seen.blocks)
        return ModelRequest(
            purpose="memory",
            system=f"{load_prompt('memory_agent')}\n\n# Core memory\n{core}",
            messages=tuple(run.entries),
            tools=self._toolbox.specs_for(run.seen.scope.agent_id),
            max_output_tokens=self._with.config.context_tokens // _SHARE_OF_OUTPUT,
        )

    async def _entries(self, reply: ModelReply, results: Sequence[ToolResult]) -> list[str]:
        answer, _ = await self._fitter.fit_entry(assistant_payload(reply.content, reply.tool_calls))
        shown = [await self._fitter.fit(one.message, self._result_entry(one)) for one in results]
        return [answer, *(entry for entry, _ in shown)]

    def _result_entry(self, result: ToolResult) -> Callable[[str], str]:
        now, zone = self._with.now(), self._with.zone
        return lambda text: result_payload(result.call.id, text, now, zone, ok=result.ok)

    async def _commit(self, run: _Run, writes: Sequence[BlockWrite]) -> tuple[str, ...]:
        return await self._with.store.commit_reflection(
            ReflectionCommit(
                scope=run.seen.scope,
                through_seq=run.seen.through_seq,
                read_at=run.seen.read_at,
                blocks=tuple(writes),
                passages=tuple(run.context.draft.passages),
                usage=tuple(run.usage),
                at=self._with.now(),
            )
        )

    async def _count_tokens_only(self, run: _Run) -> None:
        """A run that failed changes nothing but the ledger."""
        if run.usage:
            await self._with.store.commit_reflection(
                ReflectionCommit(
                    scope=run.seen.scope,
                    through_seq=None,
                    read_at=self._with.now(),
                    usage=tuple(run.usage),
                    at=self._with.now(),
                )
            )


def _provenance(messages: Sequence[Message]) -> Provenance:
    sources = dict.fromkeys(item.source_key for item in messages if item.source_key)
    return Provenance(
        author=MEMORY_AGENT, author_name="", source_key=None, sources=tuple(filter(None, sources))
    )


def _user(text: str) -> str:
    return json.dumps({"role": "user", "content": text}, ensure_ascii=False)
