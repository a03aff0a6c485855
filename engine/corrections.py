"""What people change in memory themselves, how it is shown afterwards, and how it is taken back.

A correction is one command's change; it, each write of a turn and each write of the memory agent
is a `Change` of the history, and can be undone whole.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from engine.errors import BadRequest
from engine.records import Block, BlockWrite, Message, Passage, Revision, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Everything that one command changes, stored in one transaction or not at all.

    Attributes:
        actor: Principal key of who gave the command.
        action: Its words.
    """

    actor: str
    action: str
    blocks: tuple[BlockWrite, ...] = ()
    passages: tuple[Passage, ...] = ()
    revisions: tuple[Revision, ...] = ()
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A block or a passage before and after a change.

    Attributes:
        label: Of the block; "" for a passage.
        owner: Principal whom the block is about.
    """

    label: str
    owner: str | None = None
    before: str
    after: str

    @property
    def added(self) -> list[str]:
        """The lines it brought."""
        return [line for line in self.after.splitlines() if line not in self.before.splitlines()]

    @property
    def removed(self) -> list[str]:
        """The lines that went with it."""
        return [line for line in self.before.splitlines() if line not in self.after.splitlines()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry of a memory's history.

    Attributes:
        id: Short enough to be typed: ``c3`` a correction, ``b12`` a block's write, ``p7`` a
            passage.
        author: Principal whose words or command caused it, or ``memory-agent``, ``operator``.
        operation: Tool or command.
        sources: The messages it came from.
        undone: Whether somebody has taken it back.
    """

    id: str
    at: datetime
    author: str | None
    operation: str
    pieces: tuple[Piece, ...]
    sources: tuple[str, ...] = ()
    undone: bool = False


class CorrectionStore(Protocol):
    """What people change in memory themselves."""

    async def correct(self, scope: Scope, correction: Correction) -> str:
        """Store a correction; its id in the history.

        Raises:
            StaleBlock: A block has changed since it was read.
        """
        ...

    async def changes(self, scope: Scope, limit: int) -> list[Change]:
        """The latest changes of the agent's blocks and passages, the newest first."""
        ...

    async def undo(self, scope: Scope, change_id: str, *, actor: str, at: datetime) -> bool:
        """Take a change back; False when something later builds on it, or it is undone."""
        ...

    async def passages_with(self, scope: Scope, words: str) -> list[Passage]:
        """Current passages that hold these words, documents left out, the newest first."""
        ...

    async def exchanges_with(self, scope: Scope, words: str, speaker: str | None) -> list[Message]:
        """What was said, by one speaker or by anybody, where it or its answer holds these words."""
        ...

    async def authors_of(self, scope: Scope, source_keys: Collection[str]) -> dict[str, str]:
        """Who wrote messages that the agent remembers, by their keys."""
        ...

    async def names_of(self, principals: Collection[str]) -> dict[str, str]:
        """What people were called last."""
        ...


def with_lines(block: Block, lines: Sequence[str], pinned: Collection[str]) -> Block:
    """The block as a person wants it; pins of lines that are gone go with them.

    Raises:
        BadRequest: It is read-only or too long.
    """
    if block.read_only:
        raise BadRequest(f"`{block.label}` is read-only; whoever runs the bot sets it.")
    value = "\n".join(line for line in lines if line.strip())
    if len(value) > block.limit_chars:
        raise BadRequest(f"`{block.label}` holds at most {block.limit_chars} characters.")
    kept = tuple(line for line in dict.fromkeys(pinned) if line in value.splitlines())
    return replace(block, value=value, pinned=kept, version=block.version + 1)
