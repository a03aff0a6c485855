"""Looks at every request as it would go over the wire: is it small enough, and is it valid?"""

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from engine.chat_model import ModelRequest
from engine.dialects import Dialect
from engine.openai_wire import request_body
from tests.engine.reference_tokens import reference

_MODEL: Final = "gpt-5-mini"
_DIALECTS: Final = (Dialect(calls="native"), Dialect(calls="json_schema"))

_A_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class WireAudit:
    """Counts with tiktoken itself, and collects what a server would refuse.

    Args:
        window_tokens: What request and answer must fit together.

    Attributes:
        problems: One sentence each; empty when all is well.
    """

    def __init__(self, window_tokens: int) -> None:
        self.window_tokens = window_tokens
        self.requests = 0
        self.largest_tokens = 0
        self.problems: list[str] = []
        self._encoding = reference("o200k_base")

    def look_at(self, request: ModelRequest) -> int:
        """Check one request in every dialect; the tokens of its largest body."""
        self.requests += 1
        bodies = [self._body(request, dialect) for dialect in _DIALECTS]
        tokens = max(len(self._encoding.encode_ordinary(body)) for body in bodies)
        self.largest_tokens = max(self.largest_tokens, tokens)
        if tokens + request.max_output_tokens > self.window_tokens:
            answer = f"{request.max_output_tokens} for the answer"
            self.problems.append(f"a {request.purpose} request of {tokens} tokens and {answer}")
        entries = [json.loads(entry) for entry in request.messages]
        self.problems += [f"{request.purpose}: {problem}" for problem in broken_rules(entries)]
        return tokens

    def _body(self, request: ModelRequest, dialect: Dialect) -> str:
        """What is sent, without the schema that only guides the sampler."""
        body = json.loads(request_body(request, _MODEL, dialect))
        body.pop("response_format", None)
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        text.encode("utf-8")
        return text


def broken_rules(entries: Iterable[dict[str, Any]]) -> list[str]:
    """What a chat.completions server refuses in a list of messages."""
    problems, open_calls, first = [], [], True
    for entry in entries:
        role = entry["role"]
        if role == "tool" and first:
            problems.append("the queue begins with a result")
        elif role == "tool" and entry["tool_call_id"] not in open_calls[:1]:
            problems.append("a result does not follow its call")
        elif role != "tool" and open_calls:
            problems.append("a call has no result")
        open_calls = open_calls[1:] if role == "tool" else _calls_of(entry)
        problems += _bad_functions(entry)
        if not isinstance(entry["content"], str) and not open_calls:
            problems.append(f"{role} without content")
        first = False
    return problems + (["the last call has no result"] if open_calls else [])


def _calls_of(entry: dict[str, Any]) -> list[str]:
    return [call["id"] for call in entry.get("tool_calls", [])]


def _bad_functions(entry: dict[str, Any]) -> list[str]:
    functions = [call["function"] for call in entry.get("tool_calls", [])]
    bad_names = [it["name"] for it in functions if not _A_NAME.fullmatch(it["name"])]
    objects = [isinstance(json.loads(it["arguments"]), dict) for it in functions]
    return ["a name that no function may have"] * bool(bad_names) + [
        "arguments that are no object"
    ] * (not all(objects))
