"""What is wrong with a database file, in plain words."""

import sqlite3

__all__ = ["problems", "word_index_problems"]

_SET_ASIDE_ATTEMPTS = 5
_SHOWN = 20


def problems(connection: sqlite3.Connection) -> list[str]:
    """Damage, broken references, replies that never arrived, turns that were set aside."""
    return [
        *_damage(connection),
        *_undeliverable(connection),
        *_set_aside(connection),
    ]


def _damage(connection: sqlite3.Connection) -> list[str]:
    found = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
    damage = [] if found == ["ok"] else [f"The database file is damaged: {'; '.join(found)}"]
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        tables = ", ".join(sorted({row[0] for row in broken}))
        damage.append(f"{len(broken)} rows refer to rows that do not exist (in {tables}).")
    if damage:
        damage.append("Restore the last backup with `membot restore`.")
    return damage


def word_index_problems(connection: sqlite3.Connection) -> list[str]:
    """Damage of the word indexes; a special insert that changes nothing asks for it."""
    found = []
    for table, tier in (("recall_words", "recall"), ("archival_words", "archival")):
        try:
            connection.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
        except sqlite3.DatabaseError:
            found.append(f"The word index of {tier} memory is damaged; restore the last backup.")
    return found


def _undeliverable(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT place, reason, created_at FROM outbox WHERE state = 'undeliverable' "
        "ORDER BY seq DESC LIMIT ?",
        (_SHOWN,),
    )
    return [
        f"A reply of {row['created_at'][:16]} to {row['place']} could not be delivered: "
        f"{row['reason']}"
        for row in rows
    ]


def _set_aside(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT id, agent_id, attempt, error_id FROM turns "
        "WHERE state = 'failed' AND attempt >= ? ORDER BY seq DESC LIMIT ?",
        (_SET_ASIDE_ATTEMPTS, _SHOWN),
    )
    return [
        f"Turn {row['id']} of {row['agent_id']} was set aside after {row['attempt']} attempts"
        + (f" (id {row['error_id']})." if row["error_id"] else ".")
        for row in rows
    ]
