"""What a turn used of memory and wrote to it, and how one write is taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Literal, Protocol

from engine.records import Block, Hit, Message, Passage, Scope, Turn

NOT_TRUE = "not true"  # title of a passage that says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write of a turn, as its receipt shows it.

    Attributes:
        id: Its kind and number, short enough to be typed: ``b12``, ``p7``, ``d7``, ``s01J...``.
        where: Label of the block, title of the passage, or "".
        before: What stood there; of a deleted passage what it said.
        after: What stands there since; of a schedule what it is for.
        owner: Principal whom the block is about.
        turn: That wrote it; its speaker is who caused it.
        stands: Whether it can still be taken back: nothing later builds on it.
    """

    id: str
    kind: Literal["block", "passage", "deletion", "schedule"]
    where: str = ""
    before: str = ""
    after: str = ""
    owner: str | None = None
    source_key: str | None
    turn: Turn
    stands: bool

    @property
    def added(self) -> str:
        """The lines it brought."""
        return "\n".join(_others(self.after, self.before))

    @property
    def removed(self) -> str:
        """The lines that went with it."""
        return "\n".join(_others(self.before, self.after))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyReceipt:
    """What a turn used and wrote, as far as it is still remembered.

    Attributes:
        blocks: With a text, and so in every prompt of it.
        said: Messages that its searches showed, and ``noted`` passages.
    """

    turn: Turn
    blocks: tuple[Block, ...]
    said: tuple[Hit, ...]
    noted: tuple[Hit, ...]
    written: tuple[Write, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBack:
    """A write to take back.

    Attributes:
        note: Passage that says why, and stands in the place of one that is taken back.
        told: What the queue is told.
    """

    write: Write
    actor: str
    operation: Literal["undo", "not-true"]
    note: Passage | None = None
    told: Message | None = None
    at: datetime


class ReceiptStore(Protocol):
    """What turns used and wrote; a step stores it with everything else it does."""

    async def receipt(self, scope: Scope, turn_id: str | None) -> ReplyReceipt | None:
        """Of a turn of the scope's agent, or of the speaker's last one in the conversation."""
        ...

    async def written(self, scope: Scope, write_id: str) -> Write | None:
        """One write of a turn of the scope's agent, if it is still remembered."""
        ...

    async def take_back(self, scope: Scope, taking: TakeBack) -> bool:
        """Take back exactly one write; False when something later builds on it."""
        ...

    async def learnable(self, scope: Scope, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Of some messages of the scope's agent, those from which something may be made."""
        ...


def without_change(before: str, after: str, now: str) -> str | None:
    """A text as it is now, without one earlier change; None when later ones build on that.

    Args:
        before: The text that was changed.
        after: What the change made of it.
        now: What later changes have made of it since.
    """
    old, new, lines = before.splitlines(), after.splitlines(), now.splitlines()
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        place = _place(lines, new[j1:j2]) if j1 < j2 else _gap(lines, new[:j1], old[i1:i2])
        if place is None:
            return None
        lines[place : place + j2 - j1] = old[i1:i2]
    return "\n".join(lines)


def _place(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Where some lines stand together, if they do exactly once."""
    size = len(wanted)
    found = [at for at in range(len(lines) - size + 1) if lines[at : at + size] == wanted]
    return found[0] if len(found) == 1 else None


def _gap(lines: Sequence[str], above: Sequence[str], gone: Sequence[str]) -> int | None:
    """Where deleted lines stood: below the nearest one that is left; None if they are back."""
    if set(gone) <= set(lines):
        return None
    return next((lines.index(line) + 1 for line in reversed(above) if line in lines), 0)


def _others(text: str, known: str) -> list[str]:
    return [line for line in text.splitlines() if line not in known.splitlines()]
