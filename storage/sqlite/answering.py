"""The part of the store that turns run on, and that delivery takes replies from."""

from collections.abc import Callable
from datetime import datetime

from engine.records import Message, OutboxItem, Scope, StepCommit, Turn
from engine.store import Acceptance, AcceptRequest
from storage.sqlite import messages, outbox, stopping, turn_rows, turns
from storage.sqlite.database import Database
from storage.sqlite.indexes import Indexes
from storage.sqlite.instants import to_text

__all__ = ["Outbox", "Turns"]


class Turns:
    """Durable turns; the store gives it everything it needs."""

    _database: Database
    _indexes: Indexes
    _now: Callable[[], datetime]

    def _rows_added(self) -> None:
        """Called after rows were stored that wait for vectors."""

    async def accept(self, request: AcceptRequest) -> Acceptance:
        """Store event, message, turn and, where new, tenant, principal, agent, conversation."""
        acceptance = await self._database.write(lambda c: turns.accept(c, self._indexes, request))
        self._rows_added()
        return acceptance

    async def agents_with_turns(self) -> list[str]:
        """Agents that have turns queued or running, longest waiting first."""
        return await self._database.look(turns.waiting_agents)

    async def next_turn(self, agent_id: str) -> Turn | None:
        """The agent's lowest unfinished turn, its attempt counted and its state ``running``.

        On disk before it is served: a turn that kills the process at once is counted as well.
        """
        at = self._now()
        return await self._database.write(lambda c: turns.next_turn(c, self._indexes, agent_id, at))

    async def join_turn(self, turn: Turn) -> Turn:
        """The turn with what the same person has said since, for it has done nothing yet.

        Raises:
            StaleTurn: It has done something, has ended or was cancelled meanwhile.
        """
        return await self._database.write(lambda c: turn_rows.join_burst(c, turn))

    async def turn_messages(self, turn: Turn) -> tuple[Message, ...]:
        """What the turn has stored so far, oldest first."""
        return await self._database.read(lambda c: messages.of_turn(c, turn))

    async def commit_step(self, step: StepCommit) -> None:
        """Store a step with all its effects, or nothing.

        Raises:
            StaleTurn: When the turn has ended or was cancelled meanwhile.
            StaleBlock: When a block has changed since it was read.
        """
        await self._database.write(lambda c: turns.commit_step(c, self._indexes, step))
        self._rows_added()

    async def cancel_turns(self, scope: Scope, notice: str, at: datetime) -> list[Turn]:
        """Mark the unfinished turns of a conversation cancelled; the notice goes out once."""
        return await self._database.write(lambda c: stopping.cancel(c, scope, notice, at))

    async def cancel_asked(
        self, tenant: str, source_key: str, actor: str, notice: str, at: datetime
    ) -> Turn | None:
        """Cancel the unfinished turn of a message or of a reply, if it answers the actor too."""
        return await self._database.write(
            lambda c: stopping.cancel_asked(c, (tenant, source_key, actor), notice, at)
        )

    async def requeue_failed(self, scope: Scope, at: datetime) -> str | None:
        """Let the speaker's last turn run again if it failed; its id."""
        return await self._database.write(lambda c: turns.requeue_failed(c, scope, at))

    async def open_turns(self, scope: Scope) -> int:
        """How many turns of the agent run or wait."""
        return await self._database.read(lambda c: turns.open_turns(c, scope.agent_id))


class Outbox:
    """Replies on their way; an item that is no longer open raises ``StaleTurn``."""

    _database: Database
    _now: Callable[[], datetime]

    async def outbox_due(self, platform: str, at: datetime, limit: int) -> list[OutboxItem]:
        """The first open item of each place of the platform whose time has come."""
        return await self._database.look(lambda c: outbox.due(c, platform, at, limit))

    async def next_outbox_time(self, platform: str, at: datetime) -> datetime | None:
        """When the earliest item that is not due yet will be, or None."""
        return await self._database.look(lambda c: outbox.next_time(c, platform, at))

    async def mark_sending(self, item_id: str, at: datetime) -> None:
        """Commit that a send is about to be tried, before it is."""
        changes = {"state": "sending", "updated_at": to_text(at)}
        await self._database.write(lambda c: outbox.set_state(c, item_id, changes))

    async def mark_part_sent(self, item_id: str, reference: str) -> None:
        """Commit that one more part of a long reply has arrived."""
        await self._database.write(lambda c: outbox.add_part(c, item_id, reference))

    async def mark_sent(self, item_id: str, reference: str, at: datetime) -> None:
        """Record the platform's id of what was sent; rides along with the next write."""
        changes = {"state": "sent", "reference": reference, "updated_at": to_text(at), "file": None}
        await self._database.write_soon(lambda c: outbox.set_state(c, item_id, changes))

    async def postpone(self, item_id: str, until: datetime, reason: str) -> None:
        """Leave the item waiting until a time; counts an attempt."""
        await self._database.write(lambda c: outbox.postpone(c, item_id, until, reason))

    async def give_up(self, item_id: str, reason: str, at: datetime) -> None:
        """Mark the item undeliverable; ``doctor`` shows it."""
        now = to_text(at)
        changes = {"state": "undeliverable", "reason": reason, "updated_at": now, "file": None}
        await self._database.write(lambda c: outbox.set_state(c, item_id, changes))
