"""The shell's commands on stored memory: thin, through the same functions as the chat commands."""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from engine.errors import BadRequest

if TYPE_CHECKING:
    from bots.operations import Operations
    from engine.records import SearchPage
    from engine.store import Store

T = TypeVar("T")
Agent = Annotated[str, typer.Argument(help="An agent's key, e.g. console:local/user/ada.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_PRINCIPAL = re.compile(r"(discord|slack|console):[^/\s]+/[^/\s]+")


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    commands: tuple[Callable[..., int], ...] = (
        agents,
        show,
        search,
        export,
        reset,
        forget,
        backup,
        restore,
        reindex,
        schedules,
        usage,
        audit,
    )
    for command in commands:
        app.command()(command)
    app.command("import")(import_)


def agents(as_json: AsJson = False) -> int:
    """List agents with kind, place, counts and last activity."""
    from bots.printing import agent_lines, print_json, print_lines

    found = _with_operations(lambda operations: operations.agents())
    if as_json:
        return print_json([asdict(agent) for agent in found])
    return print_lines(agent_lines(found))


def show(
    agent: Agent,
    as_json: AsJson = False,
    sources: Annotated[
        bool, typer.Option("--sources", help="Where each line of a block came from.")
    ] = False,
) -> int:
    """Show an agent's core memory, counts, context."""
    from bots.printing import print_json, print_lines, view_json, view_lines
    from bots.settings import load_settings

    view = _with_operations(lambda operations: operations.show(agent))
    size = load_settings().env.membot_context_tokens
    if as_json:
        return print_json(view_json(view, size))
    return print_lines(view_lines(view, size, sources=sources))


def search(
    agent: Agent,
    query: Annotated[str, typer.Argument(help="What to look for.")],
    tier: Annotated[str, typer.Option("--in", help="recall or archival.")] = "recall",
    as_json: AsJson = False,
) -> int:
    """Search as the agent itself does."""
    from bots.operations import Operations
    from bots.printing import page_lines, print_json, print_lines
    from bots.process import utc_now
    from bots.settings import load_settings
    from engine.places import agent_scope

    if tier not in {"recall", "archival"}:
        raise BadRequest("--in takes recall or archival.")

    async def find(store: "Store") -> "SearchPage":
        operations = Operations(store, utc_now, knowledge=load_settings().knowledge)
        scope = agent_scope(await operations.resolve(agent))
        return await operations.search(scope, query, tier)

    page = with_store(find, embeddings=True)
    return print_json(asdict(page)) if as_json else print_lines(page_lines(page))


def export(
    output: Annotated[Path, typer.Option("--output", help="The archive to write.")],
    agent: Annotated[str | None, typer.Argument(help="An agent's key.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All agents, as one bundle.")] = False,
) -> int:
    """Write the archive of an agent, or of all."""
    if every == (agent is not None):
        raise BadRequest("Name one agent, or say --all.")
    _writable(output)

    async def write(operations: "Operations") -> dict[str, int]:
        if agent is None:
            return await operations.export_all(output)
        return await operations.export(await operations.resolve(agent), output)

    return _counts(f"Exported to {output}", _with_operations(write))


def import_(
    file: Annotated[Path, typer.Argument(help="An archive, or another program's export.")],
    key: Annotated[str | None, typer.Option("--as", help="Import as this agent.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check and count.")] = False,
) -> int:
    """Read an archive, or another program's export.

    Those are Letta agent files, Slack exports and DiscordChatExporter files.
    """
    from bots.imports.importing import format_of
    from bots.operations import plain_key
    from bots.printing import print_lines, progress

    _readable(file)
    target = plain_key(key) if key else None
    kind = format_of(file)
    if kind is None:
        counts = _with_operations(
            lambda operations: operations.import_archive(file, agent_id=target, dry_run=dry_run)
        )
        return _counts("The archive is sound and holds" if dry_run else "Imported", counts)
    report = _with_operations(
        lambda operations: operations.import_export(
            file, kind, key=target, dry_run=dry_run, show=progress
        )
    )
    return print_lines(report.lines(dry_run=dry_run))


def reset(
    agent: Agent,
    conversation_only: Annotated[
        bool, typer.Option("--conversation-only", help="Only the context windows.")
    ] = False,
    yes: Yes = False,
) -> int:
    """Wipe an agent's memory, or only its context."""
    from bots.operations import receipt_text
    from bots.printing import print_lines

    agent_id = _with_operations(lambda operations: operations.resolve(agent))
    what = "the context windows of" if conversation_only else "everything remembered by"
    _confirm(f"Wipe {what} {agent_id}?", yes=yes)
    receipt = _with_operations(
        lambda operations: operations.reset(agent_id, conversation_only=conversation_only)
    )
    return print_lines([receipt_text(receipt)])


def forget(
    principal: Annotated[str, typer.Argument(help="A person's key, e.g. slack:T1/U2.")],
    yes: Yes = False,
) -> int:
    """Erase everything about one person and print a receipt."""
    from bots.operations import receipt_text
    from bots.printing import print_lines

    if not _PRINCIPAL.fullmatch(principal):
        raise BadRequest("Name the person by key, such as discord:111/222 or console:local/ada.")
    _confirm(f"Erase everything about {principal}?", yes=yes)
    receipt = _with_operations(lambda operations: operations.forget(principal))
    return print_lines([receipt_text(receipt)])


def backup(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write it; unset: backups/ beside the database.")
    ] = None,
) -> int:
    """Copy the database, verified; the bot may run."""
    from bots.backups import backup_file
    from bots.printing import print_lines
    from bots.process import utc_now
    from bots.settings import load_settings

    target = file or backup_file(load_settings().backups, utc_now())
    _writable(target)
    _with_operations(lambda operations: operations.backup(target))
    return print_lines([f"Backed up to {target}, and verified."])


def restore(file: Annotated[Path, typer.Argument(help="A file that backup made.")]) -> int:
    """Put a backup in the database's place."""
    from bots.app import restore_database
    from bots.printing import print_lines
    from bots.settings import load_settings

    settings = load_settings()
    _readable(file)
    kept = asyncio.run(restore_database(settings, file))
    return print_lines([f"Restored.{f' What was there is kept as {kept}.' if kept else ''}"])


def reindex() -> int:
    """Make all vectors anew with the configured model."""
    from bots.printing import print_lines, progress

    done = with_store(lambda store: progress("Embedding", store.reindex()), embeddings=True)
    return print_lines([f"{done} texts embedded."])


def schedules(agent: Agent, as_json: AsJson = False) -> int:
    """List what is scheduled in an agent's conversations."""
    from bots.printing import print_json, print_lines, schedule_lines

    found = _with_operations(lambda operations: operations.schedules(agent))
    if as_json:
        return print_json([asdict(one) for one in found])
    return print_lines(schedule_lines(found))


def usage(
    days: Annotated[int, typer.Option(min=1, help="How many days back.")] = 30,
    as_json: AsJson = False,
) -> int:
    """Tokens by day, model and purpose; their cost."""
    from bots.costs import cost_of
    from bots.printing import print_json, print_lines, usage_lines
    from bots.settings import load_settings

    prices = load_settings().file.prices
    rows = _with_operations(lambda operations: operations.usage(days))
    if as_json:
        return print_json([{**asdict(row), "cost": cost_of(row, prices)} for row in rows])
    return print_lines(usage_lines(rows, prices))


def audit(
    limit: Annotated[int, typer.Option(min=1, help="How many lines.")] = 100,
    as_json: AsJson = False,
) -> int:
    """Who did what, newest first."""
    from bots.printing import audit_lines, print_json, print_lines

    rows = _with_operations(lambda operations: operations.audit(limit))
    if as_json:
        return print_json([asdict(row) for row in rows])
    return print_lines(audit_lines(rows))


def _with_operations(act: "Callable[[Operations], Awaitable[T]]") -> T:
    from bots.operations import Operations
    from bots.process import utc_now

    return with_store(lambda store: act(Operations(store, utc_now)))


def with_store(act: "Callable[[Store], Awaitable[T]]", *, embeddings: bool = False) -> T:
    """Run one act on the configured database, beside a running bot."""
    from bots.app import build_embedder, open_store
    from bots.observing import set_up_logging
    from bots.settings import load_settings

    settings = load_settings()
    set_up_logging("WARNING")

    async def on_store() -> T:
        store = await open_store(settings, build_embedder(settings) if embeddings else None)
        try:
            return await act(store)
        finally:
            await store.close()

    return asyncio.run(on_store())


def _counts(sentence: str, counts: dict[str, int]) -> int:
    from bots.operations import counts_text
    from bots.printing import print_lines

    return print_lines([f"{sentence}: {counts_text(counts)}."])


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadRequest("There is no terminal to ask on; say --yes to do it.")
    if not typer.confirm(question, err=True):
        raise typer.Abort


def _readable(file: Path) -> None:
    if not file.is_file():
        raise BadRequest(f"There is no file {file}.")


def _writable(file: Path) -> None:
    if not file.parent.is_dir():
        raise BadRequest(f"There is no folder {file.parent}.")
    if file.exists():
        raise BadRequest(f"{file} exists already; name another file.")
