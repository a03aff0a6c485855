"""Tools: a schema from a typed function, validated arguments, and one way to run a call.

A tool is an async function whose first parameter is the ToolContext; its docstring is what the
model reads. What the function raises as ModelMistake becomes a Failed result, never a traceback.
"""

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, get_type_hints
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from engine.chat_model import ToolCall, ToolSpec
from engine.errors import ModelMistake
from engine.records import Block, BlockWrite, Passage, Reply, Scope, Turn

if TYPE_CHECKING:
    from engine.config import MemoryConfig
    from engine.store import MemoryStore

HEARTBEAT = "request_heartbeat"
_HEARTBEAT_HELP = "True: you get control back after the result."


@dataclass(slots=True, kw_only=True)
class Draft:
    """What a step will commit, gathered while its tools run."""

    blocks: list[BlockWrite] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    heartbeats_paused_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext:
    """What a tool may know and touch: the scope is bound here, never by an argument.

    Attributes:
        memory: Blocks by label, as edited so far in this step.
        may_speak: False while an alert is worked on after the person was answered.
    """

    scope: Scope
    turn: Turn
    store: "MemoryStore"
    config: "MemoryConfig"
    memory: dict[str, Block]
    draft: Draft
    may_speak: bool = True
    now: Callable[[], datetime]
    zone: ZoneInfo


ToolFunction = Callable[..., Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function the model may call.

    Attributes:
        chains: Whether it takes ``request_heartbeat``.
        arguments: Model that validates the arguments.
    """

    spec: ToolSpec
    function: ToolFunction
    arguments: type[BaseModel]
    chains: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a call came to."""

    call: ToolCall
    ok: bool
    message: str
    heartbeat: bool = False


def make_tool(function: ToolFunction, *, chains: bool = True) -> Tool:
    """A tool from a typed async function with a Google docstring.

    Args:
        function: First parameter a ToolContext; the others become the schema.
        chains: Whether the model may ask for a heartbeat after it.
    """
    summary, helps = _docstring(function)
    arguments = create_model(
        function.__name__,
        __config__=ConfigDict(extra="forbid", populate_by_name=True),
        **_fields(function, helps, chains=chains),
    )
    schema = _plain_schema(arguments.model_json_schema(by_alias=False))
    spec = ToolSpec(name=function.__name__, description=summary, parameters=schema)
    return Tool(spec=spec, function=function, arguments=arguments, chains=chains)


def _fields(function: ToolFunction, helps: dict[str, str], *, chains: bool) -> dict[str, Any]:
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for name, parameter in list(inspect.signature(function).parameters.items())[1:]:
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints[name], Field(default, description=helps.get(name)))
    if chains:
        fields[HEARTBEAT] = (bool, Field(default=False, description=_HEARTBEAT_HELP))
    return fields


def _docstring(function: ToolFunction) -> tuple[str, dict[str, str]]:
    text = inspect.getdoc(function) or ""
    summary, _, rest = text.partition("\n\nArgs:\n")
    helps = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", rest, flags=re.MULTILINE)
    return " ".join(summary.split()), {name: " ".join(body.split()) for name, body in helps}


def _plain_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Drop what costs tokens in every request and says nothing: titles, null alternatives."""
    properties = {name: _plain_field(field) for name, field in schema["properties"].items()}
    return {
        "type": "object",
        "properties": properties,
        "required": schema.get("required", []),
        "additionalProperties": False,
    }


def _plain_field(field_schema: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in field_schema.items() if key not in {"title", "default"}}
    choices = kept.pop("anyOf", [])
    for choice in choices:
        if choice != {"type": "null"}:
            kept = {**choice, **kept}
    return kept


class Toolbox:
    """The tools of one kind of run, by name, in a fixed order."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools = {tool.spec.name: tool for tool in tools}
        self.specs = tuple(tool.spec for tool in self._tools.values())

    async def run(self, call: ToolCall, context: ToolContext) -> ToolResult:
        """Carry out one call; whatever the model got wrong comes back as a Failed result."""
        try:
            tool = self._find(call.name)
            arguments = self._validate(tool, call.arguments)
            heartbeat = bool(arguments.pop(HEARTBEAT, False))
            message = await tool.function(context, **arguments)
        except ModelMistake as mistake:
            return ToolResult(call=call, ok=False, message=mistake.sentence)
        return ToolResult(call=call, ok=True, message=message, heartbeat=heartbeat)

    def _find(self, name: str) -> Tool:
        if name not in self._tools:
            raise ModelMistake(f"There is no tool '{name}'. Tools: {', '.join(self._tools)}.")
        return self._tools[name]

    def _validate(self, tool: Tool, text: str) -> dict[str, Any]:
        given = _parsed(text)
        if not tool.chains:
            given.pop(HEARTBEAT, None)
        try:
            model = tool.arguments.model_validate(given)
        except ValidationError as error:
            problems = "; ".join(_problem(item["loc"], item["msg"]) for item in error.errors())
            raise ModelMistake(f"Arguments of {tool.spec.name}: {problems}.") from error
        return {name: getattr(model, name) for name in type(model).model_fields}


def _parsed(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text or "{}")
    except ValueError as error:
        raise ModelMistake("The arguments are not valid JSON; send one JSON object.") from error
    if not isinstance(given, dict):
        raise ModelMistake("The arguments must be one JSON object.")
    return given


def _problem(location: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, location)) or 'arguments'}: {message.lower()}"
