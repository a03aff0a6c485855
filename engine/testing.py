"""Stand-ins for tests, shipped so that operators can test their own tools and adapters with them.

No network, no clock of their own, the same result every time.
"""

import asyncio
import json
import re
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from engine.answer_files import AnswerFile
from engine.chat_model import ModelReply, ModelRequest, ToolCall
from engine.delivery import Activity
from engine.errors import DeliveryDelayed, DeliveryError, ModelUnavailable
from engine.records import OutboxItem, TokenUsage, Turn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_START: Final = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
_WORD: Final = re.compile(r"\w+")
_call_numbers = count(1)

ScriptedReply = (
    ModelReply
    | BaseException
    | Callable[[ModelRequest], ModelReply]
    | Callable[[ModelRequest], Awaitable[ModelReply]]
)


def say(text: str) -> ModelReply:
    """An answer that is plain text."""
    return ModelReply(content=text, usage=TokenUsage(model="scripted"))


def call(name: str, /, **arguments: Any) -> ModelReply:  # noqa: ANN401 - any JSON value
    """An answer that calls one tool."""
    return calls((name, arguments))


def calls(*named: tuple[str, dict[str, Any]]) -> ModelReply:
    """An answer that calls several tools, in order."""
    made = tuple(
        ToolCall(
            id=f"call_{next(_call_numbers)}",
            name=name,
            arguments=json.dumps(arguments, ensure_ascii=False),
        )
        for name, arguments in named
    )
    return ModelReply(content=None, tool_calls=made, usage=TokenUsage(model="scripted"))


class Gate:
    """Holds a model call open until the test lets it go.

    Example:
        ``gate = Gate(call("send_message", message="hi"))``, then ``await gate.reached.wait()``
        and ``gate.release.set()``.
    """

    def __init__(self, reply: ModelReply | BaseException) -> None:
        self.reached = asyncio.Event()
        self.release = asyncio.Event()
        self._reply = reply

    async def __call__(self, request: ModelRequest) -> ModelReply:
        """Wait, then give or raise what was scripted."""
        self.reached.set()
        await self.release.wait()
        if isinstance(self._reply, BaseException):
            raise self._reply
        return self._reply


class ScriptedChatModel:
    """A ChatModel that says what it was told to.

    Args:
        replies: In order: replies, exceptions to raise, or callables (plain or async) that get
            the request. More can be added with ``then``.
        otherwise: For requests after the script's end; None refuses them.

    Attributes:
        requests: Every request it was given, in order.
        waiting: Set as soon as the script is used up.
    """

    name = "scripted"
    is_demonstration = False
    tools_as_text = False

    def __init__(
        self, replies: Iterable[ScriptedReply] = (), otherwise: ScriptedReply | None = None
    ) -> None:
        self._replies = list(replies)
        self._otherwise = otherwise
        self.requests: list[ModelRequest] = []
        self.waiting = asyncio.Event()
        self.closed = False

    def then(self, *replies: ScriptedReply) -> None:
        """Add to the script."""
        self._replies.extend(replies)
        self.waiting.clear()

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Give the next scripted reply.

        Raises:
            ModelUnavailable: The script is used up.
        """
        self.requests.append(request)
        reply = self._replies.pop(0) if self._replies else self._otherwise
        if not self._replies:
            self.waiting.set()
        if reply is None:
            raise ModelUnavailable("The script of this model is used up.")
        if callable(reply):
            made = reply(request)
            return made if isinstance(made, ModelReply) else await made
        if isinstance(reply, BaseException):
            raise reply
        return reply

    async def warm_up(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


class HashEmbedder:
    """Vectors from words alone: texts that share words are near, everywhere the same.

    Args:
        dimension: Length of a vector; words share places when it is small.
        ready: Whether a query gets a vector.
    """

    def __init__(self, dimension: int = 256, *, ready: bool = True) -> None:
        self.model = f"hash-{dimension}"
        self.ready = ready
        self.problem: str | None = None
        self.embedded: list[str] = []
        self._dimension = dimension

    async def embed(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """One vector of length 1 a text, float32 (n, dimension)."""
        self.embedded.extend(texts)
        return self._vectors(texts)

    async def embed_query(self, text: str) -> "NDArray[np.float32] | None":
        """The vector of a query, or None when the embedder is not ready."""
        vector: NDArray[np.float32] = self._vectors([text])[0]
        return vector if self.ready else None

    async def close(self) -> None:
        """Nothing runs, so nothing ends."""
        self.ready = False

    def _vectors(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        import numpy as np

        vectors = np.zeros((len(texts), self._dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in _WORD.findall(text.lower()) or [""]:
                vectors[row, zlib.crc32(word.encode()) % self._dimension] += 1.0
        lengths: NDArray[np.float32] = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / lengths).astype(np.float32)


class RecordingDelivery:
    """A Delivery that keeps what it sends.

    Args:
        platform: Name of the platform it plays.
        part_chars: Longest part.

    Attributes:
        sent: Text of every part that arrived, in order.
        files: Every file that arrived, in order.
        attempts: ``(nonce, part number)`` of every try.
        activities: ``(turn id, activity)`` of every sign of life.
        failures: Raised by the next tries, one each, before anything is sent.
        lost_responses: So many next parts arrive although the caller sees a failure.
    """

    def __init__(self, platform: str = "console", part_chars: int = 2000) -> None:
        self.platform = platform
        self.files_apart = False
        self.sent: list[str] = []
        self.files: list[AnswerFile] = []
        self.attempts: list[tuple[str, int]] = []
        self.activities: list[tuple[str, str]] = []
        self.failures: list[DeliveryError] = []
        self.lost_responses = 0
        self.arrived = asyncio.Event()
        self._part_chars = part_chars
        self._references: dict[tuple[str, int], str] = {}

    def fail(self, times: int, error: DeliveryError | None = None) -> None:
        """Let the next tries fail."""
        self.failures += [error or DeliveryDelayed("The platform is busy.")] * times

    def split(self, text: str) -> list[str]:
        """Cut by length alone."""
        size = self._part_chars
        return [text[start : start + size] for start in range(0, len(text), size)] or [""]

    async def send(self, item: OutboxItem, part: str, number: int) -> str:
        """Keep a part once, however often it is sent: the nonce tells a repeat.

        Raises:
            DeliveryError: As told by ``fail`` or ``lost_responses``.
        """
        key = (item.nonce, number)
        self.attempts.append(key)
        if self.failures:
            raise self.failures.pop(0)
        if key not in self._references:
            self._references[key] = f"{self.platform}-{len(self.sent) + 1}"
            self.sent.append(part)
            self.files += [item.file] if item.file else []
            self.arrived.set()
        if self.lost_responses:
            self.lost_responses -= 1
            raise DeliveryDelayed("The response was lost on its way.")
        return self._references[key]

    async def show_activity(self, turn: Turn, activity: Activity) -> None:
        """Keep the sign of life."""
        self.activities.append((turn.id, activity))


class FixedClock:
    """A clock that stands still until it is moved: call it for the time.

    Args:
        at: Where it starts, with a time zone.
    """

    def __init__(self, at: datetime = _START) -> None:
        self._at = at

    def __call__(self) -> datetime:
        """The time it stands at."""
        return self._at

    def advance(self, by: timedelta | float) -> datetime:
        """Move it forward, by a span or by seconds."""
        self._at += by if isinstance(by, timedelta) else timedelta(seconds=by)
        return self._at
