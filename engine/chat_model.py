"""The ChatModel port, and its OpenAI-compatible implementation.

A request is sections plus canonical messages; how they look on the wire is the model's business.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from engine.hooks import Hook, ModelCalled
from engine.records import TokenUsage

HEARTBEAT: Final = "request_heartbeat"  # the argument with which a model asks for another step


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A function the model may call.

    Attributes:
        parameters: JSON schema of its arguments, an object with ``additionalProperties`` false.
    """

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call as the model wrote it; ``arguments`` is its JSON text, not yet validated."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is shown of an answer while it is being written: an argument of its first call.

    A later call may yet be refused for what is wrong with an earlier one, and text is no call.

    Attributes:
        tool: The call's name.
        argument: A text argument of it, which comes first.
        show: Called with the argument as far as it has come, again and again.
    """

    tool: str
    argument: str
    show: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Pictures that belong to an entry of the queue.

    Attributes:
        entry: The entry, as it stands among the messages.
        urls: ``data:`` addresses, in their order.
    """

    entry: str
    urls: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One model call.

    Attributes:
        system: System text, core memory and counts: the prefix.
        messages: Canonical chat.completions message objects as JSON text (``Message.payload``):
            ``{"role": "user", "content": str}``,
            ``{"role": "assistant", "content": str | null, "tool_calls": [...]}``,
            ``{"role": "tool", "tool_call_id": str, "content": str}``.
        tools: Empty for a plain completion such as a summary.
        only: The one tool to be called now, where an endpoint can hold a model to it without
            another prefix.
        varied: Whether the answer may be left to chance, because a steady one was no good.
        sight: Pictures for a model that sees; another one is told that it does not.
        watch: None when nobody looks on; a model that cannot stream ignores it.
    """

    purpose: Literal["turn", "summary", "memory"]
    system: str
    messages: tuple[str, ...]
    tools: tuple[ToolSpec, ...] = ()
    only: str | None = None
    varied: bool = False
    max_output_tokens: int
    sight: Sight | None = None
    watch: Watch | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """What came back; calls that were salvaged from text look like any other."""

    content: str | None
    tool_calls: tuple[ToolCall, ...] = ()
    usage: TokenUsage


class ChatModel(Protocol):
    """A language model, or what stands in for one."""

    name: str
    is_demonstration: bool

    @property
    def tools_as_text(self) -> bool:
        """Whether it is told of its tools in words, which takes fewer tokens."""
        ...

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Answer one request; provider retries happen inside, nowhere else.

        Raises:
            ModelUnavailable: The bounded retries are used up, or the endpoint refuses.
            ContextOverflow: The endpoint says that the request is too large.
        """
        ...

    async def warm_up(self) -> None:
        """Load beforehand what the first answer would have to wait for; sends nothing."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


async def ask(model: ChatModel, request: ModelRequest, agent_id: str, hook: Hook) -> ModelReply:
    """The answer to a request for an agent; the hook is told what it cost.

    Raises:
        ModelUnavailable: See ``ChatModel.complete``.
    """
    started = time.perf_counter()
    reply = await model.complete(request)
    hook(
        ModelCalled(
            agent_id=agent_id,
            model=reply.usage.model,
            purpose=reply.usage.purpose,
            input_tokens=reply.usage.input_tokens,
            cached_tokens=reply.usage.cached_tokens,
            output_tokens=reply.usage.output_tokens,
            seconds=time.perf_counter() - started,
        )
    )
    return reply
