"""Requests to chat.completions bodies and answers back: pure, knows no network.

The same request always gives the same bytes: key order is fixed and ``messages`` comes last, so a
body begins with every byte of the one before it for as long as the prefix stays, and the
provider's prompt cache keeps hitting.
"""

import json
import re
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from engine.chat_model import HEARTBEAT, ModelReply, ModelRequest, Sight, ToolCall, ToolSpec
from engine.dialects import TEMPERATURE, Dialect
from engine.events import whole_characters
from engine.prompts import load_prompt
from engine.records import TokenUsage
from engine.salvage import is_debris, salvage_call

Json = dict[str, Any]

_UNSAID: Final[Json] = {"additionalProperties": False, "required": []}
_THOUGHT: Final = {"type": "string", "maxLength": 200}
_STEADY: Final = 0.2
_LONGEST_ID_CHARS: Final = 64
_THINKING: Final = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply, and what had to be made of it.

    Attributes:
        salvaged: Its call was found in the text.
        debris: Its text was the wreck of a call, and is left out.
    """

    reply: ModelReply
    salvaged: bool = False
    debris: bool = False


def request_body(request: ModelRequest, model: str, dialect: Dialect) -> str:
    """The body of one request, as JSON text.

    Stored entries go in as they are, so the cost of a long queue is that of joining strings.
    """
    body: Json = {"model": model, dialect.output_field: request.max_output_tokens}
    system, entries = request.system, request.messages
    if sight := request.sight:
        entries = tuple(
            _json(_with_pictures(json.loads(entry), sight, sees=dialect.sees))
            if entry == sight.entry
            else entry
            for entry in entries
        )
    if request.watch and dialect.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    if request.tools and dialect.calls == "native":
        body |= {"tools": [tool_object(spec) for spec in request.tools], "tool_choice": "auto"}
    if request.tools and dialect.calls != "native":
        # Ahead of core memory, whose edits would have all of it read again.
        system = f"{how_to_call(request)}\n\n{system}"
    if request.tools and dialect.calls == "json_schema":
        allowed = [spec for spec in request.tools if request.only in {None, spec.name}]
        body["response_format"] = _response_format(allowed)
    if dialect.calls != "native" and dialect.steady and not request.varied:
        body[TEMPERATURE] = _STEADY
    if dialect.calls != "native":
        entries = tuple(_json(_as_plain_text(json.loads(entry))) for entry in entries)
    messages = ",".join([_json({"role": "system", "content": system}), *entries])
    return f'{_json(body)[:-1]},"messages":[{messages}]}}'


def _with_pictures(entry: Json, sight: Sight, *, sees: bool) -> Json:
    """Source: https://platform.openai.com/docs/guides/images-vision (base64 pictures)."""
    if not sees:
        return entry | {"content": f"{entry['content']}\n{load_prompt('unseen')}"}
    shown = [{"type": "image_url", "image_url": {"url": url}} for url in sight.urls]
    return entry | {"content": [{"type": "text", "text": entry["content"]}, *shown]}


def how_to_call(request: ModelRequest) -> str:
    """The functions in words, for a model that writes its calls as text."""
    examples = load_prompt(f"calls_{request.purpose}")
    signatures = "\n".join(map(_signature, request.tools))
    return f"{load_prompt('calls').replace('{examples}', examples)}\n{signatures}"


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def tool_object(spec: ToolSpec) -> Json:
    """A tool as native calls offer it; what goes without saying would cost tokens every time."""
    items = spec.parameters.items()
    parameters = {key: value for key, value in items if _UNSAID.get(key) != value}
    if HEARTBEAT in parameters["properties"]:
        parameters["properties"] = parameters["properties"] | {HEARTBEAT: {"type": "boolean"}}
    fields = {"name": spec.name, "description": spec.description, "parameters": parameters}
    return {"type": "function", "function": fields}


def _signature(spec: ToolSpec) -> str:
    """One tool in words; the exact types stand in the schema beside it."""
    required = spec.parameters.get("required", [])
    arguments = [
        f"  {name}{'' if name in required else ' (optional)'}: "
        f"{field.get('type', 'value')}. {field.get('description', '')}".rstrip()
        for name, field in spec.parameters.get("properties", {}).items()
    ]
    return "\n".join([f"- {spec.name}: {spec.description}", *arguments])


def _response_format(tools: Sequence[ToolSpec]) -> Json:
    schema = {"type": "object", "anyOf": [_call_schema(spec) for spec in tools]}
    return {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}


def _call_schema(spec: ToolSpec) -> Json:
    """A call, with the inner monologue of MemGPT (arXiv 2310.08560) ahead of it.

    A small model that has put in words what is new stores it more often, and repeats the person's
    message less.
    """
    arguments = _undescribed(spec.parameters)
    return {
        "type": "object",
        "properties": {"thought": _THOUGHT, "name": {"const": spec.name}, "arguments": arguments},
        "required": ["thought", "name", "arguments"],
        "additionalProperties": False,
    }


def _undescribed(schema: Json) -> Json:
    """The schema without descriptions, which stand in the system text already."""
    kept = {key: value for key, value in schema.items() if key != "description"}
    if "properties" in kept:
        properties = kept["properties"].items()
        kept["properties"] = {name: _undescribed(field) for name, field in properties}
    return kept


def _as_plain_text(entry: Json) -> Json:
    if entry["role"] == "tool":
        return {"role": "user", "content": entry["content"]}
    calls = entry.get("tool_calls", ())
    if not calls:
        return {"role": entry["role"], "content": entry["content"] or ""}
    thought = {"thought": entry["content"]} if entry["content"] else {}
    functions = [call["function"] for call in calls]
    objects = [
        thought | {"name": function["name"], "arguments": json.loads(function["arguments"])}
        for function in functions
    ]
    lines = [json.dumps(item, ensure_ascii=False) for item in objects]
    return {"role": "assistant", "content": "\n".join(lines)}


def read_answer(body: Json, request: ModelRequest, model: str) -> Answer | None:
    """What an endpoint's answer says.

    Args:
        body: The parsed JSON of the response.
        request: What was asked; its tools are the ones that can be salvaged.
        model: Name to book the usage under.

    Returns:
        None when the answer holds no choice, or is not of the known shape.
    """
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    message = choices[0].get("message")
    if not isinstance(message, dict):
        return None
    usage = _usage(body.get("usage"), request, model)
    content = _content(message)
    calls = _distinct(filter(None, map(_tool_call, message.get("tool_calls") or ())))
    if calls or content is None or not request.tools:
        return Answer(reply=ModelReply(content=content, tool_calls=calls, usage=usage))
    names = {spec.name for spec in request.tools}
    found = salvage_call(content, names)
    if found is None and is_debris(content, names):
        return Answer(reply=ModelReply(content=None, usage=usage), debris=True)
    if found is None:
        return Answer(reply=ModelReply(content=content, usage=usage))
    call = ToolCall(id=_new_call_id(), name=found.name, arguments=_unescaped(found.arguments))
    thought = whole_characters(found.thought) or None
    reply = ModelReply(content=thought, tool_calls=(call,), usage=usage)
    return Answer(reply=reply, salvaged=True)


def _content(message: Json) -> str | None:
    """The text without a reasoning model's thoughts; some servers send it in parts."""
    content = message.get("content") or message.get("refusal")
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(text for text in texts if isinstance(text, str))
    if not isinstance(content, str):
        return None
    return whole_characters(_THINKING.sub("", content).strip()) or None


def _tool_call(call: object) -> ToolCall | None:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        return None
    name, arguments, call_id = function.get("name"), function.get("arguments"), call.get("id")
    if not isinstance(name, str):
        return None
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments or {}, ensure_ascii=False)
    if not isinstance(call_id, str) or not call_id:
        call_id = _new_call_id()
    return ToolCall(id=call_id, name=name, arguments=_unescaped(arguments))


def _distinct(calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    """Calls that can be told apart: some servers name all calls of an answer alike."""
    by_id: dict[str, ToolCall] = {}
    for call in calls:
        known = call.id in by_id or len(call.id) > _LONGEST_ID_CHARS
        named = replace(call, id=_new_call_id()) if known else call
        by_id[named.id] = named
    return tuple(by_id.values())


def _unescaped(arguments: str) -> str:
    """Arguments with letters instead of escapes, which may hide half a character."""
    with suppress(ValueError, RecursionError):  # what is no JSON stays as it is
        arguments = json.dumps(json.loads(arguments), ensure_ascii=False)
    return whole_characters(arguments)


def _new_call_id() -> str:
    return f"call_{secrets.token_hex(12)}"


def _usage(usage: object, request: ModelRequest, model: str) -> TokenUsage:
    counts = usage if isinstance(usage, dict) else {}
    details = counts.get("prompt_tokens_details")
    return TokenUsage(
        model=model,
        purpose=request.purpose,
        input_tokens=_number(counts.get("prompt_tokens")),
        cached_tokens=_number(details.get("cached_tokens") if isinstance(details, dict) else 0),
        output_tokens=_number(counts.get("completion_tokens")),
    )


def _number(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
