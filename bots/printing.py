"""How the shell's commands print what they found; no decisions here."""

import json
import re
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bots.costs import Price, cost_of, cost_text, total_cost
from bots.operations import AgentView
from bots.own_memory import keys_of
from engine.documents import size_text
from engine.due_times import zone_named
from engine.oversight import AgentOverview, AuditRow, UsageRow
from engine.records import BlockVersion, Document, Schedule, SearchPage

_UTC = ZoneInfo("UTC")
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def print_lines(lines: Iterable[str]) -> int:
    """Print lines to standard output, without what would steer the terminal; exit code 0."""
    sys.stdout.write(_STEERING.sub("", "".join(f"{line}\n" for line in lines)))
    return 0


def print_json(value: object) -> int:
    """Print one JSON value; exit code 0."""
    return print_lines([json.dumps(value, ensure_ascii=False, indent=2, default=_json_value)])


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Aligned columns."""
    cells = [headings, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def agent_lines(agents: Sequence[AgentOverview]) -> list[str]:
    """One line an agent."""
    if not agents:
        return ["No agents yet; they come with the first message."]
    rows = [
        (
            agent.agent_id,
            agent.kind,
            agent.platform,
            agent.place,
            agent.messages,
            agent.passages,
            agent.blocks,
            _minute(agent.last_activity),
        )
        for agent in agents
    ]
    names = ("AGENT", "KIND", "PLATFORM", "PLACE", "MESSAGES", "PASSAGES", "BLOCKS", "LAST")
    return table(names, rows)


def document_lines(documents: Sequence[Document]) -> list[str]:
    """One line a document."""
    if not documents:
        return ["No documents yet; `membot load` reads them, and so does a file in a message."]
    rows = [
        (
            document.name,
            size_text(document.size_bytes),
            document.pages or "",
            document.passages,
            document.author_name or document.author,
            _minute(document.loaded_at),
        )
        for document in documents
    ]
    return table(("DOCUMENT", "SIZE", "PAGES", "PASSAGES", "FROM", "LOADED"), rows)


def view_json(view: AgentView, context_tokens: int) -> dict[str, Any]:
    """An agent as a JSON object."""
    blocks = [
        {**asdict(block), "used_chars": len(block.value), "lines": _sourced(view, block.label)}
        for block in view.blocks
    ]
    gauge = {"used_tokens": view.used_tokens, "context_tokens": context_tokens}
    return {**asdict(view.overview), "blocks": blocks, "context": gauge}


def _sourced(view: AgentView, label: str) -> list[dict[str, Any]]:
    return [
        {
            "text": line,
            "author": brought.author,
            "source_key": brought.source_key,
            "sources": brought.sources,
            "at": brought.at,
        }
        for line, brought in view.sources(label).items()
    ]


def view_lines(view: AgentView, context_tokens: int, *, sources: bool = False) -> list[str]:
    """An agent for people; with ``sources`` when each line came, and from whom."""
    agent = view.overview
    share = 100 * view.used_tokens // context_tokens
    lines = [
        f"{agent.agent_id} ({agent.kind}, {agent.place})",
        f"{agent.messages} messages, {agent.passages} passages",
        f"context about {view.used_tokens}/{context_tokens} tokens ({share} %)",
    ]
    for block in view.blocks:
        lines += ["", f"[{block.label}] {len(block.value)}/{block.limit_chars} characters"]
        lines += [f"  {line}" for line in block.value.splitlines() if not sources]
        lines += [_sourced_line(*one) for one in view.sources(block.label).items() if sources]
    return lines


def _sourced_line(line: str, brought: BlockVersion) -> str:
    who = brought.author or brought.operation
    first, *more = keys_of(brought) or (brought.operation,)
    source = f"{first} and {len(more)} more" if more else first
    return f"  {line}  ({_minute(brought.at)}, {who}, {source})"


def page_lines(page: SearchPage) -> list[str]:
    """Search results for people."""
    if not page.hits:
        return ["No results found."]
    lines = [f"Showing {len(page.hits)} of {page.total} results:"]
    lines += [f"{_minute(hit.time)}  {hit.who}  {hit.where}\n  {hit.text}" for hit in page.hits]
    return lines


def schedule_lines(schedules: Sequence[Schedule]) -> list[str]:
    """What is to come, each in the time zone it was planned in."""
    if not schedules:
        return ["Nothing is scheduled."]
    rows = [
        (
            one.id,
            _minute(one.next_at and one.next_at.astimezone(zone_named(one.timezone, _UTC))),
            one.timezone,
            one.rule or "once",
            one.author_name,
            one.place_name,
            one.reason,
        )
        for one in schedules
    ]
    return table(("SCHEDULE", "NEXT", "ZONE", "RULE", "BY", "PLACE", "REASON"), rows)


def usage_lines(rows: Sequence[UsageRow], prices: Mapping[str, Price]) -> list[str]:
    """Tokens by day, and what they cost where the model has a price."""
    if not rows:
        return ["Nothing was used in these days."]
    names = ("DAY", "MODEL", "PURPOSE", "CALLS", "INPUT", "CACHED", "OUTPUT", "COST")
    cells = [(*asdict(row).values(), cost_text(cost_of(row, prices))) for row in rows]
    total = total_cost(rows, prices)
    return table(names, cells) + ([f"Total cost: {cost_text(total)}"] if total else [])


def audit_lines(rows: Sequence[AuditRow]) -> list[str]:
    """Acts, newest first."""
    if not rows:
        return ["Nothing was done yet."]
    names = ("AT", "ACTOR", "ACTION", "SUBJECT", "DETAIL")
    return table(
        names, [(_minute(row.at), row.actor, row.action, row.subject, row.detail) for row in rows]
    )


async def progress(what: str, steps: AsyncIterator[tuple[int, int]]) -> int:
    """Show a bar while something runs, where standard error is a terminal; how much was done."""
    from rich.console import Console
    from rich.progress import Progress

    finished = 0
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        async for done, total in steps:
            finished = done
            bar.update(task, completed=done, total=total)
    return finished


def _minute(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"


def _json_value(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
