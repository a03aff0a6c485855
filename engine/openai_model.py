"""The ChatModel over an OpenAI-compatible endpoint: which dialect it speaks, and what it costs.

In tool mode ``auto`` each model starts with native calls; what an endpoint refuses or answers
decides the dialect of the next request, and is remembered once a request in it has worked.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from engine.chat_model import ModelReply, ModelRequest
from engine.circuit import Circuit
from engine.config import ModelConfig
from engine.dialects import CALLS, SIGHT, Dialect, other_dialect, refused_trait
from engine.errors import ContextOverflow, MembotError, ModelUnavailable
from engine.openai_wire import Answer, read_answer, request_body

if TYPE_CHECKING:
    from engine.openai_client import OpenAIClient, Refused

log = logging.getLogger(__name__)

_REFUSES_TOOLS: Final = frozenset({400, 404, 422, 501})
_PICTURE: Final = "image"  # in codes such as invalid_image_format and image_parse_error
_UNKNOWN_MODEL: Final = "model_not_found"


@dataclass(slots=True, kw_only=True)
class _Known:
    """What has been learned about one model."""

    circuit: Circuit
    dialect: Dialect
    refused: frozenset[str] = frozenset()


class KeptValues(Protocol):
    """Small values that outlive the process; the store is one."""

    async def kept_value(self, name: str) -> str | None:
        """The value of that name, if there is one."""
        ...

    async def keep_value(self, name: str, value: str) -> None:
        """Keep a value in the place of an earlier one."""
        ...


class OpenAIChatModel:
    """A language model behind chat.completions.

    Args:
        config: Endpoint, models, tool mode and bounds.
        kept: Where it is kept how models call tools; None to learn it in every process.
        clock: Monotonic seconds, for the circuit breaker.
    """

    is_demonstration = False

    def __init__(
        self,
        config: ModelConfig,
        kept: KeptValues | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = config.model
        self._kept = kept
        self._config = config
        self._clock = clock
        self._client: OpenAIClient | None = None
        self._starting = asyncio.Lock()
        self._known: dict[str, _Known] = {}

    @property
    def tools_as_text(self) -> bool:
        """Whether the chat model writes its calls as text, as far as that is known."""
        known = self._known.get(self._config.model) or self._nothing_known()
        return known.dialect.calls != "native"

    async def complete(self, request: ModelRequest) -> ModelReply:
        """Answer one request.

        Raises:
            ModelUnavailable: The bounded retries are used up, the endpoint refuses, or it failed
                so often lately that it is not asked.
            ContextOverflow: The endpoint says that the request is too large.
        """
        model = self._config.model
        if request.purpose != "turn":
            model = self._config.background_model or model
        known = self._known.setdefault(model, self._nothing_known())
        if not known.circuit.allows():
            raise ModelUnavailable(f"The model {model} failed several times; it gets a rest.")
        try:
            reply = await self._converse(request, model, known)
        except ContextOverflow:
            known.circuit.succeeded()
            raise
        except ModelUnavailable:
            known.circuit.failed()
            raise
        known.circuit.succeeded()
        return reply

    async def warm_up(self) -> None:
        """Import the SDK ahead of the first request, which it would delay by half a second.

        Also recalls how the models call tools: the first message after a restart is put to them
        like the one before.
        """
        await self._started()
        for model in {self._config.model, self._config.background_model or self._config.model}:
            await self._recall(model)

    async def close(self) -> None:
        """Close connections."""
        if self._client is not None:
            await self._client.close()

    async def _recall(self, model: str) -> None:
        if self._kept is None:
            return
        known = self._known.setdefault(model, self._nothing_known())
        if await self._kept.kept_value(self._name_of(model, "sight")):
            known.dialect = replace(known.dialect, sees=False)
        calls = await self._kept.kept_value(self._name_of(model))
        if calls in CALLS and self._config.tool_mode == "auto":
            known.dialect = replace(known.dialect, calls=calls)

    async def _remember(self, name: str, value: str) -> None:
        if self._kept is None:
            return
        with suppress(MembotError):  # it is learned again
            await self._kept.keep_value(name, value)

    def _name_of(self, model: str, what: str = "calls") -> str:
        return f"{what} of {model} at {self._config.base_url or 'the provider'}"

    def _nothing_known(self) -> _Known:
        own = self._config.base_url is None
        dialect = Dialect(
            calls="json_schema" if self._config.tool_mode == "json_schema" else "native",
            output_field="max_completion_tokens" if own else "max_tokens",
        )
        return _Known(circuit=Circuit(self._clock), dialect=dialect)

    async def _started(self) -> "OpenAIClient":
        """The client, its SDK imported in a thread on first use."""
        async with self._starting:
            if self._client is None:
                self._client = await asyncio.to_thread(_build_client, self._config)
            return self._client

    async def _converse(self, request: ModelRequest, model: str, known: _Known) -> ModelReply:
        """Ask in the dialect that is known to work, and in another one when it is refused."""
        client = self._client or await self._started()
        dialect, refused, broken = known.dialect, known.refused, False
        while not isinstance(answer := await self._ask(client, request, model, dialect), Answer):
            if answer.code == _UNKNOWN_MODEL or answer.status not in _REFUSES_TOOLS:
                raise answer
            refused |= {_trait(request, dialect, answer)}
            broken |= request.sight is not None and _PICTURE in answer.code
            may_change = bool(request.tools) and self._config.tool_mode == "auto"
            other = other_dialect(dialect, refused, may_change_calls=may_change)
            if other is None:
                raise answer
            dialect = other
        if dialect != known.dialect:
            log.info("model %s is asked with %s calls", model, dialect.calls)
        if broken:  # the picture was to blame, and the next one may be seen
            dialect, refused = replace(dialect, sees=True), refused - {SIGHT}
        known.refused = refused
        before, known.dialect = known.dialect, self._after(answer, dialect, refused)
        if known.dialect.calls != before.calls:
            await self._remember(self._name_of(model), known.dialect.calls)
        if known.dialect.sees != before.sees:
            await self._remember(self._name_of(model, "sight"), "none")
        if answer.debris and known.dialect != dialect:
            return await self._converse(request, model, known)
        return answer.reply

    def _after(self, answer: Answer, dialect: Dialect, refused: frozenset[str]) -> Dialect:
        """The next request's dialect: calls that arrive as text are asked for as JSON."""
        as_text = answer.salvaged or answer.debris
        written = as_text and dialect.calls == "native" and "json_schema" not in refused
        may_change = self._config.tool_mode == "auto"
        return replace(dialect, calls="json_schema") if written and may_change else dialect

    async def _ask(
        self, client: "OpenAIClient", request: ModelRequest, model: str, dialect: Dialect
    ) -> "Answer | Refused":
        from engine.openai_client import Refused

        try:
            watch = request.watch if dialect.stream else None
            body = await client.post(request_body(request, model, dialect), watch)
        except Refused as refusal:
            return refusal
        answer = read_answer(body, request, model)
        if answer is None:
            raise ModelUnavailable(f"The model {model} answers in a shape that is not known.")
        return answer


def _trait(request: ModelRequest, dialect: Dialect, refusal: "Refused") -> str:
    pictures, streamed = request.sight is not None, request.watch is not None
    return refused_trait(dialect, refusal.parameter, pictures=pictures, streamed=streamed)


def _build_client(config: ModelConfig) -> "OpenAIClient":
    from engine.openai_client import OpenAIClient

    return OpenAIClient(config)
