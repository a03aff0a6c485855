"""The context window: sections to one exact model request, and how many tokens it is.

Pure but for the counter. The prefix (system text, core memory, counts) changes only when a block
changes or at a flush; everything else is appended.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.chat_model import ModelRequest, ToolSpec
from engine.config import CHARS_PER_TOKEN, MemoryConfig
from engine.core_memory import render
from engine.events import summary_payload
from engine.records import Block, MemoryCounts, Message, Window
from engine.tokens import TokenCounter

MESSAGE_OVERHEAD_TOKENS = 4  # role and separators, as OpenAI's cookbook counts them
_SHARE_OF_OUTPUT = 8  # an eighth of the window is kept free for the answer
_CORE_SHARE = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """How full a window is.

    Attributes:
        used_tokens: What the request takes.
        limit_tokens: What it may take, the answer's share taken off.
        context_tokens: The whole window; shares are of this.
    """

    used_tokens: int
    limit_tokens: int
    context_tokens: int

    @property
    def share(self) -> float:
        """Used part of the whole window."""
        return self.used_tokens / self.context_tokens


class ContextWindow:
    """Builds requests for one system text.

    Args:
        system_text: Static text, the same for all agents of a persona set.
        tools: What an agent's model may call, by the agent's key.
        counter: Counts tokens off the event loop.
        config: Sizes and shares.
    """

    def __init__(
        self,
        *,
        system_text: str,
        tools: Callable[[str], tuple[ToolSpec, ...]],
        counter: TokenCounter,
        config: MemoryConfig,
    ) -> None:
        self._system_text = system_text
        self._tools = tools
        self._counter = counter
        self._config = config
        self.output_tokens = config.context_tokens // _SHARE_OF_OUTPUT
        self.limit_tokens = int(config.context_tokens * config.flush) - self.output_tokens

    def build(self, window: Window) -> ModelRequest:
        """The exact request for a window."""
        head = (summary_payload(window.summary.text),) if window.summary else ()
        return self._request(window, head + tuple(message.payload for message in window.queue))

    def measure(self, window: Window, added: Sequence[Message] = ()) -> Fill:
        """How full the window is, with messages that are about to join its queue.

        The queue's tokens were counted when its messages were made, so the cost does not grow
        with what a message holds.
        """
        prefix = self._counter.request_tokens(self._request(window, ()))
        summary = window.summary.tokens + MESSAGE_OVERHEAD_TOKENS if window.summary else 0
        queue = sum(item.tokens + MESSAGE_OVERHEAD_TOKENS for item in (*window.queue, *added))
        return Fill(
            used_tokens=prefix + summary + queue,
            limit_tokens=self.limit_tokens,
            context_tokens=self._config.context_tokens,
        )

    def with_memory(self, window: Window, blocks: Sequence[Block]) -> Window:
        """The window as it will be once edited blocks are stored."""
        edited = {block.label: block for block in blocks}
        kept = tuple(edited.pop(block.label, block) for block in window.blocks)
        return replace(window, blocks=kept + tuple(edited.values()))

    def shrink(self, request: ModelRequest, excess_tokens: int) -> ModelRequest:
        """Cut the largest messages of a request that no flush can make fit.

        What is stored stays whole; only what is shown gets shorter, with a note.
        """
        messages = list(request.messages)
        excess_chars = excess_tokens * CHARS_PER_TOKEN
        while excess_chars > 0:
            place = max(range(len(messages)), key=lambda index: len(messages[index]))
            shorter = cut_payload(messages[place])
            if len(shorter) >= len(messages[place]):
                break
            excess_chars -= len(messages[place]) - len(shorter)
            messages[place] = shorter
        return replace(request, messages=tuple(messages))

    def _request(self, window: Window, messages: tuple[str, ...]) -> ModelRequest:
        return ModelRequest(
            purpose="turn",
            system=self._prefix(window),
            messages=messages,
            tools=self._tools(window.agent_id),
            max_output_tokens=self.output_tokens,
        )

    def _prefix(self, window: Window) -> str:
        core = render(self._fitting(window.blocks))
        return f"{self._system_text}\n\n# Core memory\n{core}\n\n{_counts_line(window.counts)}"

    def _fitting(self, blocks: Sequence[Block]) -> list[Block]:
        """Blocks as shown: a set too big for the window is cut, longest first, with a note."""
        room = int(self._config.context_tokens * _CORE_SHARE) * CHARS_PER_TOKEN
        shown = list(blocks)
        while sum(len(block.value) for block in shown) > room:
            place = max(range(len(shown)), key=lambda index: len(shown[index].value))
            shorter = cut_text(shown[place].value, len(shown[place].value) // 2)
            if len(shorter) >= len(shown[place].value):
                break
            shown[place] = replace(shown[place], value=shorter)
        return shown


def _counts_line(counts: MemoryCounts) -> str:
    return (
        f"Beyond this window: {counts.messages} messages in recall memory, "
        f"{counts.passages} passages in archival memory."
    )


def cut_text(text: str, chars: int) -> str:
    """The beginning of a text with a note of what is missing."""
    if len(text) <= chars:
        return text
    return f"{text[:chars]} [cut: the first {chars} of {len(text)} characters are shown]"


def cut_payload(payload: str) -> str:
    """A queue entry with the longest text in it halved; its shape stays valid."""
    entry = json.loads(payload)
    content = entry.get("content")
    if not isinstance(content, str) or not content:
        return payload
    try:
        envelope = json.loads(content)
        envelope["message"] = cut_text(envelope["message"], len(envelope["message"]) // 2)
        entry["content"] = json.dumps(envelope, ensure_ascii=False)
    except (ValueError, KeyError, TypeError):
        entry["content"] = cut_text(content, len(content) // 2)
    return json.dumps(entry, ensure_ascii=False)
