"""The commands about memory in time: who wrote what, taking it back, what was known when."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, tzinfo
from zoneinfo import ZoneInfo

from dateutil.parser import parse
from dateutil.relativedelta import relativedelta

from bots.adapter import Choice, CommandAnswer, CommandRequest
from bots.commands import Handler
from bots.own_memory import OwnMemory, plain_label
from bots.times import MINUTE
from engine.core_memory import line_sources
from engine.corrections import Change, Correction, Piece, with_lines
from engine.due_times import zone_named
from engine.errors import BadRequest, StaleBlock
from engine.records import Block, BlockVersion, BlockWrite
from engine.store import Store

_UNDO, _RESTORE = "memory undo", "memory restore"
_MOST_SHOWN = 15
_MOST_BUTTONS = 5
_SHOWN_CHARS = 160


class HistoryCommands:
    """``memory history``, ``memory undo``, ``memory restore``.

    Args:
        store: The memory.
        memory: What of it is whose.
        now: The clock.
    """

    def __init__(self, store: Store, memory: OwnMemory, now: Callable[[], datetime]) -> None:
        self._store = store
        self._memory = memory
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """By the words of the command table."""
        return {
            "memory history": self._history,
            _UNDO: self._undo,
            _RESTORE: self._restore,
        }

    async def _history(self, request: CommandRequest) -> CommandAnswer:
        topic = request.arguments.get("topic", "").strip().casefold()
        found = [
            (change, mine)
            for change, mine in await self._memory.changes(request)
            if topic in _words(change).casefold()
        ][:_MOST_SHOWN]
        if not found:
            raise BadRequest(request.say("history.nothing"))
        names = await self._memory.names(request, {change.author for change, _ in found})
        rows = [_row(change, names[change.author], request) for change, _ in found]
        mine = [change for change, is_mine in found if is_mine and _stands(change)]
        undo = request.say("undo.button")
        buttons = (_undo_button(one, f"{undo} {one.id}") for one in mine[:_MOST_BUTTONS])
        return CommandAnswer(text="\n".join(rows), choices=tuple(buttons))

    async def _undo(self, request: CommandRequest) -> CommandAnswer:
        wanted = request.arguments.get("id", "").strip().strip("`")
        mine = [change for change, is_mine in await self._memory.changes(request) if is_mine]
        open_ones = [one for one in mine if _stands(one)]
        found = [one for one in mine if one.id == wanted] if wanted else open_ones[:1]
        if not found:
            raise BadRequest(request.say("undo.unknown"))
        (change,) = found
        at = self._now()
        if not await self._store.undo(request.scope, change.id, actor=request.actor, at=at):
            raise BadRequest(request.say("undo.built_on"))
        earlier = [one for one in open_ones if one.at <= change.at and one.id != change.id]
        buttons = (_undo_button(one, request.say("undo.before")) for one in earlier[:1])
        done = request.say("undo.done", what=_summary(change, request))
        return CommandAnswer(text=done, choices=tuple(buttons))

    async def _restore(self, request: CommandRequest) -> CommandAnswer:
        at = await self._time(request)
        history = await self._store.block_history(request.scope.agent_id, None)
        past = [one for one in history if one.at <= at]
        blocks = [one for one in await self._memory.blocks(request) if not one.read_only]
        known = [(block, [one for one in past if one.label == block.label]) for block in blocks]
        if not any(versions for _, versions in known):
            raise BadRequest(request.say("restore.nothing"))
        changed = [
            then
            for block, versions in known
            if self._may_restore(request, block) and (then := _as_then(block, versions))
        ]
        if request.confirmed:
            return await self._bring_back(request, changed)
        names = await self._memory.names(request, {one.author for one in past})
        empty = request.say("show.empty")
        parts = [_then(block, versions, (names, empty, at.tzinfo)) for block, versions in known]
        shown = request.say("restore.shown", at=at, blocks="\n\n".join(parts))
        return CommandAnswer(text=shown, confirm=request.say("restore.button") if changed else None)

    async def _bring_back(
        self, request: CommandRequest, restored: Sequence[Block]
    ) -> CommandAnswer:
        if not restored:
            raise BadRequest(request.say("restore.same"))
        correction = Correction(
            actor=request.actor,
            action=_RESTORE,
            blocks=tuple(_by(request, block) for block in restored),
            at=self._now(),
        )
        try:
            change_id = await self._store.correct(request.scope, correction)
        except StaleBlock as conflict:
            raise BadRequest(request.say("answer.changed")) from conflict
        labels = ", ".join(f"`{plain_label(block.label)}`" for block in restored)
        undo = request.say("undo.button")
        return CommandAnswer(
            text=request.say("restore.done", labels=labels),
            choices=(Choice(label=undo, command=_UNDO, arguments={"id": change_id}),),
        )

    def _may_restore(self, request: CommandRequest, block: Block) -> bool:
        return block.owner == request.actor or self._memory.may_change_shared(request)

    async def _time(self, request: CommandRequest) -> datetime:
        """A time in the asker's zone; a day means its end, and one without a year is past."""
        zone = zone_named(await self._store.timezone_of(request.actor), ZoneInfo("UTC"))
        typed = request.arguments.get("time", "").strip()
        now = self._now().astimezone(zone)
        try:
            at: datetime = parse(typed, default=datetime.combine(now.date(), time.max, zone))
        except (ValueError, OverflowError):
            raise BadRequest(request.say("restore.write_time")) from None
        if at.date() > now.date() and str(at.year) not in typed:
            at -= relativedelta(years=1)
        return at.astimezone(zone)


def _by(request: CommandRequest, block: Block) -> BlockWrite:
    return BlockWrite(block=block, author=request.actor, source_key=None, operation=_RESTORE)


def _as_then(block: Block, versions: Sequence[BlockVersion]) -> Block | None:
    """The block as it was, or None when it is so."""
    value, pinned = (versions[-1].value, versions[-1].pinned) if versions else ("", ())
    if (value, pinned) == (block.value, block.pinned):
        return None
    return with_lines(block, value.splitlines(), pinned)


def _then(
    block: Block,
    versions: Sequence[BlockVersion],
    words: tuple[Mapping[str | None, str], str, tzinfo | None],
) -> str:
    names, empty, zone = words
    lines = [
        f"- {line} ({one.at.astimezone(zone):{MINUTE}}, {names[one.author]})"
        for line, one in line_sources(versions).items()
    ]
    return "\n".join([f"**{plain_label(block.label)}**", *(lines or [empty])])


def _stands(change: Change) -> bool:
    return not change.undone and change.operation != _UNDO


def _undo_button(change: Change, label: str) -> Choice:
    return Choice(label=label, command=_UNDO, arguments={"id": change.id})


def _row(change: Change, name: str, request: CommandRequest) -> str:
    undone = f", {request.say('undo.undone')}" if change.undone else ""
    head = f"- `{change.id}` {change.at:{MINUTE}} {name}, {change.operation}{undone}"
    return f"{head}: {_summary(change, request)}"


def _summary(change: Change, request: CommandRequest) -> str:
    pieces = [_piece(piece, request) for piece in change.pieces]
    shown = "; ".join(pieces)
    return shown if len(shown) <= _SHOWN_CHARS else f"{shown[:_SHOWN_CHARS]}..."


def _piece(piece: Piece, request: CommandRequest) -> str:
    where = f"`{plain_label(piece.label)}`" if piece.label else request.say("history.note")
    signs = [f"+ {line}" for line in piece.added] + [f"- {line}" for line in piece.removed]
    return f"{where} {' '.join(signs) or request.say('history.pins')}"


def _words(change: Change) -> str:
    return " ".join(f"{piece.label} {piece.before} {piece.after}" for piece in change.pieces)
