"""Tools: a schema from a typed function, validated arguments, and one way to run a call.

A tool is an async function whose first parameter is the ToolContext; its docstring is what the
model reads. What the function raises as ModelMistake becomes a Failed result, never a traceback.
"""

import inspect
import json
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, get_type_hints
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from engine.chat_model import HEARTBEAT, ToolCall, ToolSpec
from engine.errors import ModelMistake
from engine.hooks import Hook, ToolCalled
from engine.places import EVERYWHERE, matches
from engine.records import (
    Approval,
    Block,
    BlockWrite,
    Message,
    Passage,
    Reply,
    Revision,
    Schedule,
    Scope,
    Turn,
)
from engine.rights import is_admin
from engine.schemas import plain_schema

if TYPE_CHECKING:
    from engine.config import MemoryConfig
    from engine.due_times import QuietHours
    from engine.store import MemoryStore, ToolStore
    from engine.tokens import TokenCounter

log = logging.getLogger(__name__)

CONTEXT = "context"
_HEARTBEAT_FIELD = Field(default=False, description="True: you get control back after the result.")
_FOR_PROGRAMMERS = re.compile(r"\n\n(?:Returns|Yields|Raises|Examples?|Notes?|Source):")


@dataclass(slots=True, kw_only=True)
class Draft:
    """What a step will commit, gathered while its tools run."""

    blocks: list[BlockWrite] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    revisions: list[Revision] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)
    schedules: list[Schedule] = field(default_factory=list)
    cancelled_schedules: list[str] = field(default_factory=list)
    used_messages: list[str] = field(default_factory=list)
    used_passages: list[str] = field(default_factory=list)
    heartbeats_paused_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where what is written to memory comes from.

    Attributes:
        author: Principal key, or ``memory-agent``.
        source_key: The message; ``sources`` are further ones.
    """

    author: str | None
    author_name: str
    source_key: str | None
    sources: tuple[str, ...] = ()

    @classmethod
    def of(cls, turn: Turn, asked: Iterable[Message] = ()) -> "Provenance":
        """Whoever speaks in a turn, and the messages it answers."""
        keys = dict.fromkeys(item.source_key for item in asked if item.source_key)
        keys.pop(turn.source_key, None)
        return cls(
            author=turn.scope.speaker,
            author_name=turn.speaker_name,
            source_key=turn.source_key,
            sources=tuple(filter(None, keys)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryContext:
    """What a tool may know and touch of memory: the scope is bound here, never by an argument.

    Attributes:
        memory: Blocks by label, as edited so far.
        counter: Says what a result takes of the window.
        knowledge: Owners of intuitive knowledge that the scope may read.
        learns: Whether anything may be written.
    """

    scope: Scope
    provenance: Provenance
    store: "MemoryStore"
    config: "MemoryConfig"
    memory: dict[str, Block]
    draft: Draft
    counter: "TokenCounter"
    knowledge: tuple[str, ...] = ()
    learns: bool = True
    now: Callable[[], datetime]
    zone: ZoneInfo

    @property
    def people(self) -> frozenset[str | None]:
        """On whose behalf tools are called."""
        return frozenset({self.scope.speaker})

    def fits(self, result: str) -> bool:
        """Whether a result can be shown whole, quoted twice as it is in a request."""
        quoted = json.dumps(json.dumps(result, ensure_ascii=False), ensure_ascii=False)
        return self.counter.count_now(quoted) <= self.config.result_tokens * 9 // 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext(MemoryContext):
    """What a tool of a turn may know and touch.

    Attributes:
        heard: Everybody whose words the turn answers; a tool of admins wants all of them to be.
        may_speak: False while an alert is worked on after the person was answered.
        quiet: When scheduled messages wait.
    """

    store: "ToolStore"
    turn: Turn
    heard: frozenset[str] = frozenset()
    may_speak: bool = True
    quiet: "QuietHours | None" = None

    @property
    def people(self) -> frozenset[str | None]:
        """See ``MemoryContext``."""
        return self.heard | {self.scope.speaker}


ToolFunction = Callable[..., Awaitable[str]]
Offer = Callable[[str, Iterable["Tool"]], None]
AskFirst = Callable[[ToolCall, ToolContext], Awaitable[str]]


class FreeArguments(BaseModel):
    """Arguments of a tool whose schema is somebody else's, who also checks them."""

    model_config = ConfigDict(extra="allow")

    request_heartbeat: bool = _HEARTBEAT_FIELD


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function the model may call.

    Attributes:
        chains: Whether it takes ``request_heartbeat``.
        arguments: Model that validates the arguments.
        places: Patterns of the places where it is offered, see ``engine.places``.
        admins_only: Whether only a turn of an admin may call it.
        asks_first: Whether a person has to approve each call.
    """

    spec: ToolSpec
    function: ToolFunction
    arguments: type[BaseModel]
    chains: bool
    places: tuple[str, ...] = EVERYWHERE
    admins_only: bool = False
    asks_first: bool = False

    @property
    def chars(self) -> int:
        """About what it takes of a prompt."""
        spec = self.spec
        return len(spec.name) + len(spec.description) + len(json.dumps(spec.parameters))

    def is_offered(self, agent_id: str) -> bool:
        """Whether it is there at an agent's place."""
        return self.places == EVERYWHERE or matches(agent_id, self.places)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a call came to."""

    call: ToolCall
    ok: bool
    message: str
    heartbeat: bool = False


def make_tool(
    function: Callable[..., Any], *, chains: bool = True, runs: ToolFunction | None = None
) -> Tool:
    """A tool from a typed function with a Google docstring.

    Args:
        function: Its parameters become the schema, but for one called ``context``.
        chains: Whether the model may ask for a heartbeat after it.
        runs: What is called instead of the function, where that must not be called as it is.
    """
    summary, helps = _docstring(function)
    arguments = create_model(
        function.__name__,
        __config__=ConfigDict(extra="forbid", populate_by_name=True),
        **_fields(function, helps, chains=chains),
    )
    spec = ToolSpec(
        name=function.__name__,
        description=summary,
        parameters=_parameters(arguments),
    )
    return Tool(spec=spec, function=runs or function, arguments=arguments, chains=chains)


def _parameters(arguments: type[BaseModel]) -> dict[str, Any]:
    schema = plain_schema(arguments.model_json_schema(by_alias=False))
    return {
        "type": "object",
        "properties": schema["properties"],
        "required": schema.get("required", []),
        "additionalProperties": False,
    }


def _fields(function: Callable[..., Any], helps: dict[str, str], *, chains: bool) -> dict[str, Any]:
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name == CONTEXT:
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints[name], Field(default, description=helps.get(name)))
    if chains:
        fields[HEARTBEAT] = (bool, _HEARTBEAT_FIELD)
    return fields


def _docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    text = _FOR_PROGRAMMERS.split(inspect.getdoc(function) or "")[0]
    summary, _, rest = text.partition("\n\nArgs:\n")
    helps = re.findall(r"^ {4}(\w+)(?: \(.*?\))?: (.+(?:\n {8}.+)*)", rest, flags=re.MULTILINE)
    return " ".join(summary.split()), {name: " ".join(body.split()) for name, body in helps}


class Toolbox:
    """The tools of one kind of run, by name, in a fixed order.

    Args:
        tools: Those that are always there.
        room_chars: What the tools of other sources may take of a prompt; None for any size.
        admins: Principals for whom tools of admins work.
        ask: Asks a person before a tool that wants that.
    """

    def __init__(
        self,
        tools: Iterable[Tool],
        *,
        room_chars: int | None = None,
        admins: Collection[str] = (),
        ask: AskFirst | None = None,
    ) -> None:
        self._tools = tuple(tools)
        self._always = self._tools
        self._sources: dict[str, tuple[Tool, ...]] = {}
        self._room_chars = room_chars
        self._admins = admins
        self._ask = ask

    def offer(self, source: str, tools: Iterable[Tool]) -> None:
        """Add what another source has, or take its place; a name that is taken stays taken."""
        others = [has for name, has in self._sources.items() if name != source]
        taken = {tool.spec.name for tool in chain(self._always, *others)}
        first: dict[str, Tool] = {}
        for tool in tools:
            if tool.spec.name not in taken:
                first.setdefault(tool.spec.name, tool)
        self._sources[source] = tuple(first.values())
        self._tools = (*self._always, *self._fitting(chain(*self._sources.values())))

    def _fitting(self, tools: Iterable[Tool]) -> Iterator[Tool]:
        """As many, in their order, as leave a conversation its room."""
        taken = 0
        for tool in tools:
            taken += tool.chars
            if self._room_chars is None or taken <= self._room_chars:
                yield tool
            else:
                log.warning("%s is left out: the context window is too small", tool.spec.name)

    def specs_for(self, agent_id: str) -> tuple[ToolSpec, ...]:
        """What an agent may call: the same from request to request, whoever speaks."""
        return tuple(tool.spec for tool in self._tools if tool.is_offered(agent_id))

    async def run_all(
        self, calls: Iterable[ToolCall], context: MemoryContext, hook: Hook
    ) -> list[ToolResult]:
        """Run calls in order; after the first failure the rest are answered as not run."""
        results: list[ToolResult] = []
        for call in calls:
            if results and not results[-1].ok:
                results.append(ToolResult(call=call, ok=False, message="Not run: see above."))
                continue
            result = await self.run(call, context)
            hook(ToolCalled(agent_id=context.scope.agent_id, tool=call.name, ok=result.ok))
            results.append(result)
        return results

    async def run(
        self, call: ToolCall, context: MemoryContext, *, approved: bool = False
    ) -> ToolResult:
        """Carry out one call; whatever the model got wrong comes back as a Failed result.

        Args:
            call: As the model wrote it.
            context: Of the turn.
            approved: Whether a person was asked and said yes.
        """
        try:
            tool = self._find(call.name, context)
            arguments = self._validate(tool, call.arguments)
            heartbeat = bool(arguments.pop(HEARTBEAT, False))
            if tool.asks_first and not approved and self._ask and isinstance(context, ToolContext):
                message = await self._ask(call, context)
            else:
                message = await tool.function(context, **arguments)
        except ModelMistake as mistake:
            return ToolResult(call=call, ok=False, message=mistake.sentence)
        return ToolResult(call=call, ok=True, message=message, heartbeat=heartbeat)

    def _find(self, name: str, context: MemoryContext) -> Tool:
        offered = [tool for tool in self._tools if tool.is_offered(context.scope.agent_id)]
        tool = next((tool for tool in offered if tool.spec.name == name), None)
        if tool is None:
            names = ", ".join(tool.spec.name for tool in offered)
            raise ModelMistake(f"There is no tool '{name}'. Tools: {names}.")
        if tool.admins_only and not all(is_admin(one, self._admins) for one in context.people):
            raise ModelMistake(f"Only an admin may have {name} done; tell the person so.")
        return tool

    def _validate(self, tool: Tool, text: str) -> dict[str, Any]:
        given = _parsed(text)
        if not tool.chains:
            given.pop(HEARTBEAT, None)
        try:
            model = tool.arguments.model_validate(given)
        except ValidationError as error:
            problems = "; ".join(_problem(item["loc"], item["msg"]) for item in error.errors())
            raise ModelMistake(f"Arguments of {tool.spec.name}: {problems}.") from error
        fields = {name: getattr(model, name) for name in type(model).model_fields}
        return fields | (model.model_extra or {})


def _parsed(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise ModelMistake("The arguments are not valid JSON; send one JSON object.") from error
    if not isinstance(given, dict):
        raise ModelMistake("The arguments must be one JSON object.")
    return given


def _problem(location: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, location)) or 'arguments'}: {message.lower()}"
