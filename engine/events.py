"""Events as the model sees them: one JSON envelope each, rendered once and stored.

The clock, the speaker and the place travel here and never in the prefix, so that a provider's
prompt cache keeps hitting.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.chat_model import ToolCall
from engine.prompts import load_prompt
from engine.records import EventKind, IncomingEvent, Message

CLOCK: Final = "%Y-%m-%d %I:%M:%S %p UTC%z"
EDITED: Final[EventKind] = "message_edited"
DELETED: Final[EventKind] = "message_deleted"

_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME = 64


def whole_characters(text: str) -> str:
    """Text without half characters (lone surrogates), which UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def clock(at: datetime, zone: ZoneInfo) -> str:
    """A time as envelopes show it: ``2026-11-21 10:02:11 AM UTC+0100``.

    Source: the envelope format of the MemGPT code of 2023.
    """
    return at.astimezone(zone).strftime(CLOCK)


def user_payload(event: IncomingEvent, text: str, zone: ZoneInfo) -> str:
    """The queue entry of an incoming event.

    Args:
        event: What came in.
        text: Its text as shown, which may be cut.
        zone: In which the time is shown.
    """
    if event.kind == "heartbeat":
        reason = load_prompt("heartbeat")
        return _entry("user", _json({**_head(event.kind, event, zone), "reason": reason}))
    content = {**_head(event.kind, event, zone), "message": text}
    if event.kind == "overheard":
        content["note"] = load_prompt("overheard")
    if event.due:
        due = {"due": event.due.strftime(CLOCK), "late": event.late}
        content |= {**due, "note": load_prompt("timer")}
    if event.quote:
        content["in_reply_to"] = {"name": event.quote.author_name, "message": event.quote.text}
    if event.attachments:
        content["files"] = [
            {"name": item.name, "type": item.media_type, "bytes": item.size_bytes}
            for item in event.attachments
        ]
    return _entry("user", _json(content))


def login_payload(event: IncomingEvent, last: datetime | None, zone: ZoneInfo) -> str:
    """The queue entry before the message of a person who is new here or was long away."""
    content = _head("login", event, zone)
    return _entry("user", _json({**content, "last_login": clock(last, zone) if last else None}))


def changed_payload(message: Message, text: str | None, at: datetime, zone: ZoneInfo) -> str:
    """The queue entry that says how a message was changed on the platform.

    Args:
        message: As it was.
        text: Its new text, or None when it was deleted.
        at: When that happened.
        zone: The agent's time zone.
    """
    content = {
        "type": DELETED if text is None else EDITED,
        "time": clock(at, zone),
        "name": message.author_name,
        "place": message.place,
        "sent": clock(message.sent_at, zone),
    }
    if text is None:
        return _entry("user", _json(content))
    return _entry("user", _json({**content, "message": text, "note": load_prompt("edited")}))


def reworded_payload(payload: str, text: str) -> str:
    """The queue entry of a message that has another text now.

    Args:
        payload: Its entry so far; empty where the message was imported and is in no queue.
        text: Its text as shown, which may be cut.
    """
    if not payload:
        return ""
    content = json.loads(json.loads(payload)["content"])
    return _entry("user", _json({**content, "message": text}))


def alert_payload(text: str, at: datetime, zone: ZoneInfo, kind: str = "system_alert") -> str:
    """The queue entry of something the system tells the model."""
    return _entry("user", _json({"type": kind, "time": clock(at, zone), "message": text}))


def summary_payload(text: str) -> str:
    """Index 0 of the queue: what stands for the messages that left it."""
    return _entry("user", _json({"type": "summary_of_earlier_messages", "message": text}))


def result_payload(call_id: str, message: str, at: datetime, zone: ZoneInfo, *, ok: bool) -> str:
    """The queue entry of a tool's result."""
    status = "OK" if ok else "Failed"
    content = _json({"status": status, "message": message, "time": clock(at, zone)})
    return _json({"role": "tool", "tool_call_id": call_id, "content": content})


def assistant_payload(content: str | None, calls: Sequence[ToolCall]) -> str:
    """The queue entry of a model's answer; a server refuses one with neither text nor calls."""
    entry: dict[str, Any] = {"role": "assistant", "content": content}
    if calls:
        entry["tool_calls"] = [_call_entry(call) for call in calls]
    else:
        entry["content"] = content or ""
    return _json(entry)


def _call_entry(call: ToolCall) -> dict[str, Any]:
    """A call as later requests repeat it.

    Servers that apply a chat template fail on arguments in the history that are no JSON object,
    and OpenAI refuses a history with names it would not accept for a function.
    """
    arguments = call.arguments
    if not _is_object(arguments):
        arguments = _json({"unreadable": arguments})
    name = _NOT_IN_A_NAME.sub("_", call.name)[:_LONGEST_NAME] or "unknown"
    function = {"name": name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _head(kind: EventKind, event: IncomingEvent, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "type": kind,
        "time": clock(event.sent_at, zone),
        "name": event.speaker_name,
        "place": event.place_name,
    }


def _entry(role: str, content: str) -> str:
    return _json({"role": role, "content": content})


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)
