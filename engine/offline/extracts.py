"""An extractive summary: lines as they stand, the telling ones first; nothing is generated."""

import json
import re
from collections.abc import Sequence
from typing import Final

from engine.chat_model import ModelRequest

_LINE: Final = re.compile(r"^\[(\d{4}-\d{2}-\d{2})[^\]]*\] ([^:]+): (.+)$")
_OLD: Final = re.compile(r"^Summary so far:\n(.*?)\n\nMessages that come next:\n", re.DOTALL)
_FRAME: Final = ("Messages that come next:", "Write the new summary.")
_TELLING: Final = re.compile(
    r"\b(?:I|my|we|our)\b|\d|\b(?:remember|promise|tomorrow|will|name|deadline)\b"
    r"|(?<=[a-z,] )[A-Z][a-z]+"
)
_MOST_WORDS: Final = 400
_OLD_WORDS: Final = 220
_LINE_CHARS: Final = 220
_EDGE_LINES: Final = 3


def extract_summary(request: ModelRequest) -> str:
    """A summary out of the request's own lines: the old summary, then first, telling, last."""
    text = "\n".join(map(_text, request.messages))
    old = _OLD.match(text)
    rest = text[old.end() :] if old else text
    lines = [line.strip() for line in rest.splitlines() if line.strip()]
    lines = [_shown(line) for line in lines if line not in _FRAME]
    kept = _last_words(old[1], _OLD_WORDS) if old else ""
    room = _MOST_WORDS - len(kept.split())
    return "\n".join(filter(None, [kept, *_pick(lines, room)]))


def _text(payload: str) -> str:
    return str(json.loads(payload).get("content") or "")


def _shown(line: str) -> str:
    match = _LINE.match(line)
    told = f"{match[1]} {match[2]}: {match[3]}" if match else line
    return told if len(told) <= _LINE_CHARS else told[:_LINE_CHARS] + "…"


def _pick(lines: Sequence[str], words: int) -> list[str]:
    """As many lines as there is room for, in their order."""
    edges = [*range(min(_EDGE_LINES, len(lines))), *range(len(lines) - 1, -1, -1)[:_EDGE_LINES]]
    telling = sorted(
        range(len(lines)), key=lambda place: len(_TELLING.findall(lines[place])), reverse=True
    )
    chosen: set[int] = set()
    for place in [*edges, *telling]:
        size = len(lines[place].split())
        if place not in chosen and size <= words:
            chosen.add(place)
            words -= size
    return [lines[place] for place in sorted(chosen)]


def _last_words(text: str, words: int) -> str:
    pieces = re.findall(r"\S+\s*", text)
    return text if len(pieces) <= words else "… " + "".join(pieces[-words:])
