"""Calls that wait for a person's yes, each with the turn in which it was made."""

import sqlite3
from datetime import datetime

from engine.oversight import AuditRow
from engine.records import Approval, Scope
from storage.sqlite import ledger, turn_rows
from storage.sqlite.instants import from_text, to_text

__all__ = ["decide", "end", "expire", "known", "untold", "waiting"]

_COLUMNS = (
    "approvals.id AS approval_id, approvals.tool, approvals.arguments, approvals.decision, "
    "approvals.asked_at, approvals.expires_at, turns.*"
)


def waiting(connection: sqlite3.Connection, scope: Scope, at: datetime) -> list[Approval]:
    """What an agent's people can still decide, the oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM approvals JOIN turns ON turns.id = turn_id "
        "WHERE approvals.agent_id = :agent AND approvals.tenant = :tenant "
        "AND decision = 'pending' AND expires_at > :at ORDER BY asked_at, approvals.id",
        {"agent": scope.agent_id, "tenant": scope.tenant, "at": to_text(at)},
    )
    return [_approval(row) for row in rows]


def known(connection: sqlite3.Connection, scope: Scope, approval_id: str) -> Approval | None:
    """One of an agent's, whatever became of it."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM approvals JOIN turns ON turns.id = turn_id "
        "WHERE approvals.agent_id = :agent AND approvals.tenant = :tenant AND approvals.id = :id",
        {"agent": scope.agent_id, "tenant": scope.tenant, "id": approval_id},
    ).fetchone()
    return _approval(row) if row else None


def untold(connection: sqlite3.Connection) -> list[Approval]:
    """Of all agents: decided or too late, but the agent has not been told."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM approvals JOIN turns ON turns.id = turn_id "
        "WHERE decision IN ('approved', 'denied', 'expired') ORDER BY asked_at, approvals.id"
    )
    return [_approval(row) for row in rows]


def decide(
    connection: sqlite3.Connection, approval: Approval, decision: str, actor: str, at: datetime
) -> bool:
    """Decide what nobody has decided yet; whether it was."""
    scope = approval.turn.scope
    decided = connection.execute(
        "UPDATE approvals SET decision = :decision WHERE id = :id AND agent_id = :agent "
        "AND decision = 'pending' AND expires_at > :at",
        {"decision": decision, "id": approval.id, "agent": scope.agent_id, "at": to_text(at)},
    )
    if decided.rowcount:
        row = AuditRow(
            at=at, actor=actor, action=decision, subject=scope.agent_id, detail=approval.tool
        )
        ledger.record(connection, row)
    return decided.rowcount == 1


def expire(connection: sqlite3.Connection, at: datetime) -> None:
    """End what nobody decided in time, of all agents."""
    connection.execute(
        "UPDATE approvals SET decision = 'expired' WHERE decision = 'pending' AND expires_at <= ?",
        (to_text(at),),
    )


def end(connection: sqlite3.Connection, approval: Approval) -> None:
    """Note that the agent was told."""
    connection.execute(
        "UPDATE approvals SET decision = 'done' WHERE id = ? AND agent_id = ?",
        (approval.id, approval.turn.scope.agent_id),
    )


def _approval(row: sqlite3.Row) -> Approval:
    return Approval(
        id=row["approval_id"],
        turn=turn_rows.from_row(row),
        tool=row["tool"],
        arguments=row["arguments"],
        state=row["decision"],
        asked_at=from_text(row["asked_at"]),
        expires_at=from_text(row["expires_at"]),
    )
