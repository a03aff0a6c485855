"""The commands with which people see, take along and erase what is remembered of them.

A room's member never sees what belongs to another person.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from bots.adapter import AnswerFile, CommandAnswer, CommandRequest, Inbox
from bots.archives import archive
from bots.commands import Handler
from bots.operations import Operations, receipt_text
from bots.routing import clean_name
from engine.records import Block, SearchPage, Window
from engine.store import Store

_HIT_CHARS = 300


class MemoryCommands:
    """``memory ...``.

    Args:
        store: The memory.
        inbox: Whose turns end before a person is erased.
        now: The clock.
    """

    def __init__(self, store: Store, inbox: Inbox, now: Callable[[], datetime]) -> None:
        self._store = store
        self._inbox = inbox
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """By the words by the words of the command table."""
        return {
            "memory show": self._memory_show,
            "memory search": self._memory_search,
            "memory export": self._memory_export,
            "memory forget-me": self._forget_me,
        }

    async def _memory_show(self, request: CommandRequest) -> CommandAnswer:
        window = await self._store.load_window(request.scope)
        topic = request.arguments.get("topic", "").strip()
        blocks = visible_blocks(window, request)
        counts = await self._store.counts(request.scope)
        lines = [text for block in blocks if (text := _block_text(block, topic))]
        if topic and not lines:
            lines = [f"Nothing in my core memory here is about {topic!r}."]
        lines.append(f"{counts.messages} messages and {counts.passages} notes can be searched.")
        return CommandAnswer(text="\n\n".join(lines))

    async def _memory_search(self, request: CommandRequest) -> CommandAnswer:
        query = request.arguments.get("query", "")
        operations = Operations(self._store, self._now, request.actor)
        said = await operations.search(request.scope, query, "recall")
        noted = await operations.search(request.scope, query, "archival")
        return CommandAnswer(text=f"{_hits('Said', said)}\n\n{_hits('Noted', noted)}")

    async def _memory_export(self, request: CommandRequest) -> CommandAnswer:
        if request.scope.audience == "private":
            return await archive(self._store, self._now, request)
        shown = await self._memory_show(request)
        file = AnswerFile(name="memory.md", content=shown.text.encode())
        note = "This is what I keep in mind here that is yours to see; for your own archive, "
        return CommandAnswer(text=f"{note}use this command in a direct message.", file=file)

    async def _forget_me(self, request: CommandRequest) -> CommandAnswer:
        if not request.confirmed:
            text = (
                "I will erase everything about you that I keep here and in our direct messages: "
                "what you said, what I noted, and the lines about you. It cannot be undone; "
                "`memory export` gives you a copy first."
            )
            return CommandAnswer(text=text, confirm="Forget me")
        await self._inbox.stop(request.scope)
        receipt = await Operations(self._store, self._now, request.actor).forget(request.actor)
        return CommandAnswer(text=f"Done. {receipt_text(receipt)}")


def visible_blocks(window: Window, request: CommandRequest) -> list[Block]:
    """The blocks an asker may see: shared ones and their own, nobody else's."""
    return [block for block in window.blocks if block.owner in {None, request.actor}]


def _block_text(block: Block, topic: str) -> str:
    title = block.owner_name and f"about {clean_name(block.owner_name)}"
    head = f"**{title or block.label}** ({len(block.value)}/{block.limit_chars} characters)"
    if not topic or topic.lower() in block.label.lower():
        return f"{head}\n{block.value or '(empty)'}"
    lines = [line for line in block.value.splitlines() if topic.lower() in line.lower()]
    return "\n".join([head, *lines]) if lines else ""


def _hits(title: str, page: SearchPage) -> str:
    if not page.hits:
        return f"**{title}**: nothing found."
    lines = [
        f"- {hit.time:%Y-%m-%d %H:%M} {clean_name(hit.who)}: {_short(hit.text)}"
        for hit in page.hits
    ]
    return "\n".join([f"**{title}** ({len(page.hits)} of {page.total})", *lines])


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _HIT_CHARS else f"{line[:_HIT_CHARS]}..."
