"""The context window: sections to one exact model request, and how many tokens it is.

Pure but for the counter. The prefix (system text, core memory, counts) changes only when a block
changes or at a flush; everything else is appended.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from engine.chat_model import ModelRequest, ToolSpec
from engine.config import CHARS_PER_TOKEN, MemoryConfig
from engine.core_memory import render
from engine.events import clock, summary_payload
from engine.records import Block, MemoryCounts, Message, Window
from engine.tokens import TokenCounter, estimate_tokens

MESSAGE_OVERHEAD_TOKENS = 4  # role and separators, as OpenAI's cookbook counts them
_SHARE_OF_OUTPUT = 8  # an eighth of the window is kept free for the answer
# Of what system text and tools leave; the rest is the queue's.
_CORE_SHARE = 0.4
_SUMMARY_SHARE = 0.25
_LEAST_CHARS = 8
_MOST_KEYS = 8  # of an object that is shown cut; no tool takes more


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
        tools_as_text: Whether the model is told of its tools in words now.
    """

    def __init__(
        self,
        *,
        system_text: str,
        tools: Callable[[str], tuple[ToolSpec, ...]],
        counter: TokenCounter,
        config: MemoryConfig,
        tools_as_text: Callable[[], bool] = lambda: False,
    ) -> None:
        self._tools_as_text = tools_as_text
        self._system_text = system_text
        self._tools = tools
        self._counter = counter
        self._config = config
        self.output_tokens = config.context_tokens // _SHARE_OF_OUTPUT
        self.limit_tokens = int(config.context_tokens * config.flush) - self.output_tokens

    def summary_tokens(self, window: Window) -> int:
        """What a summary may take of a window."""
        return int(self._room_tokens(window) * _SUMMARY_SHARE)

    def build(self, window: Window) -> ModelRequest:
        """The exact request for a window."""
        head = (summary_payload(window.summary.text),) if window.summary else ()
        return self._request(window, head + tuple(message.payload for message in window.queue))

    def measure(self, window: Window, added: Sequence[Message] = ()) -> Fill:
        """How full the window is, with messages that are about to join its queue.

        The queue's tokens were counted when its messages were made, so the cost does not grow
        with what a message holds.
        """
        as_text = self._tools_as_text()
        prefix = self._counter.request_tokens(self._request(window, ()), tools_as_text=as_text)
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
        weights = [len(message.encode()) for message in messages]  # counting all would take long
        chars = [len(message) for message in messages]
        while excess_tokens > 0 and max(chars, default=0) > _LEAST_CHARS:
            place = _largest(weights, chars)
            before = self._counter.message_tokens(messages[place])
            chars[place] = chars[place] * 3 // 4
            messages[place] = cut_payload(request.messages[place], chars[place])
            weights[place] = len(messages[place].encode())
            excess_tokens -= before - self._counter.message_tokens(messages[place])
        return replace(request, messages=tuple(messages))

    def _room_tokens(self, window: Window) -> int:
        """What system text and tools leave for memory, summary and queue."""
        bare = replace(window, blocks=())
        return max(0, self.limit_tokens - self._counter.request_tokens(self._request(bare, ())))

    def _request(self, window: Window, messages: tuple[str, ...]) -> ModelRequest:
        return ModelRequest(
            purpose="turn",
            system=self._prefix(window),
            messages=messages,
            tools=self._tools(window.agent_id),
            max_output_tokens=self.output_tokens,
        )

    def _prefix(self, window: Window) -> str:
        core = render(self._fitting(window))
        return f"{self._system_text}\n\n# Core memory\n{core}\n\n{_counts_line(window.counts)}"

    def _fitting(self, window: Window) -> list[Block]:
        """Blocks as shown: a set too big for the window is cut, largest first, with a note."""
        if not window.blocks:
            return []
        blocks = window.blocks
        shown = list(blocks)
        sizes = [self._block_tokens(block) for block in blocks]
        chars = [len(block.value) for block in blocks]
        room = int(self._room_tokens(window) * _CORE_SHARE)
        while sum(sizes) > room and max(chars, default=0) > _LEAST_CHARS:
            place = _largest(sizes, chars)
            chars[place] = chars[place] * 3 // 4
            cut = cut_text(blocks[place].value, chars[place])
            shown[place] = replace(blocks[place], value=cut)
            sizes[place] = self._block_tokens(shown[place])
        return shown

    def _block_tokens(self, block: Block) -> int:
        return self._counter.count_now(json.dumps(render([block]), ensure_ascii=False))


def _largest(sizes: Sequence[int], chars: Sequence[int]) -> int:
    """Place of the largest of those that can be cut further."""
    left = (place for place in range(len(chars)) if chars[place] > _LEAST_CHARS)
    return max(left, key=sizes.__getitem__)


def _counts_line(counts: MemoryCounts) -> str:
    return (
        f"Beyond this window: {counts.messages} messages in recall memory, "
        f"{counts.passages} passages in archival memory."
    )


def cut_text(text: str, chars: int) -> str:
    """The beginning of a text with a note of what is missing, where that is shorter."""
    note = f"[cut: the first {chars} of {len(text)} characters are shown]"
    if chars <= _LEAST_CHARS:
        note = "[cut]"  # what little is left must not go to the note
    cut = f"{text[:chars]} {note}"
    return text if len(text) <= max(chars, len(cut)) else cut


def cut_payload(payload: str, chars: int) -> str:
    """A queue entry with the texts in it cut; its shape stays valid."""
    if len(payload) <= chars:
        return payload
    entry = json.loads(payload)
    for call in entry.get("tool_calls", ()):
        call["function"]["arguments"] = cut_object(call["function"]["arguments"], chars)
    if entry["content"]:
        cut = cut_text if entry["role"] == "assistant" else cut_object
        entry["content"] = cut(entry["content"], chars)
    return json.dumps(entry, ensure_ascii=False)


def cut_object(text: str, chars: int) -> str:
    """JSON text of an object with its long strings cut, and without lists and objects in it."""
    if len(text) <= chars:
        return text
    values = json.loads(text)
    shown = {key: _cut_value(values[key], chars) for key in list(values)[:_MOST_KEYS]}
    return json.dumps(shown, ensure_ascii=False)


def _cut_value(value: object, chars: int) -> object:
    if isinstance(value, (bool, int, float)) or value is None:
        return value
    return cut_text(value if isinstance(value, str) else json.dumps(value), chars)


class Fitter:
    """Makes queue entries of texts of any size.

    Args:
        counter: Counts tokens off the event loop.
        most_tokens: What one entry may take.
    """

    def __init__(self, counter: TokenCounter, most_tokens: int) -> None:
        self._counter = counter
        self._most_tokens = most_tokens

    async def fit(self, text: str, render_text: Callable[[str], str]) -> tuple[str, int]:
        """The entry of a text, which is cut with a note until the entry is small enough.

        Args:
            text: Stays whole where it is stored.
            render_text: The entry of a text.

        Returns:
            The entry and its tokens.
        """
        return await self._fitting(lambda chars: render_text(cut_text(text, chars)), len(text))

    async def fit_entry(self, entry: str) -> tuple[str, int]:
        """An entry with the texts in it cut, as ``fit`` does it, and its tokens."""
        return await self._fitting(lambda chars: cut_payload(entry, chars), len(entry))

    async def _fitting(self, shown: Callable[[int], str], chars: int) -> tuple[str, int]:
        chars = min(chars, self._most_tokens * CHARS_PER_TOKEN)
        while True:
            entry = shown(chars)
            tokens = estimate_tokens(entry)
            if tokens <= 2 * self._most_tokens:  # else far too much, and long to count
                (tokens,) = await self._counter.count([entry])
            if tokens <= self._most_tokens or chars <= _LEAST_CHARS:
                return entry, tokens
            chars = max(_LEAST_CHARS, chars * self._most_tokens // tokens * 9 // 10)


def message_line(message: Message, zone: ZoneInfo, chars: int) -> str:
    """A message on one line, with its time and who said it; its text is cut to so many chars."""
    who = message.author_name or ("you" if message.role == "assistant" else "system")
    said = cut_text(" ".join(message.text.split()), chars)
    return f"[{clock(message.sent_at, zone)}] {who}: {said}"
