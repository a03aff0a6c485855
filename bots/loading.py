"""What the shell does with documents: many files into one agent's memory, a list, a removal."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bots.operations import OPERATOR, Operations, plain_key
from engine.config import DocumentConfig
from engine.errors import BadRequest, DocumentRefused, StaleDocument, UnknownAgent
from engine.loading import Loader, NewFile, files_under, read_bytes
from engine.places import agent_scope
from engine.records import Document, Scope
from engine.store import Store

# Called with the file, how many are done, how many there are, and its page where it has pages.
Bar = Callable[[str, int, int, tuple[int, int] | None], None]
_AGENT = re.compile(r"(discord|slack|console):[^/\s]+/(user|channel)/[^/\s]+")


@dataclass(slots=True, kw_only=True)
class Report:
    """What became of the files; a sentence for each that was refused."""

    agent_id: str
    loaded: list[Document] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report for people."""
        passages = sum(document.passages for document in self.loaded)
        counts = (
            f"{len(self.loaded)} loaded ({passages} passages)",
            f"{len(self.unchanged)} unchanged",
            f"{len(self.refused)} refused",
        )
        return [f"{self.agent_id}: {', '.join(counts)}.", *self.refused]


async def load_files(
    store: Store,
    limits: DocumentConfig,
    now: Callable[[], datetime],
    *,
    path: Path,
    scope: Scope,
    bar: Bar,
) -> Report:
    """Load a file or a folder, file by file; one that is refused stops no other."""
    report, loader = Report(agent_id=scope.agent_id), Loader(store, limits, now)
    files = files_under(path)
    for done, (name, file) in enumerate(files):
        bar(name, done, len(files), None)

        def show(page: int, of: int, name: str = name, done: int = done) -> None:
            bar(name, done, len(files), (page, of))

        try:
            data = await read_bytes(file, name, limits)
            made = await loader.load(scope, NewFile(name=name, data=data, author=OPERATOR), show)
        except (DocumentRefused, StaleDocument) as refusal:
            report.refused.append(refusal.sentence)
        else:
            if made.changed:
                report.loaded.append(made.document)
            else:
                report.unchanged.append(name)
    bar("", len(files), len(files), None)
    await Operations(store, now).record("documents.load", scope.agent_id)
    return report


async def documents_of(store: Store, agent: str) -> list[Document]:
    """What an agent has read; an owner of knowledge has read something too.

    Raises:
        UnknownAgent: There is no such agent.
    """
    agent_id = await _known(store, agent)
    return await store.documents(agent_scope(agent_id))


async def remove_document(
    store: Store, now: Callable[[], datetime], *, agent: str, name: str
) -> int:
    """Remove a document; how many passages it had.

    Raises:
        UnknownAgent: There is no such agent.
        BadRequest: The agent has no such document.
    """
    scope = agent_scope(await _known(store, agent))
    for document in await store.documents(scope):
        if document.name == name:
            removed = await store.drop_document(scope, document.id)
            await Operations(store, now).record("documents.unload", scope.agent_id)
            return removed
    raise BadRequest(f"{scope.agent_id} has no document {name}; `membot documents` lists them.")


async def _known(store: Store, agent: str) -> str:
    found = await store.resolve_agent(plain_key(agent))
    if found is None:
        raise UnknownAgent
    return found


async def target_scope(store: Store, agent: str) -> Scope:
    """The scope that files for an agent go to; the agent may be new.

    Raises:
        BadRequest: The key is none that an agent can have.
    """
    key = await store.resolve_agent(plain_key(agent)) or plain_key(agent)
    if not _AGENT.fullmatch(key):
        raise BadRequest(f"'{agent}' is not the key of an agent, such as console:local/user/ada.")
    return agent_scope(key)
