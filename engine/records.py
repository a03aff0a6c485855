"""Frozen values that every layer shares; no I/O, no behaviour beyond derived names.

Times are aware UTC. Ids are text. Numbers carry their unit in the name.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from engine.answer_files import AnswerFile
from engine.choices import Choice

Audience = Literal["private", "room"]
Role = Literal["user", "assistant", "tool"]
EventKind = Literal[
    "user_message",
    "overheard",
    "login",
    "heartbeat",
    "system_alert",
    "timer",
    "file_upload",
    "message_edited",
    "message_deleted",
    "approval",
]
ApprovalState = Literal["pending", "approved", "denied", "done", "expired"]
TurnState = Literal["queued", "running", "joined", "done", "failed", "cancelled", "refused"]
OutboxState = Literal["held", "preview", "pending", "sending", "sent", "undeliverable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose memory a turn may touch; made by routing, never widened by a tool argument.

    Attributes:
        tenant: Platform and guild, team or local installation, e.g. ``slack:T1``.
        agent_id: Key of the agent that owns the memory, e.g. ``slack:T1/channel/C2``.
        conversation_id: Key of the conversation that owns the queue; starts with ``agent_id``.
        speaker: Principal key of the person the turn is for, e.g. ``slack:T1/U2``.
        audience: ``private`` when only the speaker reads the answer, ``room`` otherwise.
    """

    tenant: str
    agent_id: str
    conversation_id: str
    speaker: str | None
    audience: Audience

    @property
    def platform(self) -> str:
        """Where the answer goes: the speaker's platform, whose ever the memory is."""
        return (self.speaker or self.tenant).partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that came with a message; its bytes stay on the platform until asked for."""

    name: str
    media_type: str
    size_bytes: int
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The message that a reply answers."""

    author_name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingEvent:
    """What an adapter makes of a platform's event.

    Attributes:
        event_id: The platform's id of the event, unique for ever; a repeat is a duplicate.
        source_key: ``platform:channel/message``; twins of one message share it.
        place: Room or DM key that settings match and in which replies keep their order.
        place_name: What people call the place, for the envelope (``#general``).
        address: Adapter's own JSON text saying where and to what the reply goes.
        mentions: Principal keys of people named in the message.
        timezone: IANA name of the speaker's time zone, where the platform tells.
        meets: Key of the channel or person that is greeted the first time; "" for nobody.
        learns: Whether anything may be made of it beside the answer.
        due: When a scheduled event was to come, in the zone it was planned in.
        late: Whether it comes long after that.
        roles: Ids of the speaker's roles, where the platform has such.
    """

    event_id: str
    source_key: str
    kind: EventKind = "user_message"
    scope: Scope
    place: str
    place_name: str
    address: str
    speaker_name: str
    text: str
    sent_at: datetime
    quote: Quote | None = None
    mentions: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    timezone: str | None = None
    meets: str = ""
    learns: bool = True
    due: datetime | None = None
    late: bool = False
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One row of recall memory, and one entry of a queue.

    Attributes:
        seq: Order of storage in the database; 0 before it is stored.
        author: Principal key, or None when the bot or the system speaks.
        text: What people see and search finds.
        payload: The JSON object sent to the model; rendered once, so a prefix stays stable.
        tokens: Size of ``payload`` in the prompt.
        reply_to: Key of the thread an imported message stands in; search reads threads apart.
        searchable: False for tool results and for messages that only carried a search.
    """

    id: str
    seq: int = 0
    scope: Scope
    turn_id: str
    role: Role
    kind: str
    author: str | None = None
    author_name: str = ""
    text: str
    payload: str
    tokens: int
    source_key: str | None = None
    reply_to: str | None = None
    place: str = ""
    sent_at: datetime
    searchable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A labelled part of core memory.

    Attributes:
        owner: Principal a ``human`` block is about; None for other blocks.
        version: Counts writes from 1; a write names the version it was made from.
        pinned: Lines that only a person may take out or change.
    """

    label: str
    description: str = ""
    value: str = ""
    limit_chars: int = 2000
    read_only: bool = False
    owner: str | None = None
    owner_name: str = ""
    version: int = 1
    updated_at: datetime | None = None
    pinned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockWrite:
    """A new value for a block, with where it came from.

    Attributes:
        author: Principal whose message caused it, or ``memory-agent``, ``operator``.
        operation: Tool or command that wrote it.
        sources: Further messages it was made from.
    """

    block: Block
    author: str | None
    source_key: str | None
    operation: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One entry of archival memory.

    Attributes:
        source_key: The message it came from.
        sources: Further messages it was made from.
        superseded_by: Passage that stands in its place; None when it was deleted.
    """

    id: str
    seq: int = 0
    title: str = ""
    text: str
    tags: tuple[str, ...] = ()
    author: str | None = None
    author_name: str = ""
    source_key: str | None = None
    created_at: datetime
    superseded_at: datetime | None = None
    superseded_by: str | None = None
    document_id: str | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The end of a passage: its text is kept as superseded and no longer searched.

    Attributes:
        successor: What stands in its place, or None.
    """

    passage_id: str
    successor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file that an agent has read; its passages are in archival memory.

    Attributes:
        name: The file's own; a second one of that name takes the first one's place.
        sha256: Of its bytes, by which an unchanged file is known.
        pages: 0 where the format has none.
    """

    id: str
    name: str
    sha256: str
    size_bytes: int
    pages: int = 0
    passages: int = 0
    author: str | None = None
    author_name: str = ""
    source_key: str | None = None
    loaded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file of a message that is still to be read.

    Attributes:
        event: The message it came with, without its text.
        number: Which of the message's attachments.
        turn_id: Of the message.
        attempt: How often it was tried, this time included.
    """

    event: IncomingEvent
    number: int
    turn_id: str
    attempt: int

    @property
    def attachment(self) -> Attachment:
        """The file itself."""
        return self.event.attachments[self.number]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What stands for the messages that left a queue.

    Attributes:
        through_seq: The last message it covers.
        mechanical: True when no model wrote it and it should be replaced at the next chance.
        prepared: True while the messages are still in the queue.
    """

    text: str
    through_seq: int
    tokens: int
    mechanical: bool = False
    prepared: bool = False
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCounts:
    """How much recall and archival memory hold."""

    messages: int = 0
    passages: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """All that a context window is built from, read in one snapshot.

    Attributes:
        agent_id: Whose it is.
        counts: As of the last rebuild of the prefix, not of now.
        queue: Messages after the last flush, oldest first.
        prepared: A summary made ahead for the oldest part of the queue.
        warned: Whether this period's memory-pressure alert was already given.
    """

    agent_id: str
    blocks: tuple[Block, ...]
    counts: MemoryCounts
    summary: Summary | None
    prepared: Summary | None
    queue: tuple[Message, ...]
    warned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Events being answered: a turn is its stored messages, so it can go on after a crash.

    Attributes:
        joined: Turns of messages that this one answers as well, as far as this process saw it.
        learns: Whether something may be made of it; people can wish that it is not.
    """

    id: str
    seq: int
    scope: Scope
    kind: EventKind
    state: TurnState
    attempt: int
    steps: int
    place: str
    place_name: str
    address: str
    speaker_name: str
    source_key: str
    created_at: datetime
    joined: tuple["Turn", ...] = ()
    learns: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Text for a person, not yet in the outbox, and what can be chosen under it.

    Attributes:
        kind: ``pressure`` for the line about memory pressure, which comes without a ping.
    """

    text: str
    kind: Literal["answer", "notice", "pressure"] = "answer"
    choices: tuple[Choice, ...] = ()
    file: AnswerFile | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A call that a person has to allow before it is run.

    Attributes:
        id: Short enough to be typed.
        turn: In which the model made the call; its speaker is who asked for it.
        arguments: JSON text, as the model wrote it.
        state: ``approved`` from before it runs until its agent is told, then ``done``.
    """

    id: str
    turn: Turn
    tool: str
    arguments: str
    state: ApprovalState = "pending"
    asked_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """An event to come that somebody asked for.

    Attributes:
        scope: Of the conversation it comes to; the speaker is who asked.
        rule: Cron text of five fields, or "" for once.
        timezone: IANA name of the zone in which the rule counts.
        source_key: The message that asked for it.
        next_at: None while it rests, because its agent was imported under another key.
    """

    id: str
    scope: Scope
    rule: str = ""
    timezone: str
    reason: str
    author_name: str
    source_key: str | None = None
    place: str
    place_name: str
    address: str
    next_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """What one model call cost, in tokens."""

    model: str
    purpose: Literal["turn", "summary", "memory"] = "turn"
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0

    def plus(self, other: "TokenUsage") -> "TokenUsage":
        """What two calls to one model cost together."""
        return replace(
            self,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCommit:
    """Everything one step did, stored in one transaction or not at all.

    Attributes:
        step: Number of this step in its turn, from 1.
        state: The turn's state after the step.
        warned: True when this step inserted the memory-pressure alert.
        heartbeats_paused_until: Set by ``pause_heartbeats``.
        cancelled_schedules: Their ids.
        used_messages: Ids of what searches have shown to the model, and ``used_passages``.
    """

    turn: Turn
    step: int
    messages: tuple[Message, ...] = ()
    blocks: tuple[BlockWrite, ...] = ()
    passages: tuple[Passage, ...] = ()
    revisions: tuple[Revision, ...] = ()
    replies: tuple[Reply, ...] = ()
    approvals: tuple[Approval, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    cancelled_schedules: tuple[str, ...] = ()
    used_messages: tuple[str, ...] = ()
    used_passages: tuple[str, ...] = ()
    usage: tuple[TokenUsage, ...] = ()
    state: TurnState = "running"
    error_id: str | None = None
    warned: bool = False
    heartbeats_paused_until: datetime | None = None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Reflection:
    """What the memory agent reads of one conversation, in one snapshot.

    Attributes:
        messages: Said since its last run, oldest first; each has a text.
        blocks: The agent's own and those about the messages' authors.
        through_seq: The last message its run covers.
        more: Whether messages after that wait for another run.
    """

    scope: Scope
    messages: tuple[Message, ...]
    blocks: tuple[Block, ...]
    through_seq: int
    more: bool
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReflectionCommit:
    """Everything one run of the memory agent did, stored in one transaction or not at all.

    Attributes:
        through_seq: Messages up to here need no other run; None leaves that as it was.
        read_at: When what it worked on was read: an erasure after that outdates it.
    """

    scope: Scope
    through_seq: int | None
    read_at: datetime
    blocks: tuple[BlockWrite, ...] = ()
    passages: tuple[Passage, ...] = ()
    usage: tuple[TokenUsage, ...] = ()
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxItem:
    """A reply on its way to a person.

    Attributes:
        nonce: At most 25 characters, the same for every attempt.
        part_refs: Platform ids of the parts already sent, in order.
        choices: Buttons under it, for whoever is there; their rights decide.
        has_receipt: Whether its turn used or wrote memory so far.
        preview_ref: Platform id of the message that showed its beginning while it was written;
            ``""`` when one may have been sent whose id is not known, None without a preview.
    """

    id: str
    seq: int
    turn_id: str
    scope: Scope
    place: str
    address: str
    text: str
    kind: str
    state: OutboxState
    attempts: int
    nonce: str
    part_refs: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    file: AnswerFile | None = None
    has_receipt: bool = False
    preview_ref: str | None = None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallSearch:
    """A search of recall memory; dates are inclusive days turned into UTC instants."""

    query: str
    page: int = 0
    page_size: int = 5
    start: datetime | None = None
    end: datetime | None = None
    speaker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivalSearch:
    """A search of archival memory.

    Attributes:
        past: Also what was superseded; such hits say so.
    """

    query: str
    page: int = 0
    page_size: int = 5
    tags: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    past: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One search result."""

    id: str
    time: datetime
    who: str
    where: str
    text: str
    source_key: str | None = None
    superseded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """One page of results and how many there are in all."""

    hits: tuple[Hit, ...]
    total: int
    page: int
    page_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockVersion:
    """One write in a block's history.

    Attributes:
        sources: Further messages it was made from.
    """

    label: str
    version: int
    value: str
    author: str | None
    source_key: str | None
    operation: str
    at: datetime
    pinned: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
