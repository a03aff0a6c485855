"""Lines about long work that stand on a platform; they hold where, no words and no names."""

from engine.progress import ShownLine
from storage.sqlite.database import Database

__all__ = ["Progressing"]


class Progressing:
    """The store's verbs for such lines."""

    _database: Database

    async def keep_line(self, line: ShownLine) -> None:
        """Note that a line stands."""
        values = (line.work_id, line.platform, line.reference)
        await self._database.write(
            lambda c: c.execute("INSERT OR REPLACE INTO shown_lines VALUES (?, ?, ?)", values)
        )

    async def shown_lines(self, platform: str) -> list[ShownLine]:
        """Those that stand on a platform."""
        sql = "SELECT * FROM shown_lines WHERE platform = ?"
        rows = await self._database.read(lambda c: c.execute(sql, (platform,)).fetchall())
        return [ShownLine(**dict(row)) for row in rows]

    async def drop_line(self, work_id: str) -> None:
        """Note that it was taken away."""
        sql = "DELETE FROM shown_lines WHERE work_id = ?"
        await self._database.write(lambda c: c.execute(sql, (work_id,)))
