"""Checks of settings, disk and database."""

import shutil

from bots.doctor.check import Check
from bots.settings import Settings

_LOW_DISK_BYTES = 500 * 1024 * 1024


def settings_checks(settings: Settings) -> list[Check]:
    """Whether the settings suffice to run."""
    problems = settings.run_problems()
    if not settings.discord and not settings.slack and not settings.env.slack_bot_token:
        detail = f"fine for `membot chat`; {problems[0][0].lower()}{problems[0][1:]}"
        return [Check(name="settings", state="note", detail=detail)]
    if not problems:
        return [Check(name="settings", state="ok", detail="all values are accepted")]
    fix = "Correct the variable, .env or membot.toml."
    return [Check(name="settings", state="failed", detail=one, fix=fix) for one in problems]


def disk_check(settings: Settings) -> Check:
    """Whether there is room for the database to grow."""
    folder = settings.database.absolute().parent
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    detail = f"{free // (1024 * 1024)} MiB free at {folder}"
    if free < _LOW_DISK_BYTES:
        return Check(name="disk", state="failed", detail=detail, fix="Free some space.")
    return Check(name="disk", state="ok", detail=detail)


async def database_checks(settings: Settings) -> list[Check]:
    """Whether the database is sound."""
    from bots.app import open_store

    store = await open_store(settings, None)
    try:
        problems = await store.check()
    finally:
        await store.close()
    if not problems:
        return [Check(name="database", state="ok", detail=f"{settings.database} is sound")]
    return [Check(name="database", state="failed", detail=problem) for problem in problems]
