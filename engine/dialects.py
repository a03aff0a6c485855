"""Which of the forms of chat.completions an endpoint understands: pure choices, no network."""

from dataclasses import dataclass, replace
from typing import Final, Literal

Calls = Literal["native", "json_schema", "text"]
OutputField = Literal["max_completion_tokens", "max_tokens"]

TEMPERATURE: Final = "temperature"
SIGHT: Final = "sight"
STREAM: Final = "stream"
CALLS: Final[tuple[Calls, ...]] = ("json_schema", "native", "text")
_OTHER_FIELD: Final[dict[OutputField, OutputField]] = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One way to put a request.

    Attributes:
        calls: ``native`` sends ``tools``; ``json_schema`` asks for one object of the tools'
            schema; ``text`` only describes the tools, for endpoints that refuse both.
            Source of such a refusal: github.com/ollama/ollama/issues/5793.
        output_field: How the limit of the answer is named: OpenAI's newer models refuse
            ``max_tokens``, older servers know nothing else.
        steady: Asks for a low temperature where calls are written as text: what small models put
            into memory must not be a matter of luck. Models with native calls keep their own.
        sees: Sends pictures, where there are any.
        stream: Has the answer sent as it is written, where somebody looks on.
    """

    calls: Calls = "native"
    output_field: OutputField = "max_tokens"
    steady: bool = True
    sees: bool = True
    stream: bool = True


def refused_trait(dialect: Dialect, parameter: str, *, pictures: bool, streamed: bool) -> str:
    """What a refusal is held to be about.

    Args:
        dialect: What was refused.
        parameter: That the refusal names, or "".
        pictures: Whether there were any to be sent.
        streamed: Whether somebody looked on.

    Returns:
        The parameter, else what fewest endpoints know of what was used, last how calls are made.
    """
    if parameter in {dialect.output_field, TEMPERATURE}:
        return parameter
    if streamed and dialect.stream and parameter.startswith(STREAM):
        return STREAM
    if pictures and dialect.sees:
        return SIGHT
    return STREAM if streamed and dialect.stream else dialect.calls


def other_dialect(
    dialect: Dialect, refused: frozenset[str], *, may_change_calls: bool
) -> Dialect | None:
    """What to try after a refusal.

    Args:
        dialect: What was refused just now.
        refused: Every trait refused so far, this time's too.
        may_change_calls: Whether another way to call tools is allowed and could help.

    Returns:
        None when nothing is left.
    """
    if dialect.output_field in refused:
        other = _OTHER_FIELD[dialect.output_field]
        return None if other in refused else replace(dialect, output_field=other)
    if dialect.steady and TEMPERATURE in refused:
        return replace(dialect, steady=False)
    if dialect.sees and SIGHT in refused:
        return replace(dialect, sees=False)
    if dialect.stream and STREAM in refused:
        return replace(dialect, stream=False)
    left = [calls for calls in CALLS if calls not in refused]
    if not left or not may_change_calls:
        return None
    return replace(dialect, calls=left[0], sees=True, stream=True)  # they were not to blame
