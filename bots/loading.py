"""What the shell does with documents: many files into one agent's memory, a list, a removal."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ulid import ULID

from bots.operations import Operations, plain_key
from engine.config import CHARS_PER_TOKEN, EngineConfig
from engine.documents import OPERATOR, announcement, announcement_of_many
from engine.errors import BadRequest, DocumentRefused, StaleDocument, UnknownAgent
from engine.events import alert_payload
from engine.loading import Loaded, Loader, NewFile, files_under, read_bytes
from engine.places import agent_scope
from engine.records import Document, Message, Scope
from engine.store import Store

# Called with the file, how many are done, how many there are, and its page where it has pages.
Bar = Callable[[str, int, int, tuple[int, int] | None], None]
# As bots.routing makes them, whatever the preset.
_AGENT = re.compile(
    r"(discord|slack|console):[^/\s]+/"
    r"(workspace|(personal/)?user/[^/\s]+|channel/[^/\s]+(/user/[^/\s]+)?)"
)


@dataclass(slots=True, kw_only=True)
class Report:
    """What became of the files; a sentence for each that was refused."""

    agent_id: str
    loaded: list[Loaded] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report for people."""
        passages = sum(made.document.passages for made in self.loaded)
        counts = (
            f"{len(self.loaded)} loaded ({passages} passages)",
            f"{len(self.unchanged)} unchanged",
            f"{len(self.refused)} refused",
        )
        return [f"{self.agent_id}: {', '.join(counts)}.", *self.refused]


async def load_files(
    store: Store,
    config: EngineConfig,
    now: Callable[[], datetime],
    *,
    path: Path,
    scope: Scope,
    bar: Bar,
) -> Report:
    """Load a file or a folder, file by file; one that is refused stops no other."""
    limits = config.documents
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
                report.loaded.append(made)
            else:
                report.unchanged.append(name)
    bar("", len(files), len(files), None)
    if report.loaded:
        await store.tell_agent(_message(scope, report.loaded, now(), config.timezone))
    await Operations(store, now).record("documents.load", scope.agent_id)
    return report


def _message(scope: Scope, loaded: Sequence[Loaded], at: datetime, zone: ZoneInfo) -> Message:
    """The event that tells the agent what it has got."""
    text = announcement_of_many([made.document for made in loaded])
    if len(loaded) == 1:
        text = announcement(loaded[0].document, loaded[0].places)
    payload = alert_payload(text, at, zone, kind="file_upload")
    message_id = str(ULID.from_datetime(at))
    return Message(
        id=message_id,
        scope=scope,
        turn_id=message_id,
        role="user",
        kind="file_upload",
        text=text,
        payload=payload,
        tokens=len(payload) // CHARS_PER_TOKEN,
        sent_at=at,
        searchable=False,
    )


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
