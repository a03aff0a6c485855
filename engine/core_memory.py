"""Core memory: pure edits of labelled blocks, their limits, and how the prompt shows them.

Knows no store and no tool; an edit that cannot be made is a ModelMistake whose sentence tells the
model what to do instead.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import replace

from engine.errors import ModelMistake
from engine.records import Block, BlockVersion

HUMAN = "human"
LABEL = re.compile(r"[^\W_][\w-]{0,39}")  # of a block that an operator or a model makes
BROUGHT_BACK = frozenset({"memory undo", "memory restore"})  # commands that invent no line
_MARKS = "<block"  # small models copy what the prompt shows, marks and all


def human_label(speaker: str | None, *, room: bool) -> str:
    """Label of the block about a speaker: ``human``, or ``human:<principal>`` in a room."""
    return f"{HUMAN}:{speaker}" if room and speaker else HUMAN


def append_line(block: Block, content: str) -> Block:
    """The block with one more line; the block itself when it has that line already.

    Raises:
        ModelMistake: The block is read-only or the line does not fit.
    """
    line = content.strip()
    if not line:
        raise ModelMistake("content is empty; nothing was added.")
    if line in block.value.splitlines():
        return block
    return _changed(block, f"{block.value}\n{line}" if block.value else line)


def replace_text(block: Block, old: str, new: str) -> Block:
    """The block with one exact piece of text replaced; empty new text deletes it.

    Raises:
        ModelMistake: Read-only, over the limit, or the old text is not there exactly once.
    """
    found = block.value.count(old) if old else 0
    if found == 0:
        raise ModelMistake(f"old_content was not found in '{block.label}'.{_nearest(block, old)}")
    if found > 1:
        raise ModelMistake(
            f"old_content stands {found} times in '{block.label}'; give a longer piece of it."
            f"{_nearest(block, old)}"
        )
    return _changed(block, _tidy(block.value.replace(old, new)))


def rewrite(block: Block, value: str) -> Block:
    """The block with a new value.

    Raises:
        ModelMistake: The block is read-only, or the value does not fit or holds marks of a block.
    """
    if _MARKS in value:
        raise ModelMistake("Write only the text of the block, without <block> around it.")
    return _changed(block, value.strip())


def _changed(block: Block, value: str) -> Block:
    if block.read_only:
        raise ModelMistake(f"'{block.label}' is read-only.")
    if len(value) > block.limit_chars:
        raise ModelMistake(
            f"'{block.label}' holds at most {block.limit_chars} characters and this edit asks for "
            f"{len(value)}; nothing was changed. Condense the block with rethink_memory, or move "
            "something to archival memory with archival_memory_insert."
        )
    lost = [line for line in block.pinned if line not in value.splitlines()]
    if lost:
        raise ModelMistake(
            f"A person has pinned a line of '{block.label}'; keep it word for word: {lost[0]}"
        )
    return replace(block, value=value, version=block.version + 1)


def _nearest(block: Block, old: str) -> str:
    lines = [line for line in block.value.splitlines() if line.strip()]
    close = difflib.get_close_matches(old.strip(), lines, n=1, cutoff=0.0)
    return f" The nearest line is: {close[0]}" if close else " The block is empty."


def _tidy(value: str) -> str:
    """A deleted line leaves no gap."""
    return re.sub(r"\n{2,}", "\n", value).strip()


def line_sources(history: Iterable[BlockVersion]) -> dict[str, BlockVersion]:
    """Each line of a block with the write that brought it, in the order of the lines.

    A line that was brought back comes from where it came first.

    Args:
        history: Every write of one block, oldest first.
    """
    first: dict[str, BlockVersion] = {}
    sources: dict[str, BlockVersion] = {}
    for version in history:
        before = first if version.operation in BROUGHT_BACK else sources
        sources = {line: before.get(line, version) for line in version.value.splitlines()}
        first |= {line: brought for line, brought in sources.items() if line not in first}
    return sources


def render(blocks: Iterable[Block]) -> str:
    """The core memory section of the prompt.

    An empty block about one of a room's speakers is left out, so that a new speaker does not
    change the prefix; ``human`` reaches it all the same.
    """
    shown = (block for block in blocks if block.value or block.owner is None)
    return "\n".join(map(_render_block, shown))


def _render_block(block: Block) -> str:
    attributes = {"label": block.label, "name": block.owner_name, "description": block.description}
    shown = " ".join(f'{key}="{_quoted(text)}"' for key, text in attributes.items() if text)
    used = f"{len(block.value)}/{block.limit_chars}"
    access = ' access="read-only"' if block.read_only else ""
    return f'<block {shown} chars="{used}"{access}>\n{_fenced(block.value)}\n</block>'


def _quoted(text: str) -> str:
    return text.replace('"', "'").replace("\n", " ")


def _fenced(value: str) -> str:
    """A value cannot close its block: what people told the bot stays data."""
    return re.sub(r"<(/?)block", r"‹\1block", value)
