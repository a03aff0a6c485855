"""The part of the store that keeps what is set for places, and where the bot takes part."""

import sqlite3
from datetime import datetime

from engine.oversight import AuditRow
from engine.place_settings import PlaceSetting
from storage.sqlite import ledger
from storage.sqlite.database import Database
from storage.sqlite.instants import from_text, to_text

__all__ = ["Placing"]


class Placing:
    """Settings of places; the store gives it everything it needs."""

    _database: Database

    async def place_settings(self, tenant: str | None = None) -> list[PlaceSetting]:
        """What is set for the places of a tenant, or of all."""
        return await self._database.read(lambda c: _settings(c, tenant))

    async def set_place_setting(self, setting: PlaceSetting) -> None:
        """Set it in the place of an earlier value, and note for the audit who did."""
        await self._database.write(lambda c: _set(c, setting))

    async def engage_thread(self, thread: str, at: datetime) -> bool:
        """Remember that what is said there is for the bot; whether that is new."""
        statement = "INSERT OR IGNORE INTO engaged_threads (thread, at) VALUES (?, ?)"
        return await self._database.write(
            lambda c: c.execute(statement, (thread, to_text(at))).rowcount == 1
        )

    async def is_engaged(self, thread: str) -> bool:
        """Whether it takes part."""
        statement = "SELECT 1 FROM engaged_threads WHERE thread = ?"
        return await self._database.read(
            lambda c: c.execute(statement, (thread,)).fetchone() is not None
        )


def _settings(connection: sqlite3.Connection, tenant: str | None) -> list[PlaceSetting]:
    rows = connection.execute(
        "SELECT * FROM place_settings WHERE :tenant IS NULL OR tenant = :tenant "
        "ORDER BY place, name",
        {"tenant": tenant},
    )
    return [
        PlaceSetting(
            place=row["place"],
            name=row["name"],
            value=row["value"],
            actor=row["actor"],
            at=from_text(row["at"]),
        )
        for row in rows
    ]


def _set(connection: sqlite3.Connection, setting: PlaceSetting) -> None:
    if setting.value is None:
        connection.execute(
            "DELETE FROM place_settings WHERE place = ? AND name = ?", (setting.place, setting.name)
        )
    else:
        connection.execute(
            "INSERT OR REPLACE INTO place_settings (tenant, place, name, value, actor, at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                setting.tenant,
                setting.place,
                setting.name,
                setting.value,
                setting.actor,
                to_text(setting.at),
            ),
        )
    row = AuditRow(
        at=setting.at,
        actor=setting.actor or "",
        action=f"place.{setting.name.partition(':')[0]}",
        subject=setting.place,
    )
    ledger.record(connection, row)
