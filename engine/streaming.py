"""Puts a streamed answer together, and reads what can be shown of it on the way; pure.

The chunks become the body that the same answer has when it is not streamed, so that everything
after that is one way. Source: https://platform.openai.com/docs/api-reference/chat-streaming.
"""

import json
import re
from contextlib import suppress
from typing import Any, Final

from engine.chat_model import Watch

Json = dict[str, Any]

# A call written as text, up to its arguments, as the schema of `openai_wire` orders it.
_WRITTEN_CALL: Final = (
    r'\s*(?:```\w*\s*)?\{{\s*(?:"thought"\s*:\s*"[^"\\]*(?:\\.[^"\\]*)*"\s*,\s*)?'
    r'"name"\s*:\s*"{tool}"\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{{)'
)
_TEXT_ARGUMENT: Final = r'\s*\{{\s*"{argument}"\s*:\s*"([^"\\]*(?:\\.[^"\\]*)*)'
# A longer text is looked at again when it has grown by this part: else each of the thousand chunks
# of a long reply would read all of it, and nobody else would be answered meanwhile.
_GROWN: Final = 1 / 64
_HALF_CHARS: Final = 12
_HALF_CHARACTER: Final = re.compile(r"(?:\\u[dD][89abAB][0-9a-fA-F]{2})?(?:\\u[0-9a-fA-F]{0,3})?\Z")


class StreamedAnswer:
    """An answer that comes in chunks.

    Args:
        watch: What is shown of it meanwhile.

    Attributes:
        finished: Whether the model has come to an end; a connection that is cut looks like one.
    """

    def __init__(self, watch: Watch) -> None:
        self.finished = False
        self._watch = watch
        self._text = ""
        self._calls: list[Json] = []
        self._usage: Json | None = None
        self._shown = ""
        self._looked_at_chars = 0
        self._written_call = re.compile(_WRITTEN_CALL.format(tool=re.escape(watch.tool)))
        self._argument = re.compile(_TEXT_ARGUMENT.format(argument=re.escape(watch.argument)))

    @property
    def body(self) -> Json:
        """The body of the whole answer."""
        message = {"role": "assistant", "content": self._text or None, "tool_calls": self._calls}
        return {"choices": [{"message": message}], "usage": self._usage}

    def add(self, chunk: object) -> None:
        """Take the next chunk; what is not of the known shape says nothing."""
        if not isinstance(chunk, dict):
            return
        self._usage = chunk.get("usage") or self._usage
        for choice in _objects(chunk.get("choices"))[:1]:
            for delta in _objects([choice.get("delta")]):
                self._add_delta(delta)
            self.finished |= choice.get("finish_reason") is not None
        self._show()

    def _add_delta(self, delta: Json) -> None:
        text = delta.get("content") or delta.get("refusal")
        if isinstance(text, str):
            self._text += text
        for number, piece in enumerate(_objects(delta.get("tool_calls"))):
            self._add_piece(piece, piece.get("index", number))

    def _add_piece(self, piece: Json, index: int) -> None:
        """A piece of a call; some servers number all calls alike, but each has its own id."""
        call = next((one for one in reversed(self._calls) if one["index"] == index), None)
        call_id, function = piece.get("id"), next(iter(_objects([piece.get("function")])), {})
        if call is None or (call_id and call["id"] and call_id != call["id"]):
            call = {"index": index, "id": "", "function": {"name": "", "arguments": ""}}
            self._calls.append(call)
        call["id"] = call["id"] or call_id
        call["function"]["name"] = call["function"]["name"] or function.get("name") or ""
        arguments = function.get("arguments") or ""
        whole = isinstance(arguments, str)
        call["function"]["arguments"] += arguments if whole else json.dumps(arguments)

    def _show(self) -> None:
        written = self._calls[0]["function"]["arguments"] if self._calls else self._text
        grown = len(written) - self._looked_at_chars
        if grown < _GROWN * self._looked_at_chars and not self.finished:
            return
        self._looked_at_chars = len(written)
        text = self._argument_so_far()
        if text and text != self._shown:
            self._shown = text
            self._watch.show(text)

    def _argument_so_far(self) -> str:
        if self._calls:
            function = self._calls[0]["function"]
            arguments, start = function["arguments"], 0
            if function["name"] != self._watch.tool:
                return ""
        else:
            found = self._written_call.match(self._text)
            if found is None:
                return ""
            arguments, start = self._text, found.end()
        begun = self._argument.match(arguments, start)
        return _decoded(begun[1]) if begun else ""


def _objects(values: object) -> list[Json]:
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []


def _decoded(text: str) -> str:
    """The inside of a JSON string that may end within a character."""
    with suppress(ValueError):
        end = _HALF_CHARACTER.sub("", text[-_HALF_CHARS:])
        whole: str = json.loads(f'"{text[:-_HALF_CHARS]}{end}"', strict=False)
        return whole
    return ""
