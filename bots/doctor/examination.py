"""Runs every check; works offline and never takes long."""

import asyncio
from collections.abc import Awaitable, Callable

from bots.doctor.brain import embedding_checks, model_checks, own_tool_checks, server_checks
from bots.doctor.check import Check
from bots.doctor.machine import database_checks, disk_check, settings_checks
from bots.doctor.on_discord import discord_checks
from bots.doctor.on_slack import slack_checks
from bots.settings import Settings, load_settings
from engine.errors import BadSettings, MembotError

_CHECK_SECONDS = 30.0


async def examine() -> list[Check]:
    """Run every check, in the order in which things depend on each other."""
    try:
        settings = load_settings()
    except BadSettings as problem:
        lines = problem.sentence.splitlines()
        fix = "Correct the variable, .env or membot.toml."
        return [Check(name="settings", state="failed", detail=line, fix=fix) for line in lines]
    checks = [*settings_checks(settings), disk_check(settings)]
    online: list[tuple[str, Callable[[Settings], Awaitable[list[Check]]]]] = [
        ("database", database_checks),
        ("model", model_checks),
        ("embedding model", embedding_checks),
        ("own tools", own_tool_checks),
        ("mcp", server_checks),
    ]
    online += [("discord", discord_checks)] if settings.discord else []
    online += [("slack", slack_checks)] if settings.slack else []
    found = await asyncio.gather(*(_bounded(name, check(settings)) for name, check in online))
    return [*checks, *(check for group in found for check in group)]


async def _bounded(name: str, check: Awaitable[list[Check]]) -> list[Check]:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return await check
    except TimeoutError:
        detail = f"no answer within {_CHECK_SECONDS:.0f} s"
        fix = "Check the network and the address."
        return [Check(name=name, state="failed", detail=detail, fix=fix)]
    except MembotError as problem:
        return [Check(name=name, state="failed", detail=problem.sentence)]
