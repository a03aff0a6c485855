"""Long work that somebody waits for, as lines that come and go; who shows them decides when."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from engine.records import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A piece of work.

    Attributes:
        id: No other piece has it, also not after a restart.
        scope: Of what the work is for.
        address: Where its replies go.
    """

    id: str
    scope: Scope
    address: str


# Called with how far the work is, again and again, and with "" when it is over.
ShowProgress = Callable[[Work, str], None]


def unseen(_work: Work, _line: str) -> None:
    """Show nothing."""


@contextmanager
def in_progress(show: ShowProgress, work: Work, line: str) -> Iterator[None]:
    """Say that work is going on, until it is over in whichever way."""
    show(work, line)
    try:
        yield
    finally:
        show(work, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLine:
    """A line that stands on a platform and is to be taken away.

    Attributes:
        reference: The platform's name of its message, by which alone it can be taken away.
    """

    work_id: str
    platform: str
    reference: str


class ProgressStore(Protocol):
    """Which lines stand where, so that none outlives the process that wrote it."""

    async def keep_line(self, line: ShownLine) -> None:
        """Note that a line stands."""
        ...

    async def shown_lines(self, platform: str) -> list[ShownLine]:
        """Those that stand on a platform."""
        ...

    async def drop_line(self, work_id: str) -> None:
        """Note that it was taken away."""
        ...
