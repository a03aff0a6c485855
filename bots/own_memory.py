"""What the giver of a command may see and change of the memory that the command is given in.

In a room everybody sees what is shared and their own block, nobody else's. What is shared is
changed by admins, and by whoever's own words brought it.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bots.adapter import CommandRequest
from bots.permalinks import permalink
from bots.rights import Rights
from bots.routing import clean_name
from engine.core_memory import line_sources
from engine.corrections import Change
from engine.records import Block, BlockVersion, Passage, Scope
from engine.store import Store

_MOST_CHANGES = 200
_SYSTEM_NAMES: dict[str | None, str] = {
    None: "names.settings",
    "memory-agent": "names.memory_agent",
    "operator": "names.operator",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a block.

    Attributes:
        brought: The write that it came with.
        changeable: Whether the giver of the command may change it.
    """

    block: Block
    text: str
    brought: BlockVersion
    changeable: bool

    @property
    def pinned(self) -> bool:
        """Whether a person has pinned it."""
        return self.text in self.block.pinned


def keys_of(brought: BlockVersion | Passage) -> tuple[str, ...]:
    """The messages that something came from."""
    return tuple(filter(None, (brought.source_key, *brought.sources)))


def link(request: CommandRequest, source_key: str) -> str | None:
    """Where the giver of the command can open a message: here, or in their own agent's chats."""
    scope = request.scope
    channels = {scope.agent_id.rpartition("/")[2], scope.conversation_id.rpartition("/")[2]}
    if _is_own(scope):
        channels.update(re.split(r"[:/]", source_key)[-2:-1])
    return permalink(scope, source_key, channels, request.site)


def plain_label(label: str) -> str:
    """A block's name for people: whom it is about they know, as nobody sees another's."""
    return label.partition(":")[0]


def reach(request: CommandRequest) -> str:
    """How far what is kept of somebody goes, in words: a Discord user is one in every server."""
    everywhere = request.actor.partition("/")[0].endswith(":*")
    return request.say("card.everywhere" if everywhere else "card.here")


def _is_own(scope: Scope) -> bool:
    return scope.audience == "private" and "/user/" in scope.agent_id


class OwnMemory:
    """Reads memory as far as it is somebody's to see.

    Args:
        store: The memory.
        rights: Who is an admin.
    """

    def __init__(self, store: Store, rights: Rights) -> None:
        self._store = store
        self._rights = rights

    async def blocks(self, request: CommandRequest) -> list[Block]:
        """The blocks an asker may see: shared ones and their own, nobody else's."""
        window = await self._store.load_window(request.scope)
        return [block for block in window.blocks if block.owner in {None, request.actor}]

    async def lines(self, request: CommandRequest) -> list[Line]:
        """The lines of those blocks, with where they came from."""
        blocks = await self.blocks(request)
        history = await self._store.block_history(request.scope.agent_id, None)
        sources = {
            block.label: line_sources(one for one in history if one.label == block.label)
            for block in blocks
        }
        brought = [one for lines in sources.values() for one in lines.values()]
        said = await self.said(request, [key for one in brought for key in keys_of(one)])
        return [
            Line(
                block=block,
                text=line,
                brought=one,
                changeable=not block.read_only
                and self.may_change(request, block.owner, one.author, keys_of(one), said),
            )
            for block in blocks
            for line, one in sources[block.label].items()
            if line.strip()
        ]

    async def notes(self, request: CommandRequest, words: str) -> list[Passage]:
        """Passages with these words, or of that id, that the asker may change."""
        found = await self._store.passages_with(request.scope, words)
        if not found and (named := await self._store.passage(request.scope, words)):
            found = [named]
        said = await self.said(request, [key for one in found for key in keys_of(one)])
        return [
            one for one in found if self.may_change(request, None, one.author, keys_of(one), said)
        ]

    async def changes(self, request: CommandRequest) -> list[tuple[Change, bool]]:
        """The latest changes the asker may see, each with whether they may take it back."""
        found = await self._store.changes(request.scope, _MOST_CHANGES)
        visible = {None, request.actor}
        shown = [
            one for one in found if one.pieces and {piece.owner for piece in one.pieces} <= visible
        ]
        said = await self.said(request, [key for one in shown for key in one.sources])
        return [(one, self._may_undo(request, one, said)) for one in shown]

    async def said(self, request: CommandRequest, keys: Collection[str]) -> dict[str, str]:
        """Who wrote which of these messages."""
        return await self._store.authors_of(request.scope, keys)

    def _may_undo(self, request: CommandRequest, change: Change, said: Mapping[str, str]) -> bool:
        return all(
            self.may_change(request, piece.owner, change.author, change.sources, said)
            for piece in change.pieces
        )

    def may_change(
        self,
        request: CommandRequest,
        owner: str | None,
        author: str | None,
        sources: Collection[str],
        said: Mapping[str, str],
    ) -> bool:
        """Whether something they see is the asker's to change: from their words, or an admin's."""
        if owner == request.actor or self.may_change_shared(request):
            return True
        theirs = bool(sources) and all(said.get(key) == request.actor for key in sources)
        return author == request.actor or theirs

    def may_change_shared(self, request: CommandRequest) -> bool:
        """Whether everything shared is theirs: in their own agent, and for admins."""
        return _is_own(request.scope) or self._rights.is_admin(request)

    async def names(
        self, request: CommandRequest, authors: Collection[str | None]
    ) -> dict[str | None, str]:
        """What authors are called."""
        people = {one for one in authors if one and one not in _SYSTEM_NAMES}
        known = await self._store.names_of(people)
        called: dict[str | None, str] = {
            one: clean_name(known.get(one) or one.rpartition("/")[2]) for one in people
        }
        system = {one: request.say(key) for one, key in _SYSTEM_NAMES.items()}
        return system | called | {request.actor: request.say("names.you")}
