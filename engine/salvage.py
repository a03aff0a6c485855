"""Finds a tool call that a model wrote as text; knows no provider and no tool but by name.

Small and older models write ``{"name": "send_message", ...}`` bare, fenced, tagged or in double
braces instead of calling. Source: outputs of Qwen2.5-Coder-1.5B, and the templates of Hermes
(``<tool_call>``), Llama 3.1 (``<function=...>``) and Mistral (``[TOOL_CALLS]``).
"""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

_NAME_KEYS: Final = ("name", "function", "tool")
_ARGUMENT_KEYS: Final = ("arguments", "parameters", "args")
_THOUGHT_KEY: Final = "thought"
_NOT_ARGUMENTS: Final = ("id", "type", _THOUGHT_KEY)
_NAME_OUTSIDE: Final = re.compile(
    r"<function=([\w-]+)>\s*(?=\{)|\[TOOL_CALLS\]\s*([\w-]+)\s*(?:\[ARGS\])?\s*(?=\{)"
    r"|<\w+\s+name=[\"']([\w-]+)[\"']\s+\w+=[\"']?\s*(?=\{)"
)
_RECITED: Final = '<block label="'
_CALL_MARKUP: Final = re.compile(
    r"</?(?:tools?|tool_calls?|function(?:_call)?)\b[^<>]*>?|\[TOOL_CALLS\]"
)
_WRAPPING: Final = re.compile(r"```\w*|</?\w+>|\[TOOL_CALLS\]")
_OPENS_OBJECT: Final = re.compile(r'\{+\s*"')
_TRAILING_COMMA: Final = re.compile(r",(\s*[}\]])")
_CUT_OFF: Final = re.compile(
    r'\s*(?:```\w*\s*|<tool_call>\s*)?\{+\s*(?:"thought"\s*:\s*"(?:[^"\\]|\\.)*"\s*,\s*)?'
    r'"name"\s*:\s*"([\w-]+)"\s*,'
)
_DECODER: Final = json.JSONDecoder(strict=False)
_LONGEST_TEXT_CHARS: Final = 100_000
_MOST_OBJECTS: Final = 200
_MOST_REPAIRS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SalvagedCall:
    """A call found in text; ``arguments`` is JSON text, or what stood there when it was none."""

    name: str
    arguments: str
    thought: str = ""


def salvage_call(text: str, tools: Collection[str]) -> SalvagedCall | None:
    """The first call of a known tool that the text is, fences, tags or double-braces.

    Args:
        text: The assistant text of an answer without tool calls.
        tools: Names of the tools that were offered.

    Returns:
        None for prose, also for prose that mentions JSON or a tool.
    """
    if len(text) > _LONGEST_TEXT_CHARS or "{" not in text:
        return None
    for name, arguments in _tagged(text):
        if name in tools:
            return SalvagedCall(name=name, arguments=_as_json(arguments))
    for found, alone in _objects(text):
        call = _as_call(found, tools, alone=alone)
        if call is not None:
            return call
    return _cut_off(text, tools)


def is_debris(text: str, tools: Collection[str]) -> bool:
    """Whether a text in which no call was found is the wreck of one, and nothing for a person.

    So is a prompt that is recited: core memory with its marks is never an answer.

    Args:
        text: The assistant text of an answer without tool calls.
        tools: Names of the tools that were offered.
    """
    if _RECITED in text:
        return True
    left, marks = _CALL_MARKUP.subn("", text)
    return bool(marks) and (not any(map(str.isalnum, left)) or any(name in text for name in tools))


def _tagged(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Forms that carry the name outside of the object."""
    for match in _NAME_OUTSIDE.finditer(text):
        parsed = _parse_at(text, match.end(), repair=True)
        if parsed is not None:
            yield match[1] or match[2] or match[3], parsed[0]


def _objects(text: str) -> Iterator[tuple[dict[str, Any], bool]]:
    """Outermost JSON objects in order, each with whether it is all that the text says."""
    start, repairs = text.find("{"), _MOST_REPAIRS
    for _ in range(_MOST_OBJECTS):
        if start == -1:
            return
        parsed = _parse_at(text, start, repair=repairs > 0)
        if parsed is None:
            repairs -= 1
            start = text.find("{", start + 1)
            continue
        value, end = parsed
        around = _WRAPPING.sub("", text[:start] + text[end:])
        yield value, not any(map(str.isalnum, around))
        start = text.find("{", end)


def _parse_at(text: str, start: int, *, repair: bool) -> tuple[dict[str, Any], int] | None:
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return _parse_repaired(text, start) if repair else None
    return value, end


def _parse_repaired(text: str, start: int) -> tuple[dict[str, Any], int] | None:
    """Once more up to the last brace, with the slips that models make put right."""
    end = text.rfind("}") + 1
    if end <= start or not _OPENS_OBJECT.match(text, start):
        return None
    plain = _TRAILING_COMMA.sub(r"\1", text[start:end])
    single = plain.replace("{{", "{").replace("}}", "}")
    for candidate in (plain, plain + "}", plain + "}}", single, single + "}"):
        try:
            value, _ = _DECODER.raw_decode(candidate)
        except (ValueError, RecursionError):
            continue
        return value, end
    return None


def _as_call(found: dict[str, Any], tools: Collection[str], *, alone: bool) -> SalvagedCall | None:
    inner = found.get("function")
    if isinstance(inner, dict):
        return _as_call(inner, tools, alone=alone)
    for key in _NAME_KEYS:
        name = found.get(key)
        if isinstance(name, str) and name in tools:
            arguments = _arguments_of(found, key)
            # An object within prose that only names a tool is talk about the tool.
            if not alone and not arguments:
                return None
            thought = found.get(_THOUGHT_KEY)
            return SalvagedCall(
                name=name,
                arguments=arguments or "{}",
                thought=thought if isinstance(thought, str) else "",
            )
    if alone and len(found) == 1:
        [(name, value)] = found.items()
        if name in tools and isinstance(value, dict):
            return SalvagedCall(name=name, arguments=_as_json(value))
    return None


def _arguments_of(found: dict[str, Any], name_key: str) -> str:
    """The arguments as JSON text, or nothing when the object has none."""
    for key in _ARGUMENT_KEYS:
        if key in found:
            return _as_json(found[key])
    beside = {key: value for key, value in found.items() if key not in {name_key, *_NOT_ARGUMENTS}}
    return _as_json(beside) if beside else ""


def _as_json(arguments: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(arguments, str):
        return arguments
    return json.dumps({} if arguments is None else arguments, ensure_ascii=False)


def _cut_off(text: str, tools: Collection[str]) -> SalvagedCall | None:
    """A call that starts the text but is broken or was cut by the output limit.

    It becomes a call with arguments that cannot be read: the model is told and tries again, and no
    person is shown half a JSON object.
    """
    match = _CUT_OFF.match(text)
    if match is None or match[1] not in tools:
        return None
    return SalvagedCall(name=match[1], arguments=text[match.end() :].strip())
