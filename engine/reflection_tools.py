"""The functions of the memory agent: those of a turn that search, and its own that keep.

Names and arguments follow the sleep-time agents of Letta (the voice agent's ``store_memories``).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from ulid import ULID

from engine import memory_tools
from engine.core_memory import HUMAN
from engine.errors import ModelMistake
from engine.records import Message, Passage
from engine.tools import MemoryContext, Tool, make_tool

MEMORY_AGENT: Final = "memory-agent"
PERSONA: Final = "persona"
_LONGEST_CHARS: Final = 8_000
_MOST_LOST: Final = 1 / 3  # of a block's names and numbers
_DISTINCTIVE: Final = re.compile(r"\b(?:[^\W\d_]*\d\w*|[^\W\d_a-zß-öø-ÿ]\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReflectionContext(MemoryContext):
    """What the memory agent's tools may know and touch.

    Attributes:
        leaving: The numbered messages.
        lines: How they read.
    """

    leaving: Sequence[Message]
    lines: Sequence[str]


class MemoryChunk(BaseModel):
    """Messages that belong together."""

    model_config = ConfigDict(extra="forbid")

    start_index: Annotated[int, Field(description="Number of the first message.")]
    end_index: Annotated[int, Field(description="Number of the last message, included.")]
    context: Annotated[
        str,
        AfterValidator(str.strip),
        Field(description="One sentence: who and what it is about."),
    ]


async def store_memories(context: ReflectionContext, chunks: list[MemoryChunk]) -> str:
    """Store pieces of the numbered messages in archival memory, word for word.

    Args:
        chunks: Which messages, each piece with a sentence of context.
    """
    made = [_passage(context, chunk) for chunk in chunks]
    if len(context.draft.passages) + len(made) > len(context.leaving):
        raise ModelMistake("These are more pieces than there are messages; nothing was stored.")
    context.draft.passages.extend(made)
    return f"Stored {len(made)} memories."


async def rethink_memory(
    context: ReflectionContext, target_block_label: str, new_memory: str
) -> str:
    """Rewrite a whole core memory block. A new label makes a new block.

    Args:
        target_block_label: Block to rewrite.
        new_memory: Its complete new text.
    """
    if target_block_label == PERSONA:
        raise ModelMistake("'persona' is the agent's own; leave it as it is.")
    _require_kept(context, target_block_label, new_memory)
    new_memory = _without_talk(context, new_memory)
    return await memory_tools.rethink_memory(context, target_block_label, new_memory)


async def rethink_user_memory(context: ReflectionContext, new_memory: str) -> str:
    """Rewrite the whole block about the person who wrote the messages.

    Args:
        new_memory: Its complete new text.
    """
    _require_kept(context, HUMAN, new_memory)
    return await memory_tools.rethink_user_memory(context, _without_talk(context, new_memory))


def reflection_tools() -> list[Tool]:
    """The memory agent's functions; control always comes back to it, so none asks for it."""
    functions = (
        store_memories,
        rethink_memory,
        rethink_user_memory,
        memory_tools.conversation_search,
        memory_tools.archival_memory_search,
        memory_tools.finish_rethinking_memory,
    )
    return [make_tool(function, chains=False) for function in functions]


def _passage(context: ReflectionContext, chunk: MemoryChunk) -> Passage:
    last = len(context.leaving) - 1
    if not 0 <= chunk.start_index <= chunk.end_index <= last:
        raise ModelMistake(
            f"Messages {chunk.start_index} to {chunk.end_index} do not exist; "
            f"they are numbered from 0 to {last}."
        )
    taken = slice(chunk.start_index, chunk.end_index + 1)
    text = "\n".join([chunk.context, *context.lines[taken]])
    if not chunk.context or len(text) > _LONGEST_CHARS:
        raise ModelMistake("Give a sentence of context and take fewer messages at once.")
    messages = context.leaving[taken]
    names = dict.fromkeys(item.author_name for item in messages if item.author_name)
    sources = tuple(dict.fromkeys(item.source_key for item in messages if item.source_key))
    return Passage(
        id=str(ULID.from_datetime(context.now())),
        text=text,
        author=MEMORY_AGENT,
        author_name=", ".join(names),
        source_key=sources[0] if sources else None,
        sources=sources,
        created_at=messages[-1].sent_at,
    )


def _require_kept(context: ReflectionContext, label: str, new_memory: str) -> None:
    """A small model rewrites what it should keep: most names and numbers must still be there."""
    block = memory_tools.block_named(context, label)
    old = set(_DISTINCTIVE.findall(block.value)) if block else set()
    lost = {word for word in old if word.casefold() not in new_memory.casefold()}
    if len(lost) > _MOST_LOST * len(old):
        raise ModelMistake(
            f"The new text leaves out {', '.join(sorted(lost))}; nothing was changed. Write "
            "everything that the block holds and is still true, then what is new."
        )


def _without_talk(context: ReflectionContext, new_memory: str) -> str:
    """Leave out what the agent said and what it was asked, where that is only copied.

    Read back in the prompt, "You: I don't know." is what a small model says from then on.
    """
    said = {" ".join(item.text.split()).casefold(): item.role for item in context.leaving}
    names = {item.author_name for item in context.leaving if item.author_name}
    speakers = "|".join(map(re.escape, ("you", *sorted(names))))
    spoken = re.compile(rf"(?:\[[^\]]*\] )?(?:{speakers}): (.+)", re.IGNORECASE)
    pieces = re.split(rf"\n|(?<=[.!?]) (?=(?:{speakers}): )", new_memory, flags=re.IGNORECASE)

    def is_talk(piece: str) -> bool:
        found = spoken.fullmatch(piece.strip())
        words = found[1].casefold() if found else ""
        role = said.get(words)
        return role == "assistant" or (role == "user" and words.endswith("?"))

    kept = [piece for piece in pieces if not is_talk(piece)]
    return new_memory if len(kept) == len(pieces) else "\n".join(kept)
