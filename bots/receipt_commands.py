"""The reply's receipt: what a turn used and wrote, and what a person can do about each write.

Whoever asks sees what is theirs to see; blocks about other people are not.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from bots.adapter import Choice, CommandAnswer, CommandRequest
from bots.approving import Turns
from bots.commands import Handler
from bots.own_memory import plain_label
from bots.permalinks import channels_of, permalink
from bots.rights import Rights
from bots.routing import clean_name
from bots.times import MINUTE
from engine.errors import BadRequest, NotAllowed
from engine.receipts import ReceiptStore, ReplyReceipt, TakeBack, Write
from engine.records import Hit

RECEIPT, UNDO, FORGET = "receipt", "write undo", "write forget"
NOT_TRUE = "write not-true"
_SHOWN_CHARS = 160
_MOST_HITS = 10


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
            raise BadRequest(request.say("receipt.nothing"))
        written = [one for one in found.written if one.owner in {None, request.actor}]
        used = _used_lines(found, request)
        if not used and not written:
            raise BadRequest(request.say("receipt.nothing"))
        labels = [
            f"`{plain_label(one.label)}`"
            for one in found.blocks
            if one.owner in {None, request.actor}
        ]
        lines = [_write_line(one, request) for one in written]
        parts = [request.say("receipt.in_mind", labels=", ".join(labels))] if labels else []
        parts += ["\n".join([request.say("receipt.used"), *used])] if used else []
        parts += ["\n".join([request.say("receipt.written"), *lines])] if written else []
        mine = [one for one in written if one.stands and self._may_change(request, one)]
        return CommandAnswer(text="\n\n".join(parts), choices=_choices(mine, request))

    async def _undo(self, request: CommandRequest) -> CommandAnswer:
        write = await self._theirs(request)
        key = "receipt.undone" if await self._take_back(request, write) else "undo.built_on"
        return CommandAnswer(text=request.say(key))

    async def _not_true(self, request: CommandRequest) -> CommandAnswer:
        write = await self._theirs(request)
        if write.kind == "schedule":
            raise BadRequest(request.say("receipt.reminder"))
        done = await self._inbox.disputes.not_true(
            write, actor=request.actor, name=clean_name(request.actor_name)
        )
        key = "receipt.withdrawn" if done else "undo.built_on"
        return CommandAnswer(text=request.say(key))

    async def _forget(self, request: CommandRequest) -> CommandAnswer:
        """Undo first: unlearning removes what was written, but puts nothing back."""
        write = await self._theirs(request)
        if not self._is_source_theirs(request, write):
            raise NotAllowed(request.say("receipt.not_said_by_you"))
        if not request.confirmed:
            asked = request.say("receipt.question", what=_short(write.added or write.removed))
            return CommandAnswer(text=asked, confirm=request.say("answer.forget"))
        await self._take_back(request, write)
        keys = [write.source_key] if write.source_key else []
        known = await self._inbox.delete(request.scope.tenant, keys)
        key = "receipt.forgotten" if known else "receipt.source_gone"
        return CommandAnswer(text=request.say(key))

    async def _take_back(self, request: CommandRequest, write: Write) -> bool:
        taking = TakeBack(write=write, actor=request.actor, operation="undo", at=self._now())
        return await self._store.take_back(request.scope, taking)

    async def _theirs(self, request: CommandRequest) -> Write:
        """The write that a request names, if it is for them to change."""
        write_id = request.arguments.get("write", "").strip().strip("`")
        write = await self._store.written(request.scope, write_id)
        if write is None or write.owner not in {None, request.actor}:
            raise BadRequest(request.say("receipt.unknown"))
        if not self._may_change(request, write):
            raise NotAllowed(request.say("receipt.not_yours"))
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
        source = f" ([{request.say('receipt.message')}]({link}))" if link else ""
        old = f", {request.say('receipt.superseded')}" if hit.superseded_at else ""
        who = clean_name(hit.who or hit.where)
        return f"- {hit.time:{MINUTE}} {who}{old}: {_short(hit.text)}{source}"

    hits = [*found.said, *found.noted]
    rest = len(hits) - _MOST_HITS
    more = [f"- {request.say('found.more', count=rest)}"] if rest > 0 else []
    return [line(hit) for hit in hits[:_MOST_HITS]] + more


def _write_line(write: Write, request: CommandRequest) -> str:
    head = request.say(f"receipt.{write.kind}", where=plain_label(write.where))
    replaced = write.removed and write.added
    went = f" ({request.say('receipt.instead_of', what=_short(write.removed))})" if replaced else ""
    gone = "" if write.stands else f", {request.say('receipt.gone')}"
    return f"- `{write.id}`{gone} {head} {_short(write.added or write.removed)}{went}"


def _choices(writes: Sequence[Write], request: CommandRequest) -> tuple[Choice, ...]:
    """Three buttons a write, named when there are several."""
    choices: list[Choice] = []
    undo, forget, untrue = (
        request.say(key) for key in ("undo.button", "receipt.forget", "receipt.not_true")
    )
    for write in writes:
        name = f" {write.id}" if len(writes) > 1 else ""
        arguments = {"write": write.id}
        choices += [
            Choice(label=f"{undo}{name}", command=UNDO, arguments=arguments),
            Choice(label=f"{forget}{name}", command=FORGET, arguments=arguments, danger=True),
        ]
        if write.kind != "schedule":
            choices.append(Choice(label=f"{untrue}{name}", command=NOT_TRUE, arguments=arguments))
    return tuple(choices)


def _short(said: str) -> str:
    line = " ".join(said.split())
    return line if len(line) <= _SHOWN_CHARS else f"{line[:_SHOWN_CHARS]}..."
