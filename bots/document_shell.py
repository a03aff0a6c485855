"""The shell's commands on documents: load files into archival memory, list them, remove one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bots.shell import Agent, AsJson, with_store
from engine.errors import BadRequest

if TYPE_CHECKING:
    from bots.loading import Bar, Report
    from engine.records import Document
    from engine.store import Store

_SOME_REFUSED = 1


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (load, documents, unload):
        app.command()(command)


def load(
    path: Annotated[Path, typer.Argument(help="A file, or a folder with all below it.")],
    agent: Annotated[str, typer.Option("--agent", help="Whose memory; a new key is fine.")],
) -> int:
    """Read documents into an agent's memory."""
    from bots.loading import load_files, target_scope
    from bots.printing import print_lines
    from bots.process import utc_now
    from bots.settings import load_settings

    if not (path.is_file() or path.is_dir()):
        raise BadRequest(f"There is no file or folder {path}.")
    config = load_settings().engine_config()

    async def run(store: "Store") -> "Report":
        scope = await target_scope(store, agent)
        with _bar() as bar:
            return await load_files(store, config, utc_now, path=path, scope=scope, bar=bar)

    report = with_store(run)
    print_lines(report.lines())
    return _SOME_REFUSED if report.refused else 0


def documents(agent: Agent, as_json: AsJson = False) -> int:
    """List the documents an agent has read."""
    from bots.loading import documents_of
    from bots.printing import document_lines, print_json, print_lines

    async def read(store: "Store") -> "list[Document]":
        return await documents_of(store, agent)

    found = with_store(read)
    if as_json:
        return print_json([asdict(document) for document in found])
    return print_lines(document_lines(found))


def unload(
    agent: Agent,
    name: Annotated[str, typer.Argument(help="The document, as `membot documents` lists it.")],
) -> int:
    """Remove a document from an agent's memory."""
    from bots.loading import remove_document
    from bots.printing import print_lines
    from bots.process import utc_now

    async def remove(store: "Store") -> int:
        return await remove_document(store, utc_now, agent=agent, name=name)

    return print_lines([f"Removed {name}: {with_store(remove)} passages."])


@contextmanager
def _bar() -> Iterator["Bar"]:
    """A bar on standard error: files done, and the pages of the one that is being read."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as shown:
        files, pages = shown.add_task("Files", total=None), shown.add_task("", visible=False)

        def show(name: str, done: int, total: int, page: tuple[int, int] | None) -> None:
            shown.update(files, completed=done, total=total)
            shown.update(
                pages,
                description=name,
                visible=page is not None,
                completed=page[0] if page else 0,
                total=page[1] if page else None,
            )

        yield show
