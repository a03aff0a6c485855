"""What the memory agent has still to read, and its runs: stored whole or not at all."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from itertools import takewhile

from engine.errors import StaleTurn
from engine.records import Block, Message, Reflection, ReflectionCommit, Scope
from storage.sqlite import accounts, blocks, ledger, messages, passages, receipts, wishes
from storage.sqlite.closing import IS_CLOSED
from storage.sqlite.indexes import Indexes
from storage.sqlite.instants import to_text

__all__ = ["commit", "load", "unseen"]

_MOST_MESSAGES = 1000
_OPEN = f"AND NOT {IS_CLOSED.format('c')}"
_LEFT = f"SELECT * FROM conversations AS c WHERE reflected_seq < window_start_seq {_OPEN}"
_SAID = "FROM messages AS m WHERE m.conversation_id = c.conversation_id AND m.agent_id = c.agent_id"
_IDLE = (
    f"SELECT * FROM conversations AS c WHERE reflected_seq < (SELECT max(m.seq) {_SAID}) "
    f"AND (SELECT max(m.sent_at) {_SAID} AND m.seq > c.reflected_seq) <= ? {_OPEN}"
)


def unseen(connection: sqlite3.Connection, idle_since: datetime | None) -> list[Scope]:
    """Conversations with messages that no run has covered."""
    if idle_since is None:
        rows = connection.execute(_LEFT)
    else:
        rows = connection.execute(_IDLE, (to_text(idle_since),))
    return [_scope(row) for row in rows]


def _scope(row: sqlite3.Row) -> Scope:
    return Scope(
        tenant=row["tenant"],
        agent_id=row["agent_id"],
        conversation_id=row["conversation_id"],
        speaker=None,
        audience="private" if accounts.agent_kind(row["agent_id"]) == "personal" else "room",
    )


def load(
    connection: sqlite3.Connection, scope: Scope, tokens: int, at: datetime, *, whole_queue: bool
) -> Reflection | None:
    """The oldest messages that no run has covered, with the blocks that they may concern."""
    row = connection.execute(
        "SELECT reflected_seq, window_start_seq FROM conversations "
        "WHERE conversation_id = ? AND agent_id = ? AND tenant = ?",
        (scope.conversation_id, scope.agent_id, scope.tenant),
    ).fetchone()
    if row is None:
        return None
    unread = messages.queue(connection, scope, row["reflected_seq"])
    if not whole_queue:
        unread = takewhile(lambda item: item.seq <= row["window_start_seq"], unread)
    taken, more = _portion(unread, tokens)
    if not taken:
        return None
    keys = [item.source_key for item in taken if item.source_key]
    private = wishes.unlearned(connection, scope, [item.seq for item in taken])
    disputed = receipts.disputed(connection, scope, keys)
    unwanted = _unwanted_turns(connection, taken)
    said = tuple(
        item
        for item in taken
        if item.text.strip()
        and item.searchable
        and item.source_key not in disputed
        and item.seq not in private
        and item.turn_id not in unwanted
    )
    return Reflection(
        scope=scope,
        messages=said,
        blocks=_concerned(connection, scope, said),
        through_seq=taken[-1].seq,
        more=more,
        read_at=at,
    )


def _portion(unread: Iterable[Message], tokens: int) -> tuple[list[Message], bool]:
    """The oldest that fit, and whether there are more; of these none but one is read."""
    taken: list[Message] = []
    used = 0
    for message in unread:
        used += message.tokens if message.text.strip() else 0
        if taken and (used > tokens or len(taken) == _MOST_MESSAGES):
            return taken, True
        taken.append(message)
    return taken, False


def _unwanted_turns(connection: sqlite3.Connection, taken: Iterable[Message]) -> set[str]:
    """Turns of people who by now do not want to be learned about."""
    authors = {message.author for message in taken}
    silent = {author for author in authors if wishes.wish_of(connection, author)}
    return {message.turn_id for message in taken if message.author in silent}


def _concerned(
    connection: sqlite3.Connection, scope: Scope, said: Iterable[Message]
) -> tuple[Block, ...]:
    authors = {message.author for message in said}
    known = blocks.agent_blocks(connection, scope.agent_id)
    return tuple(block for block in known if block.owner is None or block.owner in authors)


def commit(
    connection: sqlite3.Connection, indexes: Indexes, run: ReflectionCommit
) -> tuple[str, ...]:
    """Store a run; labels of blocks that have changed meanwhile, and then nothing is stored.

    Raises:
        StaleTurn: The conversation is gone, or something in it was erased meanwhile.
    """
    scope = run.scope
    stale = blocks.stale_labels(connection, scope, run.blocks)
    if stale:
        return stale
    moved = connection.execute(
        "UPDATE conversations SET reflected_seq = max(reflected_seq, coalesce(?, reflected_seq)) "
        "WHERE conversation_id = ? AND agent_id = ? AND tenant = ? "
        "AND (erased_at IS NULL OR erased_at <= ?)",
        (
            run.through_seq,
            scope.conversation_id,
            scope.agent_id,
            scope.tenant,
            to_text(run.read_at),
        ),
    )
    if moved.rowcount == 0:
        raise StaleTurn("What the memory agent has read is no longer so.")
    passages.add(connection, indexes, scope, run.passages, None)
    blocks.apply(connection, scope, run.blocks, turn_id=None, at=run.at)
    if run.blocks:
        accounts.refresh_shown_counts(connection, scope.agent_id)
    ledger.add_usage(connection, scope, run.usage, run.at)
    return ()
