"""What a request shows: who speaks, what core memory holds, what was done in this turn so far.

Reads only the ModelRequest, as a language model would; keeps nothing between two calls.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from engine.chat_model import ModelRequest

_BLOCK: Final = re.compile(r"<block ([^>\n]*)>\n(.*?)\n?</block>", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r'(\w+)="([^"]*)"')
_SUMMARY: Final = "summary_of_earlier_messages"
_CONVERSATION: Final = ("user_message", "overheard", "login", "timer", "heartbeat", "file_upload")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreBlock:
    """A block as the prompt shows it; ``room_chars`` is how much still fits."""

    label: str
    name: str
    lines: tuple[str, ...]
    room_chars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A call of this turn with its result."""

    tool: str
    arguments: dict[str, Any]
    ok: bool
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The moment a request describes.

    Attributes:
        kind: Type of the event that is being answered.
        day: Of the event, in the agent's time zone.
        alerted: A system alert came after the answer.
        first: Nothing was said in this conversation yet.
    """

    kind: str
    name: str
    text: str
    day: date | None
    blocks: tuple[CoreBlock, ...]
    done: tuple[Done, ...]
    alerted: bool
    first: bool

    @property
    def has_answered(self) -> bool:
        """Whether this turn has said something."""
        return any(step.tool == "send_message" and step.ok for step in self.done)

    def own_block(self) -> CoreBlock | None:
        """The block about the person who speaks."""
        for block in self.blocks:
            if block.label == "human" or (
                block.label.startswith("human:") and block.name == self.name
            ):
                return block
        return None

    def results(self, tool: str) -> list[Done]:
        """What a tool was asked in this turn, in order."""
        return [step for step in self.done if step.tool == tool]


def read_scene(request: ModelRequest) -> Scene:
    """The scene of a request."""
    entries = [json.loads(payload) for payload in request.messages]
    place, event = _pending_event(entries)
    after = entries[place + 1 :]
    spoken = [entry for entry in entries[: place + 1] if entry["role"] == "assistant"]
    summarised = any(_envelope(entry).get("type") == _SUMMARY for entry in entries[:1])
    return Scene(
        kind=str(event.get("type", "user_message")),
        name=str(event.get("name", "")),
        text=str(event.get("message", "")),
        day=read_day(str(event.get("time", ""))),
        blocks=tuple(_blocks(request.system)),
        done=tuple(_done(after)),
        alerted=bool(after) and _envelope(after[-1]).get("type") == "system_alert",
        first=not spoken and not summarised,
    )


def read_day(time: str) -> date | None:
    """The day of a time as envelopes and results write it: it starts with the ISO date."""
    try:
        return datetime.fromisoformat(time[:10]).date()
    except ValueError:
        return None


def show_day(day: date | None) -> str:
    """A day as people write it: 21 November 2026."""
    return f"{day.day} {day:%B %Y}" if day else "an unknown day"


def _pending_event(entries: Sequence[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    """The last event that may want an answer, and its place."""
    for place in range(len(entries) - 1, -1, -1):
        envelope = _envelope(entries[place])
        if envelope.get("type") in _CONVERSATION:
            return place, envelope
    return -1, {"type": "none"}


def _envelope(entry: dict[str, Any]) -> dict[str, Any]:
    if entry.get("role") != "user":
        return {}
    try:
        envelope = json.loads(entry["content"])
    except (ValueError, TypeError):
        return {"type": "user_message", "message": str(entry["content"])}
    return envelope if isinstance(envelope, dict) else {}


def _blocks(system: str) -> Iterator[CoreBlock]:
    for head, value in _BLOCK.findall(system):
        attributes = dict(_ATTRIBUTE.findall(head))
        used, _, limit = attributes.get("chars", "").partition("/")
        room = int(limit) - int(used) if used.isdigit() and limit.isdigit() else 0
        yield CoreBlock(
            label=attributes.get("label", ""),
            name=attributes.get("name", ""),
            lines=tuple(line.strip() for line in value.splitlines() if line.strip()),
            room_chars=room,
        )


def _done(entries: Sequence[dict[str, Any]]) -> Iterator[Done]:
    asked = {
        call["id"]: call["function"] for entry in entries for call in entry.get("tool_calls", ())
    }
    for entry in entries:
        if entry["role"] != "tool" or entry["tool_call_id"] not in asked:
            continue
        function, result = asked[entry["tool_call_id"]], json.loads(entry["content"])
        yield Done(
            tool=function["name"],
            arguments=json.loads(function["arguments"]),
            ok=result.get("status") == "OK",
            message=str(result.get("message", "")),
        )
