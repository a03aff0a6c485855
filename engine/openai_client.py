"""One HTTP exchange with an OpenAI-compatible endpoint, retried in this one place.

The only module that imports ``openai``, and itself imported late: the SDK takes about half a
second and 15 MB. Nothing that an endpoint says is kept in an error or a log line, since providers
echo the prompt; that is why provider errors are cut off with ``from None``.

Source: https://github.com/openai/openai-python (custom requests), HTTP status list of
https://platform.openai.com/docs/guides/error-codes.
"""

import asyncio
import json
import logging
import re
from collections.abc import Mapping
from typing import Any, Final

import httpx2
import openai
import stamina

from engine.chat_model import Watch
from engine.config import ModelConfig
from engine.errors import ContextOverflow, ModelUnavailable
from engine.streaming import StreamedAnswer

_PROVIDER_URL: Final = "https://api.openai.com/v1"
_TOO_LATE_SECONDS: Final = 60.0
_TOTAL_TIMES_TIMEOUT: Final = 2.0
# 501 says that tools are unknown and stays; 529 is Anthropic's "overloaded".
_PASSING: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_OVERFLOW_STATUSES: Final = frozenset({400, 413, 422, 500})
_OVERFLOW_CODES: Final = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_OVERFLOW_WORDS: Final = (
    "maximum context length",
    "exceeds the available context size",
    "exceeds context length",
    "context length",
    "context window",
    "context_length",
    "inputs tokens + max_new_tokens",
    "prompt is too long",
)


class Refused(ModelUnavailable):
    """The endpoint refuses the request as it is.

    Args:
        sentence: What the operator should check.
        status: The HTTP status.
        code: The provider's own code, or "".
        parameter: The parameter it names, or "".
    """

    def __init__(self, sentence: str, *, status: int, code: str, parameter: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.code = code
        self.parameter = parameter


class Trouble(ModelUnavailable):
    """Something that may be over in a moment.

    Args:
        sentence: What the operator should check if it stays.
        retry_after_seconds: The endpoint's own wish.
    """

    def __init__(self, sentence: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after_seconds = retry_after_seconds


class OpenAIClient:
    """Posts bodies to chat/completions."""

    def __init__(self, config: ModelConfig) -> None:
        # At DEBUG and INFO they log addresses, and older releases whole requests.
        for name in ("openai", "httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)
        base_url = config.base_url or _PROVIDER_URL
        self._url = re.sub(r"//[^/@]*@", "//", base_url)  # as shown: without a password
        self._attempts = config.max_attempts
        self._total_seconds = _TOTAL_TIMES_TIMEOUT * config.timeout_seconds
        self._sdk = openai.AsyncOpenAI(
            api_key=config.api_key or "none",
            base_url=base_url,
            timeout=httpx2.Timeout(config.timeout_seconds, connect=config.connect_timeout_seconds),
            max_retries=0,
        )

    async def post(self, body: str, watch: Watch | None = None) -> dict[str, Any]:
        """Send JSON text; try again what may pass, within the attempts and the total time.

        Args:
            body: The request.
            watch: Is shown what comes, when the body asks for a stream.

        Raises:
            Refused: Trying again would not help.
            ContextOverflow: The request is too large.
            ModelUnavailable: The attempts or the time are used up.
        """
        try:
            async with asyncio.timeout(self._total_seconds):
                async for attempt in stamina.retry_context(
                    on=_wait, attempts=self._attempts, timeout=None, wait_initial=0.5, wait_max=8.0
                ):
                    with attempt:
                        return await self._post_once(body, watch)
        except TimeoutError:
            raise ModelUnavailable(
                f"The model at {self._url} did not answer within {self._total_seconds:.0f} s."
            ) from None
        raise AssertionError("stamina raises when the attempts are used up")

    async def _post_once(self, body: str, watch: Watch | None) -> dict[str, Any]:
        # Not chat.completions.create: it walks all messages and validates the answer, which takes
        # 8 ms a call with a short queue against 1.4 ms, and hides what a strange server said.
        try:
            answer = await (self._streamed(body, watch) if watch else self._whole(body))
        except openai.APIStatusError as error:
            raise self._explain(error) from None
        except openai.APITimeoutError:
            raise Trouble(f"The model at {self._url} took too long to answer.") from None
        except openai.APIConnectionError:
            raise Trouble(
                f"There is no connection to the model at {self._url}; check OPENAI_BASE_URL."
            ) from None
        except (ValueError, RecursionError):
            raise Trouble(f"The model at {self._url} answered something unreadable.") from None
        except openai.APIError:  # said in the middle of a stream
            raise Trouble(f"The model at {self._url} broke its answer off.") from None
        if not isinstance(answer, dict) or not answer.get("choices"):
            raise Trouble(f"The model at {self._url} gave an empty answer.")
        return answer

    async def _whole(self, body: str) -> Any:  # noqa: ANN401 - whatever a server answers
        response = await self._sdk.post(
            "/chat/completions", content=body.encode(), cast_to=httpx2.Response
        )
        return json.loads(response.text)

    async def _streamed(self, body: str, watch: Watch) -> Any:  # noqa: ANN401 - as above
        """The answer of a stream, or of a server that does not know streams and sends it whole."""
        streamed = StreamedAnswer(watch)
        async with await self._sdk.post(
            "/chat/completions",
            content=body.encode(),
            cast_to=object,
            stream=True,
            stream_cls=openai.AsyncStream[object],
        ) as stream:
            if "event-stream" not in stream.response.headers.get("content-type", ""):
                return json.loads(await stream.response.aread())
            async for chunk in stream:
                streamed.add(chunk)
        if not streamed.finished:  # nobody else would notice
            raise Trouble(f"The model at {self._url} broke its answer off.")
        return streamed.body

    def _explain(self, error: openai.APIStatusError) -> ModelUnavailable:
        status = error.status_code
        if is_context_overflow(error):
            return ContextOverflow()
        if status in _PASSING:
            wish = _retry_after(error.response.headers)
            return Trouble(f"The model at {self._url} is overloaded (HTTP {status}).", wish)
        advice = {
            401: "check OPENAI_API_KEY",
            403: "check OPENAI_API_KEY and what it may use",
            404: "check MEMBOT_MODEL and OPENAI_BASE_URL",
        }.get(status, "check MEMBOT_MODEL and MEMBOT_TOOL_MODE")
        return Refused(
            f"The model at {self._url} refused the request (HTTP {status}); {advice}.",
            status=status,
            code=str(error.code or ""),
            parameter=str(error.param or ""),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._sdk.close()


def is_context_overflow(error: openai.APIStatusError) -> bool:
    """Whether a refusal means that the request is larger than the context window.

    The one place where an error's words decide: only OpenAI and llama.cpp send a code.
    Source: github.com/ggml-org/llama.cpp/pull/15780, github.com/vllm-project/vllm/issues/20409.
    """
    if error.status_code not in _OVERFLOW_STATUSES:
        return False
    if error.code in _OVERFLOW_CODES or error.type in _OVERFLOW_CODES:
        return True
    words = error.message.lower()
    return any(mark in words for mark in _OVERFLOW_WORDS)


def _wait(error: Exception) -> bool | float:
    """Whether, and how long before, a failure is worth another try."""
    if not isinstance(error, Trouble):
        return False
    wish = error.retry_after_seconds
    if wish is None:
        return True
    return wish if wish <= _TOO_LATE_SECONDS else False


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait; a date instead of seconds is left to the usual backoff."""
    for name, unit_seconds in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers.get(name, "")) * unit_seconds)
        except ValueError:
            continue
    return None
