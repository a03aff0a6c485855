"""Has the files of messages read, off the reply path: one at a time for each agent.

Which files wait is in the database, so that a restart loses none. A file that was read becomes a
``file_upload`` event of its conversation; one that was refused, a sentence to its sender.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

from engine import notices
from engine.config import DocumentConfig
from engine.documents import announcement
from engine.errors import DeliveryDelayed, PersonError, StaleDocument, StoreUnavailable
from engine.events import whole_characters
from engine.loading import Loaded, Loader, NewFile, Progress, require_size
from engine.progress import ShowProgress, Work, in_progress, unseen
from engine.records import Attachment, IncomingEvent, Scope, Upload
from engine.store import Acceptance, DocumentStore

log = logging.getLogger(__name__)

# Bytes of a platform's file: the platform, the file, and the most bytes to take.
Fetch = Callable[[str, Attachment, int], Awaitable[bytes]]
_FILES_AT_ONCE = 2
_MOST_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 2.0
_NAME_CHARS = 120


class EventInbox(Protocol):
    """Where events go."""

    async def submit(self, event: IncomingEvent) -> Acceptance:
        """Store the event, then answer it in its turn."""
        ...

    async def stop(self, scope: Scope, notice: str = "") -> int:
        """Cancel the unfinished turns of the scope's conversation; how many there were."""
        ...

    async def stop_asked(self, tenant: str, source_key: str, actor: str, notice: str) -> bool:
        """Cancel the unfinished turn of a message or a reply, for somebody whom it answers."""
        ...

    async def edit(self, tenant: str, source_key: str, text: str) -> bool:
        """Follow an edit; whether it changed anything that is remembered."""
        ...

    async def delete(self, tenant: str, source_keys: Sequence[str]) -> int:
        """Follow deletions; how many of the messages were remembered."""
        ...

    async def close_place(self, key: str) -> None:
        """Follow that a channel, or the bot in a whole tenant, is gone."""
        ...


class Uploads:
    """An inbox that also has the files of messages read.

    Args:
        inbox: Takes the messages, and the events of files.
        store: Knows which files wait.
        fetch: Gets a file from its platform.
        config: Limits of a file.
        now: The clock.
        on_commit: Called when the outbox may have something new.
        show_progress: Shows how far the reading of a file is.
        first_pause_seconds: Before a platform is asked again; four times as long each time.
    """

    def __init__(  # noqa: PLR0913 - each is a thing of its own
        self,
        *,
        inbox: EventInbox,
        store: DocumentStore,
        fetch: Fetch,
        config: DocumentConfig,
        now: Callable[[], datetime],
        on_commit: Callable[[], None],
        show_progress: ShowProgress = unseen,
        first_pause_seconds: float = _FIRST_PAUSE_SECONDS,
    ) -> None:
        self._inbox = inbox
        self._store = store
        self._fetch = fetch
        self._config = config
        self._loader = Loader(store, config, now)
        self._now = now
        self._on_commit = on_commit
        self._show_progress = show_progress
        self._pause_seconds = first_pause_seconds
        self._slots = asyncio.Semaphore(_FILES_AT_ONCE)
        self._woken: set[str] = set()
        self._serving: dict[str, asyncio.Task[None]] = {}

    async def start(self, platforms: Collection[str]) -> None:
        """Go on with the files of these platforms that an earlier process left unread."""
        for agent_id in await self._store.agents_with_uploads():
            if agent_id.partition(":")[0] in platforms:
                self._wake(agent_id)

    async def submit(self, event: IncomingEvent) -> Acceptance:
        """Store an event for its turn; its files are read meanwhile."""
        acceptance = await self._inbox.submit(event)
        if event.attachments and acceptance.outcome != "duplicate":
            self._wake(event.scope.agent_id)
        return acceptance

    async def stop(self, scope: Scope, notice: str = "") -> int:
        """Cancel the unfinished turns of the scope's conversation; how many there were."""
        return await self._inbox.stop(scope, notice)

    async def stop_asked(self, tenant: str, source_key: str, actor: str, notice: str) -> bool:
        """Cancel the unfinished turn of a message or a reply, for somebody whom it answers."""
        return await self._inbox.stop_asked(tenant, source_key, actor, notice)

    async def edit(self, tenant: str, source_key: str, text: str) -> bool:
        """Follow an edit; whether it changed anything that is remembered."""
        return await self._inbox.edit(tenant, source_key, text)

    async def delete(self, tenant: str, source_keys: Sequence[str]) -> int:
        """Follow deletions; how many of the messages were remembered."""
        return await self._inbox.delete(tenant, source_keys)

    async def close_place(self, key: str) -> None:
        """Follow that a channel, or the bot in a whole tenant, is gone."""
        await self._inbox.close_place(key)

    async def close(self) -> None:
        """Stop at once; what was being read is read at the next start."""
        tasks = list(self._serving.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _wake(self, agent_id: str) -> None:
        self._woken.add(agent_id)
        if agent_id not in self._serving:
            task = asyncio.create_task(self._serve(agent_id), name=f"files of {agent_id}")
            self._serving[agent_id] = task
            task.add_done_callback(lambda ended: self._served(agent_id, ended))

    def _served(self, agent_id: str, ended: asyncio.Task[None]) -> None:
        del self._serving[agent_id]
        if ended.cancelled():
            return
        if problem := ended.exception():
            # The file still waits in the database, and is tried again at the next start.
            log.error("a file was not read: %s", type(problem).__name__, exc_info=None)
        elif agent_id in self._woken:
            self._wake(agent_id)

    async def _serve(self, agent_id: str) -> None:
        while agent_id in self._woken:
            self._woken.discard(agent_id)
            try:
                while upload := await self._store.next_upload(agent_id):
                    await self._take(upload)
            except StoreUnavailable:
                log.warning("the database cannot be used; the files wait for the next message")
                return

    async def _take(self, upload: Upload) -> None:
        """Read one file, or say why not; what may be otherwise later waits a little."""
        try:
            async with self._slots:
                loaded = await self._load(upload)
        except PersonError as refusal:
            await self._finish(upload, refusal.sentence)
        except (DeliveryDelayed, StaleDocument, OSError):  # the last: no process to be had
            await asyncio.sleep(self._pause_seconds * 4 ** (upload.attempt - 1))
        else:
            await self._tell(upload, loaded)

    async def _load(self, upload: Upload) -> Loaded:
        attachment, event = upload.attachment, upload.event
        name = file_name(attachment)
        if upload.attempt > _MOST_ATTEMPTS:
            raise PersonError(f"I could not get {name}; please send it again.")
        require_size(name, attachment.size_bytes, self._config)
        platform = event.scope.tenant.partition(":")[0]
        work = _work(upload)
        with in_progress(self._show_progress, work, notices.READING.format(name=name)):
            data = await self._fetch(platform, attachment, self._config.max_bytes)
            file = NewFile(
                name=name,
                data=data,
                author=event.scope.speaker or "",
                author_name=event.speaker_name,
                source_key=event.source_key,
            )
            return await self._loader.load(event.scope, file, self._page_of(work, name))

    def _page_of(self, work: Work, name: str) -> Progress:
        def told(page: int, pages: int) -> None:
            line = notices.READING_PAGE.format(name=name, page=page, pages=pages)
            self._show_progress(work, line)

        return told

    async def _tell(self, upload: Upload, loaded: Loaded) -> None:
        """The agent hears of the file, unless its message was erased while it was read."""
        if not await self._store.upload_waits(upload):
            if loaded.changed:
                await self._store.drop_document(upload.event.scope, loaded.document.id)
            return
        await self._inbox.submit(_event(upload, loaded, self._now()))
        await self._finish(upload, None)

    async def _finish(self, upload: Upload, notice: str | None) -> None:
        await self._store.finish_upload(upload, notice, self._now())
        self._on_commit()


def _work(upload: Upload) -> Work:
    work_id = f"{upload.event.event_id}/{upload.number}/{upload.attempt}"
    return Work(id=work_id, scope=upload.event.scope, address=upload.event.address)


def file_name(attachment: Attachment) -> str:
    """A file's name as text that can be shown and stored."""
    shown = "".join(char for char in whole_characters(attachment.name) if char.isprintable())
    return shown.strip()[-_NAME_CHARS:] or "file"


def _event(upload: Upload, loaded: Loaded, now: datetime) -> IncomingEvent:
    """What the agent hears; its ids follow from the message's, so a repeat is a duplicate."""
    message, mark = upload.event, f"file/{upload.number}"
    return IncomingEvent(
        event_id=f"{message.event_id}/{mark}",
        source_key=f"{message.source_key}/{mark}",
        kind="file_upload",
        scope=message.scope,
        place=message.place,
        place_name=message.place_name,
        address=message.address,
        speaker_name=message.speaker_name,
        text=announcement(loaded.document, loaded.places),
        sent_at=now,
        attachments=(upload.attachment,),
    )
