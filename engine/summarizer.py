"""The recursive summary: what stands for the messages that leave a queue.

New summary = f(old summary, leaving messages). A model that fails never blocks a flush: after its
tries a mechanical summary of first and last lines, names and dates takes its place.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.chat_model import ChatModel, ModelRequest
from engine.config import CHARS_PER_TOKEN, MemoryConfig
from engine.context_window import cut_text, message_line
from engine.errors import ModelUnavailable
from engine.events import summary_payload
from engine.prompts import load_prompt
from engine.records import Message, Summary, TokenUsage
from engine.tokens import TokenCounter

_LINE_CHARS = 600
_MECHANICAL_LINES = 6
_MECHANICAL_LINE_CHARS = 200
_SUMMARY_OUTPUT_TOKENS = 900
_PROMPT_TOKENS = 250  # the instructions, and what surrounds the messages
_LEAST_CHARS = 40
_MOST_CHARS_A_TOKEN = 6  # no prose has more; counting all of an endless text would take long
_WINDOW_SHARE = 2  # at most half of the window goes to the text to summarise


@dataclass(frozen=True, slots=True, kw_only=True)
class Summarized:
    """A summary and what it cost."""

    summary: Summary
    usage: tuple[TokenUsage, ...] = ()


class Summarizer:
    """Makes summaries with the background model, or without one.

    Args:
        model: Is asked with purpose ``summary``.
        counter: Counts the summary's tokens.
        config: Words, attempts and window.
        now: The clock.
        zone: Time zone in which times are shown.
    """

    def __init__(
        self,
        *,
        model: ChatModel,
        counter: TokenCounter,
        config: MemoryConfig,
        now: Callable[[], datetime],
        zone: ZoneInfo,
    ) -> None:
        self._model = model
        self._counter = counter
        self._config = config
        self._now = now
        self._zone = zone
        self._prompt = load_prompt("summary").replace("{words}", str(config.summary_words))

    async def summarize(
        self, old: Summary | None, leaving: Sequence[Message], most_tokens: int
    ) -> Summarized:
        """One summary of an old one and the messages after it.

        Args:
            old: What stands for the messages before, when there is something.
            leaving: Messages that leave, oldest first; at least one.
            most_tokens: What the summary may take in the prompt.
        """
        read_at = self._now()  # before the model is asked: an erasure meanwhile outdates it
        said = (message for message in leaving if message.text.strip())
        lines = [message_line(message, self._zone, _LINE_CHARS) for message in said]
        usage: list[TokenUsage] = []
        text = await self._ask(old, lines, usage) if lines else (old.text if old else "")
        mechanical = not text and bool(lines)
        if mechanical:
            text = _mechanical(old, lines)
        words, tokens = await self._limited(text, most_tokens)
        summary = Summary(
            text=words,
            through_seq=leaving[-1].seq,
            tokens=tokens,
            mechanical=mechanical,
            created_at=read_at,
        )
        return Summarized(summary=summary, usage=tuple(usage))

    async def _ask(self, old: Summary | None, lines: list[str], usage: list[TokenUsage]) -> str:
        request = await self._request(old, lines)
        for _ in range(self._config.summary_attempts):
            try:
                reply = await self._model.complete(request)
            except ModelUnavailable:
                return ""  # the client has retried already
            usage.append(reply.usage)
            if reply.content and reply.content.strip():
                return reply.content.strip()
        return ""

    async def _request(self, old: Summary | None, lines: list[str]) -> ModelRequest:
        """All lines where they fit; in costly scripts they are cut until they do."""
        chars = self._config.context_tokens // _WINDOW_SHARE * CHARS_PER_TOKEN
        chars -= len(old.text) if old else 0
        while True:
            request = self._written(old, _fit(lines, chars))
            (tokens,) = await self._counter.count(request.messages)
            room = self._config.context_tokens - request.max_output_tokens - _PROMPT_TOKENS
            if tokens <= room or chars <= _LEAST_CHARS:
                return request
            chars = min(chars, sum(map(len, lines))) * room // tokens * 9 // 10

    def _written(self, old: Summary | None, text: str) -> ModelRequest:
        before = f"Summary so far:\n{old.text}\n\n" if old else ""
        content = f"{before}Messages that come next:\n{text}\n\nWrite the new summary."
        return ModelRequest(
            purpose="summary",
            system=self._prompt,
            messages=(json.dumps({"role": "user", "content": content}, ensure_ascii=False),),
            max_output_tokens=min(_SUMMARY_OUTPUT_TOKENS, self._config.context_tokens // 4),
        )

    async def _limited(self, text: str, most_tokens: int) -> tuple[str, int]:
        """The summary as it is kept, and its tokens; not every script has spaces."""
        words = _limit_words(text, self._config.summary_words)
        chars = min(len(words), most_tokens * _MOST_CHARS_A_TOKEN)
        while True:
            kept = words if chars >= len(words) else f"... {words[-chars:]}"
            (tokens,) = await self._counter.count([summary_payload(kept)])
            if tokens <= most_tokens or chars <= _LEAST_CHARS:
                return kept, tokens
            chars = max(_LEAST_CHARS, chars * most_tokens // tokens * 9 // 10)


def _fit(lines: list[str], chars: int) -> str:
    """All lines, each cut alike when they are too many for the window."""
    share = max(40, chars // max(1, len(lines)))
    text = "\n".join(lines)
    if len(text) > chars:
        text = "\n".join(cut_text(line, share) for line in lines)
    return text[: max(chars, 40)]


def _mechanical(old: Summary | None, lines: list[str]) -> str:
    """First and last lines with their names and dates; no model needed."""
    picked = lines
    if len(lines) > 2 * _MECHANICAL_LINES:
        gap = f"... {len(lines) - 2 * _MECHANICAL_LINES} more messages, all in recall memory ..."
        picked = [*lines[:_MECHANICAL_LINES], gap, *lines[-_MECHANICAL_LINES:]]
    short = [cut_text(line, _MECHANICAL_LINE_CHARS) for line in picked]
    return "\n".join([old.text, *short] if old else short)


def _limit_words(text: str, words: int) -> str:
    """At most so many words; the newest are at the end, so the beginning gives way."""
    pieces = re.findall(r"\S+\s*", text)
    return text if len(pieces) <= words else "... " + "".join(pieces[-words:])
