"""What an import did, or would do, counted while it runs and told in lines."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from engine.imports import Added, Portion


@dataclass(slots=True)
class AgentReport:
    """What one agent gets, or would get."""

    place_name: str
    added: Added = field(default_factory=Added)
    known_messages: int = 0
    people: set[str] = field(default_factory=set)
    first: datetime | None = None
    last: datetime | None = None

    def count(self, portion: Portion, added: Added) -> None:
        """Note a portion, and how much of it was new."""
        self.added = Added(
            messages=self.added.messages + added.messages,
            passages=self.added.passages + added.passages,
            blocks=self.added.blocks + added.blocks,
        )
        self.known_messages += len(portion.messages) - added.messages
        self.people.update(item.author for item in portion.messages if item.author)
        times = [item.sent_at for item in portion.messages]
        self.first = min([*times, *([self.first] if self.first else [])], default=None)
        self.last = max([*times, *([self.last] if self.last else [])], default=None)


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do: by agent, and what was left out and why."""

    title: str
    agents: dict[str, AgentReport] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def lines(self, *, dry_run: bool) -> Iterator[str]:
        """For people: an agent a line, then what was left out and what else there is."""
        yield f"{self.title}: {'would be added' if dry_run else 'added'}"
        for agent_id, about in self.agents.items():
            yield f"  {agent_id} ({about.place_name}): {_told(about)}"
        if not self.agents:
            yield "  nothing"
        if self.skipped:
            yield f"Left out: {', '.join(f'{n:,} {what}' for what, n in self.skipped.items())}."
        yield from self.notes


def _told(about: AgentReport) -> str:
    added = about.added
    parts = [f"{added.messages:,} messages"]
    if about.people:
        parts.append(f"{len(about.people):,} people")
    if about.first and about.last:
        parts.append(f"{about.first:%Y-%m-%d} to {about.last:%Y-%m-%d}")
    parts += [
        f"{n:,} {what}" for n, what in ((added.passages, "passages"), (added.blocks, "blocks")) if n
    ]
    if about.known_messages:
        parts.append(f"{about.known_messages:,} messages were there already")
    return ", ".join(parts)
