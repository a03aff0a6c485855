"""The part of the store that keeps which identities of a person share a memory."""

import sqlite3
from datetime import datetime

from engine.links import Link
from engine.oversight import AuditRow
from storage.sqlite import ledger
from storage.sqlite.database import Database
from storage.sqlite.instants import to_text

__all__ = ["Linking"]


class Linking:
    """Links and one-time codes; the store gives it everything it needs."""

    _database: Database

    async def links(self) -> list[Link]:
        """All of them."""
        return await self._database.read(_links)

    async def keep_link_code(self, code: str, principal: str, until: datetime) -> None:
        """Keep a person's code until a time, in the place of an earlier one."""
        statement = (
            "INSERT OR REPLACE INTO link_codes (code, principal, expires_at) VALUES (?, ?, ?)"
        )
        await self._database.write(
            lambda c: c.execute(statement, (code, principal, to_text(until)))
        )

    async def link_code_owner(self, code: str, at: datetime) -> str | None:
        """Whose code it is; None when there is none such any more."""
        return await self._database.read(lambda c: _owner(c, code, at))

    async def use_link_code(self, code: str, link: Link, at: datetime) -> bool:
        """Link, where the code is still good; it never is again."""

        def run(connection: sqlite3.Connection) -> bool:
            good = _owner(connection, code, at) in (link.principal, link.linked)
            if good:
                connection.execute("DELETE FROM link_codes WHERE code = ?", (code,))
                _set(connection, link, at)
            return good

        return await self._database.write(run)

    async def set_link(self, link: Link, at: datetime) -> None:
        """Send a person's direct messages to an agent from now on, and note it for the audit."""
        await self._database.write(lambda c: _set(c, link, at))


def _links(connection: sqlite3.Connection) -> list[Link]:
    rows = connection.execute("SELECT principal, agent_id, linked FROM links ORDER BY principal")
    return [Link(principal=row[0], agent_id=row[1], linked=row[2]) for row in rows]


def _owner(connection: sqlite3.Connection, code: str, at: datetime) -> str | None:
    row = connection.execute(
        "SELECT principal FROM link_codes WHERE code = ? AND expires_at > ?", (code, to_text(at))
    ).fetchone()
    return str(row[0]) if row else None


def _set(connection: sqlite3.Connection, link: Link, at: datetime) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO links (principal, agent_id, linked, at) VALUES (?, ?, ?, ?)",
        (link.principal, link.agent_id, link.linked, to_text(at)),
    )
    action = "memory.link" if link.linked else "memory.unlink"
    row = AuditRow(at=at, actor=link.principal, action=action, subject=link.agent_id, detail="")
    ledger.record(connection, row)
