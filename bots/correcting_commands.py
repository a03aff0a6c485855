"""The commands with which people put memory right: forget, edit, pin.

What is changed stands in the history and can be taken back; only what was said is erased for good.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from ulid import ULID

from bots.adapter import Choice, CommandAnswer, CommandRequest, Inbox
from bots.commands import Handler
from bots.operations import counts_text
from bots.own_memory import Line, OwnMemory, plain_label
from engine.corrections import Correction, with_lines
from engine.errors import BadRequest, StaleBlock
from engine.records import Block, BlockWrite, Message, Passage, Revision
from engine.store import Store

_SHOWN_CHARS = 200
_LABEL_CHARS = 60
_MOST_SHOWN = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What holds the words of a command."""

    lines: Sequence[Line] = ()
    notes: Sequence[Passage] = ()
    said: Sequence[Message] = ()

    def shown(self, request: CommandRequest) -> str:
        """As a list for people."""
        say = request.say
        rows = [
            say("found.line", label=plain_label(line.block.label), text=_short(line.text))
            for line in self.lines
        ]
        rows += [say("found.note", text=_short(note.text)) for note in self.notes]
        rows += [say("found.said", at=one.sent_at, text=_short(one.text)) for one in self.said]
        more = len(rows) - _MOST_SHOWN
        rest = [say("found.more", count=more)] if more > 0 else []
        return "\n".join(f"- {row}" for row in [*rows[:_MOST_SHOWN], *rest])


class CorrectingCommands:
    """``memory forget``, ``memory edit``, ``memory pin``, ``memory unpin``.

    Args:
        store: The memory.
        memory: What of it is whose.
        inbox: Unlearns messages.
        now: The clock.
    """

    def __init__(
        self, store: Store, memory: OwnMemory, inbox: Inbox, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._memory = memory
        self._inbox = inbox
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """By the words of the command table."""
        return {
            "memory forget": self._forget,
            "memory edit": self._edit,
            "memory pin": self._pin,
            "memory unpin": self._unpin,
        }

    async def _forget(self, request: CommandRequest) -> CommandAnswer:
        found = await self._find(request)
        speaker = None if self._memory.may_change_shared(request) else request.actor
        said = await self._store.exchanges_with(request.scope, _item(request), speaker)
        found = replace(found, said=said)
        shown = found.shown(request)
        if not shown:
            raise BadRequest(request.say("found.nothing"))
        if not request.confirmed:
            asked = request.say("forget.question", shown=shown)
            asked += f"\n\n{request.say('forget.for_good')}" if said else ""
            return CommandAnswer(text=asked, confirm=request.say("answer.forget"))
        return await self._carry_out(request, found)

    async def _carry_out(self, request: CommandRequest, found: _Found) -> CommandAnswer:
        """First what can be done twice, last what ends the finding of it."""
        blocks = [
            with_lines(block, _without(block, [line.text for line in lines]), block.pinned)
            for block, lines in _by_block(found.lines)
        ]
        change_id = None
        if blocks or found.notes:
            revisions = tuple(Revision(passage_id=note.id) for note in found.notes)
            change_id = await self._correct(request, blocks, revisions=revisions)
        keys = [one.source_key for one in found.said if one.source_key]
        erased = await self._inbox.delete(request.scope.tenant, keys) if keys else 0
        counts = {"lines": len(found.lines), "passages": len(found.notes), "messages": erased}
        done = request.say("forget.done", counts=counts_text(counts, request.locale))
        return CommandAnswer(text=done, choices=() if erased else _undo(request, change_id))

    async def _edit(self, request: CommandRequest) -> CommandAnswer:
        wanted = " ".join(request.arguments.get("text", "").split())
        if not wanted:
            raise BadRequest(request.say("edit.say_what"))
        found = await self._one(request)
        if isinstance(found, CommandAnswer):
            return found
        if isinstance(found, Line):
            change_id = await self._correct(request, [_edited(found, wanted)])
        else:
            change_id = await self._replace(request, found, wanted)
        done = request.say("edit.done", text=wanted)
        return CommandAnswer(text=done, choices=_undo(request, change_id))

    async def _replace(self, request: CommandRequest, note: Passage, wanted: str) -> str:
        now = self._now()
        fresh = Passage(
            id=str(ULID.from_datetime(now)),
            title=note.title,
            text=wanted,
            tags=note.tags,
            author=request.actor,
            author_name=request.actor_name,
            created_at=now,
        )
        revision = Revision(passage_id=note.id, successor=fresh.id)
        return await self._correct(request, [], passages=(fresh,), revisions=(revision,))

    async def _pin(self, request: CommandRequest) -> CommandAnswer:
        found = await self._one(request, notes=False)
        if isinstance(found, CommandAnswer):
            return found
        assert isinstance(found, Line)  # noqa: S101 - notes were left out
        pins = [*found.block.pinned, found.text]
        change_id = await self._correct(request, [_pinned(found.block, pins)])
        label, item = request.say("pin.unpin"), {"item": found.text}
        unpin = Choice(label=label, command="memory unpin", arguments=item)
        done = request.say("pin.done", text=found.text)
        return CommandAnswer(text=done, choices=(unpin, *_undo(request, change_id)))

    async def _unpin(self, request: CommandRequest) -> CommandAnswer:
        found = await self._one(request, notes=False, pinned=True)
        if isinstance(found, CommandAnswer):
            return found
        assert isinstance(found, Line)  # noqa: S101 - notes were left out
        pins = [line for line in found.block.pinned if line != found.text]
        change_id = await self._correct(request, [_pinned(found.block, pins)])
        done = request.say("pin.undone", text=found.text)
        return CommandAnswer(text=done, choices=_undo(request, change_id))

    async def _find(
        self, request: CommandRequest, *, notes: bool = True, pinned: bool = False
    ) -> _Found:
        """What the asker may change and holds their words; a line named whole is meant alone."""
        words = _item(request)
        lines = [line for line in await self._memory.lines(request) if line.changeable]
        lines = [line for line in lines if line.pinned or not pinned]
        exact = [line for line in lines if line.text == words]
        if exact:
            return _Found(lines=exact)
        held = [line for line in lines if words.casefold() in line.text.casefold()]
        return _Found(lines=held, notes=await self._memory.notes(request, words) if notes else ())

    async def _one(
        self, request: CommandRequest, *, notes: bool = True, pinned: bool = False
    ) -> Line | Passage | CommandAnswer:
        """The one line or note that is meant, or the question which."""
        found = await self._find(request, notes=notes, pinned=pinned)
        candidates: list[Line | Passage] = [*found.lines, *found.notes]
        if not candidates:
            raise BadRequest(request.say("found.nothing" if notes else "pin.no_line"))
        if len(candidates) == 1:
            return candidates[0]
        return CommandAnswer(
            text=f"{request.say('found.which')}\n{found.shown(request)}",
            choices=tuple(
                Choice(
                    label=_short(one.text, _LABEL_CHARS),
                    command=request.command,
                    arguments={**request.arguments, "item": _name(one)},
                )
                for one in candidates
            ),
        )

    async def _correct(
        self,
        request: CommandRequest,
        blocks: Sequence[Block],
        *,
        passages: tuple[Passage, ...] = (),
        revisions: tuple[Revision, ...] = (),
    ) -> str:
        correction = Correction(
            actor=request.actor,
            action=request.command,
            blocks=tuple(
                BlockWrite(
                    block=block, author=request.actor, source_key=None, operation=request.command
                )
                for block in blocks
            ),
            passages=passages,
            revisions=revisions,
            at=self._now(),
        )
        try:
            return await self._store.correct(request.scope, correction)
        except StaleBlock as conflict:
            raise BadRequest(request.say("answer.changed")) from conflict


def _item(request: CommandRequest) -> str:
    words = " ".join(request.arguments.get("item", "").split())
    if not words:
        raise BadRequest(request.say("found.say_what"))
    return words


def _name(one: Line | Passage) -> str:
    return one.text if isinstance(one, Line) else one.id


def _by_block(lines: Sequence[Line]) -> list[tuple[Block, list[Line]]]:
    ordered = sorted(lines, key=lambda line: line.block.label)
    groups = groupby(ordered, key=lambda line: line.block.label)
    return [(of_block[0].block, of_block) for of_block in (list(group) for _, group in groups)]


def _without(block: Block, gone: Sequence[str]) -> list[str]:
    return [line for line in block.value.splitlines() if line not in gone]


def _edited(line: Line, wanted: str) -> Block:
    def changed(known: str) -> str:
        return wanted if known == line.text else known

    lines = [changed(known) for known in line.block.value.splitlines()]
    return with_lines(line.block, lines, [changed(known) for known in line.block.pinned])


def _pinned(block: Block, pins: Sequence[str]) -> Block:
    return with_lines(block, block.value.splitlines(), pins)


def _undo(request: CommandRequest, change_id: str | None) -> tuple[Choice, ...]:
    if change_id is None:
        return ()
    label = request.say("undo.button")
    return (Choice(label=label, command="memory undo", arguments={"id": change_id}),)


def _short(said: str, chars: int = _SHOWN_CHARS) -> str:
    line = " ".join(said.split())
    return line if len(line) <= chars else f"{line[:chars]}..."
