"""Durable turns: an event is accepted once, a step is stored with all its effects or not at all."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import datetime

from engine.errors import StaleTurn
from engine.records import Approval, Block, IncomingEvent, Message, Reply, Scope, StepCommit, Turn
from engine.store import Acceptance, AcceptRequest
from storage.sqlite import (
    accounts,
    blocks,
    closing,
    corrections,
    ledger,
    messages,
    outbox,
    passages,
    previews,
    schedules,
    summaries,
    turn_rows,
    uploads,
    wishes,
)
from storage.sqlite.indexes import Indexes
from storage.sqlite.instants import to_text

__all__ = [
    "accept",
    "commit_step",
    "next_turn",
    "open_turns",
    "requeue_failed",
    "waiting_agents",
]


def accept(connection: sqlite3.Connection, indexes: Indexes, request: AcceptRequest) -> Acceptance:
    """Store an event with its message and its turn; a repeat changes nothing."""
    event, scope = request.event, request.event.scope
    if _known(connection, event):
        return Acceptance(outcome="duplicate")
    closing.reopen(connection, scope.tenant, event.meets)
    first = accounts.ensure_scope(connection, event, request.at)
    keeping = wishes.keeping_of(connection, scope, learns=event.learns)
    if blocks.settle(connection, scope, _wanted(request, keeping), request.at):
        accounts.refresh_shown_counts(connection, scope.agent_id)
    busy = open_turns(connection, scope.agent_id) >= request.max_queued
    _add_event(connection, event, request.at)
    _add_turn(connection, request, "refused" if busy else "queued")
    told = [request.busy_notice] if busy else []
    if keeping == "stored":
        uploads.add(connection, event)
    elif event.attachments:
        told.append(request.unread_notice)
    messages.add(connection, indexes, [*_login(connection, request), request.message], keeping)
    accounts.touch(connection, scope.agent_id, to_text(request.at))
    if busy:
        connection.execute(
            "DELETE FROM messages WHERE turn_id = ? AND agent_id = ? AND state = 'passing'",
            (request.turn_id, scope.agent_id),
        )
    to = (request.turn_id, scope, event.place, event.address)
    notices = [Reply(text=text, kind="notice") for text in told if text]
    outbox.add(connection, to, notices, request.at)
    if request.greeting and accounts.meet(connection, event.meets, request.at):
        outbox.hold(connection, to, request.greeting, request.at)
    return Acceptance(
        outcome="busy" if busy else "queued", turn_id=request.turn_id, first_contact=first
    )


def _wanted(request: AcceptRequest, keeping: wishes.Keeping) -> Sequence[Block]:
    """The blocks without the one about somebody who does not want any."""
    speaker = request.event.scope.speaker
    passing = keeping == "passing"
    return [block for block in request.blocks if not (passing and block.owner == speaker)]


def _login(connection: sqlite3.Connection, request: AcceptRequest) -> list[Message]:
    """What goes before the message of somebody who is new here or was long away."""
    speaker = request.event.scope.speaker
    if request.login is None or speaker is None:
        return []
    last = messages.last_heard(connection, request.event.scope.agent_id, speaker)
    login = request.login(last)
    return [login] if login else []


def _known(connection: sqlite3.Connection, event: IncomingEvent) -> bool:
    """Whether it came before; records of events are pruned, messages stay longer."""
    row = connection.execute(
        "SELECT 1 FROM events WHERE event_id = :id OR source_key = :key "
        "UNION ALL SELECT 1 FROM messages WHERE source_key = :key AND agent_id = :agent",
        {"id": event.event_id, "key": event.source_key, "agent": event.scope.agent_id},
    ).fetchone()
    return row is not None


def open_turns(connection: sqlite3.Connection, agent_id: str) -> int:
    """How many turns of an agent run or wait."""
    row = connection.execute(
        "SELECT count(*) FROM turns WHERE agent_id = ? AND state IN ('queued', 'running')",
        (agent_id,),
    ).fetchone()
    return int(row[0])


def _add_event(connection: sqlite3.Connection, event: IncomingEvent, at: datetime) -> None:
    """The text is left to the message, so that it stands in one place."""
    details = {
        "quote": asdict(event.quote) if event.quote else None,
        "mentions": event.mentions,
        "attachments": [asdict(item) for item in event.attachments],
    }
    scope = event.scope
    connection.execute(
        "INSERT INTO events (event_id, source_key, kind, tenant, agent_id, conversation_id, "
        "speaker, details, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.event_id,
            event.source_key,
            event.kind,
            scope.tenant,
            scope.agent_id,
            scope.conversation_id,
            scope.speaker,
            json.dumps(details, ensure_ascii=False),
            to_text(at),
        ),
    )


def _add_turn(connection: sqlite3.Connection, request: AcceptRequest, state: str) -> None:
    event, scope, now = request.event, request.event.scope, to_text(request.at)
    connection.execute(
        "INSERT INTO turns (id, tenant, agent_id, conversation_id, event_id, kind, due, state, "
        "speaker, speaker_name, audience, place, place_name, address, source_key, created_at, "
        "updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            request.turn_id,
            scope.tenant,
            scope.agent_id,
            scope.conversation_id,
            event.event_id,
            event.kind,
            now,
            state,
            scope.speaker,
            event.speaker_name,
            scope.audience,
            event.place,
            event.place_name,
            event.address,
            event.source_key,
            now,
            now,
        ),
    )


def waiting_agents(connection: sqlite3.Connection) -> list[str]:
    """Agents with unfinished turns, longest waiting first."""
    rows = connection.execute(
        "SELECT agent_id FROM turns WHERE state IN ('queued', 'running') "
        "GROUP BY agent_id ORDER BY min(seq)"
    )
    return [row[0] for row in rows]


def next_turn(
    connection: sqlite3.Connection, indexes: Indexes, agent_id: str, at: datetime
) -> Turn | None:
    """The agent's lowest unfinished turn, now running, with one attempt more.

    A turn that has done nothing yet takes in what waits behind it in its conversation. A message
    that waited behind other turns belongs after what they said, and is moved there.
    """
    row = connection.execute(
        "UPDATE turns SET state = 'running', attempt = attempt + 1, updated_at = ? "
        "WHERE seq = (SELECT min(seq) FROM turns "
        "WHERE agent_id = ? AND state IN ('queued', 'running')) "
        "RETURNING *",
        (to_text(at), agent_id),
    ).fetchone()
    if row is None:
        return None
    turn = turn_rows.from_row(row)
    if turn.steps == 0:
        turn = turn_rows.join(connection, turn)
    if turn.attempt == 1 or turn.joined:
        messages.move_to_end(connection, indexes, turn)
    return replace(turn, learns=wishes.keeping_of_turn(connection, turn) == "stored")


def commit_step(connection: sqlite3.Connection, indexes: Indexes, step: StepCommit) -> None:
    """Store everything a step did.

    Raises:
        StaleTurn: The turn has ended, was cancelled, or is served by somebody else.
        StaleBlock: A block has changed since it was read.
    """
    turn, scope = step.turn, step.turn.scope
    _advance(connection, step)
    messages.add(connection, indexes, step.messages, wishes.keeping_of_turn(connection, turn))
    passages.add(connection, indexes, scope, step.passages, turn.id)
    corrections.revise(connection, indexes, scope, step.revisions, step.at)
    if step.blocks:
        blocks.apply(connection, scope, step.blocks, turn_id=turn.id, at=step.at)
        accounts.refresh_shown_counts(connection, scope.agent_id)
    schedules.add(connection, step.schedules)
    schedules.cancel(connection, scope, step.cancelled_schedules)
    previews.speak(connection, turn, step.replies, step.at)
    _add_approvals(connection, step.approvals)
    _add_uses(connection, step)
    ledger.add_usage(connection, scope, step.usage, step.at)
    if step.warned:
        summaries.set_warned(connection, scope)
    if step.heartbeats_paused_until:
        connection.execute(
            "UPDATE agents SET heartbeats_paused_until = ? WHERE agent_id = ?",
            (to_text(step.heartbeats_paused_until), scope.agent_id),
        )
    accounts.touch(connection, scope.agent_id, to_text(step.at))
    if step.state != "running":
        wishes.let_go(connection, turn)


def _add_approvals(connection: sqlite3.Connection, approvals: Iterable[Approval]) -> None:
    for approval in approvals:
        connection.execute(
            "INSERT INTO approvals (id, tenant, agent_id, turn_id, tool, arguments, asked_at, "
            "expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                approval.id,
                approval.turn.scope.tenant,
                approval.turn.scope.agent_id,
                approval.turn.id,
                approval.tool,
                approval.arguments,
                to_text(approval.asked_at),
                to_text(approval.expires_at),
            ),
        )


_USED = {
    "message": (
        "INSERT OR IGNORE INTO turn_uses (turn_id, agent_id, message_id) "
        "SELECT :turn, :agent, id FROM messages WHERE id = :id AND agent_id = :agent"
    ),
    "passage": (
        "INSERT OR IGNORE INTO turn_uses (turn_id, agent_id, passage_id, ended) "
        "SELECT :turn, :agent, id, :ended FROM passages WHERE id = :id "
        "AND (agent_id = :agent OR agent_id GLOB 'knowledge:*')"
    ),
}


def _add_uses(connection: sqlite3.Connection, step: StepCommit) -> None:
    """Note what a receipt of the turn will show; what was erased since it was read is left out."""
    deleted = [one.passage_id for one in step.revisions if one.successor is None]
    used = [("message", one, 0) for one in step.used_messages]
    used += [("passage", one, 0) for one in step.used_passages]
    used += [("passage", one, 1) for one in deleted]
    keys = {"turn": step.turn.id, "agent": step.turn.scope.agent_id}
    for kind, one, ended in used:
        connection.execute(_USED[kind], {**keys, "id": one, "ended": ended})
    if used or step.blocks or step.passages or step.schedules:
        connection.execute(
            "UPDATE turns SET has_receipt = 1 WHERE id = :turn AND agent_id = :agent", keys
        )


def _advance(connection: sqlite3.Connection, step: StepCommit) -> None:
    """The fence: one running turn, one server of it, each step once; giving up ends any step."""
    advanced = connection.execute(
        "UPDATE turns SET state = :state, steps = max(steps, :step), error_id = :error_id, "
        "updated_at = :at WHERE id = :turn AND agent_id = :agent AND state = 'running' "
        "AND cancel = 0 AND attempt = :attempt "
        "AND (steps < :step OR :state IN ('failed', 'refused'))",
        {
            "state": step.state,
            "step": step.step,
            "error_id": step.error_id,
            "at": to_text(step.at),
            "turn": step.turn.id,
            "agent": step.turn.scope.agent_id,
            "attempt": step.turn.attempt,
        },
    )
    if advanced.rowcount == 0:
        raise StaleTurn


def requeue_failed(connection: sqlite3.Connection, scope: Scope, at: datetime) -> str | None:
    """Queue the speaker's last turn that is answered there anew if it failed; its id."""
    row = connection.execute(
        "UPDATE turns SET state = 'queued', attempt = 0, steps = 0, error_id = NULL, "
        "updated_at = :at WHERE state = 'failed' AND seq = (SELECT max(seq) "
        "FROM turns WHERE agent_id = :agent AND :conversation IN (conversation_id, place) "
        "AND speaker = :speaker) AND EXISTS (SELECT 1 FROM messages AS m "
        "WHERE m.id = turns.id AND m.agent_id = :agent) RETURNING id",
        {
            "agent": scope.agent_id,
            "conversation": scope.conversation_id,
            "speaker": scope.speaker,
            "at": to_text(at),
        },
    ).fetchone()
    return row["id"] if row else None
