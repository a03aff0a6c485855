"""The reply's receipt: what a turn used and wrote, and what a person can do about each write.

Whoever asks sees what is theirs to see; blocks about other people are not.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from bots.adapter import Choice, CommandAnswer, CommandRequest
from bots.approving import Turns
from bots.commands import Handler
from bots.permalinks import channels_of, permalink
from bots.rights import Rights
from bots.routing import clean_name
from engine.errors import BadRequest, NotAllowed
from engine.receipts import ReceiptStore, ReplyReceipt, TakeBack, Write
from engine.records import Hit

RECEIPT, UNDO, FORGET = "receipt", "write undo", "write forget"
NOT_TRUE = "write not-true"
_SHOWN_CHARS = 160
_MOST_HITS = 10
_WORDS = {
    "block": "In `{where}`:",
    "passage": "Noted:",
    "deletion": "No longer noted:",
    "schedule": "Scheduled:",
}
_NOTHING = "This answer used and wrote nothing that is still remembered and yours to see."
_UNKNOWN = "That is not remembered any more."
_NOT_YOURS = "Only the person it is about, who it was for, or an admin may do that."
_BUILT_ON = "Something later has changed that, or it was taken back before; nothing was changed."
_UNDONE = "Taken back; everything else stays as it was."
_WITHDRAWN = "Taken out of memory, with a note not to learn it again from that message."
_ASK_FORGET = (
    "I will forget the message that this came from, with my answer and all that I noted from it. "
    "It cannot be undone.\n> {what}"
)
_FORGOTTEN = "Forgotten, the message with all that came of it."
_SOURCE_GONE = "The message it came from is not remembered any more; I have taken this back."


class ReceiptCommands:
    """``receipt``, and what the buttons under one do.

    Args:
        store: Knows what turns used and wrote.
        inbox: Unlearns messages and withdraws what is not true.
        rights: Who may reach what is other people's.
        now: The clock.
    """

    def __init__(
        self,
        *,
        store: ReceiptStore,
        inbox: Turns,
        rights: Rights,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._rights = rights
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """By the words of the command table."""
        return {
            RECEIPT: self._receipt,
            UNDO: self._undo,
            FORGET: self._forget,
            NOT_TRUE: self._not_true,
        }

    async def _receipt(self, request: CommandRequest) -> CommandAnswer:
        turn_id = request.arguments.get("turn", "").strip() or None
        found = await self._store.receipt(request.scope, turn_id)
        if found is None:
            raise BadRequest(_NOTHING)
        written = [one for one in found.written if one.owner in {None, request.actor}]
        used = _used_lines(found, request)
        if not used and not written:
            raise BadRequest(_NOTHING)
        labels = [f"`{one.label}`" for one in found.blocks if one.owner in {None, request.actor}]
        parts = [f"**In mind**: {', '.join(labels)}"] if labels else []
        parts += ["\n".join(["**Used**", *used])] if used else []
        parts += ["\n".join(["**Written**", *map(_write_line, written)])] if written else []
        mine = [one for one in written if one.stands and self._may_change(request, one)]
        return CommandAnswer(text="\n\n".join(parts), choices=_choices(mine))

    async def _undo(self, request: CommandRequest) -> CommandAnswer:
        write = await self._theirs(request)
        return CommandAnswer(text=_UNDONE if await self._take_back(request, write) else _BUILT_ON)

    async def _not_true(self, request: CommandRequest) -> CommandAnswer:
        write = await self._theirs(request)
        if write.kind == "schedule":
            raise BadRequest("A reminder is neither true nor false; undo takes it back.")
        done = await self._inbox.disputes.not_true(
            write, actor=request.actor, name=clean_name(request.actor_name)
        )
        return CommandAnswer(text=_WITHDRAWN if done else _BUILT_ON)

    async def _forget(self, request: CommandRequest) -> CommandAnswer:
        """Undo first: unlearning removes what was written, but puts nothing back."""
        write = await self._theirs(request)
        if not self._is_source_theirs(request, write):
            raise NotAllowed("Only the person who said it, or an admin, may have it forgotten.")
        if not request.confirmed:
            text = _ASK_FORGET.format(what=_short(write.added or write.removed))
            return CommandAnswer(text=text, confirm="Forget it")
        await self._take_back(request, write)
        keys = [write.source_key] if write.source_key else []
        known = await self._inbox.delete(request.scope.tenant, keys)
        return CommandAnswer(text=_FORGOTTEN if known else _SOURCE_GONE)

    async def _take_back(self, request: CommandRequest, write: Write) -> bool:
        taking = TakeBack(write=write, actor=request.actor, operation="undo", at=self._now())
        return await self._store.take_back(request.scope, taking)

    async def _theirs(self, request: CommandRequest) -> Write:
        """The write that a request names, if it is for them to change."""
        write_id = request.arguments.get("write", "").strip().strip("`")
        write = await self._store.written(request.scope, write_id)
        if write is None or write.owner not in {None, request.actor}:
            raise BadRequest(_UNKNOWN)
        if not self._may_change(request, write):
            raise NotAllowed(_NOT_YOURS)
        return write

    def _may_change(self, request: CommandRequest, write: Write) -> bool:
        return write.owner == request.actor or self._is_source_theirs(request, write)

    def _is_source_theirs(self, request: CommandRequest, write: Write) -> bool:
        asked = write.turn.scope.speaker
        return asked == request.actor or self._rights.is_admin(request)


def _used_lines(found: ReplyReceipt, request: CommandRequest) -> list[str]:
    channels = channels_of(request.scope, found.turn)

    def line(hit: Hit) -> str:
        link = permalink(request.scope, hit.source_key, channels, request.site)
        source = f" ([message]({link}))" if link else ""
        old = ", superseded" if hit.superseded_at else ""
        who = clean_name(hit.who or hit.where)
        return f"- {hit.time:%Y-%m-%d %H:%M} {who}{old}: {_short(hit.text)}{source}"

    hits = [*found.said, *found.noted]
    more = [f"- and {len(hits) - _MOST_HITS} more"] if len(hits) > _MOST_HITS else []
    return [line(hit) for hit in hits[:_MOST_HITS]] + more


def _write_line(write: Write) -> str:
    head = _WORDS[write.kind].format(where=write.where)
    went = f" (instead of: {_short(write.removed)})" if write.removed and write.added else ""
    gone = "" if write.stands else ", changed or taken back since"
    return f"- `{write.id}`{gone} {head} {_short(write.added or write.removed)}{went}"


def _choices(writes: Sequence[Write]) -> tuple[Choice, ...]:
    """Three buttons a write, named when there are several."""
    choices: list[Choice] = []
    for write in writes:
        name = f" {write.id}" if len(writes) > 1 else ""
        arguments = {"write": write.id}
        choices.append(Choice(label=f"Undo{name}", command=UNDO, arguments=arguments))
        forget = Choice(label=f"Forget{name}", command=FORGET, arguments=arguments, danger=True)
        choices.append(forget)
        if write.kind != "schedule":
            untrue = Choice(label=f"Not true{name}", command=NOT_TRUE, arguments=arguments)
            choices.append(untrue)
    return tuple(choices)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARS else f"{line[:_SHOWN_CHARS]}..."
