"""The folder of backups that membot names itself, and how long they stay there."""

import re
from datetime import UTC, datetime
from pathlib import Path

_NAME = "membot-%Y%m%d-%H%M%S.db"
_NAMED = re.compile(r"membot-\d{8}-\d{6}\.db")


def backup_file(folder: Path, at: datetime) -> Path:
    """Where a backup of now goes; the folder is made for its owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / at.astimezone(UTC).strftime(_NAME)


def remove_old_backups(folder: Path, before: datetime) -> int:
    """Remove backups that were made before a time; how many. Other files are left alone."""
    old = [
        file
        for file in folder.glob("membot-*.db")
        if _NAMED.fullmatch(file.name) and _made_at(file) < before
    ]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)


def _made_at(file: Path) -> datetime:
    return datetime.strptime(file.name, _NAME).replace(tzinfo=UTC)
