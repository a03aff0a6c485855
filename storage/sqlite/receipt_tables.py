"""The tables of receipts: what turns have used of memory."""

__all__ = ["RECEIPTS"]

RECEIPTS = (
    "ALTER TABLE turns ADD COLUMN has_receipt INTEGER NOT NULL DEFAULT 0",
    """CREATE TABLE turn_uses (
        turn_id TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
        agent_id TEXT NOT NULL,
        message_id TEXT REFERENCES messages (id) ON DELETE CASCADE,
        passage_id TEXT REFERENCES passages (id) ON DELETE CASCADE,
        ended INTEGER NOT NULL DEFAULT 0,
        UNIQUE (turn_id, message_id),
        UNIQUE (turn_id, passage_id, ended)
    )""",
    "CREATE INDEX turn_uses_message ON turn_uses (message_id) WHERE message_id IS NOT NULL",
    "CREATE INDEX turn_uses_passage ON turn_uses (passage_id) WHERE passage_id IS NOT NULL",
    "CREATE INDEX passages_after ON passages (superseded_by) WHERE superseded_by IS NOT NULL",
    "CREATE INDEX passages_turn ON passages (turn_id) WHERE turn_id IS NOT NULL",
    "CREATE INDEX block_versions_turn ON block_versions (turn_id) WHERE turn_id IS NOT NULL",
)
