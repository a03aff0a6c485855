"""What a turn has stored so far, and what comes next: pure, so it can be read off after a crash."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from engine.chat_model import ModelReply, Sight
from engine.memory_tools import SEND_MESSAGE
from engine.records import EventKind, Message, Reply
from engine.tools import ToolResult

ALERT, REMINDER, FAILED, ANSWERED = "system_alert", "reminder", "tool_failed", "tool_result"
HEARTBEAT, TIMER = "heartbeat", "timer"
_AWAITED: tuple[EventKind, ...] = ("user_message", "file_upload", "timer", "approval")


def is_awaited(kind: EventKind) -> bool:
    """Whether a person waits for what comes of an event; other turns may end in silence."""
    return kind in _AWAITED


_ALERT_STEPS = 3


def last_words(asked: Sequence[Message], queue: Sequence[Message]) -> tuple[str, ...]:
    """What small models repeat, and never stop once it is stored: the question, their last answer.

    Args:
        asked: What the turn answers.
        queue: What the model sees.
    """
    said = [item.text for item in queue if item.role == "assistant" and item.text]
    return tuple(item.text for item in asked[-1:]) + tuple(said[-1:])


def is_echo(reply: ModelReply, words: Sequence[str]) -> bool:
    """Whether all that a reply does is to say one of these again."""
    if [call.name for call in reply.tool_calls] != [SEND_MESSAGE]:
        return False
    with suppress(ValueError, AttributeError):
        said = json.loads(reply.tool_calls[0].arguments).get("message")
        return isinstance(said, str) and _bare(said) in {*map(_bare, words)} - {""}
    return False


def begins_echo(text: str, words: Sequence[str]) -> bool:
    """Whether what is written so far may yet become an echo."""
    return any(_bare(one).startswith(_bare(text)) for one in words)


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


@dataclass(frozen=True, slots=True)
class Continue:
    """The model gets another step."""

    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """The turn yields."""


@dataclass(frozen=True, slots=True)
class LimitReached:
    """The turn ends because it would go on for ever."""

    reason: str


NextStep = Continue | Done | LimitReached


@dataclass(slots=True)
class TurnLog:
    """What a turn has stored so far, and what can be read off it.

    Attributes:
        awaited: Whether a person waits for what comes of it.
        scheduled: Whether something was scheduled since the process began it.
        sight: Pictures of what it answers.
    """

    messages: list[Message]
    replies: list[Reply] = field(default_factory=list)
    awaited: bool = True
    scheduled: bool = False
    sight: Sight | None = None

    @property
    def asked(self) -> tuple[Message, ...]:
        """What the turn answers."""
        return tuple(
            item
            for item in self.messages
            if item.id == item.turn_id or item.kind in (*_AWAITED, "overheard")
        )

    @property
    def heard(self) -> frozenset[str]:
        """Everybody whose words the turn answers."""
        return frozenset(item.author for item in self.asked if item.author)

    @property
    def has_spoken(self) -> bool:
        """Whether the person has been told anything."""
        return any(item.role == "assistant" and item.text for item in self.messages)

    @property
    def leaves_waiting(self) -> bool:
        """Whether somebody waits who has not been told anything."""
        return self.awaited and not self.has_spoken

    @property
    def scheduled_for(self) -> str:
        """What a scheduled event is for; "" when the turn answers something else."""
        return next((item.text for item in self.messages if item.kind == TIMER), "")

    @property
    def was_reminded(self) -> bool:
        """Whether the model was told that nobody has heard it."""
        return any(item.kind == REMINDER for item in self.messages)

    @property
    def was_alerted(self) -> bool:
        """Whether the memory-pressure alert was given; once a turn, however often it flushes."""
        return any(item.kind == ALERT for item in self.messages)

    @property
    def answers_alert(self) -> bool:
        """Whether only an alert is still worked on: it comes when the turn would have ended."""
        return self.was_alerted and self.has_spoken

    @property
    def has_had_its_alert(self) -> bool:
        """Whether enough steps went to an alert; the next message would have to wait for more."""
        kinds = [item.kind for item in self.messages]
        after = self.messages[kinds.index(ALERT) :] if ALERT in kinds else []
        return sum(item.role == "assistant" for item in after) >= _ALERT_STEPS

    def made(self) -> Counter[tuple[str, str]]:
        """How often each call was made, by name and arguments."""
        functions = [call["function"] for item in self.messages for call in _calls(item)]
        return Counter((function["name"], function["arguments"]) for function in functions)

    def failures(self) -> Counter[tuple[str, str]]:
        """How often each call failed, by name and arguments."""
        failed: Counter[tuple[str, str]] = Counter()
        asked: dict[str, dict[str, str]] = {}
        for item in self.messages:
            if item.role == "assistant":  # some servers count their ids anew in every answer
                asked = {call["id"]: call["function"] for call in _calls(item)}
            elif item.kind == FAILED:
                function = asked[json.loads(item.payload)["tool_call_id"]]
                failed[function["name"], function["arguments"]] += 1
        return failed

    def repeated(self) -> list[bool]:
        """Of each call of the last answer: whether it was made before in this turn."""
        made = self.made()
        last = next((item for item in reversed(self.messages) if item.role == "assistant"), None)
        functions = [call["function"] for call in _calls(last)] if last else []
        return [made[function["name"], function["arguments"]] > 1 for function in functions]


def _calls(message: Message) -> list[dict[str, Any]]:
    if message.role != "assistant":
        return []
    calls: list[dict[str, Any]] = json.loads(message.payload).get("tool_calls", [])
    return calls


def decide(
    log: TurnLog, results: Sequence[ToolResult], *, step: int, max_steps: int, repeat_limit: int
) -> NextStep:
    """What comes after a step whose messages are in the log already.

    Args:
        log: The turn up to and with this step.
        results: Of this step's calls.
        step: Number of the step, from 1.
        max_steps: The turn ends there, whatever the model wants.
        repeat_limit: The same call with the same arguments may fail so often.
    """
    if max(log.failures().values(), default=0) >= repeat_limit:
        return LimitReached("the same call failed again and again")
    wanted = _reason_to_go_on(log, results)
    if wanted and step >= max_steps:
        return LimitReached("too many steps")
    return Continue(wanted) if wanted else Done()


def _reason_to_go_on(log: TurnLog, results: Sequence[ToolResult]) -> str:
    """Why the model gets another step: a failure, a heartbeat, or a person left in silence.

    A call that was made before in this turn gets no heartbeat: small models repeat themselves.
    """
    if any(not result.ok for result in results):
        return "a call failed"
    heartbeats = [result.heartbeat for result in results]
    wanted = [beat and not again for beat, again in zip(heartbeats, log.repeated(), strict=True)]
    if any(wanted) and not log.has_had_its_alert:
        return "a heartbeat was asked for"
    if log.leaves_waiting and not log.was_reminded:
        return REMINDER
    return ""
