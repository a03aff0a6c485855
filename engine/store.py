"""The Store port: few verbs, each complete in one transaction, each bound to a scope.

The engine and the adapters know only this protocol. An implementation takes and returns text and
records; vectors, SQL and files never leave it. A cancelled await does not stop a write that has
begun, so every write is whole in itself.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from engine.budgets import BudgetStore
from engine.cards import CardStore
from engine.closing import ClosingStore
from engine.corrections import CorrectionStore
from engine.imports import Added, Portion
from engine.kept_choices import ChoiceStore
from engine.links import LinkStore
from engine.oversight import AgentOverview, AuditRow, Receipt, UsageRow
from engine.place_settings import PlaceStore, ThreadStore
from engine.previews import PreviewStore
from engine.progress import ProgressStore
from engine.receipts import ReceiptStore
from engine.records import (
    Approval,
    ArchivalSearch,
    Attachment,
    Block,
    BlockVersion,
    BlockWrite,
    Document,
    IncomingEvent,
    MemoryCounts,
    Message,
    OutboxItem,
    Passage,
    RecallSearch,
    Reflection,
    ReflectionCommit,
    Reply,
    Schedule,
    Scope,
    SearchPage,
    StepCommit,
    Summary,
    TokenUsage,
    Turn,
    Upload,
    Window,
)
from engine.retention import RetentionStore
from engine.wishes import WishStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What became of an incoming event.

    Attributes:
        outcome: ``queued``; ``duplicate`` when event id or source key is known; ``busy`` when the
            agent's queue is full: the message is kept, the turn is refused and the caller's
            notice is in the outbox; ``ignored`` when the speaker is shut out: nothing is kept.
    """

    outcome: Literal["queued", "duplicate", "busy", "ignored"]
    turn_id: str | None = None
    first_contact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptRequest:
    """An event with all that one transaction stores for it.

    Attributes:
        blocks: Blocks the agent has from now on; those it has already are kept as they are, but
            read-only ones follow, and go when they are not among these any more. None: no change.
        login: Makes what goes before the message of a person who was last heard here at that
            time, or never; None when nothing does.
        max_queued: Turns an agent may have waiting before it says that it is busy.
        busy_notice: The words for that.
        greeting: What is said where the bot is met for the first time.
        unread_notice: The words for files that are not read, since nothing is to be learned.
    """

    event: IncomingEvent
    message: Message
    turn_id: str
    blocks: tuple[Block, ...]
    login: Callable[[datetime | None], Message | None] | None = None
    max_queued: int
    busy_notice: str
    greeting: Reply | None = None
    unread_notice: str = ""
    at: datetime


class TurnStore(Protocol):
    """Durable turns: an event is accepted once and goes on from its last stored step."""

    async def accept(self, request: AcceptRequest) -> Acceptance:
        """Store event, message, turn and, where new, tenant, principal, agent, conversation."""
        ...

    async def agents_with_turns(self) -> list[str]:
        """Agents that have turns queued or running, longest waiting first."""
        ...

    async def next_turn(self, agent_id: str) -> Turn | None:
        """The agent's lowest unfinished turn, its attempt counted and its state ``running``.

        One that has done nothing yet takes in what waits behind it in its conversation.
        """
        ...

    async def join_turn(self, turn: Turn) -> Turn:
        """The turn with what the same person has said since, for it has done nothing yet.

        Raises:
            StaleTurn: It has done something, has ended or was cancelled meanwhile.
        """
        ...

    async def turn_messages(self, turn: Turn) -> tuple[Message, ...]:
        """What the turn has stored so far, oldest first."""
        ...

    async def commit_step(self, step: StepCommit) -> None:
        """Store a step with all its effects, or nothing.

        Raises:
            StaleTurn: When the turn has ended or was cancelled meanwhile.
            StaleBlock: When a block has changed since it was read.
        """
        ...

    async def requeue_failed(self, scope: Scope, at: datetime) -> str | None:
        """Let the speaker's last turn run again if it failed; its id."""
        ...

    async def open_turns(self, scope: Scope) -> int:
        """How many turns of the agent run or wait."""
        ...

    async def cancel_turns(self, scope: Scope, notice: str, at: datetime) -> list[Turn]:
        """Mark the unfinished turns of a conversation cancelled; the notice goes out once."""
        ...

    async def cancel_asked(
        self, tenant: str, source_key: str, actor: str, notice: str, at: datetime
    ) -> Turn | None:
        """Cancel the unfinished turn of a message or of a reply, if it answers the actor too."""
        ...


class MemoryStore(Protocol):
    """What an agent reads and writes of its own memory."""

    async def load_window(self, scope: Scope) -> Window:
        """Blocks, summary, counts and queue of the scope's conversation, in one snapshot."""
        ...

    async def save_flush(
        self, scope: Scope, summary: Summary, usage: Sequence[TokenUsage], at: datetime
    ) -> None:
        """Let the messages through ``summary.through_seq`` leave the queue; rebuild the counts."""
        ...

    async def save_prepared_summary(
        self, scope: Scope, summary: Summary, usage: Sequence[TokenUsage]
    ) -> None:
        """Keep a summary made ahead of the flush; it replaces an earlier prepared one."""
        ...

    async def start_conversation(self, scope: Scope, at: datetime) -> None:
        """Empty the queue and drop the summary; recall, archival and core memory stay."""
        ...

    async def search_recall(self, scope: Scope, search: RecallSearch) -> SearchPage:
        """Hybrid search of what was said in this agent's conversations."""
        ...

    async def list_recall(self, scope: Scope, search: RecallSearch) -> SearchPage:
        """Messages between two instants, oldest first; the query is not used."""
        ...

    async def search_archival(
        self, scope: Scope, search: ArchivalSearch, knowledge: Sequence[str] = ()
    ) -> SearchPage:
        """Hybrid search of this agent's passages.

        Args:
            scope: Whose passages.
            search: What for.
            knowledge: Owners of intuitive knowledge that are searched with them, in one ranking.
        """
        ...

    async def passage(self, scope: Scope, passage_id: str) -> Passage | None:
        """A current passage of this agent by its id."""
        ...

    async def find_duplicate_passage(self, scope: Scope, text: str) -> Passage | None:
        """A current passage of cosine > 0.97 with the same words, or None."""
        ...

    async def counts(self, scope: Scope) -> MemoryCounts:
        """How much this agent's recall and archival memory hold now."""
        ...


class DocumentStore(Protocol):
    """Files that became passages, and those that are still to be read."""

    async def pictures(self, scope: Scope, source_keys: Sequence[str]) -> tuple[Attachment, ...]:
        """The pictures of an agent's messages, in their order."""
        ...

    async def documents(self, scope: Scope) -> list[Document]:
        """What the agent has read, by name."""
        ...

    async def add_document_part(
        self, scope: Scope, document: Document, passages: Sequence[Passage]
    ) -> None:
        """Store some passages of a document, out of sight until it is published.

        The agent is made if it is new, unless the document came with a message.

        Raises:
            StaleDocument: The agent whose message it came with has been erased.
        """
        ...

    async def publish_document(self, scope: Scope, document: Document) -> None:
        """Bring a whole document into sight, in the place of an older one of its name."""
        ...

    async def tell_agent(self, message: Message) -> None:
        """Put a message into the queue of the agent's conversation that was last active.

        No turn answers it; the next one sees it.
        """
        ...

    async def drop_document(self, scope: Scope, document_id: str) -> int:
        """Remove a document at once from sight, then its passages; how many those were."""
        ...

    async def sweep_documents(self, before: datetime) -> None:
        """Remove what was left half loaded or half removed before that time."""
        ...

    async def knowledge_owners(self) -> list[str]:
        """Every owner of intuitive knowledge there is."""
        ...

    async def drop_owner(self, owner: str) -> None:
        """Remove an owner of intuitive knowledge, which has no document any more."""
        ...

    async def agents_with_uploads(self) -> list[str]:
        """Agents that have files to read, longest waiting first."""
        ...

    async def next_upload(self, agent_id: str) -> Upload | None:
        """The agent's oldest file to read, its attempt counted."""
        ...

    async def upload_waits(self, upload: Upload) -> bool:
        """Whether a file is still wanted; its message may have been erased meanwhile."""
        ...

    async def finish_upload(self, upload: Upload, notice: str | None, at: datetime) -> None:
        """A file is read, or its sender is told why not; it waits no more."""
        ...


class ReflectionStore(Protocol):
    """What the memory agent reads and writes, beside an agent's turns."""

    async def unreflected(self, idle_since: datetime | None) -> list[Scope]:
        """Conversations with messages that the memory agent has not seen.

        Args:
            idle_since: None for those whose messages have left the queue; a time for those in
                which nothing was said after it, their queues included.
        """
        ...

    async def load_reflection(
        self, scope: Scope, *, tokens: int, whole_queue: bool
    ) -> Reflection | None:
        """The oldest messages not seen yet, up to about so many tokens; None when there are none.

        Args:
            scope: Of which conversation.
            tokens: The most to read at once; a single larger message comes alone.
            whole_queue: Also those that are still in the queue.
        """
        ...

    async def commit_reflection(self, commit: ReflectionCommit) -> tuple[str, ...]:
        """Store a run with all its effects, or nothing.

        Returns:
            Labels of blocks that have changed since they were read; when there are any, nothing
            was stored.

        Raises:
            StaleTurn: The conversation is gone, or something in it was erased meanwhile.
        """
        ...


class ApprovalStore(Protocol):
    """Calls that wait for a person's yes; a step stores them with everything else it does."""

    async def waiting_approvals(self, scope: Scope, at: datetime) -> list[Approval]:
        """What the scope's agent asked and can still be decided, the oldest first."""
        ...

    async def approval(self, scope: Scope, approval_id: str) -> Approval | None:
        """One of the scope's agent, whatever became of it."""
        ...

    async def untold_approvals(self) -> list[Approval]:
        """Decided ones of all agents of whose outcome the agent was not told."""
        ...

    async def decide_approval(
        self, approval: Approval, state: Literal["approved", "denied"], actor: str, at: datetime
    ) -> bool:
        """Decide what nobody has decided yet and is not too late; whether it was."""
        ...

    async def expire_approvals(self, at: datetime) -> None:
        """End what nobody decided in time."""
        ...

    async def end_approval(self, approval: Approval) -> None:
        """Note that the agent was told what came of it."""
        ...


class ChangeStore(Protocol):
    """What people change on the platform after they have said it."""

    async def find_message(self, tenant: str, source_key: str) -> Message | None:
        """What a person said, by its platform's key, or None when it is not remembered."""
        ...

    async def keys_below(self, tenant: str, beginning: str) -> list[str]:
        """Keys of what people said in a thread, by the beginning of its keys, with a slash."""
        ...

    async def edit_message(self, message: Message, reworded: Message, notice: Message) -> bool:
        """Put a message in its place with other words, and tell its queue; whether it had others.

        What was noted from the old words is unlearned, unless the words themselves are the same:
        notes, block lines, summaries and quotes.
        """
        ...

    async def delete_messages(
        self, deleted: Sequence[tuple[Message, Message]], at: datetime
    ) -> None:
        """Unlearn messages with all that came of them: answers, notes, summaries, schedules.

        A queue that held one gets the notice that comes with it.
        """
        ...


class ScheduleStore(Protocol):
    """Events to come: scheduled messages and timed heartbeats."""

    async def schedules(self, scope: Scope) -> list[Schedule]:
        """What is scheduled in the scope's conversation, the next one first."""
        ...

    async def agent_schedules(self, agent_id: str) -> list[Schedule]:
        """What is scheduled in all conversations of an agent, the next one first."""
        ...

    async def timezone_of(self, principal: str) -> str | None:
        """IANA name of a person's time zone, where their platform told it."""
        ...

    async def due_schedules(self, at: datetime, limit: int) -> list[Schedule]:
        """Schedules whose time has come, the one due longest first."""
        ...

    async def next_schedule_time(self) -> datetime | None:
        """When the next schedule is due, or None."""
        ...

    async def fire(
        self, schedule: Schedule, request: AcceptRequest, next_at: datetime | None
    ) -> Acceptance:
        """Accept a schedule's event and move it on, or remove it when there is no next time.

        A ``duplicate`` when it was cancelled or moved meanwhile, or a turn of it still waits.
        """
        ...

    async def idle_turns(self, since: datetime, at: datetime) -> list[Turn]:
        """The last turn of each agent that has been idle since then and has no pause at ``at``."""
        ...


class ToolStore(MemoryStore, ApprovalStore, ScheduleStore, Protocol):
    """What the tools of a turn reach."""


class OutboxStore(Protocol):
    """Replies on their way; only the delivery of ``bots`` uses it."""

    async def outbox_due(self, platform: str, at: datetime, limit: int) -> list[OutboxItem]:
        """The first open item of each place of the platform whose time has come."""
        ...

    async def next_outbox_time(self, platform: str, at: datetime) -> datetime | None:
        """When the earliest item that is not due yet will be, or None."""
        ...

    async def mark_sending(self, item_id: str, at: datetime) -> None:
        """Commit that a send is about to be tried, before it is."""
        ...

    async def mark_part_sent(self, item_id: str, reference: str) -> None:
        """Commit that one more part of a long reply has arrived."""
        ...

    async def mark_sent(self, item_id: str, reference: str, at: datetime) -> None:
        """Record the platform's id of what was sent; may ride along with the next write."""
        ...

    async def postpone(self, item_id: str, until: datetime, reason: str) -> None:
        """Leave the item waiting until a time; counts an attempt."""
        ...

    async def give_up(self, item_id: str, reason: str, at: datetime) -> None:
        """Mark the item undeliverable; ``doctor`` shows it."""
        ...


class OperatorStore(Protocol):
    """What people who run or own the memory may do; chat and shell commands use it."""

    async def agents(self, tenant: str | None = None) -> list[AgentOverview]: ...

    async def resolve_agent(self, key: str) -> str | None:
        """The agent a key means; ``discord:111/user/222`` also finds ``discord:*/user/222``."""
        ...

    async def blocks(self, agent_id: str) -> list[Block]: ...

    async def block_history(self, agent_id: str, label: str | None) -> list[BlockVersion]: ...

    async def write_blocks(self, scope: Scope, writes: Sequence[BlockWrite], at: datetime) -> None:
        """Apply writes made outside a turn.

        Raises:
            StaleBlock: When a block has changed since it was read.
        """
        ...

    async def reset(
        self, agent_id: str, *, conversation_only: bool, actor: str, at: datetime
    ) -> Receipt:
        """Wipe an agent's memory, or only the context windows of its conversations."""
        ...

    async def forget(self, principal: str, *, actor: str, at: datetime) -> Receipt:
        """Erase everything about one person, then clean free pages and WAL."""
        ...

    async def export(self, agent_id: str, file: Path, at: datetime) -> dict[str, int]:
        """Write the archive of interface.md; the counts of its manifest."""
        ...

    async def import_archive(
        self, file: Path, *, agent_id: str | None, dry_run: bool, at: datetime
    ) -> dict[str, int]:
        """Read an archive whole or not at all.

        Raises:
            ArchiveRefused: Damaged, newer, of another format, or the agent is not empty.
        """
        ...

    async def usage(self, days: int, at: datetime, tenant: str | None = None) -> list[UsageRow]: ...

    async def audit(self, limit: int, tenant: str | None = None) -> list[AuditRow]: ...

    async def kept_value(self, name: str) -> str | None:
        """A small value that outlives the process, if there is one of that name."""
        ...

    async def keep_value(self, name: str, value: str) -> None:
        """Keep a small value in the place of an earlier one."""
        ...

    async def record_audit(self, row: AuditRow) -> None: ...

    async def backup(self, file: Path) -> None:
        """Online copy of the database, verified with an integrity check."""
        ...

    async def prune(self, before: datetime) -> int:
        """Remove delivered replies and event records older than that; how many rows it was."""
        ...

    def reindex(self) -> AsyncIterator[tuple[int, int]]:
        """Embed everything anew with the configured model; yields (done, total)."""
        ...

    async def check(self) -> list[str]:
        """Problems of the database in plain words; empty when it is sound."""
        ...


class ImportStore(Protocol):
    """What an import of another program's memory writes."""

    async def add_past(
        self, scope: Scope, portion: Portion, *, dry_run: bool, at: datetime
    ) -> Added:
        """Store what the agent does not have yet of a portion; how much that was, or would be.

        Its messages are recall memory alone: no window holds them, and no turn answers them.
        """
        ...


class Store(
    TurnStore,
    ToolStore,
    ReflectionStore,
    ChangeStore,
    DocumentStore,
    OutboxStore,
    PreviewStore,
    ProgressStore,
    OperatorStore,
    ImportStore,
    WishStore,
    ClosingStore,
    BudgetStore,
    RetentionStore,
    PlaceStore,
    ReceiptStore,
    CorrectionStore,
    CardStore,
    ChoiceStore,
    ThreadStore,
    LinkStore,
    Protocol,
):
    """The whole port; SQLite implements it, and every later database passes the same tests."""

    async def close(self) -> None:
        """Finish the writes that wait, then let go of the file."""
        ...
