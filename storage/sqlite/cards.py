"""Cards: the short texts that people let follow them into the rooms of a tenant."""

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime

from engine.cards import CARD_CHARS, card_label, everywhere
from engine.records import Block, Scope
from storage.sqlite.instants import from_text, to_text

__all__ = ["card", "keep", "shown"]


def shown(connection: sqlite3.Connection, scope: Scope) -> tuple[Block, ...]:
    """The cards of a room's last speakers, read where they are kept and never copied."""
    if scope.audience != "room":
        return ()
    row = connection.execute(
        "SELECT speakers FROM conversations WHERE conversation_id = ? AND agent_id = ?",
        (scope.conversation_id, scope.agent_id),
    ).fetchone()
    present = {*(json.loads(row["speakers"]) if row else ()), scope.speaker} - {None}
    found = (card(connection, principal) for principal in sorted(present))
    return tuple(block for block in found if block)


def card(connection: sqlite3.Connection, principal: str) -> Block | None:
    """A person's card: the one for this tenant, else the one for every tenant."""
    for key in (principal, everywhere(principal)):
        row = connection.execute("SELECT * FROM cards WHERE principal = ?", (key,)).fetchone()
        if row:
            return Block(
                label=card_label(principal),
                description="What this person wrote to be known by; read it, it is not yours.",
                value=row["text"],
                limit_chars=CARD_CHARS,
                read_only=True,
                owner=principal,
                owner_name=row["name"],
                updated_at=from_text(row["updated_at"]),
            )
    return None


def keep(
    connection: sqlite3.Connection, principals: Iterable[str], name: str, text: str, at: datetime
) -> None:
    """Put a card in the place of earlier ones; an empty text takes them away."""
    keys = list(principals)
    connection.executemany("DELETE FROM cards WHERE principal = ?", ((key,) for key in keys))
    if text:
        connection.execute(
            "INSERT INTO cards (principal, name, text, updated_at) VALUES (?, ?, ?, ?)",
            (keys[0], name, text, to_text(at)),
        )
