"""The commands with which people see, take along and erase what is remembered of them.

A room's member never sees what belongs to another person.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from bots.adapter import AnswerFile, CommandAnswer, CommandRequest, Inbox
from bots.archives import archive
from bots.commands import Handler
from bots.operations import Operations, kept_text, receipt_text
from bots.own_memory import Line, OwnMemory, keys_of, link, reach
from bots.places import Places
from bots.routing import clean_name
from bots.times import MINUTE
from engine.records import Block, SearchPage
from engine.store import Store

_HIT_CHARS = 300


class MemoryCommands:
    """``memory ...``.

    Args:
        store: The memory.
        memory: What of it is whose.
        inbox: Whose turns end before a person is erased.
        places: Which forget whom a person was linked with.
        now: The clock.
    """

    def __init__(
        self,
        store: Store,
        memory: OwnMemory,
        inbox: Inbox,
        places: Places,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._memory = memory
        self._inbox = inbox
        self._places = places
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """By the words of the command table."""
        return {
            "memory show": self._memory_show,
            "memory search": self._memory_search,
            "memory export": self._memory_export,
            "memory forget-me": self._forget_me,
        }

    async def _memory_show(self, request: CommandRequest) -> CommandAnswer:
        topic = request.arguments.get("topic", "").strip()
        blocks = await self._memory.blocks(request)
        counts = await self._store.counts(request.scope)
        if not (blocks or counts.messages or counts.passages):
            return CommandAnswer(text=request.say("show.nothing_yet"))
        known = await self._memory.lines(request)
        names = await self._memory.names(request, {line.brought.author for line in known})
        lines: list[str] = []
        for block in blocks:
            rows = [
                _sourced(line, names[line.brought.author], request)
                for line in known
                if line.block.label == block.label and _is_about(line, topic)
            ]
            if rows or not topic:
                shown = rows or [block.value or request.say("show.empty")]
                lines.append("\n".join([_head(block, request), *shown]))
        if topic and not lines:
            lines = [request.say("show.nothing", topic=topic)]
        kept = kept_text(counts, request.locale)
        lines.append(request.say("show.counts", counts=kept))
        return CommandAnswer(text="\n\n".join(lines))

    async def _memory_search(self, request: CommandRequest) -> CommandAnswer:
        query = request.arguments.get("query", "")
        operations = Operations(self._store, self._now, request.actor)
        said = await operations.search(request.scope, query, "recall")
        noted = await operations.search(request.scope, query, "archival")
        parts = [_hits("search.said", said, request), _hits("search.noted", noted, request)]
        return CommandAnswer(text="\n\n".join(parts))

    async def _memory_export(self, request: CommandRequest) -> CommandAnswer:
        if request.scope.audience == "private":
            return await archive(self._store, self._now, request)
        shown = await self._memory_show(request)
        file = AnswerFile(name="memory.md", content=shown.text.encode())
        return CommandAnswer(text=request.say("archive.shown"), file=file)

    async def _forget_me(self, request: CommandRequest) -> CommandAnswer:
        if not request.confirmed:
            question = request.say("forget_me.question", where=reach(request))
            return CommandAnswer(text=question, confirm=request.say("forget_me.button"))
        await self._inbox.stop(request.scope)
        receipt = await Operations(self._store, self._now, request.actor).forget(request.actor)
        await self._places.load(self._store)
        return CommandAnswer(
            text=f"{request.say('answer.done')} {receipt_text(receipt, request.locale)}"
        )


def _head(block: Block, request: CommandRequest) -> str:
    return request.say(
        "show.head_written" if block.updated_at else "show.head",
        title=request.say("show.about", name=clean_name(block.owner_name))
        if block.owner_name
        else block.label,
        used=len(block.value),
        limit=block.limit_chars,
        at=block.updated_at,
    )


def _is_about(line: Line, topic: str) -> bool:
    return topic.casefold() in f"{line.block.label}\n{line.text}".casefold()


def _sourced(line: Line, name: str, request: CommandRequest) -> str:
    source = next((found for key in keys_of(line.brought) if (found := link(request, key))), None)
    pinned = f"{request.say('show.pinned')}, " if line.pinned else ""
    return f"- {line.text} ({pinned}{name}, {_linked(line.brought.at, source)})"


def _linked(at: datetime, source: str | None) -> str:
    when = f"{at:{MINUTE}}"
    return f"[{when}]({source})" if source else when


def _hits(key: str, page: SearchPage, request: CommandRequest) -> str:
    title = f"**{request.say(key)}**"
    if not page.hits:
        return f"{title}: {request.say('search.nothing')}"
    lines = [
        f"- {_linked(hit.time, link(request, hit.source_key or ''))} "
        f"{clean_name(hit.who)}: {_short(hit.text)}"
        for hit in page.hits
    ]
    found = request.say("search.found", shown=len(page.hits), total=page.total)
    return "\n".join([f"{title} ({found})", *lines])


def _short(said: str) -> str:
    line = " ".join(said.split())
    return line if len(line) <= _HIT_CHARS else f"{line[:_HIT_CHARS]}..."
