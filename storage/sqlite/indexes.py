"""The two search indexes, as writers and readers of rows receive them."""

import sqlite3
from dataclasses import dataclass

from storage.sqlite.archival_index import ArchivalIndex
from storage.sqlite.recall_index import RecallIndex

__all__ = ["Indexes"]


@dataclass(frozen=True, slots=True)
class Indexes:
    """Search over messages and over passages."""

    recall: RecallIndex
    archival: ArchivalIndex

    def purge(self, connection: sqlite3.Connection) -> None:
        """Clear what was removed from the word indexes of both."""
        self.recall.purge(connection)
        self.archival.purge(connection)
