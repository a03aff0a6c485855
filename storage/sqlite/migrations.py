"""The tables, and how an older file gets the newest ones; a migration, once shipped, stays."""

import sqlite3
from contextlib import closing

import sqlite_utils

from engine.errors import StoreUnavailable
from storage.sqlite.correction_tables import CORRECTION_TABLES
from storage.sqlite.document_tables import DOCUMENT_TABLES
from storage.sqlite.place_tables import PLACE_TABLES, THREADS_AND_LINKS
from storage.sqlite.receipt_tables import RECEIPTS
from storage.sqlite.search_tables import create_search_tables
from storage.sqlite.tables import (
    APPROVALS,
    BEGUN_CONVERSATIONS,
    BUDGETS,
    LATE_APPROVALS,
    LINES_BY_REFERENCE,
    MEMORY_AGENT,
    OPEN_TURNS,
    OUTBOX_CHOICES,
    OUTBOX_FILES,
    PREVIEWS,
    SHOWN_LINES,
    TABLES,
    TIMED_EVENTS,
)
from storage.sqlite.wish_tables import CLOSURES, MEETINGS, WISHES

__all__ = ["bring_up_to_date", "is_ours", "migrations"]

migrations = sqlite_utils.Migrations("membot")


@migrations()
def first_tables(db: sqlite_utils.Database) -> None:
    """Every noun of the product, and what search keeps."""
    for statement in TABLES:
        db.conn.execute(statement)
    create_search_tables(db)


@migrations()
def documents_and_uploads(db: sqlite_utils.Database) -> None:
    """Files that agents have read, and those that are still to be read."""
    for statement in DOCUMENT_TABLES:
        db.conn.execute(statement)


@migrations()
def approvals(db: sqlite_utils.Database) -> None:
    """Calls that wait for a person's yes."""
    for statement in APPROVALS:
        db.conn.execute(statement)


@migrations()
def timed_events(db: sqlite_utils.Database) -> None:
    """Whose schedule it is and in which time zone; when somebody was last heard, at once."""
    for statement in TIMED_EVENTS:
        db.conn.execute(statement)


@migrations()
def memory_agent(db: sqlite_utils.Database) -> None:
    """What the memory agent has seen, and all messages that something was made from."""
    for statement in MEMORY_AGENT:
        db.conn.execute(statement)


@migrations()
def budgets(db: sqlite_utils.Database) -> None:
    """What payers were told of their budgets, and quick ways to what they have used."""
    for statement in BUDGETS:
        db.conn.execute(statement)


@migrations()
def outbox_choices(db: sqlite_utils.Database) -> None:
    """Buttons under replies."""
    for statement in OUTBOX_CHOICES:
        db.conn.execute(statement)


@migrations()
def settings_of_places(db: sqlite_utils.Database) -> None:
    """What admins set for places in chat."""
    for statement in PLACE_TABLES:
        db.conn.execute(statement)


@migrations()
def receipts(db: sqlite_utils.Database) -> None:
    """What turns have used of memory, and which of them a receipt has something to show of."""
    for statement in RECEIPTS:
        db.conn.execute(statement)


@migrations()
def wishes_of_people(db: sqlite_utils.Database) -> None:
    """What people want of learning."""
    for statement in WISHES:
        db.conn.execute(statement)


@migrations()
def corrections(db: sqlite_utils.Database) -> None:
    """What people pin and change themselves, the cards they carry, buttons that hold much."""
    for statement in CORRECTION_TABLES:
        db.conn.execute(statement)


@migrations()
def previews(db: sqlite_utils.Database) -> None:
    """Replies that are shown while they are written."""
    for statement in PREVIEWS:
        db.conn.execute(statement)


@migrations()
def threads_and_links(db: sqlite_utils.Database) -> None:
    """Where the bot takes part, and which identities of a person share a memory."""
    for statement in THREADS_AND_LINKS:
        db.conn.execute(statement)


@migrations()
def first_meetings(db: sqlite_utils.Database) -> None:
    """Where the bot was met; those who have an agent know it."""
    for statement in MEETINGS:
        db.conn.execute(statement)


@migrations()
def closures(db: sqlite_utils.Database) -> None:
    """Places that are gone."""
    for statement in CLOSURES:
        db.conn.execute(statement)


@migrations()
def shown_lines(db: sqlite_utils.Database) -> None:
    """Where lines about long work stand."""
    for statement in SHOWN_LINES:
        db.conn.execute(statement)


@migrations()
def late_approvals(db: sqlite_utils.Database) -> None:
    """Agents are told of calls that nobody allowed in time."""
    for statement in LATE_APPROVALS:
        db.conn.execute(statement)


@migrations()
def outbox_files(db: sqlite_utils.Database) -> None:
    """Files that go with replies."""
    for statement in OUTBOX_FILES:
        db.conn.execute(statement)


@migrations()
def open_turns(db: sqlite_utils.Database) -> None:
    """Finding an agent's open turns costs what is open, not what was said."""
    for statement in OPEN_TURNS:
        db.conn.execute(statement)


@migrations()
def lines_by_reference(db: sqlite_utils.Database) -> None:
    """Lines about long work are kept without the address, which names who asked."""
    for statement in LINES_BY_REFERENCE:
        db.conn.execute(statement)


@migrations()
def begun_conversations(db: sqlite_utils.Database) -> None:
    """Where conversations were last started afresh: no summary is made of what was before."""
    for statement in BEGUN_CONVERSATIONS:
        db.conn.execute(statement)


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Apply the migrations this file lacks, all or none.

    Raises:
        StoreUnavailable: A newer membot made the file.
    """
    db = sqlite_utils.Database(connection, execute_plugins=False)
    if not _missing(db):
        return
    connection.execute("BEGIN IMMEDIATE")
    with db.atomic():  # a savepoint, since the transaction is open
        migrations.apply(db)
    connection.execute("COMMIT")


def is_ours(connection: sqlite3.Connection) -> bool:
    """Whether a file holds a membot database that this version can read.

    Raises:
        StoreUnavailable: A newer membot made the file.
    """
    db = sqlite_utils.Database(connection, execute_plugins=False)
    _missing(db)
    return bool(migrations.applied(db))


def _missing(db: sqlite_utils.Database) -> bool:
    applied = {migration.name for migration in migrations.applied(db)}
    known = _names()
    if applied - known:
        raise StoreUnavailable(
            "A newer version of membot made this database; update membot or name another file."
        )
    return bool(known - applied)


def _names() -> set[str]:
    with closing(sqlite3.connect(":memory:")) as empty:
        return {item.name for item in migrations.pending(sqlite_utils.Database(empty))}
