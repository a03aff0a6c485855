"""What a surface offers while a command is put together: values of options, the text of a form."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import get_args

from bots.adapter import CommandRequest
from bots.own_memory import OwnMemory, plain_label
from bots.routing import ROOM_PRESETS, Learning, Mode, OtherBots, Outsiders
from engine.cards import CardStore
from engine.store import Store

_Source = Callable[[CommandRequest], Awaitable[Sequence[str]]]
_PAYERS = ("person", "room", "tenant")
_FIXED: dict[tuple[str, str], Sequence[str]] = {
    ("agent reset", "target"): ("room", "user"),
    ("agent allow", "kind"): ("user", "role", "channel"),
    ("agent deny", "kind"): ("user", "role", "channel"),
    ("agent budget", "payer"): _PAYERS,
    ("agent budget", "limit"): ("requests_per_minute", "tokens_per_day"),
    ("agent mode", "mode"): get_args(Mode),
    ("agent mode", "bots"): get_args(OtherBots),
    ("agent mode", "learning"): get_args(Learning),
    ("agent map", "mapping"): ROOM_PRESETS,
    ("agent map", "outsiders"): get_args(Outsiders),
}


class Suggesting:
    """Looks up what is somebody's to see; nothing here changes anything.

    Args:
        store: The memory, and cards.
        memory: What of it is whose.
        now: The clock.
        personas: Names of configured personas.
    """

    def __init__(
        self,
        store: Store,
        memory: OwnMemory,
        now: Callable[[], datetime],
        personas: Collection[str] = (),
    ) -> None:
        self._store = store
        self._cards: CardStore = store
        self._memory = memory
        self._now = now
        self._personas = personas
        self._sources: dict[tuple[str, str], _Source] = {
            ("memory show", "topic"): self._labels,
            ("memory forget", "item"): self._lines,
            ("memory edit", "item"): self._lines,
            ("agent block", "label"): self._set_labels,
            ("memory pin", "item"): self._lines,
            ("memory unpin", "item"): self._pinned,
            ("memory undo", "id"): self._changes,
            ("approve", "id"): self._waiting,
            ("deny", "id"): self._waiting,
        }

    async def values(self, request: CommandRequest, option: str) -> Sequence[str]:
        """What an option may be, for the giver of the command."""
        key = (request.command, option)
        if key == ("agent persona", "text"):
            return sorted(self._personas)
        source = self._sources.get(key)
        return await source(request) if source else _FIXED.get(key, ())

    async def text(self, request: CommandRequest) -> str:
        """What stands in the form of a command before anybody has written into it."""
        if request.command == "memory card":
            card = await self._cards.card(request.actor)
            return card.value if card else ""
        if request.command == "memory edit":
            item = request.arguments.get("item", "").casefold()
            held = [line for line in await self._lines(request) if item in line.casefold()]
            return held[0] if len(held) == 1 else ""
        if request.command in {"agent persona", "agent block"}:
            label = request.arguments.get("label", "persona").strip()
            blocks = await self._memory.blocks(request)
            return next((block.value for block in blocks if block.label == label), "")
        return ""

    async def _labels(self, request: CommandRequest) -> list[str]:
        return [plain_label(block.label) for block in await self._memory.blocks(request)]

    async def _set_labels(self, request: CommandRequest) -> list[str]:
        blocks = await self._memory.blocks(request)
        return [one.label for one in blocks if one.read_only and one.owner is None]

    async def _lines(self, request: CommandRequest) -> list[str]:
        return [line.text for line in await self._memory.lines(request) if line.changeable]

    async def _pinned(self, request: CommandRequest) -> list[str]:
        lines = await self._memory.lines(request)
        return [line.text for line in lines if line.changeable and line.pinned]

    async def _changes(self, request: CommandRequest) -> list[str]:
        return [change.id for change, mine in await self._memory.changes(request) if mine]

    async def _waiting(self, request: CommandRequest) -> list[str]:
        waiting = await self._store.waiting_approvals(request.scope, self._now())
        return [approval.id for approval in waiting]
